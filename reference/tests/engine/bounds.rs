//! SEQ-10: past the bound the oldest knock of the lowest stage is dropped, and a burst is logged once.

use knockd::engine::Limits;

use crate::world::{ALICE, BOB, CAROL, World, seconds};

const CROWDED: &str = "more than 2 unfinished knocks: dropping the oldest of the lowest stage";

/// A world with a bound of two knocks.
fn world(config: &str) -> World {
    World::with(config, &[], |setup| setup.limits.knocks = 2)
}

const DOOR: &str = "[ssh]\nsequence = 1,2,3\n";

#[test]
fn seq_10_the_oldest_knock_of_the_lowest_stage_makes_room() {
    let mut world = world(DOOR);
    world.knock(ALICE, &["1", "2"]);
    world.knock(BOB, &["1"]);
    world.said();
    world.knock(CAROL, &["1"]);
    world.expect(&["fd00::9: ssh: Stage 1", CROWDED, "(debug) 10.0.0.8: ssh: knock discarded at stage 1 (SEQ-10)"]);
    world.knock(ALICE, &["3"]);
    world.knock(BOB, &["2"]);
    world.knock(CAROL, &["2"]);
    world.expect(&["10.0.0.7: ssh: Stage 3", "10.0.0.7: ssh: OPEN SESAME", "fd00::9: ssh: Stage 2"]);
    assert_eq!(world.engine.knocks(), 1);
}

#[test]
fn seq_10_the_newcomer_is_dropped_rather_than_a_knock_that_got_further() {
    let mut world = world(DOOR);
    world.knock(ALICE, &["1", "2"]);
    world.knock(BOB, &["1", "2"]);
    world.said();
    world.knock(CAROL, &["1"]);
    world.expect(&["fd00::9: ssh: Stage 1", CROWDED, "(debug) fd00::9: ssh: knock discarded at stage 1 (SEQ-10)"]);
    world.knock(CAROL, &["2"]);
    world.expect(&[]);
    world.knock(ALICE, &["3"]);
    world.knock(BOB, &["3"]);
    let opened = world.said().iter().filter(|line| line.ends_with("OPEN SESAME")).count();
    assert_eq!(opened, 2);
}

#[test]
fn seq_10_a_burst_is_logged_once_and_the_next_one_again() {
    let mut world = world(DOOR);
    let lines = |world: &mut World, from: u8| {
        for host in from..from + 100 {
            world.knock(&format!("10.0.2.{host}"), &["1"]);
            world.wait(std::time::Duration::from_millis(50));
        }
        world.said().iter().filter(|line| *line == CROWDED).count()
    };
    assert_eq!(lines(&mut world, 0), 1);
    assert_eq!(lines(&mut world, 100), 0, "the burst goes on");
    world.wait(seconds(10));
    assert_eq!(lines(&mut world, 0), 1);
}

#[test]
fn seq_10_the_bound_is_on_the_knocks_of_all_doors_together() {
    let mut world = world("[a]\nsequence = 1,2\n[b]\nsequence = 1,3\n[c]\nsequence = 1,4\n");
    world.knock(ALICE, &["1"]);
    world.expect(&[
        "10.0.0.7: a: Stage 1",
        "10.0.0.7: b: Stage 1",
        "10.0.0.7: c: Stage 1",
        CROWDED,
        "(debug) 10.0.0.7: a: knock discarded at stage 1 (SEQ-10)",
    ]);
}

#[test]
fn seq_10_a_hit_does_not_reach_the_knock_that_it_drove_out() {
    // BOB's hit begins a knock at [a], which drives out his own at [b]; for [b] the same hit is then no mistake any more.
    let mut world = world("[a]\nsequence = 9,2\n[b]\nsequence = 1,9,3\n[c]\nsequence = 1,8\n");
    world.knock(BOB, &["1"]);
    world.said();
    world.knock(BOB, &["9"]);
    world.expect(&[
        "10.0.0.8: a: Stage 1",
        CROWDED,
        "(debug) 10.0.0.8: b: knock discarded at stage 1 (SEQ-10)",
        "(debug) 10.0.0.8: c: knock discarded at stage 1 (SEQ-3) by tcp 40000 > 10.0.0.1:9 [syn] seq 2",
    ]);
    world.knock(BOB, &["3", "2"]);
    world.expect(&["(debug) 10.0.0.8: a: knock discarded at stage 1 (SEQ-3) by tcp 40000 > 10.0.0.1:3 [syn] seq 3"]);
}

#[test]
fn seq_10_a_hit_does_not_reach_the_knock_that_took_the_place_of_the_one_it_drove_out() {
    // BOB's hit begins knocks at [a] and [b]; the first drives out his own at [c], and the second is stored in its place.
    // A datagram, because a segment would be taken for a repeat of the one that began the knock there.
    let mut world = world("[a]\nsequence = 9:udp,2\n[b]\nsequence = 9:udp,5\n[c]\nsequence = 1,9:udp,3\n");
    world.knock(BOB, &["1"]);
    world.knock(ALICE, &["1"]);
    world.said();
    world.knock(BOB, &["9:udp"]);
    world.expect(&[
        "10.0.0.8: a: Stage 1",
        CROWDED,
        "(debug) 10.0.0.8: c: knock discarded at stage 1 (SEQ-10)",
        "10.0.0.8: b: Stage 1",
        "(debug) 10.0.0.7: c: knock discarded at stage 1 (SEQ-10)",
    ]);
}

#[test]
fn seq_10_a_dropped_knocks_hit_still_is_no_new_hit() {
    let mut world = world("[ssh]\nsequence = 1,2\n");
    let first = world.hit(ALICE, "1");
    world.packet(&first);
    world.knock(BOB, &["1"]);
    world.knock(CAROL, &["1"]);
    world.said();
    world.packet(&first);
    world.expect(&[]);
}

#[test]
fn seq_10_the_memory_of_repeats_is_bounded_too() {
    let mut world = world("[one]\nsequence = 1\n");
    let hits = ["10.0.2.1", "10.0.2.2", "10.0.2.3"].map(|source| world.hit(source, "1"));
    hits.iter().for_each(|hit| world.packet(hit));
    world.said();
    hits.iter().rev().for_each(|hit| world.packet(hit));
    world.expect(&["10.0.2.1: one: Stage 1", "10.0.2.1: one: OPEN SESAME"]);
}

#[test]
fn bounds_of_none_are_bounds_of_one() {
    let mut world = World::with("[ssh]\nsequence = 1,2\ncommand = open\n", &[], |setup| {
        setup.limits = Limits { knocks: 0, running_commands: 0, waiting_starts: 0 };
    });
    world.knock(ALICE, &["1", "2"]);
    assert_eq!(world.said().last().map(String::as_str), Some("start $ open"));
}
