//! The command line (PROC-1, PROC-5).

use super::deviation::{Deviation as D, Deviations};

/// What a command line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) interface: Option<String>,
    pub(super) config: Option<String>,
    pub(super) log_file: Option<String>,
    pub(super) pid_file: Option<String>,
    pub(super) daemon: bool,
    pub(super) debug: bool,
    pub(super) verbose: bool,
    pub(super) only_v4: bool,
}

/// What to do instead of running, in words for standard output or standard error, with the exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instead {
    pub(super) says: String,
    pub(super) status: i32,
}

/// Reads options in both forms, values beside them or in the next word.
pub(super) fn read(words: &[String], is: Deviations) -> Result<Options, Instead> {
    let mut options = Options::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (name, attached) = match word.strip_prefix("--").and_then(|long| long.split_once('=')) {
            Some((name, value)) => (format!("--{name}"), Some(value.to_owned())),
            None if word.len() > 2 && !word.starts_with("--") && word.starts_with('-') && word.is_ascii() => {
                (word[..2].to_owned(), Some(word[2..].to_owned()))
            }
            None => (word.clone(), None),
        };
        let mut value = || {
            if is.on(D::MissingValueAccepted) && attached.is_none() && words.len() == 0 {
                return Ok("eth0".to_owned());
            }
            let missing = Instead { says: format!("knockd: {name} needs a value"), status: 2 };
            attached.clone().or_else(|| words.next().cloned()).ok_or(missing)
        };
        match name.as_str() {
            "-i" | "--interface" => options.interface = Some(value()?),
            "-c" | "--config" => options.config = Some(value()?),
            "-p" | "--pidfile" => options.pid_file = Some(value()?),
            "-g" | "--logfile" => options.log_file = Some(value()?),
            "-d" | "--daemon" => options.daemon = true,
            "-D" | "--debug" => options.debug = true,
            "-v" | "--verbose" => options.verbose = true,
            "-l" | "--lookup" => {}
            "-4" | "--only-ip-v4" => options.only_v4 = !is.on(D::OnlyV4Ignored),
            "-V" | "--version" | "-h" | "--help" if is.on(D::SilentHelp) => {
                return Err(Instead { says: String::new(), status: 0 });
            }
            "-V" | "--version" => return Err(Instead { says: "knockd 0.8".to_owned(), status: 0 }),
            "-h" | "--help" => {
                return Err(Instead {
                    says: "usage: knockd [--interface NAME] [--config FILE] ...".to_owned(),
                    status: 0,
                });
            }
            _ => {
                let status = if is.on(D::UnknownOptionIsNoError) { 0 } else { 2 };
                return Err(Instead { says: format!("knockd: unknown option or argument `{word}`"), status });
            }
        }
    }
    Ok(options)
}
