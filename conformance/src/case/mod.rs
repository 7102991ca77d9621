//! A case: what happens to a daemon or a client, and what it does then.

mod file;
mod needs;
mod text;

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};

pub use self::{
    file::{CaseError, distinct, load, read},
    needs::is_of_process,
};
use crate::{time::Nanos, timeline::Timeline};

/// The configuration's name among a case's files.
pub const CONFIG: &str = "knockd.conf";

/// Where a case's files are, as its texts say it; the runner's own directory takes its place.
pub const DIRECTORY: &str = "/case";

/// One case, `each` expanded.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name, for ever: `id` or `id/name`.
    pub id: String,
    /// The clauses that it shows to be obeyed.
    pub clauses: Vec<String>,
    /// The clauses whose limit it shows.
    pub limits: Vec<String>,
    /// One sentence.
    pub about: String,
    /// What is judged.
    pub kind: Kind,
    /// Files beside the configuration, as they are at first.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Files elsewhere in the system as the daemon or client finds them, by their absolute paths.
    pub system: BTreeMap<String, Vec<u8>>,
    /// Texts that files may become, or are expected to have become.
    pub texts: BTreeMap<String, Vec<u8>>,
    /// The link type of the packets.
    pub link: Link,
    /// The interface's addresses.
    pub locals: Vec<(IpAddr, u8)>,
    /// How commands behave, by their first word.
    pub commands: BTreeMap<String, Command>,
    /// Whether every line in the words of LOG-2 must be expected.
    pub whole_log: bool,
    /// Whether stamps are written in nanoseconds.
    pub nano: bool,
    /// Whether its commands are more than a program and its arguments.
    pub shell: bool,
    /// The bound on half-finished knocks.
    pub bound: Option<usize>,
    /// What happens, and what is expected.
    pub timeline: Timeline,
    /// The timeline's text, as a person wrote it.
    pub timeline_text: String,
    /// Where it stands.
    pub origin: Origin,
}

/// What a case judges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A daemon with this configuration and these further options.
    Daemon {
        /// The configuration's bytes; names in it are addresses already.
        config: Vec<u8>,
        /// Further options.
        options: Vec<String>,
    },
    /// A client with these arguments.
    Client {
        /// The arguments; names are addresses already.
        arguments: Vec<String>,
    },
}

/// How a command behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// How long it takes.
    pub takes: Nanos,
    /// Its exit status.
    pub status: u8,
}

/// The link type of a case's packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Link {
    /// Ethernet.
    #[default]
    Ethernet,
    /// Linux cooked capture.
    Sll,
    /// Linux cooked capture, version 2.
    Sll2,
    /// IP without a header.
    Raw,
    /// BSD loopback, in the byte order of the host that wrote the capture.
    Null,
    /// BSD loopback, in network byte order.
    Loop,
}

/// Where a case stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub file: PathBuf,
    /// The line of its timeline's first line.
    pub line: usize,
}

/// Programs that a command may call without a line in `commands`.
pub const PROGRAMS: [&str; 9] = ["open", "close", "open6", "close6", "first", "second", "slow", "fail", "note"];

impl Case {
    /// How the command of this text behaves: as its first word says.
    #[must_use]
    pub fn command(&self, text: &str) -> Command {
        let word = text.split_whitespace().next().unwrap_or_default();
        self.commands.get(word).copied().unwrap_or_default()
    }

    /// Every clause that it names.
    pub fn all_clauses(&self) -> impl Iterator<Item = &str> {
        self.clauses.iter().chain(&self.limits).map(String::as_str)
    }

    /// The programs that its commands may call.
    pub fn programs(&self) -> impl Iterator<Item = &str> {
        PROGRAMS.into_iter().chain(self.commands.keys().map(String::as_str).filter(|name| !PROGRAMS.contains(name)))
    }
}
