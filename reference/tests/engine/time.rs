//! TIME-2, TIME-3 and the loop: when the engine must hear of the time and why, ties, and effects that nobody took.

use std::time::Duration;

use knockd::{
    engine::{Effect, Input, Reason},
    job::Exit,
    time::Instant,
};

use crate::{
    frames,
    world::{ALICE, BOB, CAROL, World, seconds},
};

const DOORS: &str = "
[slow]
  sequence = 1,2
  seq_timeout = 10
  command = open
  stop_command = close %IP%
  cmd_timeout = 4
[fast]
  sequence = 3,4
  seq_timeout = 5
[one]
  sequence = 7
  command = one
  stop_command = shut %IP%
  cmd_timeout = 10
";

#[test]
fn poll_timeout_names_the_earliest_moment_and_its_reason() {
    let mut world = World::new(DOORS);
    assert_eq!(world.next(), None);
    world.knock(ALICE, &["1"]);
    assert_eq!(world.next(), Some((10_000, Reason::SequenceTimeout)));
    world.wait(seconds(1));
    world.knock(BOB, &["3"]);
    assert_eq!(world.next(), Some((6_000, Reason::SequenceTimeout)));
    world.knock(CAROL, &["1", "2"]);
    assert_eq!(world.next(), Some((6_000, Reason::SequenceTimeout)));
    world.ends("open", Exit::Status(0));
    assert_eq!(world.next(), Some((5_000, Reason::CommandTimeout)));
    world.wait(seconds(4));
    assert_eq!(world.next(), Some((6_000, Reason::SequenceTimeout)));
    world.wait(seconds(1));
    assert_eq!(world.next(), Some((10_000, Reason::SequenceTimeout)));
    world.knock(ALICE, &["2"]);
    assert_eq!(world.next(), None, "a command that runs has no deadline");
    assert_eq!(Reason::SequenceTimeout.to_string(), "a knock times out");
    assert_eq!(Reason::CommandTimeout.to_string(), "a stop command is due");
}

#[test]
fn time_2_what_is_due_comes_before_a_packet_of_the_same_moment() {
    let mut world = World::new(DOORS);
    world.knock(ALICE, &["3"]);
    let last = world.hit(ALICE, "4");
    world.said();
    world.now = world.now.after(seconds(5));
    world.packet(&last);
    world.expect(&["10.0.0.7: fast: sequence timeout (stage 1)"]);

    world.knock(ALICE, &["3"]);
    world.now = world.now.after(seconds(5) - Duration::from_nanos(1));
    world.knock(ALICE, &["4"]);
    assert!(world.said().contains(&"10.0.0.7: fast: OPEN SESAME".to_owned()));
}

#[test]
fn time_2_an_earlier_stamp_counts_as_the_latest() {
    let mut world = World::new(DOORS);
    world.now = Instant::default().after(seconds(100));
    world.knock(ALICE, &["3"]);
    world.now = Instant::default().after(seconds(50));
    world.knock(BOB, &["3"]);
    assert_eq!(world.next(), Some((105_000, Reason::SequenceTimeout)));
    world.said();
    world.now = Instant::default().after(seconds(105));
    world.feed(Input::Timeout);
    world.expect(&["10.0.0.7: fast: sequence timeout (stage 1)", "10.0.0.8: fast: sequence timeout (stage 1)"]);
}

#[test]
fn time_3_a_timeout_that_comes_early_does_nothing() {
    let mut world = World::new(DOORS);
    world.knock(ALICE, &["3"]);
    world.said();
    world.now = world.now.after(seconds(5) - Duration::from_nanos(1));
    world.feed(Input::Timeout);
    world.expect(&[]);
    assert_eq!(world.next(), Some((5_000, Reason::SequenceTimeout)));
}

#[test]
fn ties_go_by_door_then_knocks_before_commands_then_by_age() {
    let mut world = World::new(DOORS);
    // All of this falls due at 10 s: stop commands of [slow] and [one], knocks of all three kinds of age.
    for source in [CAROL, BOB] {
        world.knock(source, &["7"]);
        world.ends("one", Exit::Status(0));
    }
    world.knock(BOB, &["1"]);
    world.knock(ALICE, &["1"]);
    world.wait(seconds(5));
    world.knock("10.0.0.9", &["3"]);
    world.wait(seconds(1));
    world.knock(CAROL, &["1", "2"]);
    world.ends("open", Exit::Status(0));
    world.said();
    world.now = world.now.after(seconds(100));
    world.feed(Input::Timeout);
    world.expect(&[
        "10.0.0.8: slow: sequence timeout (stage 1)",
        "10.0.0.7: slow: sequence timeout (stage 1)",
        "fd00::9: slow: command timeout",
        "slow: running command: close fd00::9",
        "stop $ close fd00::9",
        "10.0.0.9: fast: sequence timeout (stage 1)",
        "fd00::9: one: command timeout",
        "one: running command: shut fd00::9",
        "stop $ shut fd00::9",
        "10.0.0.8: one: command timeout",
        "one: running command: shut 10.0.0.8",
        "stop $ shut 10.0.0.8",
    ]);
}

#[test]
fn effects_that_nobody_took_come_first_the_next_time() {
    let mut world = World::new(DOORS);
    let [first, second] = [(ALICE, "1"), (BOB, "7")].map(|(who, port)| frames::packet(&world.hit(who, port)));
    let input = |bytes| Input::Frame { frame: frames::raw(bytes), loopback: false };
    assert_eq!(world.engine.handle(world.now, input(&first)).len(), 1);
    let mut effects = world.engine.handle(world.now, input(&second));
    assert_eq!(effects.len(), 5);
    let mut next = || match effects.next() {
        Some(Effect::Log(event)) => event.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!([next(), next()], ["10.0.0.7: slow: Stage 1", "10.0.0.8: one: Stage 1"]);
    world.feed(Input::Timeout);
    world.expect(&["10.0.0.8: one: OPEN SESAME", "one: running command: one", "start $ one"]);
}

#[test]
fn a_clock_at_its_end_does_not_turn_over() {
    let mut world = World::new(DOORS);
    world.now = Instant::from_nanos(u64::MAX - 1);
    world.knock(ALICE, &["3", "4", "3"]);
    assert_eq!(world.next(), None, "past the end of the clock nothing is due");
    assert!(world.said().contains(&"10.0.0.7: fast: OPEN SESAME".to_owned()));
}
