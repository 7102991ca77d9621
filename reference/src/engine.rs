//! The state machine: inputs in, effects out, in order; it dispatches, and the rules stand elsewhere.
//!
//! Where to read on: `engine/boundary.rs` has what goes in and out, [`crate::knock`] judges a hit, [`crate::one_time`] reads sequences, [`crate::job`] keeps commands.

mod boundary;
mod burst;
mod door;
mod first;
mod foresight;
mod marks;
mod reload;
mod setup;
mod watch;

use std::{cell::Cell, collections::VecDeque};

pub use self::{
    boundary::{Effect, Effects, Input, Reason, Spend, SpendId},
    setup::{Doors, Limits, LoadError, Local, Locals, NotAClient, OneTimeFile, Setup},
    watch::{Judged, Unseen, Watch},
};
use self::{
    burst::Burst,
    door::{Door, InFlight},
    first::FirstPorts,
    setup::Addresses,
};
use crate::{
    clause::Clause,
    deadlines::Deadlines,
    event::{Event, Who},
    job::{Ended, Exit, JobId, Jobs},
    knock::Verdict,
    knocks::{Counted, KnockId, Knocks, Seen},
    repeats::Repeats,
    time::Instant,
    wire::{self, Frame, Glance, Hit, Link},
};

/// The daemon, without a world. See the crate's documentation for the loop around it.
#[derive(Debug)]
pub struct Engine {
    doors: Vec<Door>,
    first: FirstPorts,
    addresses: Addresses,
    limits: Limits,
    only_v4: bool,
    knocks: Knocks,
    /// How many of the next hits need not be fetched any more, as far as is known.
    foretold: Cell<usize>,
    repeats: Repeats,
    deadlines: Deadlines,
    jobs: Jobs,
    /// The latest moment told (TIME-2).
    now: Instant,
    /// When something is due, and what; [`Instant::MAX`] for never.
    next_due: Instant,
    next_reason: Reason,
    next_knock: u64,
    next_spend: u64,
    crowded: Burst,
    busy: Burst,
    quitting: bool,
    /// Marks that are being written for doors that a reload took away.
    orphans: Vec<InFlight>,
    out: VecDeque<Effect>,
    /// Doors to be judged for the hit at hand, with the source's knock there; kept for its memory.
    candidates: Vec<(u32, Option<KnockId>)>,
}

impl Engine {
    /// An engine at the origin of time, and what it has to say before the first input: lines that are passed over
    /// (ONCE-2) and doors that are disabled from the start (ONCE-7).
    #[must_use]
    pub fn start(setup: Setup) -> (Self, Vec<Effect>) {
        let Setup { doors, locals, limits, only_v4, seed } = setup;
        let limits = Limits { knocks: limits.knocks.max(1), waiting_starts: limits.waiting_starts.max(1), ..limits };
        let mut out = VecDeque::new();
        let doors = Door::all(doors, |event| out.push_back(Effect::Log(event)));
        let mut engine = Self {
            first: first_ports(&doors),
            addresses: Addresses::new(&locals),
            knocks: Knocks::new(doors.len(), seed),
            foretold: Cell::new(0),
            repeats: Repeats::new(limits.knocks, seed),
            deadlines: Deadlines::new(doors.len()),
            jobs: Jobs::new(limits.running_commands),
            doors,
            limits,
            only_v4,
            now: Instant::default(),
            next_due: Instant::MAX,
            next_reason: Reason::SequenceTimeout,
            next_knock: 1,
            next_spend: 1,
            crowded: Burst::default(),
            busy: Burst::default(),
            quitting: false,
            orphans: Vec::new(),
            out,
            candidates: Vec::new(),
        };
        let effects = engine.out.drain(..).collect();
        (engine, effects)
    }

    /// Feeds one input that happened at `at`; carry out the effects in order, then feed the next.
    ///
    /// A moment earlier than the latest one counts as the latest. What is due by then comes before the input (TIME-2).
    #[inline]
    pub fn handle(&mut self, at: Instant, input: Input<'_>) -> Effects<'_> {
        self.handle_watched(at, input, &mut ())
    }

    /// [`Engine::handle`], with `watch` told of every judgement.
    #[inline]
    pub fn handle_watched<W: Watch>(&mut self, at: Instant, input: Input<'_>, watch: &mut W) -> Effects<'_> {
        match input {
            Input::Frame { frame, loopback } => self.handle_frame(at, frame, loopback, watch),
            input @ (Input::Exited { .. }
            | Input::Spent { .. }
            | Input::Timeout
            | Input::Addresses(_)
            | Input::Reload(_)
            | Input::Quit) => {
                self.advance(at);
                self.other(input);
                Effects(&mut self.out)
            }
        }
    }

    /// [`Engine::handle_watched`] for an [`Input::Frame`], whose parts then stay in registers: a frame that interests no
    /// door takes a few nanoseconds. Always inline for the same reason.
    #[inline(always)]
    pub fn handle_frame<W: Watch>(
        &mut self,
        at: Instant,
        frame: Frame<'_>,
        loopback: bool,
        watch: &mut W,
    ) -> Effects<'_> {
        self.advance(at);
        // Most traffic ends here: no door begins with its port, and its source has no knock to spoil.
        let dull = !W::EVERY
            && wire::glance(frame).is_some_and(|Glance { source, port, protocol }| {
                !self.first.contains(port, protocol) && !self.knocks.may_be_of(&source.into())
            });
        if !dull {
            self.frame(frame.link, frame.bytes, frame.original_len, loopback, watch);
        }
        Effects(&mut self.out)
    }

    /// The latest moment that it was told of (TIME-2).
    #[must_use]
    #[inline]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Whether the engine must hear [`Input::Timeout`] before anything that happened at `at`.
    #[must_use]
    #[inline]
    pub fn is_due(&self, at: Instant) -> bool {
        self.next_due <= at && self.next_due != Instant::MAX
    }

    /// When the engine must next hear [`Input::Timeout`], and why; `None` while nothing is pending.
    #[must_use]
    #[inline]
    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        (self.next_due != Instant::MAX).then_some((self.next_due, self.next_reason))
    }

    /// How many knocks are half-finished.
    #[must_use]
    pub fn knocks(&self) -> usize {
        self.knocks.len()
    }

    /// How many stored knocks were looked at since the start: a measure of work that does not depend on the machine.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.knocks.touched()
    }

    #[inline(always)]
    fn advance(&mut self, at: Instant) {
        self.now = self.now.max(at);
        if self.now >= self.next_due {
            self.fire_due();
        }
    }

    /// A frame that may matter. Takes it in parts: by reference it would be written to memory for every frame.
    #[inline(never)]
    fn frame<W: Watch>(&mut self, link: Link, bytes: &[u8], original_len: usize, loopback: bool, watch: &mut W) {
        let frame = Frame { link, bytes, original_len };
        match wire::decode(frame) {
            Ok(hit) => {
                let is_first = self.first.contains(hit.port, hit.protocol);
                if W::EVERY || is_first || self.knocks.may_be_of(&hit.source) {
                    self.fetch(&hit);
                    if W::EVERY || is_first || self.knocks.any_of(&hit.source) {
                        self.hit(&hit, loopback || frame.tells_loopback(), watch);
                    }
                }
            }
            Err(why) => watch.no_hit(&Unseen::NoHit(why)),
        }
    }

    fn hit<W: Watch>(&mut self, hit: &Hit, loopback: bool, watch: &mut W) {
        if self.quitting {
            return;
        }
        if self.only_v4 && hit.source.is_ipv6() {
            return watch.no_hit(&Unseen::OnlyV4(*hit));
        }
        if let Some(why) = self.addresses.refuses(hit, loopback) {
            return watch.no_hit(&Unseen::Source(*hit, why));
        }
        let local = self.addresses.is_local(hit.destination);
        let mut candidates = std::mem::take(&mut self.candidates);
        self.find_candidates::<W>(hit, &mut candidates);
        for place in 0..candidates.len() {
            let (door, knock) = candidates[place];
            let before = knock.map_or((0, None), |id| standing(self.knocks.seen(id)));
            let (expected, ports) =
                if W::EVERY { self.doors[door as usize].rules.expects(before.0) } else { (None, 0) };
            let verdict = self.doors[door as usize].rules.judge(hit, local, before.0, || {
                knock.is_some_and(|id| self.knocks.repeats(id, hit)) || self.repeats.knows(door, hit, self.now)
            });
            self.apply(hit, door, knock, verdict, |dropped| {
                // A knock that made room for a newcomer may be one that this very hit has yet to reach.
                let gone = candidates.iter_mut().find(|candidate| candidate.1 == Some(dropped));
                if let Some(candidate) = gone {
                    candidate.1 = None;
                }
            });
            if W::EVERY {
                let after = self.knocks.find(&hit.source, door).map_or((0, None), |id| standing(self.knocks.seen(id)));
                let next = after.1.and_then(|_| self.doors[door as usize].rules.expects(after.0).0);
                watch.judged(&Judged { hit: *hit, door, verdict, before, after, expected, ports, next });
            }
        }
        candidates.clear();
        self.candidates = candidates;
        self.set_next_due();
    }

    /// The doors that this hit may change, in order: those where its source has a knock, and those that begin with it.
    fn find_candidates<W: Watch>(&self, hit: &Hit, candidates: &mut Vec<(u32, Option<KnockId>)>) {
        let mut knocks = self.knocks.of_source(&hit.source).map(|id| (self.knocks.seen(id).door, Some(id))).peekable();
        let others: &mut dyn Iterator<Item = u32> =
            if W::EVERY { &mut (0..door_index(self.doors.len())) } else { &mut self.first.doors(hit) };
        for door in others {
            while let Some(knock) = knocks.next_if(|knock| knock.0 < door) {
                candidates.push(knock);
            }
            candidates.push(knocks.next_if(|knock| knock.0 == door).unwrap_or((door, None)));
        }
        candidates.extend(knocks);
    }

    fn apply(&mut self, hit: &Hit, door: u32, knock: Option<KnockId>, verdict: Verdict, dropped: impl FnMut(KnockId)) {
        match (verdict, knock) {
            (Verdict::Begins, _) => self.begin(hit, door, dropped),
            (Verdict::Advances, Some(id)) => {
                let stage = self.knocks.advance(id, Counted::new(hit, self.now));
                let who = self.who(self.knocks.seen(id));
                self.log(Event::Stage { who, stage });
            }
            (Verdict::Completes, _) => self.complete(hit, door, knock),
            (Verdict::Discards, Some(id)) => self.discard(id, Clause::Seq3, Some(*hit)),
            (Verdict::Restarts, Some(id)) => {
                self.discard(id, Clause::Seq3, Some(*hit));
                self.begin(hit, door, dropped);
            }
            // Without a knock there is nothing to advance or to discard: the rules never say so.
            (Verdict::Advances | Verdict::Discards | Verdict::Restarts, None)
            | (
                Verdict::Elsewhere
                | Verdict::FlagsDiffer
                | Verdict::UdpNotCounted
                | Verdict::PortIgnored
                | Verdict::DoorDisabled(_)
                | Verdict::Repeats
                | Verdict::NothingToSpoil,
                _,
            ) => {}
        }
    }

    fn begin(&mut self, hit: &Hit, door: u32, mut dropped: impl FnMut(KnockId)) {
        let number = self.number_knock();
        let id = self.knocks.begin(hit.source, door, number, Counted::new(hit, self.now));
        self.set_deadline(door);
        let who = self.who(self.knocks.seen(id));
        self.log(Event::Stage { who, stage: 1 });
        if self.knocks.len() <= self.limits.knocks {
            return;
        }
        if self.crowded.starts(self.now) {
            self.log(Event::Crowded { bound: self.limits.knocks });
        }
        // The newcomer itself is at stage 1, so there is one to drop: strangers never displace a knock that got further.
        if let Some(oldest) = self.knocks.oldest_at_stage_1() {
            dropped(oldest);
            self.discard(oldest, Clause::Seq10, None);
        }
    }

    /// The last hit of a knock, which at a door of one port is also the first.
    fn complete(&mut self, hit: &Hit, door: u32, knock: Option<KnockId>) {
        let now = self.now;
        let last = Counted::new(hit, now);
        let (source, seen) = match knock {
            Some(id) => (hit.source, self.end(id, Some(now))),
            None => {
                let number = self.number_knock();
                (hit.source, Seen { source: hit.source, door, number, stage: 0 })
            }
        };
        self.repeats.remember(source, door, last, Some(now), now);
        let who = self.who(seen);
        self.log(Event::Stage { who: who.clone(), stage: seen.stage + 1 });
        let waiting = self.jobs.waiting_starts() + self.doors.iter().map(|door| door.triggers.len()).sum::<usize>();
        if waiting >= self.limits.waiting_starts {
            if self.busy.starts(now) {
                self.log(Event::Busy { bound: self.limits.waiting_starts });
            }
        } else if self.doors[door as usize].one_time.is_some() {
            self.trigger(who);
        } else {
            self.open(who);
        }
    }

    fn open(&mut self, who: Who) {
        self.log(Event::Opened { who: who.clone() });
        self.jobs.open(who);
        self.run_commands();
    }

    fn run_commands(&mut self) {
        while let Some(run) = self.jobs.next_to_run() {
            self.log(Event::Running { who: run.who.clone(), command: run.command.clone() });
            self.out.push_back(Effect::Run(run));
        }
        if self.quitting && self.jobs.is_idle() {
            self.out.push_back(Effect::Exit(0));
        }
    }

    #[inline(never)]
    fn other(&mut self, input: Input<'_>) {
        match input {
            Input::Frame { .. } | Input::Timeout => {}
            Input::Exited { job, exit } => self.exited(job, exit),
            Input::Spent { spend, result } => self.spent(spend, result),
            Input::Addresses(locals) => self.addresses = Addresses::new(&locals),
            Input::Reload(doors) if !self.quitting => self.reload(*doors),
            Input::Reload(_) => {}
            Input::Quit if !self.quitting => {
                self.quitting = true;
                self.log(Event::ShuttingDown);
                // What is half-finished ends with the daemon: it neither opens nor times out any more.
                self.deadlines = Deadlines::new(self.doors.len());
                // A knock whose mark is not known to be written has not opened and never will.
                let waiting = self.doors.iter_mut().flat_map(|door| std::mem::take(&mut door.triggers)).collect();
                self.discard_waiting(waiting, Clause::Proc4);
                self.jobs.close();
                self.run_commands();
            }
            Input::Quit => {}
        }
        self.set_next_due();
    }

    fn exited(&mut self, job: JobId, exit: Exit) {
        let Ended::Known(who) = self.jobs.ended(job, &exit, self.now) else { return };
        match exit {
            Exit::Status(0) => {}
            Exit::Status(status) => self.log(Event::Failed { who, status }),
            Exit::Signal(signal) => self.log(Event::Killed { who, signal }),
            Exit::Refused(reason) => self.log(Event::Refused { who, reason }),
        }
        self.run_commands();
    }

    /// Whatever is due by now, in order of time; at one time in the doors' order, a door's knocks before its commands.
    #[cold]
    fn fire_due(&mut self) {
        while let Some((_, door, reason)) = self.first_due().filter(|(due, ..)| *due <= self.now) {
            match reason {
                Reason::SequenceTimeout => {
                    let Some((_, id)) = self.knocks.oldest_at(door) else { break };
                    let seen = self.end(id, None);
                    let who = self.who(seen);
                    self.log(Event::TimedOut { who, stage: seen.stage });
                }
                Reason::CommandTimeout => {
                    let Some(who) = self.jobs.stop_first_due() else { break };
                    self.log(Event::CommandTimeout { who });
                    self.run_commands();
                }
            }
        }
        self.set_next_due();
    }

    fn first_due(&self) -> Option<(Instant, u32, Reason)> {
        let knock = self.deadlines.earliest();
        let stop = self.jobs.next_due();
        match (knock, stop) {
            (Some(knock), Some(stop)) if stop < knock => Some((stop.0, stop.1, Reason::CommandTimeout)),
            (Some((due, door)), _) => Some((due, door, Reason::SequenceTimeout)),
            (None, Some((due, door))) => Some((due, door, Reason::CommandTimeout)),
            (None, None) => None,
        }
    }

    fn discard_all(&mut self, door: u32, clause: Clause) {
        while let Some((_, id)) = self.knocks.oldest_at(door) {
            self.discard(id, clause, None);
        }
    }

    fn discard(&mut self, id: KnockId, clause: Clause, hit: Option<Hit>) {
        let seen = self.end(id, None);
        let who = self.who(seen);
        self.log(Event::Discarded { who, stage: seen.stage, clause, hit });
    }

    /// Ends a knock, which leaves its hits behind (SEQ-5).
    fn end(&mut self, id: KnockId, triggered: Option<Instant>) -> Seen {
        let Self { knocks, repeats, now, .. } = self;
        let Seen { source, door, .. } = knocks.seen(id);
        let seen = knocks.end(id, |counted| repeats.remember(source, door, counted, triggered, *now));
        self.set_deadline(seen.door);
        seen
    }

    fn set_deadline(&mut self, door: u32) {
        let timeout = self.doors[door as usize].config.seq_timeout;
        self.deadlines.set(door, self.knocks.oldest_at(door).map(|(begun, _)| begun.after(timeout)));
    }

    fn set_next_due(&mut self) {
        (self.next_due, self.next_reason) =
            self.first_due().map_or((Instant::MAX, Reason::SequenceTimeout), |(due, _, reason)| (due, reason));
    }

    fn number_knock(&mut self) -> u64 {
        let number = self.next_knock;
        self.next_knock += 1;
        number
    }

    fn who(&self, seen: Seen) -> Who {
        self.doors[seen.door as usize].who(seen.door, seen.source, seen.number)
    }

    fn log(&mut self, event: Event) {
        self.out.push_back(Effect::Log(event));
    }
}

fn standing(seen: Seen) -> (u8, Option<u64>) {
    (seen.stage, Some(seen.number))
}

fn first_ports(doors: &[Door]) -> FirstPorts {
    let first = |(index, door): (usize, &Door)| door.rules.sequence().map(|ports| (door_index(index), ports.first()));
    FirstPorts::new(doors.iter().enumerate().filter_map(first))
}

/// A door's place as it is stored; a configuration of four thousand million doors does not fit in memory.
fn door_index(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
