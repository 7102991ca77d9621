//! Why each source failed at each door: its nearest miss and what spoiled it.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::IpAddr,
};

use knockd::{
    clause::Clause,
    engine::{Effect, Judged},
    event::{Event, Packet},
    knock::Verdict,
    port::Port,
    time::Instant,
    wire::Hit,
};

use super::{
    decision::Decision,
    timeline::{self, plural},
};
use crate::capture::Record;

/// What became of every source's knocks at every door.
#[derive(Debug, Default)]
pub(super) struct Misses(BTreeMap<(IpAddr, u32), Trail>);

/// One source's knocks at one door.
#[derive(Debug)]
pub(super) struct Trail {
    /// The source.
    pub(super) source: IpAddr,
    /// The door's index.
    pub(super) door: u32,
    opened: u64,
    failed: u64,
    live: Option<Live>,
    nearest: Option<Miss>,
}

/// A knock in progress.
#[derive(Clone, Debug)]
struct Live {
    knock: u64,
    begun: Instant,
    next: Option<Port>,
    ports: u8,
    /// Hits on the next port that did not count.
    uncounted: Vec<(u64, Clause)>,
}

/// A knock that failed.
#[derive(Debug)]
struct Miss {
    live: Live,
    stage: u8,
    why: Why,
}

#[derive(Debug)]
enum Why {
    /// This packet was a wrong hit.
    Spoiled { packet: u64, hit: Hit },
    /// Time was up, and this packet, a right one, came after that.
    TimedOut { due: Instant, late: Option<(u64, Instant)>, fine: bool },
    /// It was discarded for another reason, at this packet.
    Discarded { packet: Option<u64>, clause: Clause },
}

impl Misses {
    /// Hears a judgement.
    pub(super) fn judged(&mut self, record: &Record<'_>, judged: &Judged) {
        let key = (judged.hit.source, judged.door);
        if let Verdict::Discards | Verdict::Restarts = judged.verdict
            && let Some(trail) = self.0.get_mut(&key)
        {
            trail.miss(judged.before.0, Why::Spoiled { packet: record.number, hit: judged.hit });
        }
        let new =
            || Trail { source: judged.hit.source, door: judged.door, opened: 0, failed: 0, live: None, nearest: None };
        match judged.verdict {
            Verdict::Begins | Verdict::Restarts | Verdict::Advances => {
                let trail = self.0.entry(key).or_insert_with(new);
                let begun = match (&trail.live, judged.verdict) {
                    (Some(live), Verdict::Advances) => live.begun,
                    _ => record.at,
                };
                let knock = judged.after.1.unwrap_or_default();
                let ports = judged.ports;
                trail.live = Some(Live { knock, begun, next: judged.next, ports, uncounted: Vec::new() });
            }
            Verdict::Completes => self.0.entry(key).or_insert_with(new).live = None,
            Verdict::Elsewhere | Verdict::FlagsDiffer | Verdict::UdpNotCounted | Verdict::Repeats => {
                if let Some(live) = self.0.get_mut(&key).and_then(|trail| trail.live.as_mut())
                    && live.next.is_some_and(|next| is(&judged.hit, next))
                {
                    live.uncounted.push((record.number, judged.verdict.clause()));
                }
            }
            Verdict::NothingToSpoil => {
                if let Some(trail) = self.0.get_mut(&key) {
                    trail.came_late(record, &judged.hit);
                }
            }
            Verdict::PortIgnored | Verdict::DoorDisabled(_) | Verdict::Discards => {}
        }
    }

    /// Hears a decision.
    pub(super) fn decided(&mut self, decision: &Decision) {
        let (Some((source, _)), Some(door)) = (decision.knocker(), decision.door()) else { return };
        let Some(trail) = self.0.get_mut(&(source, door.index)) else { return };
        match (&decision.effect, decision.at) {
            (Effect::Log(Event::Opened { .. }), _) => trail.opened += 1,
            (Effect::Log(Event::TimedOut { stage, .. }), Some(due)) => {
                trail.miss(*stage, Why::TimedOut { due, late: None, fine: false });
            }
            // A wrong hit was heard of as a judgement, which knows the packet.
            (Effect::Log(Event::Discarded { clause: Clause::Seq3, .. }), _) => {}
            (Effect::Log(Event::Discarded { stage, clause, .. }), _) => {
                trail.miss(*stage, Why::Discarded { packet: decision.packet, clause: *clause });
            }
            _ => {}
        }
    }

    /// The sources that have failed or opened, with the doors.
    pub(super) fn trails(&self) -> impl Iterator<Item = &Trail> {
        self.0.values()
    }
}

impl Trail {
    /// The knock in progress failed; of two that came equally far the later one is told.
    fn miss(&mut self, stage: u8, why: Why) {
        let Some(live) = self.live.take() else { return };
        self.failed += 1;
        if self.nearest.as_ref().is_none_or(|nearest| stage >= nearest.stage) {
            self.nearest = Some(Miss { live, stage, why });
        }
    }

    fn came_late(&mut self, record: &Record<'_>, hit: &Hit) {
        if let Some(Miss { live: Live { next: Some(next), .. }, why: Why::TimedOut { late, fine, .. }, .. }) =
            &mut self.nearest
            && late.is_none()
            && is(hit, *next)
        {
            *late = Some((record.number, record.at));
            *fine = record.fine;
        }
    }

    /// Writes what became of the knocks.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub(super) fn write(&self, out: &mut impl Write, door: &str) -> io::Result<()> {
        let opened = match self.opened {
            0 => "never opened".to_owned(),
            count => format!("opened {}", plural(count, "time")),
        };
        let source = self.source;
        let Some(Miss { live, stage, why }) = &self.nearest else {
            return writeln!(out, "{source} at {door}: {opened}");
        };
        writeln!(out, "{source} at {door}: {opened}, failed {}", plural(self.failed, "time"))?;
        let next = live.next.map_or_else(|| "the next port".to_owned(), |port| port.to_string());
        write!(out, "    nearest miss: knock {} got {stage} of {} hits right, ", live.knock, live.ports)?;
        let clause = match why {
            Why::Spoiled { packet, hit } => {
                writeln!(out, "then packet #{packet} spoiled it: {next} was expected, and it hit {}", Packet(hit))?;
                Clause::Seq3
            }
            Why::TimedOut { due, late, fine } => {
                let allowed = due.as_nanos().saturating_sub(live.begun.as_nanos());
                write!(out, "then its {} s were over at {}: ", seconds(allowed), timeline::time(*due, *fine))?;
                match late {
                    Some((packet, at)) => {
                        let late = at.as_nanos().saturating_sub(due.as_nanos());
                        writeln!(out, "packet #{packet} hit {next} {} s too late", seconds(late))?;
                    }
                    None => writeln!(out, "{next} was not hit in time")?,
                }
                Clause::Time1
            }
            Why::Discarded { packet: Some(packet), clause } => {
                writeln!(out, "then it was discarded at packet #{packet}")?;
                *clause
            }
            Why::Discarded { packet: None, clause } => {
                writeln!(out, "then it was discarded")?;
                *clause
            }
        };
        writeln!(out, "    {clause}: {}", clause.sentence())?;
        for (packet, clause) in &live.uncounted {
            writeln!(out, "    packet #{packet} had hit {next}, but did not count: {clause}: {}", clause.sentence())?;
        }
        Ok(())
    }
}

fn is(hit: &Hit, port: Port) -> bool {
    hit.port == port.number.get() && hit.protocol == port.protocol
}

/// Nanoseconds as seconds, without needless digits.
fn seconds(nanos: u64) -> String {
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
