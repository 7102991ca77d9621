//! What the model speaks of: ports, hits, doors, and what it decides.

use std::{fmt, net::IpAddr};

use crate::time::Nanos;

/// TCP or UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// What a sequence names: a port of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port(pub u16, pub Protocol);

/// As a configuration writes it.
impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Protocol::Tcp => write!(f, "{}", self.0),
            Protocol::Udp => write!(f, "{}:udp", self.0),
        }
    }
}

/// A TCP segment or a UDP datagram; `flags` and `sequence` are 0 for UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Whose address it bears.
    pub source: IpAddr,
    /// Its source port.
    pub source_port: u16,
    /// Where it goes.
    pub destination: IpAddr,
    /// The port that it hits.
    pub port: Port,
    /// TCP flags, as on the wire.
    pub flags: u8,
    /// The TCP sequence number.
    pub sequence: u32,
}

/// A door as its section describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// The section's name.
    pub name: String,
    /// Where its sequences come from.
    pub sequences: Sequences,
    /// `Seq_Timeout`, in seconds.
    pub seq_timeout: u64,
    /// The TCP flags that must be set and those that must be clear.
    pub flags: Option<(u8, u8)>,
    /// `Target`.
    pub target: Option<IpAddr>,
    /// `Ignore_Ports`, those of `[options]` included.
    pub ignored: Vec<Port>,
    /// For IPv4 sources.
    pub v4: Commands,
    /// For IPv6 sources.
    pub v6: Commands,
    /// `Cmd_Timeout`, in seconds.
    pub cmd_timeout: u64,
}

/// Where a door's sequences come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sequences {
    /// `Sequence`.
    Fixed(Vec<Port>),
    /// `One_Time_Sequences`: the file's path.
    OneTime(String),
}

/// The commands for sources of one address family, `%IP%` not yet replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// `Start_Command`.
    pub start: Option<String>,
    /// `Stop_Command`.
    pub stop: Option<String>,
}

/// Something that the daemon decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub time: Nanos,
    /// The number of the packet that brings it about, from 1; none for timers, signals and the start.
    pub packet: Option<usize>,
    /// Which door's it is; none for the daemon's own.
    pub door: Option<Whose>,
    /// What.
    pub what: What,
}

/// The door that an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whose {
    /// Its place in the configuration, from 0.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Whose knock, and which: knocks are counted from 1 in the order in which they begin.
    pub knock: Option<(IpAddr, u64)>,
}

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the line of the log or the deed of its name")]
pub enum What {
    StartingUp(String),
    Stage(usize),
    Discard { stage: usize, clause: &'static str, by: Option<Port> },
    Timeout { stage: usize },
    Spend { offset: u64, file: String },
    Open,
    Start(String),
    CommandTimeout,
    Stop(String),
    Failed(u8),
    Refused,
    Skipped { line: usize, file: String },
    Disable { file: String, unmarked: bool },
    Crowded,
    Busy,
    Rereading(String),
    ShuttingDown,
    Exit(i32),
}
