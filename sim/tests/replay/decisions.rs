//! What the interface promises of decisions: their order, their packets and times, and the world around the engine.

use crate::support::{DOOR, RAW, Scene, decisions, from, knock, pcap, pcap_of, syn, syn6};

/// One packet completes a knock at three doors, and two of their stop commands are due at once.
const THREE_DOORS: &str = "\
[a]
  Sequence = 7000
  Start_Command = a
  Cmd_Timeout = 0
  Stop_Command = stop a
[b]
  One_Time_Sequences = b.seq
  Start_Command = b %IP%
[c]
  Sequence = 7000
  Start_Command = c
  Cmd_Timeout = 0
  Stop_Command = stop c
";

#[test]
fn one_packet_s_decisions_come_door_by_door_and_its_timers_after_them() {
    let capture = pcap(&[syn(0, 7000)]);
    let scene = Scene::with_capture(&capture).file("a.conf", THREE_DOORS).file("b.seq", "7000\n");
    let ran = scene.replay(&["--json", "--local", "192.0.2.1", "a.pcap"]);
    assert_eq!(
        decisions(&ran.ok()),
        [
            "1 0.000000 stage 192.0.2.7 a k1 1",
            "1 0.000000 open 192.0.2.7 a k1",
            "1 0.000000 run 192.0.2.7 a k1 a start",
            "1 0.000000 stage 192.0.2.7 b k2 1",
            "1 0.000000 spend 192.0.2.7 b k2 b.seq 0",
            "1 0.000000 open 192.0.2.7 b k2",
            "1 0.000000 run 192.0.2.7 b k2 b 192.0.2.7 start",
            "1 0.000000 disable 192.0.2.7 b k2",
            "1 0.000000 stage 192.0.2.7 c k3 1",
            "1 0.000000 open 192.0.2.7 c k3",
            "1 0.000000 run 192.0.2.7 c k3 c start",
            "- 0.000000 run 192.0.2.7 a k1 stop a stop",
            "- 0.000000 run 192.0.2.7 c k3 stop c stop",
        ]
    );
}

#[test]
fn a_timer_belongs_to_no_packet_even_if_the_next_stamp_is_an_earlier_one() {
    let door = "[a]\n  Sequence = 7000\n  Start_Command = a\n  Cmd_Timeout = 0\n  Stop_Command = stop\n";
    let scene = Scene::with_capture(&pcap(&[syn(1000, 7000), syn(0, 1)])).file("a.conf", door);
    let out = scene.replay(&["--json", "--local", "192.0.2.1", "a.pcap"]).ok();
    assert_eq!(decisions(&out).last().unwrap(), "- 1.000000 run 192.0.2.7 a k1 stop stop");
}

#[test]
fn a_timer_comes_before_a_packet_of_its_time() {
    let scene = Scene::with_capture(&pcap(&[syn(0, 7000), syn(1000, 9000), syn(5000, 8000)]));
    let out = scene.replay(&["--json", "--local", "192.0.2.1", "a.pcap"]).ok();
    assert_eq!(
        decisions(&out),
        [
            "1 0.000000 stage 192.0.2.7 ssh k1 1",
            "2 1.000000 stage 192.0.2.7 ssh k1 2",
            "- 5.000000 timeout 192.0.2.7 ssh k1 2",
        ]
    );
}

#[test]
fn others_lose_their_knocks_after_the_spend_oldest_first() {
    let [b, c] = ["192.0.2.8", "192.0.2.9"];
    let capture = pcap(&[from(c, syn(0, 7001)), from(b, syn(1, 7001)), syn(2, 7001), syn(3, 7002)]);
    let door = "[a]\n  One_Time_Sequences = seq\n  Start_Command = a\n";
    let scene = Scene::with_capture(&capture).file("a.conf", door).file("seq", " 7001,7002\n 1,2\n");
    let out = scene.replay(&["--json", "--local", "192.0.2.1", "a.pcap"]).ok();
    assert_eq!(
        decisions(&out)[3..],
        [
            "4 0.003000 stage 192.0.2.7 a k3 2",
            "4 0.003000 spend 192.0.2.7 a k3 seq 0",
            "4 0.003000 discard 192.0.2.9 a k1 1 ONCE-4",
            "4 0.003000 discard 192.0.2.8 a k2 1 ONCE-4",
            "4 0.003000 open 192.0.2.7 a k3",
            "4 0.003000 run 192.0.2.7 a k3 a start",
        ]
    );
}

#[test]
fn a_restart_is_a_discard_and_a_first_stage() {
    let scene = Scene::with_capture(&pcap(&[syn(0, 7000), syn(1, 7000)]));
    let out = scene.replay(&["--json", "--local", "192.0.2.1", "a.pcap"]).ok();
    assert_eq!(
        decisions(&out)[1..],
        [
            "2 0.001000 discard 192.0.2.7 ssh k1 1 SEQ-3",
            "2 0.001000 stage 192.0.2.7 ssh k2 1",
            "- 5.001000 timeout 192.0.2.7 ssh k2 1",
        ]
    );
}

#[test]
fn the_bound_on_knocks_drops_the_oldest() {
    let capture = pcap(&[syn(0, 7000), from("192.0.2.8", syn(1, 7000))]);
    let scene = Scene::with_capture(&capture);
    let out = scene.replay(&["--json", "--local", "192.0.2.1", "--max-knocks", "1", "a.pcap"]).ok();
    assert_eq!(
        decisions(&out)[1..3],
        ["2 0.001000 stage 192.0.2.8 ssh k2 1", "2 0.001000 discard 192.0.2.7 ssh k1 1 SEQ-10"]
    );
    let out = scene.replay(&["--local", "192.0.2.1", "--max-knocks", "1", "a.pcap"]).ok();
    assert!(out.contains("2026-11-22 00:00:00.001000  more than 1 unfinished knocks: dropping the oldest"), "{out}");
}

#[test]
fn a_door_without_a_line_is_disabled_at_start_without_packet_and_time() {
    let door = "[a]\n  One_Time_Sequences = seq\n  Start_Command = a\n";
    let scene = Scene::with_capture(&knock()).file("a.conf", door).file("seq", "#7001,7002\n");
    let out = scene.replay(&["--json", "--local", "192.0.2.1", "a.pcap"]).ok();
    assert_eq!(decisions(&out), ["- - disable - a k-"]);
}

#[test]
fn each_capture_starts_a_fresh_daemon() {
    let halves = [pcap(&[syn(0, 7000), syn(1, 9000)]), pcap(&[syn(2, 8000)])];
    let scene = Scene::with_capture(&halves[0]).file("b.pcap", &halves[1]);
    let out = scene.replay(&["--json", "--local", "192.0.2.1", "--config", "a.conf", "a.pcap", "b.pcap"]).ok();
    assert!(!out.contains(r#""event":"open""#), "{out}");
}

#[test]
fn ipv6_is_ignored_on_demand() {
    let scene = Scene::with_capture(&pcap(&[syn6(0, 7000), syn6(1, 9000), syn6(2, 8000)]));
    let local = ["--json", "--local", "2001:db8::1/64", "a.pcap"];
    assert!(decisions(&scene.replay(&local).ok()).contains(&"3 0.002000 open 2001:db8::7 ssh k1".to_owned()));
    assert_eq!(scene.replay(&["-4", local[0], local[1], local[2], local[3]]).ok(), "");
}

#[test]
fn a_fine_capture_s_times_have_nine_digits_its_timers_too() {
    let scene = Scene::with_capture(&pcap_of(RAW, true, &[syn(0, 7000)])).file("a.conf", DOOR);
    let out = scene.replay(&["--json", "--local", "192.0.2.1", "a.pcap"]).ok();
    assert_eq!(decisions(&out), ["1 0.000000000 stage 192.0.2.7 ssh k1 1", "- 5.000000000 timeout 192.0.2.7 ssh k1 1"]);
}
