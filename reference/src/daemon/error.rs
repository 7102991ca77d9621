//! Why the daemon cannot start or go on, in words that say what to do.

use std::{fmt, io};

use crate::engine::LoadError;

/// Why the daemon does not start, or ends.
#[derive(Debug)]
pub(super) enum Error {
    /// The configuration cannot be read.
    Unreadable { file: String, error: io::Error },
    /// The configuration has errors, drawn with their lines.
    Config { file: String, drawn: String },
    /// Its one-time files do not do.
    OneTime { file: String, errors: Vec<LoadError<String>> },
    /// The interfaces as named are no list of names.
    Interface { given: String },
    /// There is no such interface.
    NoInterface { wanted: String, there: Vec<String> },
    /// libpcap cannot be loaded.
    Library(LibraryError),
    /// An interface cannot be captured on.
    Capture(CaptureError),
    /// The doorkeeper cannot go on.
    Doorkeeper(String),
    /// The system refuses something that it never refuses.
    System { what: &'static str, error: io::Error },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, error } => {
                write!(f, "cannot read the configuration {file}: {error}; name another with -c FILE")
            }
            Self::Config { file, drawn } => write!(f, "{file} cannot be used\n{}", drawn.trim_end()),
            Self::OneTime { file, errors } => {
                for (place, error) in errors.iter().enumerate() {
                    let separator = if place == 0 { "" } else { "\n" };
                    write!(f, "{separator}{file}: {error} ({})", error.clause())?;
                }
                Ok(())
            }
            Self::Interface { given } => {
                write!(
                    f,
                    "`{given}` is no list of interfaces: expected names with commas between them, or any (LISTEN-10)"
                )
            }
            Self::NoInterface { wanted, there } => write!(
                f,
                "there is no interface {wanted}: there are {}; name one with -i IF, or wait for it with --wait",
                there.join(", ")
            ),
            Self::Library(error) => error.fmt(f),
            Self::Capture(error) => error.fmt(f),
            Self::Doorkeeper(why) => f.write_str(why),
            Self::System { what, error } => write!(f, "cannot {what}: {error}"),
        }
    }
}

impl std::error::Error for Error {}

/// libpcap cannot be loaded.
#[derive(Debug)]
pub(super) struct LibraryError {
    /// The loader's words.
    pub(super) words: String,
}

impl fmt::Display for LibraryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot capture: libpcap is missing ({}); install libpcap0.8 or libpcap0.8t64 (Debian, Ubuntu), libpcap (Fedora, \
             Alpine, Arch) or libpcap1 (OpenWrt, SUSE)",
            self.words
        )
    }
}

/// An interface cannot be captured on.
#[derive(Debug)]
pub(super) struct CaptureError {
    /// Its name.
    pub(super) interface: String,
    /// libpcap's number for what is wrong.
    pub(super) number: i32,
    /// libpcap's words.
    pub(super) words: String,
}

/// libpcap's numbers: no such device, no permission, the interface is down.
const NO_SUCH_DEVICE: i32 = -5;
const NO_PERMISSION: i32 = -8;
const IS_DOWN: i32 = -9;

impl CaptureError {
    /// Whether the interface is only down, or gone.
    pub(super) fn is_down(&self) -> bool {
        matches!(self.number, IS_DOWN | NO_SUCH_DEVICE)
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { interface, number, words } = self;
        write!(f, "cannot capture on {interface}: {words}")?;
        if *number == NO_PERMISSION {
            f.write_str(
                "; capturing needs the capability cap_net_raw: run knockd as root, or give it the capability with \
                 `setcap cap_net_raw=ep /path/to/knockd`, or AmbientCapabilities=CAP_NET_RAW in its unit, or \
                 --cap-add NET_RAW for its container",
            )?;
        }
        Ok(())
    }
}
