//! What happens in a case and what is expected of the subject, line by line.

mod packet;
mod parse;
mod scan;

pub(crate) use self::parse::{hex, prefixed};
pub use self::{
    packet::{Extension, Flags, Packet, Payload, Shape},
    parse::{Wrong, parse},
};
use crate::{pattern::Pattern, time::Nanos};

/// A case's timeline: what its lines say, in their order, which is that of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// Events and expectations. A scan or a crowd is one entry a packet.
    pub entries: Vec<Entry>,
    /// The end of the window: what happens later is not looked at.
    pub end: Nanos,
}

/// One event or expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Nanos,
    /// The line of the timeline that says so, from 1.
    pub line: usize,
    /// What.
    pub what: What,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// This happens.
    Event(Event),
    /// The subject does this.
    Expect(Expect),
}

/// Something that happens to the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A packet comes.
    Packet(Box<Packet>),
    /// The daemon gets a signal.
    Signal(Signal),
    /// A file gets the bytes of a text.
    Put {
        /// The file's name; [`CONFIG`](crate::case::CONFIG) is the configuration.
        file: String,
        /// The text's name.
        text: String,
    },
    /// A file is removed.
    Remove {
        /// Its name.
        file: String,
    },
    /// The daemon is ended in order, and started again.
    Restart,
    /// The daemon is killed, and started again.
    Kill,
    /// A second daemon is started with the same arguments.
    Second,
    /// The interface gets or loses an address.
    Address {
        /// Whether it gets it.
        added: bool,
        /// The address and its prefix length.
        address: (std::net::IpAddr, u8),
    },
    /// Something happens to the interface.
    Link(LinkChange),
    /// The wall clock is stepped by so many seconds.
    ClockStep(i64),
}

/// A signal that a daemon knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP.
    Hup,
    /// SIGTERM.
    Term,
    /// SIGINT.
    Int,
}

/// What happens to an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkChange {
    /// It goes down.
    Down,
    /// It comes up.
    Up,
    /// It is deleted.
    Delete,
    /// It is created, with its addresses, and comes up.
    Create,
}

/// Something that the subject does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It runs a command.
    Run(Pattern),
    /// It logs a line.
    Log(Pattern),
    /// It may run a command like this, any number of times.
    MayRun(Pattern),
    /// It sends a datagram to syslog.
    Syslog(Pattern),
    /// It says a line on standard output or standard error, at any time.
    Says(Pattern),
    /// It writes to the file of this name, which was there before: a one-time mark.
    Mark(Pattern),
    /// A file is like this.
    File {
        /// The file's name.
        name: String,
        /// What it is like.
        is: FileState,
    },
    /// It ends.
    Exit(Status),
    /// The second daemon ends.
    SecondExit(Status),
    /// Nothing like this happens, until the end of the window.
    Never(Stream, Pattern),
    /// A client sends this packet, in [`Sight::Sent`](crate::transcript::Sight::Sent)'s words.
    Sent(String),
    /// At least so much time passes between the packet sent before and the one after.
    Pause(Nanos),
}

/// What a file is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// Its bytes are those of the text of this name.
    Is(String),
    /// Its bytes are those that it had at first.
    Unchanged,
    /// It is there.
    Exists,
    /// It is not there.
    Gone,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// With exactly this status.
    Is(i32),
    /// With any status but 0, not by a signal.
    NonZero,
    /// With any status, not by a signal.
    Any,
}

/// What can be forbidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Commands.
    Run,
    /// Lines of the log.
    Log,
    /// Datagrams to syslog.
    Syslog,
    /// Lines on standard output and standard error.
    Says,
    /// Writes to files.
    Mark,
}

impl Timeline {
    /// The packets, in order, each with its time.
    pub fn packets(&self) -> impl Iterator<Item = (Nanos, &Packet)> {
        self.events().filter_map(|(at, event)| match event {
            Event::Packet(packet) => Some((at, &**packet)),
            Event::Signal(_)
            | Event::Put { .. }
            | Event::Remove { .. }
            | Event::Restart
            | Event::Kill
            | Event::Second
            | Event::Address { .. }
            | Event::Link(_)
            | Event::ClockStep(_) => None,
        })
    }

    /// The events, in order, each with its time.
    pub fn events(&self) -> impl Iterator<Item = (Nanos, &Event)> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Event(event) => Some((entry.at, event)),
            What::Expect(_) => None,
        })
    }

    /// The expectations, in order, each with its time and its line.
    pub fn expectations(&self) -> impl Iterator<Item = (Nanos, usize, &Expect)> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Expect(expect) => Some((entry.at, entry.line, expect)),
            What::Event(_) => None,
        })
    }
}
