//! The state machine: inputs in, effects out, in order; it dispatches, and the rules stand elsewhere.
//!
//! Where to read on: [`crate::knock`] judges a hit, [`crate::one_time`] reads sequences, [`crate::job`] keeps commands.

mod door;
mod first;
mod reload;
mod setup;

use std::{collections::VecDeque, fmt, time::Duration};

pub use self::setup::{Doors, Limits, LoadError, Local, Locals, NotAClient, OneTimeFile, Setup};
use self::{
    door::{Door, InFlight, Trigger},
    first::FirstPorts,
    setup::Addresses,
};
use crate::{
    clause::Clause,
    deadlines::Deadlines,
    event::{Event, Who},
    job::{Ended, Exit, JobId, Jobs, Run},
    knock::Verdict,
    knocks::{Counted, KnockId, Knocks, Seen},
    port::Port,
    repeats::Repeats,
    time::Instant,
    wire::{self, Frame, Glance, Hit, Link, NoHit},
};

/// Something that the world tells the engine.
#[derive(Debug)]
pub enum Input<'a> {
    /// A frame was captured.
    Frame {
        /// The frame.
        frame: Frame<'a>,
        /// Whether it is known to be captured on a loopback interface, where a host may knock on itself (LISTEN-9), even
        /// if [`Frame::tells_loopback`] says nothing.
        loopback: bool,
    },
    /// A command has ended.
    Exited {
        /// Which.
        job: JobId,
        /// How.
        exit: Exit,
    },
    /// The mark of an [`Effect::Spend`] is durable, or could not be written (ONCE-6).
    Spent {
        /// Which.
        spend: SpendId,
        /// The system's words if it failed.
        result: Result<(), String>,
    },
    /// A moment that [`Engine::poll_timeout`] named has come.
    Timeout,
    /// The interface's addresses have changed (LISTEN-8).
    Addresses(Locals),
    /// The configuration was read again and is good (PROC-3).
    Reload(Box<Doors>),
    /// The daemon is told to end (PROC-4).
    Quit,
}

/// Something that the engine wants from the world.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Log this.
    Log(Event),
    /// Run this command, and answer with [`Input::Exited`] when it has ended.
    Run(Run),
    /// Write one byte, make it durable, and answer with [`Input::Spent`].
    Spend(Spend),
    /// End with this status; nothing follows.
    Exit(u8),
}

/// A mark to be written; each has its own, and none is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpendId(u64);

/// A used line of a one-time file: [`MARK`](crate::one_time::MARK) is to be written at `offset` of the door's file.
#[derive(Clone, Debug)]
pub struct Spend {
    /// To be given back with the result.
    pub id: SpendId,
    /// Whose knock used it, at which door; the door names the file.
    pub who: Who,
    /// The line's first byte, counted from the file's start.
    pub offset: u64,
}

/// Why the engine must hear [`Input::Timeout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A knock times out (TIME-1).
    SequenceTimeout,
    /// A stop command is due (CMD-2).
    CommandTimeout,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SequenceTimeout => "a knock times out",
            Self::CommandTimeout => "a stop command is due",
        })
    }
}

/// Sees every decision about every frame: how a replay explains what happened.
pub trait Watch {
    /// Whether frames that change nothing are to be judged, too. Without, most frames cost a few nanoseconds.
    const EVERY: bool;
    /// The frame is no hit at any door.
    fn no_hit(&mut self, why: &Unseen);
    /// The hit was judged at a door.
    fn judged(&mut self, judged: &Judged);
}

/// Nobody watches.
impl Watch for () {
    const EVERY: bool = false;
    fn no_hit(&mut self, _: &Unseen) {}
    fn judged(&mut self, _: &Judged) {}
}

/// Why a frame is no hit at any door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// It carries none.
    NoHit(NoHit),
    /// IPv6 is ignored (LISTEN-5).
    OnlyV4(Hit),
    /// Its source cannot be a client (LISTEN-9).
    Source(Hit, NotAClient),
}

impl Unseen {
    /// The clause that decided.
    #[must_use]
    pub fn clause(&self) -> Clause {
        match self {
            Self::NoHit(why) => why.clause(),
            Self::OnlyV4(_) => Clause::Listen5,
            Self::Source(..) => Clause::Listen9,
        }
    }
}

/// One door's judgement of one hit.
#[derive(Clone, Copy, Debug)]
pub struct Judged {
    /// The hit.
    pub hit: Hit,
    /// The door's index.
    pub door: u32,
    /// The judgement.
    pub verdict: Verdict,
    /// Stage and number of the source's knock at this door before it; stage 0 without one.
    pub before: (u8, Option<u64>),
    /// The same after it; a completed knock is gone.
    pub after: (u8, Option<u64>),
    /// The port that would have been right; `None` while the door is disabled.
    pub expected: Option<Port>,
    /// How many ports the sequence has that the hit was judged by.
    pub ports: u8,
    /// The port that is right next, if a knock is in progress after it.
    pub next: Option<Port>,
}

/// What the engine wants done, in order. What is not taken stays first in line for the next call.
#[must_use = "effects are to be carried out in order before the next input"]
#[derive(Debug)]
pub struct Effects<'a>(&'a mut VecDeque<Effect>);

impl Iterator for Effects<'_> {
    type Item = Effect;

    #[inline]
    fn next(&mut self) -> Option<Effect> {
        self.0.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl ExactSizeIterator for Effects<'_> {}

/// The daemon, without a world. See the crate's documentation for the loop around it.
#[derive(Debug)]
pub struct Engine {
    doors: Vec<Door>,
    first: FirstPorts,
    addresses: Addresses,
    limits: Limits,
    only_v4: bool,
    knocks: Knocks,
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

    /// The names of the doors, in order.
    pub fn doors(&self) -> impl Iterator<Item = &str> {
        self.doors.iter().map(|door| door.config.name.as_str())
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
                    self.fetch(&hit, is_first);
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

    /// Begins to load what this hit will need, if there are too many knocks for the caches.
    #[inline]
    fn fetch(&self, hit: &Hit, is_first: bool) {
        const CACHED: usize = 1_000;
        if self.knocks.len() < CACHED {
            return;
        }
        self.knocks.fetch(&hit.source);
        self.repeats.fetch(&hit.source, &Counted::new(hit, self.now));
        // A newcomer will need the oldest knock gone.
        if is_first
            && self.knocks.len() >= self.limits.knocks
            && let Some(oldest) = self.knocks.oldest_at_stage_1()
        {
            let (source, first) = self.knocks.fetch_end(oldest);
            self.repeats.fetch(&source, &first);
        }
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

    /// A one-time sequence was knocked: its line is spent before the door opens, and the next one counts from now on.
    fn trigger(&mut self, who: Who) {
        let index = who.door.index;
        let id = SpendId(self.next_spend);
        self.next_spend += 1;
        let (first_in_line, skipped) = self.doors[index as usize].trigger(id, who);
        if first_in_line {
            self.spend_next(index);
        }
        self.discard_all(index, Clause::Once4);
        skipped.into_iter().for_each(|event| self.log(event));
        self.first = first_ports(&self.doors);
    }

    /// Asks for the mark of the first trigger that waits at a door.
    fn spend_next(&mut self, door: u32) {
        if let Some(trigger) = self.doors[door as usize].triggers.front() {
            let spend = Spend { id: trigger.id, who: trigger.who.clone(), offset: trigger.offset };
            self.out.push_back(Effect::Spend(spend));
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

    fn spent(&mut self, spend: SpendId, result: Result<(), String>) {
        self.orphans.retain(|mark| mark.id != spend);
        let Some(index) = self.doors.iter().position(|door| door.asks(spend)) else { return };
        let Some(trigger) = self.doors[index].triggers.pop_front() else { return };
        let door = trigger.who.door.clone();
        let by = Some((trigger.who.source, trigger.who.knock));
        match result {
            Ok(()) => {
                self.open(trigger.who);
                if trigger.takes_last_line {
                    self.log(Event::Disabled { door: door.clone(), by, failure: None });
                }
                self.spend_next(door.index);
            }
            Err(why) => {
                let waiting = self.doors[index].disable(Clause::Once6);
                self.first = first_ports(&self.doors);
                self.log(Event::Disabled { door: door.clone(), by, failure: Some(why) });
                self.discard_all(door.index, Clause::Once6);
                self.discard_waiting(waiting, Clause::Once6);
            }
        }
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

    /// Completed knocks that waited for their mark will not open.
    fn discard_waiting(&mut self, waiting: VecDeque<Trigger>, clause: Clause) {
        for Trigger { who, stage, .. } in waiting {
            self.log(Event::Discarded { who, stage, clause, hit: None });
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

/// Tells the first of a run of like events from the rest; a run ends when nothing happened for ten seconds.
#[derive(Debug, Default)]
struct Burst {
    last: Option<Instant>,
}

impl Burst {
    const PAUSE: Duration = Duration::from_secs(10);

    fn starts(&mut self, now: Instant) -> bool {
        let previous = self.last.replace(now);
        previous.is_none_or(|last| now >= last.after(Self::PAUSE))
    }
}
