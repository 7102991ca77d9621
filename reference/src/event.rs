//! What is logged, and its exact wording (LOG-2).
//!
//! An event's [`Display`](fmt::Display) is the message without the date: `10.0.0.7: ssh: Stage 1`. Tools parse the
//! messages that knockd has always written; those are kept to the letter.

use std::{fmt, net::IpAddr, sync::Arc};

use crate::{
    clause::Clause,
    config,
    one_time::{SkipReason, Skipped},
    port::Protocol,
    wire::Hit,
};

/// A door as an event names it: it outlives a reload that removes the door.
#[derive(Clone, Debug)]
pub struct DoorRef {
    /// The door's place in the file, from 0.
    pub index: u32,
    /// What the file says of it.
    pub config: Arc<config::Door>,
}

impl DoorRef {
    /// The section's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// The path of its one-time file as written; empty if it has none.
    #[must_use]
    pub fn file(&self) -> &[u8] {
        match &self.config.sequences {
            config::Sequences::OneTime(path) => path,
            config::Sequences::Fixed(_) => b"",
        }
    }
}

/// Whose knock, at which door.
#[derive(Clone, Debug)]
pub struct Who {
    /// The knocker's address.
    pub source: IpAddr,
    /// The door.
    pub door: DoorRef,
    /// The knock's number; the engine counts them from 1 in the order in which they begin.
    pub knock: u64,
}

/// Something to log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A knock reached a stage, the last one included (LOG-4).
    Stage {
        /// Whose.
        who: Who,
        /// The number of hits got right.
        stage: u8,
    },
    /// A knock is complete and its line, if it has one, is spent.
    Opened {
        /// Whose.
        who: Who,
    },
    /// `Seq_Timeout` has elapsed (TIME-1).
    TimedOut {
        /// Whose.
        who: Who,
        /// How far the knock had come.
        stage: u8,
    },
    /// A knock was discarded; logged only on demand (LOG-4).
    Discarded {
        /// Whose.
        who: Who,
        /// How far the knock had come.
        stage: u8,
        /// The clause that demands it.
        clause: Clause,
        /// The wrong hit, when there was one.
        hit: Option<Hit>,
    },
    /// A command is about to run.
    Running {
        /// For whose knock.
        who: Who,
        /// The command after substitution.
        command: Arc<[u8]>,
    },
    /// A command ended with another status than 0 (CMD-6).
    Failed {
        /// For whose knock.
        who: Who,
        /// Its exit status.
        status: i32,
    },
    /// A command was ended by a signal (CMD-6).
    Killed {
        /// For whose knock.
        who: Who,
        /// The signal's number.
        signal: i32,
    },
    /// The system would not run a command (CMD-5).
    Refused {
        /// For whose knock.
        who: Who,
        /// The system's words.
        reason: String,
    },
    /// `Cmd_Timeout` has elapsed; the stop command follows (CMD-2).
    CommandTimeout {
        /// For whose knock.
        who: Who,
    },
    /// A line of a one-time file cannot be used (ONCE-2).
    LineSkipped {
        /// The door.
        door: DoorRef,
        /// Which line, and why.
        skipped: Skipped,
    },
    /// A door has no usable line left, or its file could not be marked: it is disabled (ONCE-6, ONCE-7).
    Disabled {
        /// The door.
        door: DoorRef,
        /// The knock that took the last line, or whose line could not be spent; `None` at start.
        by: Option<(IpAddr, u64)>,
        /// The system's words when a mark could not be written.
        failure: Option<String>,
    },
    /// The bound on half-finished knocks is reached: once a burst (SEQ-10).
    Crowded {
        /// The bound.
        bound: usize,
    },
    /// The bound on waiting start commands is reached, and further knocks do not open: once a burst (CMD-8).
    Busy {
        /// The bound.
        bound: usize,
    },
    /// So many `Stage 1` and timeout lines of a second were left out (LOG-4); see [`crate::log_limit`].
    LeftOut {
        /// How many.
        count: u64,
    },
    /// The daemon is listening.
    StartingUp {
        /// The interface, as named.
        interface: String,
    },
    /// The daemon ends.
    ShuttingDown,
    /// The configuration is read again (PROC-3).
    Rereading {
        /// The configuration's path.
        file: String,
    },
}

impl Event {
    /// Whether it is logged only with `-D` (LOG-4).
    #[must_use]
    pub fn is_debug(&self) -> bool {
        matches!(self, Self::Discarded { .. })
    }

    /// The message, with the source shown as `IP (HOST)` when its name was looked up (LOG-2).
    pub fn with_host<'a>(&'a self, host: Option<&'a str>) -> impl fmt::Display + 'a {
        Message { event: self, host }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Message { event: self, host: None }.fmt(f)
    }
}

struct Message<'a> {
    event: &'a Event,
    host: Option<&'a str>,
}

impl Message<'_> {
    /// `IP: DOOR: `
    fn knocker(&self, f: &mut fmt::Formatter<'_>, who: &Who) -> fmt::Result {
        write!(f, "{}", who.source)?;
        if let Some(host) = self.host {
            write!(f, " ({host})")?;
        }
        write!(f, ": {}: ", who.door.name())
    }
}

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.event {
            Event::Stage { who, stage } => {
                self.knocker(f, who)?;
                write!(f, "Stage {stage}")
            }
            Event::Opened { who } => {
                self.knocker(f, who)?;
                f.write_str("OPEN SESAME")
            }
            Event::TimedOut { who, stage } => {
                self.knocker(f, who)?;
                write!(f, "sequence timeout (stage {stage})")
            }
            Event::Discarded { who, stage, clause, hit } => {
                self.knocker(f, who)?;
                write!(f, "knock discarded at stage {stage} ({clause})")?;
                hit.as_ref().map_or(Ok(()), |hit| write!(f, " by {}", Packet(hit)))
            }
            Event::Running { who, command } => {
                write!(f, "{}: running command: {}", who.door.name(), String::from_utf8_lossy(command))
            }
            Event::Failed { who, status } => {
                write!(f, "{}: command returned non-zero status code ({status})", who.door.name())
            }
            Event::Killed { who, signal } => write!(f, "{}: command was ended by signal {signal}", who.door.name()),
            Event::Refused { who, reason } => write!(f, "{}: command could not be run: {reason}", who.door.name()),
            Event::CommandTimeout { who } => {
                self.knocker(f, who)?;
                f.write_str("command timeout")
            }
            Event::LineSkipped { door, skipped } => {
                let file = String::from_utf8_lossy(door.file());
                write!(f, "{}: {file} line {} is passed over: ", door.name(), skipped.number)?;
                match &skipped.reason {
                    SkipReason::Unparsable(error) => write!(f, "{error}"),
                    SkipReason::PortIgnored(port) => write!(f, "port {port} is in Ignore_Ports"),
                }
            }
            Event::Disabled { door, failure, .. } => {
                let file = String::from_utf8_lossy(door.file());
                match failure {
                    None => write!(f, "{}: no usable sequence left in {file}: door disabled", door.name()),
                    Some(why) => {
                        write!(f, "{}: cannot mark the used line in {file}: {why}: door disabled", door.name())
                    }
                }
            }
            Event::Crowded { bound } => {
                write!(f, "more than {bound} unfinished knocks: dropping the oldest of the lowest stage")
            }
            Event::Busy { bound } => write!(f, "more than {bound} commands waiting: further knocks do not open"),
            Event::LeftOut { count: 1 } => f.write_str("1 message left out"),
            Event::LeftOut { count } => write!(f, "{count} messages left out"),
            Event::StartingUp { interface } => write!(f, "starting up, listening on {interface}"),
            Event::ShuttingDown => f.write_str("shutting down"),
            Event::Rereading { file } => write!(f, "re-reading config file: {file}"),
        }
    }
}

/// A hit as a debug line shows it: `tcp 40000 > 10.0.0.1:22 [syn] seq 17`.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a>(pub &'a Hit);

impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hit = self.0;
        let to = std::net::SocketAddr::new(hit.destination, hit.port);
        write!(f, "{} {} > {to}", hit.protocol, hit.source_port)?;
        match hit.protocol {
            Protocol::Tcp => write!(f, " [{}] seq {}", hit.flags, hit.sequence),
            Protocol::Udp => Ok(()),
        }
    }
}
