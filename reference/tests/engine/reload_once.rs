//! PROC-3 with one-time files: they are read again, and no reload frees a line that is being spent (ONCE-6).

use knockd::{
    config::Config,
    engine::{Doors, Input, OneTimeFile},
};

use crate::world::{ALICE, BOB, World};

const DOOR: &str = "[ssh]\none_time_sequences = otp\n";

fn world(text: &str) -> World {
    World::with(DOOR, &[("otp", text), ("other", " 9\n")], |_| {})
}

fn write(world: &mut World, text: &str) {
    world.files.insert("otp".to_owned(), text.as_bytes().to_vec());
}

#[test]
fn proc_3_one_time_files_are_read_again_and_a_disabled_door_comes_back() {
    let mut world = world("#1\n");
    world.said();
    world.reload(DOOR);
    world.expect(&["ssh: no usable sequence left in otp: door disabled"]);
    write(&mut world, "#1\n 2\n");
    world.reload(DOOR);
    world.knock(ALICE, &["2"]);
    world.marked(Ok(()));
    world.expect(&[
        "10.0.0.7: ssh: Stage 1",
        "mark otp at 3",
        "10.0.0.7: ssh: OPEN SESAME",
        "ssh: no usable sequence left in otp: door disabled",
    ]);
}

#[test]
fn proc_3_a_door_whose_file_could_not_be_marked_comes_back() {
    let mut world = world(" 1\n 2\n");
    world.knock(ALICE, &["1"]);
    world.marked(Err("input/output error"));
    world.said();
    world.reload(DOOR);
    world.knock(ALICE, &["1"]);
    world.expect(&["10.0.0.7: ssh: Stage 1", "mark otp at 0"]);
}

#[test]
fn proc_3_a_knock_survives_if_the_line_in_use_is_the_same_sequence() {
    for (text, survives) in [(" 1,2\n", true), ("# a new heading\n 1,2\n", true), (" 1,3\n 1,2\n", false)] {
        let mut world = world(" 1,2\n");
        world.knock(ALICE, &["1"]);
        write(&mut world, text);
        world.reload(DOOR);
        world.said();
        world.knock(ALICE, &["2"]);
        let asks = world.said().iter().any(|line| line.starts_with("mark otp"));
        assert_eq!(asks, survives, "{text:?}");
    }
}

#[test]
fn once_6_a_reload_does_not_free_the_lines_that_are_being_spent() {
    let mut world = world(" 1\n 2\n 3\n");
    world.knock(ALICE, &["1"]);
    world.knock(BOB, &["2"]);
    world.said();
    world.reload(&format!("[web]\nsequence = 9\n{DOOR}"));
    world.expect(&[]);
    world.knock(BOB, &["1", "2"]);
    world.expect(&[]);
    world.marked(Ok(()));
    world.expect(&["10.0.0.7: ssh: OPEN SESAME", "mark otp at 3"]);
    world.marked(Ok(()));
    world.expect(&["10.0.0.8: ssh: OPEN SESAME"]);
    world.knock(BOB, &["3"]);
    world.expect(&["10.0.0.8: ssh: Stage 1", "mark otp at 6"]);
    assert_eq!(world.files["otp"], b"#1\n#2\n 3\n");
}

#[test]
fn once_6_the_last_line_being_spent_is_told_once() {
    let mut world = world(" 1\n");
    world.knock(ALICE, &["1"]);
    world.said();
    world.reload(DOOR);
    world.expect(&["ssh: no usable sequence left in otp: door disabled"]);
    world.marked(Ok(()));
    world.expect(&["10.0.0.7: ssh: OPEN SESAME"]);
}

#[test]
fn once_6_a_failed_mark_after_a_reload_disables_the_door_too() {
    let mut world = world(" 1\n 2\n");
    world.knock(ALICE, &["1"]);
    world.reload(&format!("[web]\nsequence = 9\n{DOOR}"));
    world.said();
    world.marked(Err("input/output error"));
    world.expect(&["ssh: cannot mark the used line in otp: input/output error: door disabled"]);
    world.knock(ALICE, &["2"]);
    world.expect(&[]);
}

#[test]
fn once_6_a_line_being_spent_stays_spent_at_a_door_of_another_name() {
    let mut world = world(" 1\n 2\n");
    world.knock(ALICE, &["1"]);
    world.said();
    world.reload("[renamed]\none_time_sequences = otp\n");
    world.expect(&["(debug) 10.0.0.7: ssh: knock discarded at stage 1 (PROC-3)"]);
    world.knock(BOB, &["1"]);
    world.expect(&[]);
    world.marked(Ok(()));
    world.expect(&[]);
    world.knock(BOB, &["2"]);
    world.expect(&["10.0.0.8: renamed: Stage 1", "mark otp at 3"]);
}

#[test]
fn once_6_a_line_being_spent_stays_spent_though_its_door_was_away_for_a_while() {
    let mut world = world(" 1\n 2\n");
    world.knock(ALICE, &["1"]);
    world.reload("[web]\nsequence = 9\n");
    world.reload(DOOR);
    world.said();
    world.knock(BOB, &["1"]);
    world.marked(Ok(()));
    world.expect(&[]);
    world.knock(BOB, &["2"]);
    world.expect(&["10.0.0.8: ssh: Stage 1", "mark otp at 3"]);
}

#[test]
fn once_6_a_line_being_spent_stays_spent_behind_one_that_is_free() {
    let mut world = world(" 1\n 2\n 3\n");
    let renamed = "[renamed]\none_time_sequences = otp\n";
    world.knock(ALICE, &["1"]);
    world.reload(renamed);
    world.marked(Err("input/output error"));
    world.knock(ALICE, &["2"]);
    world.said();
    world.reload(DOOR);
    world.marked(Ok(()));
    world.knock(BOB, &["1"]);
    world.marked(Ok(()));
    assert_eq!(world.files["otp"], b"#1\n#2\n 3\n");
    world.said();
    world.knock(BOB, &["2"]);
    world.expect(&[]);
    world.knock(BOB, &["3"]);
    world.expect(&["10.0.0.8: ssh: Stage 1", "mark otp at 6"]);
}

#[test]
fn once_6_a_line_being_spent_stays_spent_in_its_file_whatever_path_leads_to_it() {
    for (path, identity, is_the_same) in [
        ("otp", "otp", true),
        ("link", "otp", true),
        // A file that took the place of another: most of its lines are the same.
        ("otp", "newer", true),
        ("other", "another", false),
    ] {
        let mut world = world(" 1\n 2\n");
        world.knock(ALICE, &["1"]);
        let config = format!("[renamed]\none_time_sequences = {path}\n");
        let (config, _) = Config::parse(config.as_bytes()).expect("a good configuration");
        let file = OneTimeFile { text: b" 1\n 2\n".to_vec(), identity: identity.to_owned(), ..OneTimeFile::default() };
        let doors = Doors::load(config, |_| Ok::<_, ()>(file.clone())).expect("the file is there");
        world.feed(Input::Reload(Box::new(doors)));
        world.said();
        world.knock(BOB, &["1"]);
        assert_eq!(world.said().is_empty(), is_the_same, "{path}, {identity}");
    }
}

#[test]
fn proc_3_a_knock_that_waits_for_its_mark_ends_with_its_doors_file() {
    for config in ["[ssh]\none_time_sequences = other\n", "[ssh]\nsequence = 7\n"] {
        let mut world = world(" 1\n 2\n");
        world.knock(ALICE, &["1"]);
        world.said();
        world.reload(config);
        world.expect(&["(debug) 10.0.0.7: ssh: knock discarded at stage 1 (PROC-3)"]);
        world.marked(Ok(()));
        world.expect(&[]);
    }
}
