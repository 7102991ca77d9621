//! Why each source failed at each door: its nearest miss and what spoiled it.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::IpAddr,
};

use knockd::{
    clause::Clause,
    config::Door,
    engine::{Effect, Judged},
    event::Event,
    knock::Verdict,
    port::Port,
    time::Instant,
    wire::Hit,
};

use super::{
    decision::Decision,
    timeline::{self, bold},
    words::{self, Cited, is},
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
    /// Whether no other knock has begun since the nearest miss: hits that come now may be its missing ones.
    fresh: bool,
}

/// A knock in progress.
#[derive(Clone, Debug)]
struct Live {
    knock: u64,
    begun: Instant,
    /// The packets that counted, and what each of them hit.
    counted: Vec<(u64, String)>,
    next: Option<Port>,
    ports: u8,
    /// Hits on the next port that did not count, and why not.
    uncounted: Vec<(u64, Clause, String)>,
}

/// A knock that failed.
#[derive(Debug)]
struct Miss {
    live: Live,
    stage: u8,
    why: Why,
    at: Instant,
    /// The first hit on the missing port that came when it was too late.
    late: Option<(u64, Instant)>,
    fine: bool,
}

#[derive(Debug)]
enum Why {
    /// This packet was a wrong hit.
    Spoiled { packet: u64, hit: Hit },
    /// Time was up.
    TimedOut,
    /// It was discarded for another reason, at this packet.
    Discarded { packet: Option<u64>, clause: Clause },
}

impl Misses {
    /// Hears a judgement of `door`'s.
    pub(super) fn judged(&mut self, record: &Record<'_>, judged: &Judged, door: &Door) {
        let key = (judged.hit.source, judged.door);
        if let Verdict::Discards | Verdict::Restarts = judged.verdict
            && let Some(trail) = self.0.get_mut(&key)
        {
            let why = Why::Spoiled { packet: record.number, hit: judged.hit };
            trail.miss(judged.before.0, why, record.at, record.fine);
        }
        match judged.verdict {
            Verdict::Begins | Verdict::Restarts | Verdict::Advances => {
                self.0.entry(key).or_insert_with(|| Trail::new(judged)).counts(record, judged);
            }
            Verdict::Completes => self.0.entry(key).or_insert_with(|| Trail::new(judged)).live = None,
            Verdict::Elsewhere | Verdict::FlagsDiffer | Verdict::UdpNotCounted | Verdict::Repeats => {
                if let Some(live) = self.0.get_mut(&key).and_then(|trail| trail.live.as_mut())
                    && live.next.is_some_and(|next| is(&judged.hit, next))
                {
                    let why = words::verdict(judged, door);
                    live.uncounted.push((record.number, judged.verdict.clause(), why));
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
    pub(super) fn decided(&mut self, decision: &Decision, fine: bool) {
        let (Some((source, _)), Some(door)) = (decision.knocker(), decision.door()) else { return };
        let Some(trail) = self.0.get_mut(&(source, door.index)) else { return };
        let at = decision.at.unwrap_or_default();
        match &decision.effect {
            Effect::Log(Event::Opened { .. }) => trail.opened += 1,
            Effect::Log(Event::TimedOut { stage, .. }) => trail.miss(*stage, Why::TimedOut, at, fine),
            // A wrong hit was heard of as a judgement, which knows the packet.
            Effect::Log(Event::Discarded { clause: Clause::Seq3, .. }) => {}
            Effect::Log(Event::Discarded { stage, clause, .. }) => {
                trail.miss(*stage, Why::Discarded { packet: decision.packet, clause: *clause }, at, fine);
            }
            Effect::Log(_) | Effect::Run(_) | Effect::Spend(_) | Effect::Exit(_) => {}
        }
    }

    /// The sources that began or opened, with the doors.
    pub(super) fn trails(&self) -> impl Iterator<Item = &Trail> {
        self.0.values()
    }

    /// Whether `source` began a knock, at `door` or, without one, anywhere.
    pub(super) fn knows(&self, source: IpAddr, door: Option<u32>) -> bool {
        match door {
            Some(door) => self.0.contains_key(&(source, door)),
            None => self.0.range((source, 0)..=(source, u32::MAX)).next().is_some(),
        }
    }
}

impl Trail {
    fn new(judged: &Judged) -> Self {
        let (source, door) = (judged.hit.source, judged.door);
        Self { source, door, opened: 0, failed: 0, live: None, nearest: None, fresh: false }
    }

    /// A hit that counts.
    fn counts(&mut self, record: &Record<'_>, judged: &Judged) {
        let Judged { ports, next, .. } = *judged;
        let begins = judged.verdict != Verdict::Advances;
        let earlier = self.live.take().filter(|_| !begins);
        let mut live = earlier.unwrap_or_else(|| Live {
            knock: judged.after.1.unwrap_or_default(),
            begun: record.at,
            counted: Vec::new(),
            next,
            ports,
            uncounted: Vec::new(),
        });
        live.counted.push((record.number, words::port(&judged.hit)));
        live.next = next;
        live.uncounted.clear();
        self.live = Some(live);
        self.fresh &= !begins;
    }

    /// The knock in progress failed; of two that came equally far the later one is told.
    fn miss(&mut self, stage: u8, why: Why, at: Instant, fine: bool) {
        let Some(live) = self.live.take() else { return };
        self.failed += 1;
        if self.nearest.as_ref().is_none_or(|nearest| stage >= nearest.stage) {
            self.nearest = Some(Miss { live, stage, why, at, late: None, fine });
            self.fresh = true;
        }
    }

    fn came_late(&mut self, record: &Record<'_>, hit: &Hit) {
        if let Some(Miss { live: Live { next: Some(next), .. }, late, .. }) = &mut self.nearest
            && self.fresh
            && late.is_none()
            && is(hit, *next)
        {
            *late = Some((record.number, record.at));
        }
    }

    /// Writes what became of the knocks at `door`.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub(super) fn write(&self, out: &mut impl Write, door: &Door, cited: &mut Cited) -> io::Result<()> {
        let bold = bold();
        let opened = match self.opened {
            0 => "never opened".to_owned(),
            count => format!("opened {}", times(count)),
        };
        let failed = match self.failed {
            0 => String::new(),
            count => format!(", failed {}", times(count)),
        };
        writeln!(out, "{bold}{} at {}{bold:#}: {opened}{failed}", self.source, door.name)?;
        if let Some(miss) = &self.nearest {
            miss.write(out, door, cited)?;
        }
        if let Some(live) = &self.live {
            let next = live.next();
            writeln!(out, "    where the capture breaks off, {}, and {next} was due", live.progress())?;
        }
        Ok(())
    }
}

impl Miss {
    fn write(&self, out: &mut impl Write, door: &Door, cited: &mut Cited) -> io::Result<()> {
        let Self { live, stage, why, at, late, fine } = self;
        let next = live.next();
        writeln!(out, "    nearest miss: {}, and {next} was due", live.progress())?;
        let moment = timeline::time(*at, *fine);
        let clause = match why {
            Why::Spoiled { packet, hit } => {
                let clause = Clause::Seq3;
                writeln!(out, "    packet #{packet} spoiled it ({clause}): {}", words::packet(hit))?;
                clause
            }
            Why::TimedOut => {
                let clause = Clause::Time1;
                let allowed = seconds(at.as_nanos().saturating_sub(live.begun.as_nanos()));
                let first = live.counted.first().map_or(0, |(packet, _)| *packet);
                writeln!(out, "    time was up ({clause}) at {moment}, {allowed} s after packet #{first}")?;
                clause
            }
            Why::Discarded { packet, clause } => {
                let packet = packet.map_or_else(String::new, |packet| format!(" with packet #{packet}"));
                writeln!(out, "    it was discarded ({clause}) at {moment}{packet}")?;
                *clause
            }
        };
        cited.cite(out, 4, clause)?;
        match (late, why) {
            (Some((packet, late)), _) => {
                let late = seconds(late.as_nanos().saturating_sub(at.as_nanos()));
                writeln!(out, "    packet #{packet} hit {next} {late} s after that, too late")?;
            }
            (None, Why::TimedOut) => writeln!(out, "    no later packet hit {next}")?,
            (None, Why::Spoiled { .. } | Why::Discarded { .. }) => {}
        }
        for (packet, clause, why) in &live.uncounted {
            words::wrapped(out, 4, &format!("packet #{packet} had hit {next} but did not count ({clause}): {why}"))?;
            cited.cite(out, 4, *clause)?;
        }
        if let Why::Spoiled { hit, .. } = why
            && live.uncounted.is_empty()
            && let Some(hint) = words::hint(hit, door, *stage, live.next, late.is_some())
        {
            words::wrapped(out, 4, &format!("hint: {hint}"))?;
        }
        Ok(())
    }
}

impl Live {
    /// `knock 2 got 2 of 3 hits right (#3 7000, #5 8000)`
    fn progress(&self) -> String {
        let Self { knock, counted, ports, .. } = self;
        let hits: Vec<String> = counted.iter().map(|(packet, port)| format!("#{packet} {port}")).collect();
        format!("knock {knock} got {} of {ports} hits right ({})", counted.len(), hits.join(", "))
    }

    fn next(&self) -> String {
        self.next.map_or_else(|| "the next port".to_owned(), |port| port.to_string())
    }
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        count => timeline::plural(count, "time"),
    }
}

/// Nanoseconds as seconds, without needless digits.
fn seconds(nanos: u64) -> String {
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
