//! The engine decides as the naive model of the contract does, whatever the doors and the traffic.

mod model;
mod traffic;

use std::collections::BTreeMap;

use model::What;
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

/// A comparison shows nothing about decisions that never come up, so the traffic has to bring about each kind often.
#[test]
fn the_traffic_brings_about_every_decision() {
    let mut runner = TestRunner::deterministic();
    let scenarios = traffic::scenarios(40);
    let mut seen = BTreeMap::<&str, usize>::new();
    for _ in 0..200 {
        let scenario = scenarios.new_tree(&mut runner).expect("no filter rejects a scenario").current();
        for event in model::decide(&scenario.case) {
            let kind = match event.what {
                What::Stage(1) => "stage 1",
                What::Stage(_) => "later stage",
                What::Discard { clause, .. } => clause,
                What::Timeout { .. } => "timeout",
                What::Spend { .. } => "spend",
                What::Open => "open",
                What::Start(_) => "start",
                What::Stop(_) => "stop",
                What::Disable if event.time.is_none() => "disable at start",
                What::Disable => "disable",
            };
            *seen.entry(kind).or_default() += 1;
        }
    }
    println!("{seen:?}");
    assert_eq!(seen.len(), 12, "{seen:?}");
    assert!(seen.values().all(|&times| times >= 20), "{seen:?}");
}
