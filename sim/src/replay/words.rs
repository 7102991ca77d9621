//! How an explanation puts its findings: verdicts, places in time, clauses and what to do about them.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use knockd::{
    clause::Clause,
    config::{Door, Sequences},
    engine::{Judged, Unseen},
    event::Packet,
    knock::Verdict,
    port::{Port, Protocol},
    wire::Hit,
};

/// The width of text that is broken into lines, in columns: that of the narrowest usual terminal.
const WIDTH: usize = 80;

/// A door's verdict on a hit, in a line.
pub(super) fn verdict(judged: &Judged, door: &Door) -> String {
    let Judged { hit, before, after, expected, next, .. } = judged;
    let expected = expected.map_or_else(|| "nothing".to_owned(), |port| port.to_string());
    let number = |knock: &Option<u64>| knock.map_or_else(|| "a knock".to_owned(), |number| format!("knock {number}"));
    let next = next.map_or_else(String::new, |port| format!("; {port} is next"));
    match judged.verdict {
        Verdict::Elsewhere => match door.target {
            Some(target) => format!("not for this door: sent to {}, and Target is {target}", hit.destination),
            None => format!("not for this door: sent to {}, which is no local address", hit.destination),
        },
        Verdict::FlagsDiffer => {
            let filter = door.flags.map_or_else(String::new, |filter| filter.to_string());
            format!("ignored: its flags [{}] do not pass TCPFlags = {filter}", hit.flags)
        }
        Verdict::UdpNotCounted => "ignored: the door has TCPFlags, and its sequence names no UDP port".to_owned(),
        Verdict::PortIgnored => "ignored: the port is in Ignore_Ports".to_owned(),
        Verdict::DoorDisabled(_) => "the door is disabled".to_owned(),
        Verdict::Repeats => "ignored: this very packet was counted before".to_owned(),
        Verdict::NothingToSpoil => format!("not the first port ({expected}), and no knock to spoil"),
        Verdict::Begins => format!("{} begins{next}", number(&after.1)),
        Verdict::Advances => format!("{} goes on{next}", number(&before.1)),
        Verdict::Completes if before.1.is_none() => "the only port: the knock is complete".to_owned(),
        Verdict::Completes => format!("{} is complete", number(&before.1)),
        Verdict::Discards => format!("{expected} was expected: {} is discarded", number(&before.1)),
        Verdict::Restarts => {
            let (old, new) = (number(&before.1), number(&after.1));
            format!("{expected} was expected: {old} is discarded, and {new} begins{next}")
        }
    }
}

/// Why a packet is no hit at any door, in a line.
pub(super) fn unseen(why: &Unseen) -> String {
    match why {
        Unseen::NoHit(why) => why.to_string(),
        Unseen::OnlyV4(_) => "IPv6 is ignored (-4)".to_owned(),
        Unseen::Source(_, why) => why.to_string(),
    }
}

/// What the user can do about a knock at `stage` that `hit` spoiled, where that is plain: `expected` was due, and came
/// after it if `late`.
pub(super) fn hint(hit: &Hit, door: &Door, stage: u8, expected: Option<Port>, late: bool) -> Option<String> {
    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;
    let flags = hit.flags.0;
    if hit.protocol == Protocol::Tcp && flags & SYN == 0 && door.flags.is_none() {
        return Some(format!(
            "that segment [{}] belongs to an open connection: `TCPFlags = syn,!ack` ignores such traffic (FLAGS-6)",
            hit.flags
        ));
    }
    if hit.protocol == Protocol::Tcp && flags & (SYN | ACK) == SYN | ACK {
        let advice = "that segment [syn,ack] answers a connection that this host opened: `TCPFlags = syn,!ack` \
                      ignores such answers (FLAGS-4)";
        return Some(advice.to_owned());
    }
    let expected = expected?;
    if expected.number.get() == hit.port && expected.protocol != hit.protocol {
        return Some(format!("the right port over the wrong protocol, {} (SEQ-2)", hit.protocol));
    }
    let Sequences::Fixed(sequence) = &door.sequences else { return None };
    if hit.is_on(sequence.first()) {
        return Some("it hit the first port again, so a new knock began with it (SEQ-4)".to_owned());
    }
    let passed_over = format!("in the sequence {} comes after {expected}", port(hit));
    match (comes_later(hit, door, stage), late) {
        (false, _) => None,
        (true, false) => Some(format!("{passed_over}: did the packet to {expected} get lost?")),
        (true, true) => Some(format!("{passed_over}: one packet overtook the other; `knock -d` waits between them")),
    }
}

/// Whether `hit` would have been right later than at `stage`, as far as the door's sequence is known.
pub(super) fn comes_later(hit: &Hit, door: &Door, stage: u8) -> bool {
    match &door.sequences {
        Sequences::Fixed(sequence) => sequence.ports().iter().skip(usize::from(stage) + 1).any(|port| hit.is_on(*port)),
        Sequences::OneTime(_) => false,
    }
}

/// Whether `hit` may be one of the door's sequence.
pub(super) fn may_be_in(door: &Door, hit: &Hit) -> bool {
    match &door.sequences {
        Sequences::Fixed(sequence) => sequence.ports().iter().any(|port| hit.is_on(*port)),
        Sequences::OneTime(_) => true,
    }
}

/// A port as a sequence would name the hit's.
pub(super) fn port(hit: &Hit) -> String {
    match hit.protocol {
        Protocol::Tcp => hit.port.to_string(),
        Protocol::Udp => format!("{}:udp", hit.port),
    }
}

/// A hit with the address that it came from.
pub(super) fn packet(hit: &Hit) -> String {
    format!("{} {}", hit.source, Packet(hit))
}

/// The clauses whose sentences stand in the text already: each is told once.
#[derive(Debug, Default)]
pub(super) struct Cited(BTreeSet<Clause>);

impl Cited {
    /// Writes a clause's identifier and its sentence, when it is named for the first time.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub(super) fn cite(&mut self, out: &mut impl Write, indent: usize, clause: Clause) -> io::Result<()> {
        if self.0.insert(clause) { wrapped(out, indent, &format!("{clause}: {}", clause.sentence())) } else { Ok(()) }
    }
}

/// Writes `text` in lines of at most [`WIDTH`] columns, words permitting, all but the first indented a little further.
///
/// # Errors
///
/// What `out` says.
pub(super) fn wrapped(out: &mut impl Write, indent: usize, text: &str) -> io::Result<()> {
    let mut line = " ".repeat(indent);
    let mut empty = true;
    for word in text.split(' ') {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(out, "{line}")?;
            line = " ".repeat(indent + 2);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    writeln!(out, "{line}")
}
