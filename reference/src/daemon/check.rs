//! `knockd --check`: what is wrong with a configuration, and what in it is a trap.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    slice,
};

use super::{
    error::Error,
    options::Called,
    reload::{Loaded, shown},
};
use crate::config::{Sequences, Style, one_time_trap, render};

/// Checks the configuration at `file`, or that of `-c`, and says on standard output what there is to say.
pub(super) fn check(called: &Called, file: Option<PathBuf>) -> ExitCode {
    let path = file.map_or_else(|| called.config(), |file| called.folder.join(file));
    let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let style = if colours { Style::Colours } else { Style::Plain };
    let (text, good) = match Loaded::from_disk(called, &path, style) {
        Ok(loaded) => (warnings(called, &shown(&path), &loaded, style), true),
        Err(error) => (format!("{error}\n"), false),
    };
    match (io::stdout().write_all(text.as_bytes()), good) {
        (Ok(()), true) => ExitCode::SUCCESS,
        (Ok(()) | Err(_), _) => ExitCode::FAILURE,
    }
}

/// The traps with the lines that they are in, and how many there are.
fn warnings(called: &Called, name: &str, loaded: &Loaded, style: Style) -> String {
    let config = loaded.doors.config();
    let mut drawn = render(name, &loaded.text, &loaded.traps, style);
    let mut count = loaded.traps.len();
    let mut warn = |text: &str| {
        drawn += if drawn.is_empty() { "" } else { "\n" };
        drawn += text;
        count += 1;
    };
    for (door, text) in config.doors.iter().zip(loaded.doors.texts()) {
        if let (Sequences::OneTime(file), Some(text)) = (&door.sequences, text)
            && let Some(trap) = one_time_trap(text)
        {
            warn(&render(&String::from_utf8_lossy(file), text, slice::from_ref(&trap), style));
        }
    }
    if let Err(error) = called.interfaces(&config.options) {
        let error: Error = error;
        warn(&format!("warning: {error}\n"));
    }
    let doors = match config.doors.len() {
        1 => "1 door".to_owned(),
        doors => format!("{doors} doors"),
    };
    let warned = match count {
        0 => "no warnings".to_owned(),
        1 => "1 warning".to_owned(),
        count => format!("{count} warnings"),
    };
    let separator = if drawn.is_empty() { "" } else { "\n" };
    format!("{drawn}{separator}{name}: good: {doors}, {warned}\n")
}
