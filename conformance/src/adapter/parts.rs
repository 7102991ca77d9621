//! The tables of an adapter file.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::Line;

/// Words of the command line.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argument {
    /// The words.
    pub words: Vec<String>,
    /// Options and directives of a case in whose presence they are left out.
    #[serde(default)]
    pub unless: Vec<String>,
}

/// When a daemon is listening.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ready {
    /// It has a packet socket.
    #[serde(default)]
    pub packet_socket: bool,
    /// It has logged a line like this, if its log can be read; `*` is any text.
    pub line: Option<String>,
}

/// How another daemon's configuration is made of a case's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// The file's name in /case.
    pub file: String,
    /// The directives that it can express, in lower case. A case with any other is not judged.
    pub directives: BTreeSet<String>,
    /// The text, in minijinja's language; `doors` is the list of [`Door`](super::Door)s.
    pub template: String,
}

/// Where a daemon logs, and how a line reads there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A line of a log file.
    pub file: Option<Line>,
    /// Options whose next word is the log file.
    #[serde(default)]
    pub options: Vec<String>,
    /// Directives that name the log file, in lower case.
    #[serde(default)]
    pub directives: Vec<String>,
    /// A message of the system's log, for a daemon that logs nowhere else.
    pub syslog: Option<Line>,
    /// A line of standard output or standard error, for such a daemon.
    pub output: Option<Line>,
}

/// How a daemon goes into the background.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Background {
    /// The options with which it does.
    #[serde(default)]
    pub with: Vec<String>,
    /// Options whose next word is the file for its process number.
    #[serde(default)]
    pub options: Vec<String>,
    /// Directives that name that file, in lower case.
    #[serde(default)]
    pub directives: Vec<String>,
}

/// How an open door is seen from outside.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Probe {
    /// The TCP port that the first door opens; the second opens the next, and so on.
    pub first_port: u16,
}
