//! Random doors and traffic that meets them: few ports, few clients and many coincidences.
//!
//! Doors and [`Step`]s are drawn independently of each other and only then worked out into packets, so that whatever
//! shrinks still is a case.

mod doors;

use std::net::IpAddr;

use proptest::{collection::vec, prelude::*, sample::Index, sample::select};

use knock_conformance::model::{Hit, Port, Protocol::Tcp};

use crate::scenario::{Case, Nanos, Packet, SECOND, Scenario};
use doors::{STRANGE_PORT, address, doors, locals, ports, protocols};

/// Scenarios of up to four doors and `steps` steps.
pub(crate) fn scenarios(steps: usize) -> impl Strategy<Value = Scenario> {
    let max_knocks = prop_oneof![3 => Just(1000_usize), 1 => 1..6_usize];
    (
        vec(doors(), 1..=4),
        locals(),
        max_knocks,
        (any::<bool>(), proptest::bool::weighted(0.1)),
        vec(self::steps(), 0..steps),
    )
        .prop_map(|(doors, (locals, loopback), max_knocks, (late, only_v4), steps)| {
            let numbered = doors.into_iter().enumerate().map(|(index, door)| door.numbered(index));
            let (doors, (sequences, files)) = numbered.unzip();
            let mut case = Case { doors, sequences, locals, loopback, only_v4, max_knocks, packets: Vec::new() };
            let mut traffic = Traffic {
                now: if late { 1_700_000_000 * SECOND } else { 0 },
                runs: vec![0; case.doors.len()],
                case: &mut case,
            };
            for step in steps {
                traffic.take(step);
            }
            Scenario { case, files }
        })
}

const SOURCES: [&str; 4] = ["10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"];
/// Sources that cannot be clients, some of them only at some interfaces, and the peer of a network of two, which can.
const IMPOSTORS: [&str; 15] = [
    "0.0.0.0",
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "10.0.0.255",
    "10.0.0.11",
    "10.0.1.9",
    "10.0.2.3",
    "127.0.0.1",
    "127.255.255.255",
    "10.0.0.9",
    "::",
    "::1",
    "ff02::1",
    "fd00::9",
];
const V4_DESTINATIONS: [&str; 7] =
    ["10.0.1.9", "192.0.2.7", "127.0.0.1", "10.0.0.255", "255.255.255.255", "224.0.0.5", "0.0.0.0"];
const V6_DESTINATIONS: [&str; 5] = ["2001:db8::7", "::1", "ff02::1", "fd00::2", "::"];

/// Something that happens on the network.
#[derive(Clone, Debug)]
enum Step {
    /// `count` neighbouring hits of a sequence of `door`, from the one at `from` on, by `who`; the first of them by
    /// each of `company` too.
    Run {
        when: When,
        gap: Nanos,
        door: Index,
        line: Option<Index>,
        from: usize,
        count: usize,
        who: Who,
        company: Vec<Who>,
    },
    /// A hit out of the blue.
    Hit { when: When, port: Port, who: Who },
    /// An earlier packet once more.
    /// An [`When::Edge`] counts from that packet, or from one of the few after it, which may have ended its knock.
    Again { when: When, which: Index, after: usize, redirected: bool },
    /// A frame that carries no hit.
    Noise { when: When },
}

/// How a hit comes to be what a port does not say.
#[derive(Clone, Debug)]
struct Who {
    source: IpAddr,
    source_port: u16,
    /// Which of the destinations; most are the first.
    destination: Option<Index>,
    flags: u8,
    /// A small TCP sequence number that others have too; else one of its own.
    sequence: Option<u32>,
}

/// When a packet comes.
#[derive(Clone, Debug)]
enum When {
    After(Nanos),
    Before(Nanos),
    /// Near the edge of a limit counted from an earlier packet: before, at or after it.
    Edge {
        packet: Index,
        limit: Index,
        nudge: i64,
    },
}

fn steps() -> impl Strategy<Value = Step> {
    let gap = select(vec![0, 1, 1_000_000, SECOND / 2, SECOND]);
    let from = prop_oneof![4 => Just(0_usize), 1 => 1..4_usize];
    let count = prop_oneof![3 => Just(4_usize), 2 => 1..4_usize];
    let line = proptest::option::weighted(0.2, any::<Index>());
    let company = prop_oneof![3 => Just(Vec::new()), 1 => vec(who(), 1..4)];
    let port = prop_oneof![3 => ports(), 1 => protocols().prop_map(|protocol| Port(STRANGE_PORT, protocol))];
    let after = prop_oneof![1 => Just(0_usize), 1 => 1..5_usize];
    prop_oneof![
        6 => (when(), gap, any::<Index>(), line, from, count, who(), company).prop_map(
            |(when, gap, door, line, from, count, who, company)| Step::Run {
                when, gap, door, line, from, count, who, company,
            }
        ),
        3 => (when(), port, who()).prop_map(|(when, port, who)| Step::Hit { when, port, who }),
        3 => (when(), any::<Index>(), after, proptest::bool::weighted(0.2))
            .prop_map(|(when, which, after, redirected)| Step::Again { when, which, after, redirected }),
        1 => when().prop_map(|when| Step::Noise { when }),
    ]
}

fn who() -> impl Strategy<Value = Who> {
    let source = prop_oneof![12 => select(&SOURCES[..]), 1 => select(&IMPOSTORS[..])].prop_map(address);
    let destination = proptest::option::weighted(0.15, any::<Index>());
    let flags = prop_oneof![4 => Just(0x02), 1 => select(vec![0x10, 0x12, 0x04, 0x14, 0, 0xc2, 0x11, 0x31, 0x3f])];
    let sequence = proptest::option::weighted(0.4, 0..2_u32);
    (source, 1000..1002_u16, destination, flags, sequence).prop_map(
        |(source, source_port, destination, flags, sequence)| Who { source, source_port, destination, flags, sequence },
    )
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        3 => select(vec![0, 1, 1_000_000, SECOND / 3]).prop_map(When::After),
        1 => select(vec![SECOND - 1, SECOND, 2 * SECOND, 20 * SECOND, 63 * SECOND, 200 * SECOND]).prop_map(When::After),
        1 => select(vec![1, SECOND, 30 * SECOND]).prop_map(When::Before),
        3 => (any::<Index>(), any::<Index>(), -1..=1_i64)
            .prop_map(|(packet, limit, nudge)| When::Edge { packet, limit, nudge }),
    ]
}

/// Steps worked out into the packets of `case`.
struct Traffic<'a> {
    case: &'a mut Case,
    now: Nanos,
    /// How many whole runs each door has been given: about the number of its one-time lines that are spent.
    runs: Vec<usize>,
}

impl Traffic<'_> {
    fn take(&mut self, step: Step) {
        match step {
            Step::Run { when, gap, door, line, from, count, who, company } => {
                let mut stamp = self.stamp(when);
                let target = door.get(&self.case.doors).target;
                let ports = self.run(door, line, from, count);
                for (who, &port) in company.iter().flat_map(|who| ports.first().map(|port| (who, port))) {
                    self.send(stamp, port, who, target);
                    stamp += gap;
                }
                for port in ports {
                    self.send(stamp, port, &who, target);
                    stamp += gap;
                }
            }
            Step::Hit { when, port, who } => {
                let stamp = self.stamp(when);
                self.send(stamp, port, &who, None);
            }
            Step::Again { when, which, after, redirected } => {
                if self.case.packets.is_empty() {
                    return;
                }
                let which = which.index(self.case.packets.len());
                let stamp = self.stamp_after(when, |_| which + after);
                let mut packet = self.case.packets[which].clone();
                packet.stamp = stamp;
                if let Some(hit) = &mut packet.hit
                    && redirected
                {
                    hit.destination = if hit.source.is_ipv4() { address("10.0.1.9") } else { address("2001:db8::7") };
                    hit.flags ^= if hit.port.1 == Tcp { 0x10 } else { 0 };
                }
                self.case.packets.push(packet);
            }
            Step::Noise { when } => {
                let stamp = self.stamp(when);
                self.case.packets.push(Packet { stamp, hit: None });
            }
        }
    }

    fn stamp(&mut self, when: When) -> Nanos {
        let packets = self.case.packets.len();
        self.stamp_after(when, |packet| packet.index(packets))
    }

    /// When the next packet comes, an edge being counted from the packet that `anchor` names, or the last.
    fn stamp_after(&mut self, when: When, anchor: impl Fn(Index) -> usize) -> Nanos {
        self.now = match (when, self.case.packets.last()) {
            (When::After(span), _) => self.now + span,
            (When::Before(span), _) => self.now.saturating_sub(span),
            (When::Edge { .. }, None) => self.now,
            (When::Edge { packet, limit, nudge }, Some(last)) => {
                let mut limits = vec![1, 64];
                limits.extend(self.case.doors.iter().flat_map(|door| [door.seq_timeout, door.cmd_timeout]));
                let anchor = self.case.packets.get(anchor(packet)).unwrap_or(last);
                (anchor.stamp + limit.get(&limits) * SECOND).saturating_add_signed(nudge)
            }
        };
        self.now
    }

    /// The ports of a run: of the chosen line, else of the one whose turn it probably is.
    fn run(&mut self, door: Index, line: Option<Index>, from: usize, count: usize) -> Vec<Port> {
        let door = door.index(self.case.doors.len());
        let sequences = &self.case.sequences[door];
        let Some(sequence) = sequences.get(line.map_or(self.runs[door], |line| line.index(sequences.len().max(1))))
        else {
            self.runs[door] = 0;
            return Vec::new();
        };
        let ports: Vec<Port> = sequence.iter().skip(from).take(count).copied().collect();
        if ports.len() == sequence.len() {
            self.runs[door] = (self.runs[door] + 1) % sequences.len();
        }
        ports
    }

    fn send(&mut self, stamp: Nanos, port: Port, who: &Who, target: Option<IpAddr>) {
        let target = target.filter(|target| target.is_ipv4() == who.source.is_ipv4());
        let destination = match (who.destination, who.source) {
            (None, IpAddr::V4(_)) => target.unwrap_or_else(|| address("10.0.0.9")),
            (None, IpAddr::V6(_)) => target.unwrap_or_else(|| address("fd00::9")),
            (Some(index), IpAddr::V4(_)) => address(index.get::<&str>(&V4_DESTINATIONS)),
            (Some(index), IpAddr::V6(_)) => address(index.get::<&str>(&V6_DESTINATIONS)),
        };
        let own_sequence = 1000 + u32::try_from(self.case.packets.len()).expect("a case has few packets");
        let tcp = port.1 == Tcp;
        let hit = Hit {
            source: who.source,
            source_port: who.source_port,
            destination,
            port,
            flags: if tcp { who.flags } else { 0 },
            sequence: if tcp { who.sequence.unwrap_or(own_sequence) } else { 0 },
        };
        self.now = stamp;
        self.case.packets.push(Packet { stamp, hit: Some(hit) });
    }
}
