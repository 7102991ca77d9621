//! Why each source failed at each door: its nearest miss and what spoiled it.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::IpAddr,
};

use knockd::{
    clause::Clause,
    config::Door,
    engine::{Effect, Judged, Unseen},
    event::Event,
    knock::Verdict,
    port::Protocol,
    time::Instant,
    wire::Hit,
};

use super::{
    decision::Decision,
    miss::{Live, Miss, Stray, Why, times},
    timeline::bold,
    words::{self, Cited},
};
use crate::capture::Record;
/// What became of every source's knocks at every door.
#[derive(Debug, Default)]
pub(super) struct Misses {
    trails: BTreeMap<(IpAddr, u32), Trail>,
    /// By door, port and whether it is UDP: the latest hit of a source that had no knock at the door.
    strays: BTreeMap<(u32, u16, bool), Stray>,
}

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

impl Misses {
    /// Hears a judgement of `door`'s.
    pub(super) fn judged(&mut self, record: &Record<'_>, judged: &Judged, door: &Door) {
        let key = (judged.hit.source, judged.door);
        if let Verdict::Discards | Verdict::Restarts = judged.verdict
            && let Some(trail) = self.trails.get_mut(&key)
        {
            let why = Why::Spoiled { packet: record.number, hit: judged.hit };
            trail.miss(judged.before.0, why, record.at, record.fine, &self.strays);
        }
        match judged.verdict {
            Verdict::Begins | Verdict::Restarts | Verdict::Advances => {
                self.trails.entry(key).or_insert_with(|| Trail::new(judged)).counts(record, judged);
            }
            Verdict::Completes => self.trails.entry(key).or_insert_with(|| Trail::new(judged)).live = None,
            Verdict::Elsewhere | Verdict::FlagsDiffer | Verdict::UdpNotCounted | Verdict::Repeats => {
                if let Some(live) = self.trails.get_mut(&key).and_then(|trail| trail.live.as_mut()) {
                    live.not_counted(record.number, judged, door);
                }
            }
            Verdict::NothingToSpoil => {
                let hit = &judged.hit;
                if words::may_be_in(door, hit) {
                    let stray = Stray { packet: record.number, source: hit.source };
                    self.strays.insert((judged.door, hit.port, hit.protocol == Protocol::Udp), stray);
                }
                if let Some(trail) = self.trails.get_mut(&key) {
                    trail.came_late(record, hit);
                }
            }
            Verdict::PortIgnored | Verdict::DoorDisabled(_) | Verdict::Discards => {}
        }
    }

    /// Hears that packet `number` of `source` could not be read.
    pub(super) fn unread(&mut self, number: u64, source: IpAddr, why: &Unseen) {
        for (_, trail) in self.trails.range_mut((source, 0)..=(source, u32::MAX)) {
            if let Some(live) = &mut trail.live {
                let clause = why.clause();
                let why = words::unseen(why);
                live.remember(clause, format!("packet #{number} of this source could not be read ({clause}): {why}"));
            }
        }
    }

    /// Hears a decision.
    pub(super) fn decided(&mut self, decision: &Decision, fine: bool) {
        let (Some((source, _)), Some(door)) = (decision.knocker(), decision.door()) else { return };
        let Some(trail) = self.trails.get_mut(&(source, door.index)) else { return };
        let at = decision.at.unwrap_or_default();
        match &decision.effect {
            Effect::Log(Event::Opened { .. }) => trail.opened += 1,
            Effect::Log(Event::TimedOut { stage, .. }) => trail.miss(*stage, Why::TimedOut, at, fine, &self.strays),
            // A wrong hit was heard of as a judgement, which knows the packet.
            Effect::Log(Event::Discarded { clause: Clause::Seq3, .. }) => {}
            Effect::Log(Event::Discarded { stage, clause, .. }) => {
                let why = Why::Discarded { packet: decision.packet, clause: *clause };
                trail.miss(*stage, why, at, fine, &self.strays);
            }
            Effect::Log(_) | Effect::Run(_) | Effect::Spend(_) | Effect::Exit(_) => {}
        }
    }

    /// The sources that began or opened, with the doors.
    pub(super) fn trails(&self) -> impl Iterator<Item = &Trail> {
        self.trails.values()
    }

    /// Whether `source` began a knock, at `door` or, without one, anywhere.
    pub(super) fn knows(&self, source: IpAddr, door: Option<u32>) -> bool {
        match door {
            Some(door) => self.trails.contains_key(&(source, door)),
            None => self.trails.range((source, 0)..=(source, u32::MAX)).next().is_some(),
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
            stray: None,
        });
        live.counted.push((record.number, words::port(&judged.hit)));
        live.next = next;
        live.uncounted.clear();
        self.live = Some(live);
        self.fresh &= !begins;
    }

    /// The knock in progress failed; of two that came equally far the later one is told.
    fn miss(&mut self, stage: u8, why: Why, at: Instant, fine: bool, strays: &BTreeMap<(u32, u16, bool), Stray>) {
        let Some(mut live) = self.live.take() else { return };
        self.failed += 1;
        let last = live.counted.last().map_or(0, |(packet, _)| *packet);
        live.stray = live
            .next
            .and_then(|next| strays.get(&(self.door, next.number.get(), next.protocol == Protocol::Udp)))
            .filter(|stray| stray.packet > last && stray.source != self.source)
            .copied();
        if self.nearest.as_ref().is_none_or(|nearest| stage >= nearest.stage) {
            self.nearest = Some(Miss { live, stage, why, at, late: None, fine });
            self.fresh = true;
        }
    }

    fn came_late(&mut self, record: &Record<'_>, hit: &Hit) {
        if let Some(Miss { live: Live { next: Some(next), .. }, late, .. }) = &mut self.nearest
            && self.fresh
            && late.is_none()
            && hit.is_on(*next)
        {
            *late = Some((record.number, record.at));
        }
    }

    /// Whether the door opened.
    pub(super) fn opened(&self) -> bool {
        self.opened > 0
    }

    /// Writes what became of the knocks at `door`; `early` is a packet of the source that hit a port of the sequence
    /// while there was no knock.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub(super) fn write(
        &self,
        out: &mut impl Write,
        door: &Door,
        cited: &mut Cited,
        early: Option<(u64, &str)>,
    ) -> io::Result<()> {
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
            miss.write(out, door, cited, early)?;
        }
        if let Some(live) = &self.live {
            let next = live.next();
            writeln!(out, "    where the capture breaks off, {}, and {next} was due", live.progress())?;
        }
        Ok(())
    }
}
