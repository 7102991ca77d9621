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
use crate::{
    config::{Diagnostic, Sequences, Style, one_time_trap, render},
    engine::{Effect, Engine, Limits, Locals, Setup},
};

/// Checks the configuration at `file`, or that of `-c`, and says on standard output what there is to say.
pub(super) fn check(called: &Called, file: Option<PathBuf>) -> ExitCode {
    let path = file.map_or_else(|| called.config(), |file| called.folder.join(file));
    let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let style = if colours { Style::Colours } else { Style::Plain };
    let (text, good) = match Loaded::from_disk(called, &path, style) {
        Ok(loaded) => judge(called, &shown(&path), loaded, style),
        Err(Error::Unreadable { file, error }) => (format!("cannot read {file}: {error}\n"), false),
        Err(error) => (format!("{error}\n"), false),
    };
    match (io::stdout().write_all(text.as_bytes()), good) {
        (Ok(()), true) => ExitCode::SUCCESS,
        (Ok(()) | Err(_), _) => ExitCode::FAILURE,
    }
}

/// What there is to say of a configuration without errors, and whether the daemon would start with it.
fn judge(called: &Called, name: &str, loaded: Loaded, style: Style) -> (String, bool) {
    let (doors, interfaces) = (loaded.doors.config().doors.len(), called.interfaces(&loaded.doors.config().options));
    let warnings = warnings(name, loaded, style);
    let count = warnings.len();
    let drawn = warnings.join("\n");
    let separator = if drawn.is_empty() { "" } else { "\n" };
    match interfaces {
        Ok(_) => {
            let told = format!("good: {}, {}", counted(doors, "door"), counted(count, "warning"));
            (format!("{drawn}{separator}{name}: {told}\n"), true)
        }
        Err(error) => (format!("{drawn}{separator}{name} cannot be used\nerror: {error}\n"), false),
    }
}

/// The traps, each with the line that it is in, and what the log would tell of the one-time files at the start.
fn warnings(name: &str, loaded: Loaded, style: Style) -> Vec<String> {
    let one = |name: &str, text: &[u8], trap: &Diagnostic| render(name, text, slice::from_ref(trap), style);
    let mut warnings: Vec<_> = loaded.traps.iter().map(|trap| one(name, &loaded.text, trap)).collect();
    for (door, text) in loaded.doors.config().doors.iter().zip(loaded.doors.texts()) {
        if let (Sequences::OneTime(file), Some(text)) = (&door.sequences, text)
            && let Some(trap) = one_time_trap(text)
        {
            warnings.push(one(&String::from_utf8_lossy(file), text, &trap));
        }
    }
    let setup =
        Setup { doors: loaded.doors, locals: Locals::AnyUnicast, limits: Limits::default(), only_v4: false, seed: 0 };
    let (_, at_start) = Engine::start(setup);
    warnings.extend(at_start.iter().filter_map(|effect| match effect {
        Effect::Log(event) => Some(format!("warning: {event}\n")),
        Effect::Run(_) | Effect::Spend(_) | Effect::Exit(_) => None,
    }));
    warnings
}

/// `no doors`, `1 door`, `2 doors`.
fn counted(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}
