//! The engine decides as the naive model of the contract does, whatever the doors and the traffic.

mod carrier;
mod scenario;
mod traffic;

use std::collections::BTreeMap;

use carrier::Waking;
use knock_conformance::model::What;
use knockd::engine::{Judged, Unseen, Watch};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use scenario::Event;

/// Enough cases to meet the rare coincidences, in a few seconds; `PROPTEST_CASES` can only ask for more.
fn many_cases() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(4_000), ..config }
}

proptest! {
    #![proptest_config(many_cases())]

    /// The engine hears of every moment that it asks for, and decides what the model decides, at the same times.
    #[test]
    fn the_engine_decides_as_the_model_does(scenario in traffic::scenarios(40)) {
        let (engine, model) = (carrier::decide(&scenario, Waking::Punctual, ()), scenario::decide(&scenario));
        prop_assert_eq!(&engine, &model, "left: the engine, right: the model{}", first_difference(&engine, &model));
    }

    /// A caller that is late with a timeout changes no decision: what is due comes before the packet (TIME-2).
    #[test]
    fn an_engine_that_is_woken_late_decides_the_same(scenario in traffic::scenarios(20)) {
        let engine = carrier::decide(&scenario, Waking::Asleep, ());
        let mut model = scenario::decide(&scenario);
        model.iter_mut().filter(|event| event.packet.is_none()).for_each(|event| event.time = None);
        prop_assert_eq!(&engine, &model, "left: the engine, right: the model{}", first_difference(&engine, &model));
    }

    /// Being watched changes no decision, and the watcher hears of every frame: from each door, in order, or why no
    /// door sees it.
    #[test]
    fn a_watched_engine_decides_the_same(scenario in traffic::scenarios(20)) {
        let mut log = Log { doors: scenario.case.doors.len(), ..Log::default() };
        let engine = carrier::decide(&scenario, Waking::Punctual, &mut log);
        let model = scenario::decide(&scenario);
        prop_assert_eq!(&engine, &model, "left: the engine, right: the model{}", first_difference(&engine, &model));
        prop_assert_eq!((log.frames, log.next_door), (scenario.case.packets.len(), 0));
    }
}

/// Counts the frames that a watcher hears of.
#[derive(Default)]
struct Log {
    doors: usize,
    frames: usize,
    /// The door whose judgement of the present frame comes next.
    next_door: usize,
}

impl Watch for &mut Log {
    const EVERY: bool = true;

    fn no_hit(&mut self, _: &Unseen) {
        self.frames += 1;
    }

    fn judged(&mut self, judged: &Judged) {
        assert_eq!(judged.door as usize, self.next_door, "{judged:?}");
        self.next_door = (self.next_door + 1) % self.doors;
        self.frames += usize::from(self.next_door == 0);
    }
}

/// Where two answers part, for a reader of a failure.
fn first_difference(engine: &[Event], model: &[Event]) -> String {
    let same = engine.iter().zip(model).take_while(|(engine, model)| engine == model).count();
    format!("\n first difference, event {same}:\n  engine {:?}\n  model  {:?}", engine.get(same), model.get(same))
}

/// A comparison shows nothing about decisions that never come up, so the traffic has to bring about each kind often.
#[test]
fn the_traffic_brings_about_every_decision() {
    let mut runner = TestRunner::deterministic();
    let scenarios = traffic::scenarios(40);
    let mut seen = BTreeMap::<&str, usize>::new();
    for _ in 0..1000 {
        let scenario = scenarios.new_tree(&mut runner).expect("no filter rejects a scenario").current();
        for event in scenario::decide(&scenario) {
            let kind = match event.what {
                What::Stage(1) => "stage 1",
                What::Stage(_) => "later stage",
                What::Discard { clause, .. } => clause,
                What::Timeout { .. } => "timeout",
                What::Spend { .. } => "spend",
                What::Open => "open",
                What::Start(_) => "start",
                What::Stop(_) => "stop",
                What::CommandTimeout => "command timeout",
                What::Disable { .. } if event.time.is_none() => "disable at start",
                What::Disable { .. } => "disable",
                What::StartingUp(_)
                | What::Failed(_)
                | What::Refused
                | What::Skipped { .. }
                | What::Crowded
                | What::Busy
                | What::Rereading(_)
                | What::ShuttingDown
                | What::Exit(_) => panic!("{:?} is not compared", event.what),
            };
            *seen.entry(kind).or_default() += 1;
        }
    }
    assert_eq!(seen.len(), 13, "{seen:?}");
    assert!(seen.values().all(|&times| times >= 20), "{seen:?}");
}
