//! The state machine: inputs in, effects out, in order; it dispatches, and the rules stand elsewhere.
//!
//! Where to read on: `engine/boundary.rs` has what goes in and out, [`crate::knock`] judges a hit, [`crate::one_time`] reads sequences, [`crate::job`] keeps commands.

mod boundary;
mod burst;
mod door;
mod due;
mod first;
mod foresight;
mod hit;
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
    knocks::{KnockId, Knocks, Seen},
    repeats::Repeats,
    time::Instant,
    wire::{self, Frame, Glance, Link},
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
        if W::EVERY || !self.pass_over(at, frame) {
            self.advance(at);
            self.frame(frame.link, frame.bytes, frame.original_len, loopback, watch);
        }
        Effects(&mut self.out)
    }

    /// Whether a frame that was captured at `at` changes nothing, as far as a first look tells, while nothing is due. If so
    /// it has been handled; if not, nothing was done, and [`Engine::handle`] must be told.
    ///
    /// Most traffic ends here: no door begins with its port, and its source has no knock to spoil.
    #[must_use]
    #[inline(always)]
    pub fn pass_over(&mut self, at: Instant, frame: Frame<'_>) -> bool {
        let now = self.now.max(at);
        let passes = now < self.next_due
            && wire::glance(frame).is_some_and(|Glance { source, port, protocol }| {
                !self.first.contains(port, protocol) && !self.knocks.may_be_of(&source.into())
            });
        if passes {
            self.now = now;
        }
        passes
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

    fn who(&self, seen: Seen) -> Who {
        self.doors[seen.door as usize].who(seen.door, seen.source, seen.number)
    }

    fn log(&mut self, event: Event) {
        self.out.push_back(Effect::Log(event));
    }
}

fn first_ports(doors: &[Door]) -> FirstPorts {
    let first = |(index, door): (usize, &Door)| door.rules.sequence().map(|ports| (door_index(index), ports.first()));
    FirstPorts::new(doors.iter().enumerate().filter_map(first))
}

/// A door's place as it is stored; a configuration of four thousand million doors does not fit in memory.
fn door_index(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
