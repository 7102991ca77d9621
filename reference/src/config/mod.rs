//! The configuration dialect: text -> types that can only be valid (CONF).

use std::{net::IpAddr, time::Duration};

use crate::{flags::FlagFilter, port::Port, sequence::Sequence};

/// A whole configuration: at least one door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `[options]`.
    pub options: Options,
    /// The doors, in the file's order.
    pub doors: Vec<Door>,
}

/// `[options]`. Paths and names are bytes as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `UseSyslog`: log to syslog too (LOG-1).
    pub use_syslog: bool,
    /// `LogFile` (LOG-1).
    pub log_file: Option<Vec<u8>>,
    /// `PidFile` (PROC-2).
    pub pid_file: Option<Vec<u8>>,
    /// `Interface` (LISTEN-2, LISTEN-10).
    pub interface: Option<Vec<u8>>,
}

/// One door: a section other than `[options]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// The section's name; two doors may share it (CONF-5).
    pub name: String,
    /// Where its sequence comes from.
    pub sequences: Sequences,
    /// `Seq_Timeout`: the time for a whole knock, a whole number of seconds, at least one (TIME-1).
    pub seq_timeout: Duration,
    /// `TCPFlags` (FLAGS).
    pub flags: Option<FlagFilter>,
    /// `Target` (LISTEN-3).
    pub target: Option<IpAddr>,
    /// `Ignore_Ports`, the door's own and those of `[options]`, sorted, without repetition (SEQ-11).
    pub ignored: Vec<Port>,
    /// The commands for IPv4 sources.
    pub v4: Commands,
    /// The commands for IPv6 sources, the IPv4 ones where none are given (CMD-3).
    pub v6: Commands,
    /// `Cmd_Timeout`: from the start command's end to the stop command (CMD-2).
    pub cmd_timeout: Duration,
}

/// A door's `Sequence` or `One_Time_Sequences`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sequences {
    /// Always the same.
    Fixed(Sequence),
    /// The path, as written, of a file with one sequence a line (ONCE-1).
    OneTime(Vec<u8>),
}

/// What a door runs for one address family; an empty command is none (CMD-3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// `Start_Command`, bytes as written, `%IP%` not yet replaced.
    pub start: Option<Vec<u8>>,
    /// `Stop_Command`; without a start command it never runs (CMD-2).
    pub stop: Option<Vec<u8>>,
}
