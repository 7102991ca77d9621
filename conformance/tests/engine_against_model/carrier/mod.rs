//! Carries a scenario to the engine and what the engine does back, in the model's words.
//!
//! The world is the one that the model assumes: commands take no time and every one-time line can be spent.

mod frames;
mod setup;

use knockd::{
    engine::{Effect, Engine, Input, Spend, Watch},
    event::{self, Who},
    job::{Exit, JobKind, Run},
    time::Instant,
    wire,
};

use knock_conformance::model::{Port, What};

use crate::scenario::{Event, Nanos, Scenario};

/// When the engine hears of a moment that it asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waking {
    /// When it comes.
    Punctual,
    /// Never; the next packet has to do. Then nobody sees when a timer was due.
    Asleep,
}

/// Everything that the engine decides about `scenario`, in order, `watch` looking on. When it is asleep its timers have
/// no time.
pub(crate) fn decide(scenario: &Scenario, waking: Waking, watch: impl Watch) -> Vec<Event> {
    let (engine, effects) = Engine::start(setup::setup(scenario));
    let mut carrier = Carrier { engine, watch, waking, now: 0, events: Vec::new() };
    carrier.events.extend(effects.iter().filter_map(|effect| translate(effect, None, None)));
    for (index, packet) in scenario.case.packets.iter().enumerate() {
        if waking == Waking::Punctual {
            carrier.wake_until(packet.stamp.max(carrier.now));
        }
        carrier.now = carrier.now.max(packet.stamp);
        let bytes = frames::frame(packet);
        let frame = wire::Frame { link: wire::Link::Ethernet, bytes: &bytes, original_len: bytes.len() };
        // The raw stamp: that time does not run backwards is for the engine to see to.
        let input = Input::Frame { frame, loopback: scenario.case.loopback };
        carrier.feed(packet.stamp, input, Some(index + 1));
    }
    carrier.wake_until(Nanos::MAX);
    carrier.events
}

struct Carrier<W> {
    engine: Engine,
    watch: W,
    waking: Waking,
    now: Nanos,
    events: Vec<Event>,
}

impl<W: Watch> Carrier<W> {
    fn wake_until(&mut self, until: Nanos) {
        while let Some((due, _)) = self.engine.poll_timeout().filter(|(due, _)| due.as_nanos() <= until) {
            assert!(due.as_nanos() >= self.now, "the engine asks for {due}, which is past");
            self.now = due.as_nanos();
            self.feed(self.now, Input::Timeout, None);
            let next = self.engine.poll_timeout();
            assert!(next.is_none_or(|(next, _)| next > due), "the engine asks for {due} again");
        }
    }

    /// Feeds an input and what follows from it without delay: marks that are written, commands that end.
    fn feed(&mut self, at: Nanos, input: Input<'_>, packet: Option<usize>) {
        let at = Instant::from_nanos(at);
        let (overdue, mut effects): (Vec<_>, Vec<_>) =
            self.engine.handle_watched(at, input, &mut self.watch).partition(is_of_a_timer);
        for spend in effects.clone() {
            if let Effect::Spend(Spend { id, .. }) = spend {
                effects.extend(self.engine.handle(at, Input::Spent { spend: id, result: Ok(()) }));
            }
        }
        // For one packet the doors report in the file's order; what is only a wording or a warning is not reported.
        effects.sort_by_key(|effect| translate(effect, None, None).map(|event| event.door));
        let mut due_at_once = Vec::new();
        let mut running: Vec<Effect> = overdue.iter().chain(&effects).cloned().collect();
        while !running.is_empty() {
            let from = due_at_once.len();
            for effect in running {
                if let Effect::Run(Run { job, .. }) = effect {
                    due_at_once.extend(self.engine.handle(at, Input::Exited { job, exit: Exit::Status(0) }));
                }
            }
            running = due_at_once[from..].to_vec();
        }
        let timers = (self.waking == Waking::Punctual).then_some(self.now);
        let of_packet = if packet.is_some() { Some(self.now) } else { timers };
        self.events.extend(overdue.iter().filter_map(|effect| translate(effect, timers, None)));
        self.events.extend(effects.iter().filter_map(|effect| translate(effect, of_packet, packet)));
        self.events.extend(due_at_once.iter().filter_map(|effect| translate(effect, timers, None)));
    }
}

/// Whether a timer brings this about, and not the packet that woke the engine.
fn is_of_a_timer(effect: &Effect) -> bool {
    match effect {
        Effect::Log(event::Event::TimedOut { .. } | event::Event::CommandTimeout { .. }) => true,
        Effect::Run(run) => run.kind == JobKind::Stop,
        Effect::Log(_) | Effect::Spend(_) | Effect::Exit(_) => false,
    }
}

/// The effect as the model would tell it; `None` for what is only a wording or a warning.
fn translate(effect: &Effect, time: Option<Nanos>, packet: Option<usize>) -> Option<Event> {
    let event = |who: &Who, what| Event {
        time,
        packet,
        door: who.door.index as usize,
        what,
        knock: Some((who.source, who.knock)),
    };
    Some(match effect {
        Effect::Spend(Spend { who, offset, .. }) => {
            let file = String::from_utf8_lossy(who.door.file()).into_owned();
            event(who, What::Spend { offset: *offset, file })
        }
        Effect::Run(Run { who, kind, command, .. }) => {
            let command = String::from_utf8_lossy(command).into_owned();
            event(who, if *kind == JobKind::Start { What::Start(command) } else { What::Stop(command) })
        }
        Effect::Log(event::Event::Stage { who, stage }) => event(who, What::Stage((*stage).into())),
        Effect::Log(event::Event::Opened { who }) => event(who, What::Open),
        Effect::Log(event::Event::CommandTimeout { who }) => event(who, What::CommandTimeout),
        Effect::Log(event::Event::TimedOut { who, stage }) => event(who, What::Timeout { stage: (*stage).into() }),
        Effect::Log(event::Event::Discarded { who, stage, clause, hit }) => {
            let by = hit.map(|hit| Port(hit.port, setup::protocol(hit.protocol)));
            event(who, What::Discard { stage: (*stage).into(), clause: clause.id(), by })
        }
        Effect::Log(event::Event::Disabled { door, by, .. }) => {
            let what = What::Disable { file: String::new(), unmarked: false };
            Event { time, packet, door: door.index as usize, what, knock: *by }
        }
        Effect::Log(_) | Effect::Exit(_) => return None,
    })
}
