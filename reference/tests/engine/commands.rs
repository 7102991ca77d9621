//! CMD: commands between a knock and the end of its stop command.

use knockd::job::Exit;

use crate::world::{ALICE, BOB, CAROL, World, seconds};

const DOOR: &str = "
[ssh]
  sequence = 7000
  start_command = open %IP%
  cmd_timeout = 5
  stop_command = close %IP%
";

/// A world with `DOOR` whose first knocks have each logged, opened and begun to run.
fn opened(sources: &[&str]) -> World {
    let mut world = World::new(DOOR);
    for source in sources {
        world.knock(source, &["7000"]);
    }
    world.said();
    world
}

#[test]
fn cmd_1_the_start_command_runs_with_every_ip_replaced() {
    let mut world = World::new("[ssh]\nsequence = 7000,8000\ncommand = allow %IP% && echo %IP%%ip% 100%\n");
    world.knock(CAROL, &["7000", "8000"]);
    world.expect(&[
        "fd00::9: ssh: Stage 1",
        "fd00::9: ssh: Stage 2",
        "fd00::9: ssh: OPEN SESAME",
        "ssh: running command: allow fd00::9 && echo fd00::9%ip% 100%",
        "start $ allow fd00::9 && echo fd00::9%ip% 100%",
    ]);
}

#[test]
fn cmd_2_the_stop_command_runs_cmd_timeout_after_the_start_command_has_ended() {
    let mut world = opened(&[ALICE]);
    world.wait(seconds(100));
    world.expect(&[]);
    world.ends("open 10.0.0.7", Exit::Status(0));
    world.wait(seconds(5) - std::time::Duration::from_nanos(1));
    world.expect(&[]);
    world.wait(std::time::Duration::from_nanos(1));
    world.expect(&["10.0.0.7: ssh: command timeout", "ssh: running command: close 10.0.0.7", "stop $ close 10.0.0.7"]);
    world.ends("close 10.0.0.7", Exit::Status(0));
    world.wait(seconds(100));
    world.expect(&[]);
}

#[test]
fn cmd_2_cmd_timeout_is_ten_seconds_unless_given_and_may_be_none() {
    let mut world = World::new("[ssh]\nsequence = 7000\ncommand = open\nstop_command = close\n");
    world.knock(ALICE, &["7000"]);
    world.ends("open", Exit::Status(0));
    assert_eq!(world.next(), Some((10_000, knockd::engine::Reason::CommandTimeout)));

    let mut world = World::new("[ssh]\nsequence = 7000\ncommand = open\nstop_command = close\ncmd_timeout = 0\n");
    world.knock(ALICE, &["7000"]);
    world.ends("open", Exit::Status(0));
    world.said();
    world.wait(seconds(0));
    world.expect(&["10.0.0.7: ssh: command timeout", "ssh: running command: close", "stop $ close"]);
}

#[test]
fn cmd_2_without_a_start_command_there_is_no_stop_and_the_knock_still_counts() {
    let config = "[ssh]\nsequence = 7000\nstop_command = close %IP%\nstart_command_6 = open6 %IP%\n";
    let mut world = World::new(config);
    world.knock(ALICE, &["7000"]);
    world.wait(seconds(100));
    world.expect(&["10.0.0.7: ssh: Stage 1", "10.0.0.7: ssh: OPEN SESAME"]);

    let mut world =
        World::with("[ssh]\none_time_sequences = otp\nstop_command = close\n", &[("otp", " 1\n 2\n")], |_| {});
    world.knock(ALICE, &["1"]);
    world.marked(Ok(()));
    world.expect(&["10.0.0.7: ssh: Stage 1", "mark otp at 0", "10.0.0.7: ssh: OPEN SESAME"]);
    assert_eq!(world.files["otp"], b"#1\n 2\n");
}

#[test]
fn cmd_3_ipv6_has_commands_of_its_own_or_ipv4s() {
    for (config, start, stop) in [
        ("command = a\nstop_command = b\n", Some("a"), Some("b")),
        ("command = a\nstop_command = b\ncommand_6 = c\nstop_command_6 = d\n", Some("c"), Some("d")),
        ("command = a\nstop_command = b\nstart_command_6 = c\n", Some("c"), Some("b")),
        ("command = a\nstop_command = b\nstop_command_6 = d\n", Some("a"), Some("d")),
        ("command = a\nstop_command = b\nstart_command_6 =\n", None, None),
        ("command = a\nstop_command = b\nstop_command_6 =\n", Some("a"), None),
        ("command_6 = c\nstop_command_6 = d\n", Some("c"), Some("d")),
    ] {
        let mut world = World::new(&format!("[ssh]\nsequence = 7000\ncmd_timeout = 1\n{config}"));
        world.knock(CAROL, &["7000"]);
        if let Some(start) = start {
            world.ends(start, Exit::Status(0));
            world.wait(seconds(1));
        }
        let ran: Vec<_> = world.said().into_iter().filter(|line| line.contains('$')).collect();
        let start = start.map(|command| format!("start $ {command}"));
        let stop = stop.map(|command| format!("stop $ {command}"));
        assert_eq!(ran, start.into_iter().chain(stop).collect::<Vec<_>>(), "{config}");
    }
}

#[test]
fn cmd_4_a_slow_command_delays_nobody() {
    let mut world = opened(&[ALICE]);
    world.knock(BOB, &["7000"]);
    world.ends("open 10.0.0.8", Exit::Status(0));
    world.wait(seconds(5));
    world.expect(&[
        "10.0.0.8: ssh: Stage 1",
        "10.0.0.8: ssh: OPEN SESAME",
        "ssh: running command: open 10.0.0.8",
        "start $ open 10.0.0.8",
        "10.0.0.8: ssh: command timeout",
        "ssh: running command: close 10.0.0.8",
        "stop $ close 10.0.0.8",
    ]);
}

#[test]
fn cmd_5_a_command_runs_whole_and_one_that_is_refused_has_no_partner() {
    let long = format!("echo {}", "x".repeat(300_000));
    let mut world = World::new(&format!("[ssh]\nsequence = 7000\ncommand = {long}\nstop_command = close\n"));
    world.knock(ALICE, &["7000"]);
    assert_eq!(world.said().last(), Some(&format!("start $ {long}")));
    world.ends(&long, Exit::Refused("argument list too long".to_owned()));
    world.expect(&["ssh: command could not be run: argument list too long"]);
    assert_eq!(world.next(), None, "no stop command is due");
}

#[test]
fn cmd_6_a_command_that_fails_is_logged_and_the_stop_command_still_runs() {
    let mut world = opened(&[ALICE, BOB]);
    world.ends("open 10.0.0.7", Exit::Status(3));
    world.ends("open 10.0.0.8", Exit::Signal(9));
    world.expect(&["ssh: command returned non-zero status code (3)", "ssh: command was ended by signal 9"]);
    world.wait(seconds(5));
    world.ends("close 10.0.0.8", Exit::Status(1));
    world.expect(&[
        "10.0.0.7: ssh: command timeout",
        "ssh: running command: close 10.0.0.7",
        "stop $ close 10.0.0.7",
        "10.0.0.8: ssh: command timeout",
        "ssh: running command: close 10.0.0.8",
        "stop $ close 10.0.0.8",
        "ssh: command returned non-zero status code (1)",
    ]);
}

#[test]
fn cmd_8_at_most_so_many_run_at_once_stops_first_and_starts_in_order() {
    let mut world = World::with(DOOR, &[], |setup| setup.limits.running_commands = 2);
    world.knock(ALICE, &["7000"]);
    world.ends("open 10.0.0.7", Exit::Status(0));
    for source in ["10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.4"] {
        world.knock(source, &["7000"]);
    }
    assert_eq!(world.running(), 2);
    world.wait(seconds(5));
    let ran = |world: &mut World| -> Vec<String> {
        world.said().into_iter().filter(|line| line.contains('$') || line.contains("timeout")).collect()
    };
    let first = ["start $ open 10.0.0.7", "start $ open 10.0.1.1", "start $ open 10.0.1.2"];
    assert_eq!(
        ran(&mut world),
        [&first[..], &["10.0.0.7: ssh: command timeout"]].concat(),
        "the stop is due and waits"
    );
    world.ends("open 10.0.1.2", Exit::Status(0));
    assert_eq!(ran(&mut world), ["stop $ close 10.0.0.7"]);
    world.ends("open 10.0.1.1", Exit::Status(0));
    world.ends("close 10.0.0.7", Exit::Status(0));
    assert_eq!(ran(&mut world), ["start $ open 10.0.1.3", "start $ open 10.0.1.4"]);
    assert_eq!(world.running(), 2);
}

#[test]
fn cmd_8_past_ten_thousand_waiting_starts_knocks_do_not_open_and_one_line_says_so() {
    let mut world = opened(&[]);
    let source = |n: u32| format!("10.1.{}.{}", n >> 8, n & 255);
    for n in 0..32 + 10_000 {
        world.knock(&source(n), &["7000"]);
    }
    let said = world.said();
    assert_eq!(said.iter().filter(|line| line.ends_with("OPEN SESAME")).count(), 32 + 10_000);
    assert_eq!(said.iter().filter(|line| line.contains('$')).count(), 32);

    world.knock(ALICE, &["7000"]);
    world.knock(BOB, &["7000"]);
    world.expect(&[
        "10.0.0.7: ssh: Stage 1",
        "more than 10000 commands waiting: further knocks do not open",
        "10.0.0.8: ssh: Stage 1",
    ]);
    world.wait(seconds(9));
    world.knock(ALICE, &["7000"]);
    world.expect(&["10.0.0.7: ssh: Stage 1"]);

    world.ends("open 10.1.0.5", Exit::Status(0));
    world.said();
    world.knock(BOB, &["7000"]);
    world.expect(&["10.0.0.8: ssh: Stage 1", "10.0.0.8: ssh: OPEN SESAME"]);

    world.wait(seconds(10));
    world.said();
    world.knock(ALICE, &["7000"]);
    world.expect(&["10.0.0.7: ssh: Stage 1", "more than 10000 commands waiting: further knocks do not open"]);
}

#[test]
fn cmd_8_what_does_not_open_for_want_of_a_place_spends_nothing() {
    let config = "[ssh]\none_time_sequences = otp\ncommand = open\n";
    let mut world = World::with(config, &[("otp", " 1\n 2\n 3\n")], |setup| setup.limits.waiting_starts = 1);
    world.knock(ALICE, &["1"]);
    world.knock(BOB, &["2"]);
    let full = "more than 1 commands waiting: further knocks do not open";
    world.expect(&["10.0.0.7: ssh: Stage 1", "mark otp at 0", "10.0.0.8: ssh: Stage 1", full]);
    world.marked(Ok(()));
    world.said();
    world.knock(BOB, &["2"]);
    world.expect(&["10.0.0.8: ssh: Stage 1", "mark otp at 3"]);
    assert_eq!(world.files["otp"], b"#1\n 2\n 3\n");
}
