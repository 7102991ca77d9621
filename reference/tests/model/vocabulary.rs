//! What the model is given and what it answers.

use std::net::IpAddr;

/// Nanoseconds since any origin.
pub(crate) type Nanos = u64;

/// One second.
pub(crate) const SECOND: Nanos = 1_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
}

/// What a sequence names: a port of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Port(pub(crate) u16, pub(crate) Protocol);

/// A TCP segment or a UDP datagram; `flags` and `sequence` are 0 for UDP.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    pub(crate) source: IpAddr,
    pub(crate) source_port: u16,
    pub(crate) destination: IpAddr,
    pub(crate) port: Port,
    pub(crate) flags: u8,
    pub(crate) sequence: u32,
}

/// What was captured: a hit, or a frame that carries none and only shows what time it is.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) stamp: Nanos,
    pub(crate) hit: Option<Hit>,
}

#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) sequences: Sequences,
    pub(crate) seq_timeout: u64,
    /// The TCP flags that must be set and those that must be clear.
    pub(crate) flags: Option<(u8, u8)>,
    pub(crate) target: Option<IpAddr>,
    pub(crate) ignored: Vec<Port>,
    pub(crate) v4: Commands,
    pub(crate) v6: Commands,
    pub(crate) cmd_timeout: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum Sequences {
    Fixed(Vec<Port>),
    OneTime(Vec<Line>),
}

/// A line of a one-time file: where it begins, and its sequence if it has one.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) offset: u64,
    pub(crate) ports: Option<Vec<Port>>,
}

/// The commands for sources of one address family, `%IP%` not yet replaced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Commands {
    pub(crate) start: Option<String>,
    pub(crate) stop: Option<String>,
}

/// A daemon's surroundings and everything that it will see.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) doors: Vec<Door>,
    /// The interface's addresses, each with the length of its prefix; `None`: any unicast address is ours, and of no
    /// source is it known that it is our own.
    pub(crate) locals: Option<Vec<(IpAddr, u8)>>,
    /// Whether the interface is a loopback, where a host knocks on itself.
    pub(crate) loopback: bool,
    /// Whether IPv6 is ignored (LISTEN-5).
    pub(crate) only_v4: bool,
    /// How many knocks may be half finished, over all doors (SEQ-10).
    pub(crate) max_knocks: usize,
    pub(crate) packets: Vec<Packet>,
}

/// One decision. `time` is missing at the start, `packet` (from 1) there and for timers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) time: Option<Nanos>,
    pub(crate) packet: Option<usize>,
    pub(crate) door: usize,
    pub(crate) what: What,
    /// Whose knock and which, counted from 1 in the order in which knocks begin; none at the start.
    pub(crate) knock: Option<(IpAddr, u64)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Stage(usize),
    Discard { stage: usize, clause: &'static str },
    Timeout { stage: usize },
    Spend { offset: u64 },
    Open,
    Start(String),
    Stop(String),
    Disable,
}
