//! What was seen of a subject while a case happened.

use serde::{Deserialize, Serialize};

use crate::time::Nanos;

/// Everything that was seen, in the order in which it was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The sights.
    pub seen: Vec<Seen>,
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When, since the start of the case.
    pub at: Nanos,
    /// What.
    pub what: Sight,
}

/// Something to be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sight {
    /// A command ran: its whole text.
    Run(String),
    /// A line was logged: without stamp or syslog header, the case's directory written as `/case`.
    Log(String),
    /// A datagram came to `/dev/log`: its whole text, priority and header included.
    Syslog(String),
    /// A line on standard output or standard error, be it a line of the log or not.
    Says(String),
    /// A file, looked at because the case says so, or because the case ended: its bytes, or `None` if it was not there.
    /// The subject looks at a file once for each of the case's lines about it, and once more at the end.
    File {
        /// Its name in the case.
        name: String,
        /// What was in it.
        bytes: Option<Vec<u8>>,
    },
    /// The daemon wrote to a file of this name, which was there before: a one-time mark.
    Mark(String),
    /// The daemon, or the client, ended with this status; 128 and the signal's number if a signal ended it.
    Exit(i32),
    /// A second daemon ended with this status.
    SecondExit(i32),
    /// A client sent a packet: `tcp 7000 syn to 192.0.2.1`.
    Sent(String),
}

impl Transcript {
    /// Notes a sight.
    pub fn see(&mut self, at: Nanos, what: Sight) {
        self.seen.push(Seen { at, what });
    }
}
