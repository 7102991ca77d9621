//! ONCE-4, ONCE-6, ONCE-7: a line is spent before its door opens, and what happens until that is known.

use crate::world::{ALICE, BOB, CAROL, World};

const DOOR: &str = "
[ssh]
  one_time_sequences = otp
  command = open %IP%
";

fn world(text: &str) -> World {
    World::with(DOOR, &[("otp", text)], |_| {})
}

#[test]
fn once_6_the_door_opens_after_the_mark_and_not_before() {
    let mut world = world(" 7000,8000\n 9000\n");
    world.knock(ALICE, &["7000", "8000"]);
    world.expect(&["10.0.0.7: ssh: Stage 1", "10.0.0.7: ssh: Stage 2", "mark otp at 0"]);
    world.marked(Ok(()));
    world.expect(&["10.0.0.7: ssh: OPEN SESAME", "ssh: running command: open 10.0.0.7", "start $ open 10.0.0.7"]);
    assert_eq!(world.files["otp"], b"#7000,8000\n 9000\n");
}

#[test]
fn once_6_until_the_mark_is_known_hits_count_on_the_next_sequence_and_triggers_wait_in_order() {
    let mut world = world(" 1,2\n 3,4\n 5,6\n 7,8\n");
    world.knock(ALICE, &["1", "2"]);
    world.said();
    world.knock(BOB, &["1", "2", "3", "4"]);
    world.knock(CAROL, &["5", "6", "7"]);
    world.expect(&[
        "10.0.0.8: ssh: Stage 1",
        "10.0.0.8: ssh: Stage 2",
        "fd00::9: ssh: Stage 1",
        "fd00::9: ssh: Stage 2",
        "fd00::9: ssh: Stage 1",
    ]);
    world.marked(Ok(()));
    world.expect(&[
        "10.0.0.7: ssh: OPEN SESAME",
        "ssh: running command: open 10.0.0.7",
        "start $ open 10.0.0.7",
        "mark otp at 5",
    ]);
    world.marked(Ok(()));
    world.expect(&[
        "10.0.0.8: ssh: OPEN SESAME",
        "ssh: running command: open 10.0.0.8",
        "start $ open 10.0.0.8",
        "mark otp at 10",
    ]);
    world.marked(Ok(()));
    world.expect(&["fd00::9: ssh: OPEN SESAME", "ssh: running command: open fd00::9", "start $ open fd00::9"]);
    world.knock(CAROL, &["8"]);
    world.expect(&["fd00::9: ssh: Stage 2", "mark otp at 15"]);
    assert_eq!(world.files["otp"], b"#1,2\n#3,4\n#5,6\n 7,8\n");
}

#[test]
fn once_4_knocks_on_the_used_sequence_are_discarded_and_it_no_longer_opens() {
    let mut world = world(" 1,2,3\n 4,5,6\n");
    world.knock(BOB, &["1"]);
    world.knock(CAROL, &["1", "2"]);
    world.knock(ALICE, &["1", "2", "3"]);
    let said = world.said();
    assert_eq!(
        said[said.len() - 3..],
        [
            "mark otp at 0",
            "(debug) 10.0.0.8: ssh: knock discarded at stage 1 (ONCE-4)",
            "(debug) fd00::9: ssh: knock discarded at stage 2 (ONCE-4)",
        ]
    );
    world.marked(Ok(()));
    world.said();
    world.knock(BOB, &["2", "3", "1", "2", "3"]);
    world.expect(&[]);
}

#[test]
fn once_6_a_mark_that_cannot_be_written_disables_the_door() {
    let mut world = world(" 1,2\n 3,4\n 5,6\n 7,8\n");
    world.knock(ALICE, &["1", "2"]);
    world.knock(BOB, &["3", "4"]);
    world.knock(CAROL, &["5"]);
    world.said();
    world.marked(Err("read-only file system"));
    world.expect(&[
        "ssh: cannot mark the used line in otp: read-only file system: door disabled",
        "(debug) fd00::9: ssh: knock discarded at stage 1 (ONCE-6)",
        "(debug) 10.0.0.8: ssh: knock discarded at stage 2 (ONCE-6)",
    ]);
    world.knock(ALICE, &["1", "2", "3", "4", "5", "6", "7", "8"]);
    world.expect(&[]);
    assert_eq!(world.files["otp"], b" 1,2\n 3,4\n 5,6\n 7,8\n");
    assert_eq!(world.next(), None, "nothing of it is pending");
}

#[test]
fn once_6_a_door_that_cannot_be_marked_does_not_touch_the_others() {
    let config = format!("{DOOR}[web]\nsequence = 1,9\n");
    let mut world = World::with(&config, &[("otp", " 1,2\n")], |_| {});
    world.knock(BOB, &["1"]);
    world.knock(ALICE, &["1", "2"]);
    world.marked(Err("no space left on device"));
    world.said();
    world.knock(BOB, &["9"]);
    world.expect(&["10.0.0.8: web: Stage 2", "10.0.0.8: web: OPEN SESAME"]);
}

#[test]
fn once_6_an_answer_to_no_question_changes_nothing() {
    let mut world = world(" 1\n 2\n");
    world.knock(ALICE, &["1"]);
    world.said();
    let spend = world.oldest_spend();
    world.marked(Ok(()));
    world.said();
    for result in [Ok(()), Err("again".to_owned())] {
        world.feed(knockd::engine::Input::Spent { spend, result });
    }
    world.expect(&[]);
    world.knock(BOB, &["2"]);
    world.expect(&["10.0.0.8: ssh: Stage 1", "mark otp at 3"]);
}

#[test]
fn once_7_the_last_line_opens_and_then_the_door_is_disabled() {
    let config = format!("{DOOR}[web]\nsequence = 7000\n");
    let mut world = World::with(&config, &[("otp", "# used\n 1,2\n")], |_| {});
    world.expect(&[]);
    world.knock(ALICE, &["1", "2"]);
    world.knock(BOB, &["1", "2"]);
    world.said();
    world.marked(Ok(()));
    world.expect(&[
        "10.0.0.7: ssh: OPEN SESAME",
        "ssh: running command: open 10.0.0.7",
        "start $ open 10.0.0.7",
        "ssh: no usable sequence left in otp: door disabled",
    ]);
    world.knock(BOB, &["1", "2", "7000"]);
    world.expect(&["10.0.0.8: web: Stage 1", "10.0.0.8: web: OPEN SESAME"]);
}

#[test]
fn once_7_a_used_up_file_disables_its_door_at_start_and_the_others_go_on() {
    let config = "[ssh]\none_time_sequences = otp\n[web]\nsequence = 7000\n[ftp]\none_time_sequences = empty\n";
    let mut world = World::with(config, &[("otp", "#1\n\n# 2\n"), ("empty", "")], |_| {});
    world.expect(&[
        "ssh: no usable sequence left in otp: door disabled",
        "ftp: no usable sequence left in empty: door disabled",
    ]);
    world.knock(ALICE, &["1", "7000"]);
    world.expect(&["10.0.0.7: web: Stage 1", "10.0.0.7: web: OPEN SESAME"]);
}

#[test]
fn once_8_ipv6_uses_lines_up_as_ipv4_does() {
    let mut world = world(" 1,2\n 3,4\n 5,6\n");
    for (source, ports) in [(CAROL, ["1", "2"]), (CAROL, ["3", "4"]), (ALICE, ["5", "6"])] {
        world.knock(source, &ports);
        world.marked(Ok(()));
        assert!(world.said().contains(&format!("{source}: ssh: OPEN SESAME")));
    }
    assert_eq!(world.files["otp"], b"#1,2\n#3,4\n#5,6\n");
}
