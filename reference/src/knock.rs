//! One source's progress through one door, and the rules that move it (SEQ, FLAGS).
//!
//! Nothing here keeps state: `Rules` is what a door demands at present, and its `judge` is the whole decision about one
//! hit. The engine carries it out.

use std::net::IpAddr;

use crate::{
    clause::Clause,
    config,
    port::{Port, Protocol},
    sequence::Sequence,
    wire::Hit,
};

/// What one hit means at one door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Not this door's address (LISTEN-3).
    Elsewhere,
    /// A TCP segment that does not pass the door's `TCPFlags` (FLAGS-3).
    FlagsDiffer,
    /// A UDP datagram, which this door does not count (FLAGS-4).
    UdpNotCounted,
    /// A port of `Ignore_Ports` (SEQ-11).
    PortIgnored,
    /// The door is disabled: it has no sequence (ONCE-7), or its file could not be marked (ONCE-6).
    DoorDisabled(Clause),
    /// A repeated packet, not a new hit (SEQ-5).
    Repeats,
    /// Not the first port, and the source has no knock here that it could spoil (SEQ-1).
    NothingToSpoil,
    /// The first port: a knock begins at stage 1 (SEQ-1).
    Begins,
    /// The next port: one stage further (SEQ-1).
    Advances,
    /// The last port: the knock is complete (SEQ-1).
    Completes,
    /// A wrong port: the knock is discarded (SEQ-3).
    Discards,
    /// A wrong port that is the first one: the knock is discarded and a new one begins (SEQ-4).
    Restarts,
}

impl Verdict {
    /// The clause that decided.
    #[must_use]
    pub fn clause(self) -> Clause {
        match self {
            Self::Elsewhere => Clause::Listen3,
            Self::FlagsDiffer => Clause::Flags3,
            Self::UdpNotCounted => Clause::Flags4,
            Self::PortIgnored => Clause::Seq11,
            Self::DoorDisabled(clause) => clause,
            Self::Repeats => Clause::Seq5,
            Self::NothingToSpoil | Self::Begins | Self::Advances | Self::Completes => Clause::Seq1,
            Self::Discards => Clause::Seq3,
            Self::Restarts => Clause::Seq4,
        }
    }
}

/// What a door demands of a hit, with its present sequence.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    flags: Option<crate::flags::FlagFilter>,
    target: Option<IpAddr>,
    ignored: Box<[Port]>,
    sequence: Result<Sequence, Clause>,
    counts_udp: bool,
}

impl Rules {
    /// The rules of `door` while `sequence` is its sequence; the clause that took it away where it has none.
    pub(crate) fn new(door: &config::Door, sequence: Result<Sequence, Clause>) -> Self {
        let mut rules = Self {
            flags: door.flags,
            target: door.target,
            ignored: door.ignored.clone().into(),
            sequence: Err(Clause::Once7),
            counts_udp: true,
        };
        rules.set_sequence(sequence);
        rules
    }

    /// Takes another sequence (ONCE-4), or none.
    pub(crate) fn set_sequence(&mut self, sequence: Result<Sequence, Clause>) {
        self.counts_udp = self.flags.is_none() || sequence.as_ref().is_ok_and(Sequence::names_udp);
        self.sequence = sequence;
    }

    /// The present sequence, unless the door is disabled.
    pub(crate) fn sequence(&self) -> Option<&Sequence> {
        self.sequence.as_ref().ok()
    }

    /// The port that takes a knock at `stage` further, and how many ports there are.
    pub(crate) fn expects(&self, stage: u8) -> (Option<Port>, u8) {
        let ports = self.sequence().map_or(&[][..], Sequence::ports);
        (ports.get(usize::from(stage)).copied(), u8::try_from(ports.len()).unwrap_or(u8::MAX))
    }

    /// The verdict on `hit` for a source that has got `stage` hits right (0: it has no knock here).
    ///
    /// `local`: the hit's destination is one of the interface's addresses. `repeats`: asked only where it matters,
    /// whether the packet repeats a counted hit.
    #[inline]
    pub(crate) fn judge(&self, hit: &Hit, local: bool, stage: u8, repeats: impl FnOnce() -> bool) -> Verdict {
        let here = self.target.map_or(local, |target| target == hit.destination);
        if !here {
            return Verdict::Elsewhere;
        }
        match hit.protocol {
            Protocol::Tcp if self.flags.is_some_and(|filter| !filter.passes(hit.flags)) => return Verdict::FlagsDiffer,
            Protocol::Udp if !self.counts_udp => return Verdict::UdpNotCounted,
            Protocol::Tcp | Protocol::Udp => {}
        }
        if self.ignored.iter().any(|port| hit.is_on(*port)) {
            return Verdict::PortIgnored;
        }
        let ports = match &self.sequence {
            Ok(sequence) => sequence.ports(),
            Err(clause) => return Verdict::DoorDisabled(*clause),
        };
        let next = hit.is_on(ports[usize::from(stage)]);
        // A datagram that is due cannot be told from a repeat, and a client that knocks twice on one port means it.
        let due_datagram = next && stage > 0 && hit.protocol == Protocol::Udp;
        if !due_datagram && repeats() {
            return Verdict::Repeats;
        }
        match (stage, next) {
            (_, true) if usize::from(stage) + 1 == ports.len() => Verdict::Completes,
            (0, true) => Verdict::Begins,
            (_, true) => Verdict::Advances,
            (0, false) => Verdict::NothingToSpoil,
            (_, false) if hit.is_on(ports[0]) => Verdict::Restarts,
            (_, false) => Verdict::Discards,
        }
    }
}

#[cfg(test)]
mod tests;
