//! Why a capture could not be replayed, wholly or at all.

use std::{fmt, io, path::PathBuf};

use knockd::engine::LoadError;

use crate::capture::Fault;

/// Why a capture could not be replayed, wholly or at all. Every one of these makes the exit status 2.
#[derive(Debug)]
pub enum ReplayError {
    /// The capture breaks off or is none; what came before was decided.
    Capture(Fault),
    /// A pattern that no shell expanded, because nothing matched it.
    NoMatch(PathBuf),
    /// The capture has no configuration.
    NoConfig {
        /// The capture.
        capture: PathBuf,
        /// Where its configuration was looked for.
        looked_for: PathBuf,
    },
    /// Standard input has no name from which the configuration's could follow.
    StdinNeeds(&'static str),
    /// A file beside the capture cannot be read or written.
    File {
        /// What it is for, such as "configuration".
        role: &'static str,
        /// Its path.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// The configuration has errors, drawn with their lines.
    Config {
        /// Its path.
        path: PathBuf,
        /// How many errors.
        errors: usize,
        /// The pictures of all of them.
        drawn: String,
    },
    /// The configuration's one-time files do not do.
    OneTime {
        /// The configuration's path.
        path: PathBuf,
        /// All that is wrong with them.
        errors: Vec<LoadError<io::Error>>,
    },
    /// The sidecar cannot be understood.
    Sidecar {
        /// Its path.
        path: PathBuf,
        /// What is wrong, with line and column.
        message: String,
    },
    /// The expected decisions cannot be understood.
    Expected {
        /// Their path.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// No door of the configuration has this name.
    NoDoor {
        /// The configuration's path.
        path: PathBuf,
        /// The name that was asked for.
        wanted: String,
        /// The names that there are.
        doors: Vec<String>,
    },
    /// Two captures would write their one-time files to the same folder.
    SameName(PathBuf, PathBuf),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capture(fault) => fault.fmt(f),
            Self::NoMatch(pattern) => {
                write!(
                    f,
                    "{}: no capture matches: name a pcap or pcapng file, or - for standard input",
                    pattern.display()
                )
            }
            Self::NoConfig { capture, looked_for } => write!(
                f,
                "{}: no configuration: there is no {}; name one with --config FILE",
                capture.display(),
                looked_for.display()
            ),
            Self::StdinNeeds(what) => write!(f, "-: standard input {what}"),
            Self::File { role, path, error } => write!(f, "{}: cannot use this {role}: {error}", path.display()),
            Self::Config { path, errors: 1, drawn } => write!(f, "{}: 1 error\n{}", path.display(), drawn.trim_end()),
            Self::Config { path, errors, drawn } => {
                write!(f, "{}: {errors} errors\n{}", path.display(), drawn.trim_end())
            }
            Self::OneTime { path, errors } => {
                for (place, error) in errors.iter().enumerate() {
                    let separator = if place == 0 { "" } else { "\n" };
                    write!(f, "{separator}{}: {error} ({})", path.display(), error.clause())?;
                }
                Ok(())
            }
            Self::Sidecar { path, message } => write!(f, "{}: {}", path.display(), message.trim_end()),
            Self::Expected { path, line, message } => write!(f, "{}:{line}: {message}", path.display()),
            Self::NoDoor { path, wanted, doors } => {
                write!(f, "{}: there is no door [{wanted}]: its doors are [{}]", path.display(), doors.join("], ["))
            }
            Self::SameName(first, second) => write!(
                f,
                "{} and {} have the same name, so --write-spent would mix their files: replay them one at a time",
                first.display(),
                second.display()
            ),
        }
    }
}

impl std::error::Error for ReplayError {}

impl From<Fault> for ReplayError {
    fn from(fault: Fault) -> Self {
        Self::Capture(fault)
    }
}
