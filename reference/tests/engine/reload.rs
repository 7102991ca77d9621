//! PROC-3: a configuration read again changes what it changes, and nothing else.

use knockd::job::Exit;

use crate::world::{ALICE, BOB, CAROL, World, seconds};

const SSH: &str = "[ssh]\nsequence = 1,2,3\ncommand = open %IP%\nstop_command = close %IP%\n";
const WEB: &str = "[web]\nsequence = 1,5,6\nseq_timeout = 60\n";

/// ALICE at stages 2 and 1 of both doors, BOB at stage 1 of both.
fn half_way() -> World {
    let mut world = World::new(&format!("{SSH}{WEB}"));
    world.knock(ALICE, &["1"]);
    world.knock(BOB, &["1"]);
    world.said();
    world
}

#[test]
fn proc_3_knocks_of_unchanged_doors_survive_whatever_their_place_in_the_file() {
    for config in [
        format!("{SSH}{WEB}"),
        format!("{WEB}{SSH}"),
        format!("[new]\nsequence = 99\n{WEB}[newer]\nsequence = 1,98\n{SSH}"),
        format!("{SSH}[options]\nlogfile = /var/log/knockd.log\n{WEB}"),
    ] {
        let mut world = half_way();
        world.reload(&config);
        world.expect(&[]);
        world.knock(ALICE, &["2"]);
        world.knock(BOB, &["5"]);
        world.wait(seconds(60));
        let mut said = world.said();
        // Discards and timeouts of one moment come in the doors' order, which the configurations differ in.
        said.sort();
        assert_eq!(
            said,
            [
                "(debug) 10.0.0.7: web: knock discarded at stage 1 (SEQ-3) by tcp 40000 > 10.0.0.1:2 [syn] seq 3",
                "(debug) 10.0.0.8: ssh: knock discarded at stage 1 (SEQ-3) by tcp 40000 > 10.0.0.1:5 [syn] seq 4",
                "10.0.0.7: ssh: Stage 2",
                "10.0.0.7: ssh: sequence timeout (stage 2)",
                "10.0.0.8: web: Stage 2",
                "10.0.0.8: web: sequence timeout (stage 2)",
            ],
            "{config}"
        );
    }
}

#[test]
fn proc_3_the_order_of_doors_after_a_reload_is_the_new_files() {
    let mut world = half_way();
    world.reload(&format!("{WEB}{SSH}"));
    world.knock(CAROL, &["1"]);
    world.expect(&["fd00::9: web: Stage 1", "fd00::9: ssh: Stage 1"]);
}

#[test]
fn proc_3_knocks_survive_in_the_order_in_which_they_began() {
    let mut world = half_way();
    world.reload(&format!("{WEB}{SSH}"));
    world.wait(seconds(25));
    world.expect(&["10.0.0.7: ssh: sequence timeout (stage 1)", "10.0.0.8: ssh: sequence timeout (stage 1)"]);
    world.wait(seconds(35));
    world.expect(&["10.0.0.7: web: sequence timeout (stage 1)", "10.0.0.8: web: sequence timeout (stage 1)"]);
}

#[test]
fn proc_3_knocks_of_changed_doors_do_not_survive() {
    for ssh in [
        "",
        "[ssh]\nsequence = 1,2,4\ncommand = open %IP%\nstop_command = close %IP%\n",
        "[ssh]\nsequence = 1,2,3\ncommand = open\nstop_command = close %IP%\n",
        "[ssh]\nsequence = 1,2,3\ncommand = open %IP%\nstop_command = close %IP%\ntcpflags = syn\n",
        "[SSH]\nsequence = 1,2,3\ncommand = open %IP%\nstop_command = close %IP%\n",
        "[ssh]\nsequence = 1,2,3\ncommand = open %IP%\nstop_command = close %IP%\nignore_ports = 443\n",
    ] {
        let mut world = half_way();
        world.reload(&format!("{ssh}{WEB}"));
        world.expect(&[
            "(debug) 10.0.0.7: ssh: knock discarded at stage 1 (PROC-3)",
            "(debug) 10.0.0.8: ssh: knock discarded at stage 1 (PROC-3)",
        ]);
        world.knock(ALICE, &["5", "6"]);
        world.expect(&["10.0.0.7: web: Stage 2", "10.0.0.7: web: Stage 3", "10.0.0.7: web: OPEN SESAME"]);
        world.knock(BOB, &["2", "3"]);
        assert!(!world.said().iter().any(|line| line.contains("SESAME")), "{ssh}");
    }
}

#[test]
fn proc_3_namesakes_are_told_apart_by_their_place_among_themselves() {
    let (first, second) = ("[x]\nsequence = 1,2\n", "[x]\nsequence = 1,3\n");
    let mut world = World::new(&format!("{first}{second}"));
    world.knock(ALICE, &["1"]);
    world.reload(&format!("{WEB}{first}{second}"));
    world.said();
    world.knock(ALICE, &["2"]);
    assert!(world.said().contains(&"10.0.0.7: x: OPEN SESAME".to_owned()));

    world.knock(ALICE, &["1"]);
    world.said();
    world.reload(&format!("{second}{first}"));
    assert_eq!(world.said().iter().filter(|line| line.contains("x: knock discarded")).count(), 2);
}

#[test]
fn proc_3_a_repeat_stays_a_repeat() {
    let mut world = World::new("[one]\nsequence = 7\n");
    let hit = world.hit(ALICE, "7");
    world.packet(&hit);
    world.said();
    world.reload(&format!("{WEB}[one]\nsequence = 7\n"));
    world.packet(&hit);
    world.expect(&[]);
}

#[test]
fn cmd_7_stop_commands_survive_the_change_and_the_end_of_their_door() {
    for config in [format!("{WEB}[ssh]\nsequence = 9\nstop_command = other\ncommand = other\n"), WEB.to_owned()] {
        let mut world = World::new(&format!("{SSH}{WEB}"));
        world.knock(ALICE, &["1", "2", "3"]);
        world.knock(BOB, &["1", "2", "3"]);
        world.ends("open 10.0.0.7", Exit::Status(0));
        world.reload(&config);
        world.said();
        world.ends("open 10.0.0.8", Exit::Status(1));
        world.wait(seconds(10));
        world.expect(&[
            "ssh: command returned non-zero status code (1)",
            "10.0.0.7: ssh: command timeout",
            "ssh: running command: close 10.0.0.7",
            "stop $ close 10.0.0.7",
            "10.0.0.8: ssh: command timeout",
            "ssh: running command: close 10.0.0.8",
            "stop $ close 10.0.0.8",
        ]);
    }
}
