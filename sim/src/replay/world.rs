//! The world around the engine while a capture is replayed: commands succeed at once, marks are written in memory.

use std::collections::VecDeque;

use knockd::{
    engine::{Doors, Effect, Engine, Input, Setup, Watch},
    event::Event,
    job::{Exit, JobKind},
    one_time,
    time::Instant,
};

use super::decision::{Decision, is_decision};
use crate::capture::{Progress, Record, Visit};

/// Hears what is decided.
pub trait Sink {
    /// Told of every judgement on every packet, if it wants to be.
    type Watch: Watch;

    /// Whoever watches the next packet.
    fn watch(&mut self) -> &mut Self::Watch;

    /// A packet is done, which counts as of `at`, perhaps later than its stamp (TIME-2); what was decided about it follows.
    fn packet(&mut self, _record: &Record<'_>, _at: Instant) {}

    /// One decision, in the documented order.
    fn decision(&mut self, decision: &Decision, fine: bool);

    /// Something worth saying that decides nothing; `at`: when, unless at start.
    fn remark(&mut self, _remark: &Event, _at: Option<Instant>, _fine: bool) {}

    /// Input is awaited, or a MiB was read.
    fn pause(&mut self, _progress: Progress) {}
}

/// An engine and what it has done to its world.
#[derive(Debug)]
pub struct World<S> {
    engine: Engine,
    /// Hears what is decided.
    pub sink: S,
    /// How many packets there were.
    pub packets: u64,
    /// For each door, the text of its one-time file, marks included.
    texts: Vec<Option<Vec<u8>>>,
    fine: bool,
    /// Whether the interface is known to be loopback, whatever the capture tells.
    loopback: bool,
    batch: Vec<Decision>,
    /// What the engine wants done; kept for its memory.
    wanted: VecDeque<Effect>,
}

impl<S: Sink> World<S> {
    /// A fresh daemon, and what it has to say at start.
    pub fn start(setup: Setup, texts: Vec<Option<Vec<u8>>>, loopback: bool, sink: S) -> Self {
        let (engine, effects) = Engine::start(setup);
        let (batch, wanted) = (Vec::new(), VecDeque::new());
        let mut world = Self { engine, sink, packets: 0, texts, fine: false, loopback, batch, wanted };
        for effect in effects {
            world.take(effect, None, None);
        }
        world.deliver();
        world
    }

    /// Lets time run on until nothing is pending.
    pub fn finish(&mut self) {
        self.timeouts(Instant::MAX);
    }

    /// The one-time files as the replay left them, by door.
    pub fn into_parts(self) -> (S, Vec<Option<Vec<u8>>>) {
        (self.sink, self.texts)
    }

    /// Whatever is due by `until`, one moment after the other.
    #[cold]
    fn timeouts(&mut self, until: Instant) {
        while let Some((due, _)) = self.engine.poll_timeout().filter(|(due, _)| *due <= until) {
            self.timeout(due);
        }
    }

    fn timeout(&mut self, due: Instant) {
        self.wanted.extend(self.engine.handle(due, Input::Timeout));
        self.carry_out(None);
        self.deliver();
    }

    /// A packet that may change something, or by whose time something is due.
    #[inline(never)]
    fn handle(&mut self, record: &Record<'_>) {
        if self.engine.is_due(record.at) {
            self.timeouts(record.at);
        }
        self.fine = record.fine;
        let loopback = record.loopback | self.loopback;
        let effects = self.engine.handle_frame(record.at, record.frame, loopback, self.sink.watch());
        let decided = effects.len() != 0;
        if decided {
            self.wanted.extend(effects);
            self.carry_out(Some(record.number));
        }
        if <S::Watch as Watch>::EVERY {
            self.sink.packet(record, self.engine.now());
        }
        if decided {
            self.settle();
        }
    }

    /// Does what the engine wants, and tells it the outcome, until it wants nothing more.
    #[inline(never)]
    fn carry_out(&mut self, packet: Option<u64>) {
        while let Some(effect) = self.wanted.pop_front() {
            let answer = match &effect {
                Effect::Run(run) => Some(Input::Exited { job: run.job, exit: Exit::Status(0) }),
                Effect::Spend(spend) => Some(Input::Spent { spend: spend.id, result: self.mark(spend) }),
                Effect::Log(_) | Effect::Exit(_) => None,
            };
            self.take(effect, packet, Some(self.engine.now()));
            if let Some(answer) = answer {
                self.wanted.extend(self.engine.handle(self.engine.now(), answer));
            }
        }
    }

    fn mark(&mut self, spend: &knockd::engine::Spend) -> Result<(), String> {
        let text = self.texts.get_mut(spend.who.door.index as usize).and_then(Option::as_mut);
        let marked = text.is_some_and(|text| one_time::mark(text, spend.offset));
        if marked { Ok(()) } else { Err("the file has no such byte".to_owned()) }
    }

    fn take(&mut self, effect: Effect, packet: Option<u64>, at: Option<Instant>) {
        // Nothing but a timer runs a stop command, even where `Cmd_Timeout = 0` makes it due while a packet is handled.
        let timer = matches!(&effect, Effect::Run(run) if run.kind == JobKind::Stop);
        let packet = packet.filter(|_| !timer);
        if is_decision(&effect) {
            self.batch.push(Decision { packet, at, effect });
        } else if let Effect::Log(event) = effect
            && !matches!(event, Event::Running { .. } | Event::CommandTimeout { .. })
        {
            // The two that only announce a command, which is a decision of its own, are left out.
            self.sink.remark(&event, at, self.fine);
        }
    }

    /// Ends a packet that changed something, with the timers that it made due at once.
    #[inline(never)]
    fn settle(&mut self) {
        self.deliver();
        self.timeouts(self.engine.now());
    }

    /// Hands the decisions of one moment on. The engine goes on to the next door while a mark is being written; the
    /// documented order is door by door, and a timer that a packet has set comes after all of the packet's own.
    fn deliver(&mut self) {
        self.batch.sort_by_key(|decision| (decision.packet.is_none(), decision.door().map(|door| door.index)));
        for decision in &self.batch {
            self.sink.decision(decision, self.fine);
        }
        self.batch.clear();
    }
}

impl<S: Sink> Visit for World<S> {
    /// Always inline: this is the loop over a capture's packets, and as a call it takes twice as long.
    #[inline(always)]
    fn record(&mut self, record: Record<'_>) {
        self.packets += 1;
        if <S::Watch as Watch>::EVERY || !self.engine.pass_over(record.at, record.frame) {
            // A copy, so that no other record is ever written to memory.
            self.handle(&{ record });
        } else {
            self.fine = record.fine;
        }
    }

    fn pause(&mut self, progress: Progress) {
        self.sink.pause(progress);
    }
}

/// The texts that a world marks: copies of those that the engine reads.
#[must_use]
pub fn texts(doors: &Doors) -> Vec<Option<Vec<u8>>> {
    doors.texts().map(|text| text.map(<[u8]>::to_vec)).collect()
}
