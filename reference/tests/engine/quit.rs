//! CMD-7 and PROC-4: a daemon that is told to end closes what it opened.

use knockd::{engine::Input, job::Exit};

use crate::world::{ALICE, BOB, CAROL, World, seconds};

const DOORS: &str = "
[ssh]
  sequence = 7000
  start_command = open %IP%
  stop_command = close %IP%
  cmd_timeout = 1000
[note]
  sequence = 9000,9001
  command = note %IP%
";

#[test]
fn proc_4_an_idle_daemon_ends_at_once_with_status_0() {
    let mut world = World::new(DOORS);
    world.knock(ALICE, &["9000"]);
    world.said();
    world.feed(Input::Quit);
    world.expect(&["shutting down", "exit 0"]);
}

#[test]
fn cmd_7_stop_commands_run_at_once_and_the_daemon_ends_after_the_last() {
    let mut world = World::new(DOORS);
    for source in [ALICE, BOB] {
        world.knock(source, &["7000"]);
        world.ends(&format!("open {source}"), Exit::Status(0));
    }
    world.said();
    world.feed(Input::Quit);
    world.expect(&[
        "shutting down",
        "ssh: running command: close 10.0.0.7",
        "stop $ close 10.0.0.7",
        "ssh: running command: close 10.0.0.8",
        "stop $ close 10.0.0.8",
    ]);
    world.ends("close 10.0.0.8", Exit::Status(1));
    world.expect(&["ssh: command returned non-zero status code (1)"]);
    world.ends("close 10.0.0.7", Exit::Status(0));
    world.expect(&["exit 0"]);
}

#[test]
fn cmd_7_a_start_command_that_runs_is_waited_for_and_undone() {
    let mut world = World::new(DOORS);
    world.knock(ALICE, &["7000"]);
    world.knock(BOB, &["9000", "9001"]);
    world.said();
    world.feed(Input::Quit);
    world.expect(&["shutting down"]);
    world.wait(seconds(3600));
    world.ends("note 10.0.0.8", Exit::Status(0));
    world.expect(&[]);
    world.ends("open 10.0.0.7", Exit::Status(0));
    world.expect(&["ssh: running command: close 10.0.0.7", "stop $ close 10.0.0.7"]);
    world.ends("close 10.0.0.7", Exit::Status(0));
    world.expect(&["exit 0"]);
}

#[test]
fn cmd_7_a_start_command_that_waits_does_not_run_if_it_would_be_undone() {
    let mut world = World::with(DOORS, &[], |setup| setup.limits.running_commands = 1);
    world.knock(ALICE, &["7000"]);
    world.ends("open 10.0.0.7", Exit::Status(0));
    world.knock(BOB, &["7000"]);
    world.knock(CAROL, &["7000"]);
    world.knock(CAROL, &["9000", "9001"]);
    world.said();
    world.feed(Input::Quit);
    world.expect(&["shutting down"]);
    world.ends("open 10.0.0.8", Exit::Status(0));
    world.expect(&["ssh: running command: close 10.0.0.7", "stop $ close 10.0.0.7"]);
    world.ends("close 10.0.0.7", Exit::Status(0));
    world.expect(&["ssh: running command: close 10.0.0.8", "stop $ close 10.0.0.8"]);
    world.ends("close 10.0.0.8", Exit::Status(0));
    world.expect(&["note: running command: note fd00::9", "start $ note fd00::9"]);
    world.ends("note fd00::9", Exit::Status(0));
    world.expect(&["exit 0"]);
}

#[test]
fn proc_4_a_daemon_that_ends_sees_no_knocks_and_no_second_signal() {
    let mut world = World::new(DOORS);
    world.knock(ALICE, &["7000"]);
    world.feed(Input::Quit);
    world.said();
    world.knock(BOB, &["7000"]);
    world.feed(Input::Quit);
    world.reload("[other]\nsequence = 1\n");
    world.expect(&[]);
    world.ends("open 10.0.0.7", Exit::Status(0));
    world.ends("close 10.0.0.7", Exit::Status(0));
    assert_eq!(world.said().last().map(String::as_str), Some("exit 0"));
}

#[test]
fn proc_4_nothing_follows_the_exit() {
    let mut world = World::new(DOORS);
    world.knock(ALICE, &["9000"]);
    world.feed(Input::Quit);
    world.said();
    assert_eq!(world.next(), None);
    world.wait(seconds(100));
    world.expect(&[]);
}

#[test]
fn once_6_a_mark_that_is_late_at_the_end_opens_nothing() {
    let config =
        "[ssh]\none_time_sequences = otp\ncommand = open\nstop_command = close\n[slow]\nsequence = 9\ncommand = slow\n";
    let mut world = World::with(config, &[("otp", " 1\n")], |_| {});
    world.knock(BOB, &["9"]);
    world.knock(ALICE, &["1"]);
    world.feed(Input::Quit);
    world.said();
    world.marked(Ok(()));
    world.expect(&[]);
    world.ends("slow", Exit::Status(0));
    world.expect(&["exit 0"]);
}
