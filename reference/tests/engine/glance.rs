//! What the loop around an engine asks of it: a first look at a frame, what is due, how much is kept.

use knockd::{engine::Input, time::Instant, wire::Hit};

use crate::world::{ALICE, BOB, CAROL, World, ethernet, seconds, whole};

/// ALICE has a knock at [ssh], which times out at 25 s; nobody's first port is 9.
fn world() -> World {
    let mut world = World::new("[ssh]\nsequence = 1,2\n[dns]\nsequence = 53:udp,2\n");
    world.knock(ALICE, &["1"]);
    world.said();
    world
}

fn passes(world: &mut World, at: Instant, hit: &Hit) -> bool {
    world.engine.pass_over(at, whole(&ethernet(hit)))
}

#[test]
fn a_first_look_passes_over_what_changes_nothing_and_nothing_else() {
    let mut world = world();
    for (source, port, is_passed) in [
        (BOB, "9", true),
        (BOB, "2", true),
        (BOB, "1:udp", true),
        (BOB, "53", true),
        (BOB, "1", false),
        (BOB, "53:udp", false),
        // ALICE has a knock to spoil, or to advance.
        (ALICE, "9", false),
        (ALICE, "2", false),
        (ALICE, "1", false),
        // The first look does not know IPv6, and leaves it.
        (CAROL, "9", false),
    ] {
        let hit = world.hit(source, port);
        let now = world.now;
        assert_eq!(passes(&mut world, now, &hit), is_passed, "{port} from {source}");
    }
    world.knock(ALICE, &["2"]);
    assert!(world.said().contains(&"10.0.0.7: ssh: OPEN SESAME".to_owned()), "it did nothing to the knock");
}

#[test]
fn a_first_look_passes_over_nothing_while_something_is_due() {
    let mut world = world();
    let hit = world.hit(BOB, "9");
    let at = |nanos: u64| Instant::from_nanos(25_000_000_000 + nanos - 1);
    assert!(passes(&mut world, at(0), &hit), "a moment before");
    assert!(!passes(&mut world, at(1), &hit), "when it is due");
    assert!(!passes(&mut world, at(2), &hit), "a moment after");
    assert_eq!(world.engine.now(), at(0), "time goes on by what it passes over, and by nothing else");
    world.now = at(1);
    world.packet(&hit);
    world.expect(&["10.0.0.7: ssh: sequence timeout (stage 1)"]);
}

#[test]
fn the_engines_time_is_the_latest_that_it_was_told() {
    let mut world = world();
    for (told, latest) in [(7, 7), (3, 7), (8, 8)] {
        world.now = Instant::default().after(seconds(told));
        world.feed(Input::Timeout);
        assert_eq!(world.engine.now(), Instant::default().after(seconds(latest)));
        let hit = world.hit(BOB, "9");
        let now = world.now;
        assert!(passes(&mut world, now, &hit));
        assert_eq!(world.engine.now(), Instant::default().after(seconds(latest)));
    }
}

#[test]
fn what_is_due_is_due_from_its_moment_on() {
    let mut world = world();
    let due = Instant::default().after(seconds(25));
    assert!(!world.engine.is_due(Instant::from_nanos(due.as_nanos() - 1)));
    assert!(world.engine.is_due(due));
    assert!(world.engine.is_due(Instant::MAX));
    world.wait(seconds(25));
    assert!(!world.engine.is_due(due), "it is done");
    assert!(!world.engine.is_due(Instant::MAX), "nothing is due at the end of the clock, ever");
}

#[test]
fn the_engine_counts_its_knocks_and_its_work() {
    let mut world = World::new("[ssh]\nsequence = 1,2\n");
    assert_eq!((world.engine.knocks(), world.engine.work()), (0, 0));
    world.knock(BOB, &["9"]);
    assert_eq!((world.engine.knocks(), world.engine.work()), (0, 0), "no knock is looked at for a stranger");
    let mut work = 0;
    for (knocks, source) in (1..).zip([ALICE, BOB, CAROL]) {
        world.knock(source, &["1"]);
        assert_eq!(world.engine.knocks(), knocks);
        assert!(world.engine.work() > work, "knocks are looked at");
        work = world.engine.work();
    }
    world.knock(BOB, &["2"]);
    assert_eq!(world.engine.knocks(), 2);
}
