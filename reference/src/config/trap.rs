//! What parses but is a trap: its words, how to avoid it, and its clause.

use std::{fmt, ops::Range};

use super::{
    Diagnostic, Directive, Problem,
    diagnostic::locate,
    draft::{DoorDraft, Given},
};
use crate::{
    clause::Clause,
    flags::FlagFilter,
    port::Port,
    quote::Quoted,
    sequence::{MAX_PORTS, Sequence, is_blank, split, trim},
};

/// What parses but does not do what its writer is likely to expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trap {
    /// One or two ports.
    FewPorts(usize),
    /// A port directly after itself.
    RepeatedPort(Port),
    /// Ports that rise (`true`) or fall by one throughout.
    Sweep {
        /// Whether they rise.
        rises: bool,
    },
    /// `syn` without `ack` or `!ack`.
    SynWithoutAck,
    /// No `TCPFlags`.
    NoFlags,
    /// A stop command without `Cmd_Timeout`.
    StopWithoutTimeout(Directive),
    /// A stop command that never runs for these sources, for want of a start command.
    StopWithoutStart(Directive, &'static str),
    /// A usable line of a one-time file whose first byte is part of its sequence.
    OneTimeMark(Vec<u8>),
}

impl Trap {
    /// How to avoid it.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::FewPorts(_) => format!("use at least three ports; up to {MAX_PORTS} are possible"),
            Self::RepeatedPort(_) => "put another port between the two".into(),
            Self::Sweep { .. } => "mix the order, or leave gaps".into(),
            Self::SynWithoutAck => "write `syn,!ack`".into(),
            Self::NoFlags => "add `TCPFlags = syn,!ack`, which ignores the segments of open connections".into(),
            Self::StopWithoutTimeout(_) => {
                "add `Cmd_Timeout` with the seconds from the start command's end to the stop command".into()
            }
            Self::StopWithoutStart(Directive::StopCommand6, _) => "add `Start_Command_6`, or remove it".into(),
            Self::StopWithoutStart(..) => "add `Start_Command`, or remove it".into(),
            Self::OneTimeMark(_) => "begin each line with a space".into(),
        }
    }

    /// The clause that makes it a trap.
    #[must_use]
    pub fn clause(&self) -> Clause {
        match self {
            Self::FewPorts(_) | Self::RepeatedPort(_) => Clause::Seq8,
            Self::Sweep { .. } => Clause::Seq3,
            Self::SynWithoutAck => Clause::Flags4,
            Self::NoFlags => Clause::Flags6,
            Self::StopWithoutTimeout(_) | Self::StopWithoutStart(..) => Clause::Cmd2,
            Self::OneTimeMark(_) => Clause::Once3,
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewPorts(1) => f.write_str("any packet to this one port opens the door, so every port scan does"),
            Self::FewPorts(count) => write!(f, "{count} ports are soon found by chance or by trying"),
            Self::RepeatedPort(port) => write!(
                f,
                "port `{port}` directly follows itself: whoever tries a port twice makes two hits, meant or not"
            ),
            Self::Sweep { rises: true } => f.write_str("each port is the one before plus one: an upward sweep opens the door"),
            Self::Sweep { rises: false } => f.write_str("each port is the one before minus one: a downward sweep opens the door"),
            Self::SynWithoutAck => f.write_str(
                "`syn` alone also counts SYN+ACK, the answers to this host's own connections, and they can spoil a knock",
            ),
            Self::NoFlags => f.write_str(
                "without `TCPFlags` every TCP segment counts, so a knock fails while its sender has a connection open",
            ),
            Self::StopWithoutTimeout(directive) => {
                write!(f, "`{directive}` without `Cmd_Timeout` runs 10 seconds after the start command")
            }
            Self::StopWithoutStart(directive, sources) => {
                write!(f, "`{directive}` never runs for {sources} sources, which have no start command")
            }
            Self::OneTimeMark(line) => write!(
                f,
                "line {} does not begin with a blank, so the `#` that marks it as used overwrites its first digit",
                Quoted(line)
            ),
        }
    }
}

/// The traps of a text so far, each with its bytes.
pub(super) type Traps = Vec<(Range<usize>, Trap)>;

/// The traps of one door.
pub(super) fn door_traps(door: &DoorDraft, traps: &mut Traps) {
    if let Some(Given { value: Some((sequence, spans)), .. }) = &door.sequence {
        sequence_traps(sequence, spans, traps);
    }
    match &door.flags {
        None => traps.push((door.header.clone(), Trap::NoFlags)),
        Some((Some(filter), span)) if takes_answers(*filter) => traps.push((span.clone(), Trap::SynWithoutAck)),
        Some(_) => {}
    }
    stop_traps(door, traps);
}

fn sequence_traps(sequence: &Sequence, spans: &[Range<usize>], traps: &mut Traps) {
    let ports = sequence.ports();
    // A sequence has a port, so it has a first and a last one.
    let whole = spans[0].start..spans[spans.len() - 1].end;
    if ports.len() < 3 {
        traps.push((whole.clone(), Trap::FewPorts(ports.len())));
    }
    if let Some(at) = ports.windows(2).position(|pair| pair[0] == pair[1]) {
        traps.push((spans[at + 1].clone(), Trap::RepeatedPort(ports[at])));
    }
    for (rises, step) in [(true, 1), (false, -1)] {
        let steps = |pair: &[Port]| {
            let (from, to) = (i32::from(pair[0].number.get()), i32::from(pair[1].number.get()));
            pair[0].protocol == pair[1].protocol && to - from == step
        };
        if ports.len() > 1 && ports.windows(2).all(steps) {
            traps.push((whole.clone(), Trap::Sweep { rises }));
        }
    }
}

/// Whether SYN passes and SYN+ACK does too, without being asked for.
fn takes_answers(filter: FlagFilter) -> bool {
    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;
    filter.set().0 & SYN != 0 && (filter.set().0 | filter.clear().0) & ACK == 0
}

fn stop_traps(door: &DoorDraft, traps: &mut Traps) {
    let runs = |command: Option<&Given<Vec<u8>>>| command.is_some_and(|given| given.value.is_some());
    let starts = runs(door.start.as_ref());
    let starts_6 = runs(door.start_6.as_ref().or(door.start.as_ref()));
    // IPv6 sources get `Stop_Command` too where `Stop_Command_6` is absent (CMD-3).
    let inherited = door.stop_6.is_none();
    let mut untimed = door.cmd_timeout.is_none();
    let mut judge = |stop: Option<&Given<Vec<u8>>>, directive, runs_ever: bool, idle: Option<&'static str>| {
        let Some(Given { key, value: Some(_) }) = stop else { return };
        if let Some(sources) = idle {
            traps.push((key.clone(), Trap::StopWithoutStart(directive, sources)));
        }
        if untimed && runs_ever {
            traps.push((key.clone(), Trap::StopWithoutTimeout(directive)));
            untimed = false;
        }
    };
    let idle = match (starts, starts_6) {
        (false, false) if inherited => Some("IPv4 and IPv6"),
        (false, _) => Some("IPv4"),
        // Beside a start command for IPv4 alone nothing is to run for IPv6: an empty `Start_Command_6` says so.
        (true, _) => None,
    };
    judge(door.stop.as_ref(), Directive::StopCommand, starts || inherited && starts_6, idle);
    judge(door.stop_6.as_ref(), Directive::StopCommand6, starts_6, (!starts_6).then_some("IPv6"));
}

/// The first line of a one-time file that would lose a digit to the mark, if there is one (ONCE-3).
///
/// `text` is the file's. The search ends at the first usable line that does not begin with a blank, so a file that is
/// written well is read once and only its lines that begin otherwise are parsed.
#[must_use]
pub fn one_time_trap(text: &[u8]) -> Option<Diagnostic> {
    let mut rest = Some(0..text.len());
    while let Some(left) = rest {
        let (line, after) = split(text, left, b'\n');
        rest = after;
        let first = text[line.clone()].first().copied().unwrap_or(b'#');
        if first != b'#' && !is_blank(first) && Sequence::parse(&text[line.clone()]).is_ok() {
            let line = trim(text, line);
            let trap = Trap::OneTimeMark(text[line.clone()].to_vec());
            return locate(text, vec![(line.start..line.start + 1, Problem::Trap(trap))]).pop();
        }
    }
    None
}
