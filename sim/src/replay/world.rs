//! The world around the engine while a capture is replayed: commands succeed at once, marks are written in memory.

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

    /// A packet is done; what was decided about it follows.
    fn packet(&mut self, _record: &Record<'_>) {}

    /// One decision, in the documented order.
    fn decision(&mut self, decision: &Decision, fine: bool);

    /// Something worth saying that decides nothing; `at`: when, unless at start.
    fn remark(&mut self, _remark: &Event, _at: Option<Instant>, _fine: bool) {}

    /// Input is awaited, or a MiB was read.
    fn pause(&mut self, _progress: Progress) {}
}

/// What a replay counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets in the capture.
    pub packets: u64,
}

/// An engine and what it has done to its world.
#[derive(Debug)]
pub struct World<S> {
    engine: Engine,
    /// Hears what is decided.
    pub sink: S,
    /// What was counted.
    pub counts: Counts,
    /// For each door, the text of its one-time file, marks included.
    texts: Vec<Option<Vec<u8>>>,
    now: Instant,
    fine: bool,
    /// Whether the interface is known to be loopback, whatever the capture tells.
    loopback: bool,
    batch: Vec<Decision>,
}

impl<S: Sink> World<S> {
    /// A fresh daemon, and what it has to say at start.
    pub fn start(setup: Setup, texts: Vec<Option<Vec<u8>>>, loopback: bool, sink: S) -> Self {
        let (engine, effects) = Engine::start(setup);
        let now = Instant::default();
        let batch = Vec::new();
        let mut world = Self { engine, sink, counts: Counts::default(), texts, now, fine: false, loopback, batch };
        for effect in effects {
            world.take(effect, None, None);
        }
        world.deliver();
        world
    }

    /// Lets time run on until nothing is pending.
    pub fn finish(&mut self) {
        while let Some((due, _)) = self.engine.poll_timeout() {
            self.timeout(due);
        }
    }

    /// The one-time files as the replay left them, by door.
    pub fn into_parts(self) -> (S, Vec<Option<Vec<u8>>>) {
        (self.sink, self.texts)
    }

    #[cold]
    fn timeout(&mut self, due: Instant) {
        self.now = self.now.max(due);
        let input = Input::Timeout;
        let effects: Vec<Effect> = self.engine.handle(due, input).collect();
        self.carry_out(effects, None);
        self.deliver();
    }

    /// Does what the engine wants, and tells it the outcome, until it wants nothing more.
    #[cold]
    fn carry_out(&mut self, effects: Vec<Effect>, packet: Option<u64>) {
        let mut effects = std::collections::VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            let answer = match &effect {
                Effect::Run(run) => Some(Input::Exited { job: run.job, exit: Exit::Status(0) }),
                Effect::Spend(spend) => Some(Input::Spent { spend: spend.id, result: self.mark(spend) }),
                Effect::Log(_) | Effect::Exit(_) => None,
            };
            self.take(effect, packet, Some(self.now));
            if let Some(answer) = answer {
                effects.extend(self.engine.handle(self.now, answer));
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
    #[inline]
    fn record(&mut self, record: Record<'_>) {
        // A stamp earlier than the latest one counts as the latest (TIME-2).
        let at = self.now.max(record.at);
        while let Some((due, _)) = self.engine.poll_timeout().filter(|(due, _)| *due <= at) {
            self.timeout(due);
        }
        self.counts.packets += 1;
        self.fine = record.fine;
        self.now = at;
        let input = Input::Frame { frame: record.frame, loopback: record.loopback || self.loopback };
        let effects = self.engine.handle_watched(self.now, input, self.sink.watch());
        if effects.len() != 0 {
            let effects = effects.collect();
            self.carry_out(effects, Some(record.number));
        }
        if <S::Watch as Watch>::EVERY {
            self.sink.packet(&record);
        }
        if !self.batch.is_empty() {
            self.deliver();
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
