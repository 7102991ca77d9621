//! What people read: the timeline and the explanation of captures that show why knocks fail.

use crate::support::{CLIENT, Scene, from, knock, pcap, replay_committed, syn, tcp, udp};

/// Timeline and explanation, to be read as someone would who asks why a knock failed.
macro_rules! stories {
    ($($name:ident $capture:literal)*) => {
        $(#[test]
        fn $name() {
            let capture = concat!("captures/", $capture);
            let timeline = replay_committed(&[capture]).ok();
            let explanation = replay_committed(&["--explain", capture]).ok();
            insta::assert_snapshot!(stringify!($name), format!("{timeline}--- with --explain\n{explanation}"));
        })*
    };
}

stories! {
    a_wrong_port "wrong-port.pcap"
    too_late "timeout-too-late.pcap"
    an_ssh_session_spoils "ssh-session-spoils.pcap"
    flags_demanded_and_refused "hping3-flags-demanded-and-refused.pcap"
    a_one_time_file_is_used_up "one-time-used-up.pcap"
    a_lost_packet "lost-packets-knock-again.pcap"
    malformed_packets "malformed-lengths.pcap"
    a_target_behind_the_router "target-behind-the-router.pcap"
}

/// An explanation of made-up packets, without the packets themselves: only what it comes to.
fn why(door: &str, packets: &[(u64, Vec<u8>)], arguments: &[&str]) -> String {
    let scene = Scene::with_capture(&pcap(packets)).file("a.conf", door);
    let arguments = [&["--explain", "--local", "192.0.2.1", "a.pcap"][..], arguments].concat();
    let out = scene.replay(&arguments).ok();
    // Blank lines are before the end of the explanation and after the summary.
    let end = out.trim_end().rsplit("\n\n").next().unwrap_or_default();
    format!("{door}---\n{end}\n")
}

const PLAIN: &str = "[ssh]\n  Sequence = 7000,9000,8000\n";
const SYN: &str = "[ssh]\n  Sequence = 7000,9000,8000\n  TCPFlags = syn\n";
const UDP: &str = "[ssh]\n  Sequence = 7000:udp,9000:udp,8000:udp\n";

/// Each way to fail, in one picture: does its last line but one say what to do?
#[test]
fn every_way_to_fail_is_told() {
    let cases: [(&str, String); 14] = [
        ("a packet got lost", why(SYN, &[syn(0, 7000), syn(1, 8000)], &[])),
        ("two packets overtook each other", why(SYN, &[syn(0, 7000), syn(1, 8000), syn(2, 9000)], &[])),
        ("a strange port", why(SYN, &[syn(0, 7000), syn(1, 22), syn(2, 9000)], &[])),
        ("the first port again", why(SYN, &[syn(0, 7000), syn(1, 9000), syn(2, 7000)], &[])),
        ("an open session", why(PLAIN, &[syn(0, 7000), tcp(1, 22, "psh,ack")], &[])),
        ("an answer to this host", why(SYN, &[syn(0, 7000), tcp(1, 40000, "syn,ack")], &[])),
        ("the wrong protocol", why(PLAIN, &[syn(0, 7000), udp(1, 9000)], &[])),
        ("too late", why(SYN, &[syn(0, 7000), syn(1, 9000), syn(25_001, 8000)], &[])),
        ("never finished", why(SYN, &[syn(0, 7000), syn(1, 9000)], &[])),
        ("the wrong flags in between", why(SYN, &[syn(0, 7000), tcp(1, 9000, "ack"), syn(2, 8000)], &[])),
        ("the wrong flags from the start", why(SYN, &[tcp(0, 7000, "fin"), tcp(1, 9000, "fin")], &[])),
        ("the wrong protocol from the start", why(UDP, &[syn(0, 7000), syn(1, 9000), syn(2, 8000)], &[])),
        ("the first packet got lost", why(SYN, &[syn(0, 9000), syn(1, 8000)], &[])),
        ("nobody knocked", why(SYN, &[syn(0, 80), (1, vec![0x45; 10])], &[])),
    ];
    let told: Vec<String> = cases.iter().map(|(name, told)| format!("=== {name}\n{told}")).collect();
    insta::assert_snapshot!(told.join("\n"));
}

/// A knock that never reached stage 1 is the hardest to explain: nothing is logged about it.
#[test]
fn a_knock_that_never_began_is_told_with_the_reason() {
    let wrong_address = replay_committed(&["--explain", "--local", "198.51.100.1", "captures/knock-tcp.pcap"]).ok();
    let only_v4 = replay_committed(&["--explain", "-4", "captures/knock-ipv6.pcap"]).ok();
    insta::assert_snapshot!(format!("{wrong_address}--- with -4\n{only_v4}"));
}

#[test]
fn source_and_door_narrow_an_explanation() {
    let other = "192.0.2.8";
    let doors = "[a]\n  Sequence = 7000,9000\n[b]\n  Sequence = 8000,9000\n";
    let scene = Scene::with_capture(&pcap(&[syn(0, 7000), from(other, syn(1, 8000)), syn(2, 8000), udp(3, 1)]));
    let scene = scene.file("a.conf", doors);
    let explain = |arguments: &[&str]| {
        let out = scene.replay(&[&["--explain", "--local", "192.0.2.1", "a.pcap"][..], arguments].concat()).ok();
        // The warnings about the doors end with a blank line.
        out.rsplit_once("= help: ").unwrap().1.to_owned()
    };
    let all = explain(&[]);
    assert!(all.contains(CLIENT) && all.contains(other) && all.contains("    a: ") && all.contains("    b: "), "{all}");
    let one_source = explain(&["--source", other]);
    assert!(!one_source.contains(CLIENT) && one_source.contains(other), "{one_source}");
    let one_door = explain(&["--door", "a"]);
    assert!(one_door.contains("    a: stage 0 -> 1 of 2") && !one_door.contains("b: "), "{one_door}");
    assert!(!one_door.contains(other), "nobody else reached stage 1 at a: {one_door}");
    assert!(explain(&["--door", "a", "--all"]).contains(other));
    let scene = scene.file("a.conf", "[a]\n  Sequence = 7000,9000\n[a]\n  Sequence = 8000,9000\n");
    let namesake = scene.replay(&["--explain", "--local", "192.0.2.1", "--door", "a (2)", "a.pcap"]).ok();
    assert!(namesake.contains("    a (2): stage 0 -> 1 of 2") && !namesake.contains("    a: "), "{namesake}");
    let ran = scene.replay(&["--explain", "--source", "nobody", "a.pcap"]);
    assert!(ran.status == 2 && ran.err.contains("`nobody` is no IPv4 or IPv6 address"), "{ran:?}");
}

/// TIME-2: a stamp that goes back counts as the latest one, so the explanation's sums must, too.
#[test]
fn a_packet_with_an_earlier_stamp_counts_as_of_the_latest() {
    let packets = [syn(10_000, 22), syn(0, 7000), syn(1, 9000), syn(35_000, 8000)];
    let end = why(SYN, &packets, &[]);
    assert!(end.contains("25 s after packet #2\n"), "{end}");
    assert!(end.contains("packet #4 hit 8000 at that very moment, too late\n"), "{end}");
    let scene = Scene::with_capture(&pcap(&packets)).file("a.conf", SYN);
    let out = scene.replay(&["--explain", "--local", "192.0.2.1", "a.pcap"]).ok();
    let told: Vec<_> = out.lines().filter(|line| line.starts_with("    out of order  TIME-2  ")).collect();
    assert_eq!(told.len(), 2, "{out}");
    let latest = out.lines().find(|line| line.contains("  #4  ")).unwrap();
    assert!(!out.split(latest).nth(1).unwrap().contains("out of order"), "{out}");
}

#[test]
fn large_counts_are_grouped_alike() {
    let packets: Vec<_> = (0..1_200).flat_map(|n| [syn(2 * n, 7000), syn(2 * n + 1, 22)]).collect();
    let scene = Scene::with_capture(&pcap(&packets)).file("a.conf", SYN);
    let out = scene.replay(&["--local", "192.0.2.1", "a.pcap"]).ok();
    assert!(out.contains("2,400 packets, 2,400 hits, 1,200 knocks begun, 1,200 discarded, 0 timed out"), "{out}");
}

/// The traps of a configuration and of its one-time files come with the explanation.
#[test]
fn traps_are_shown() {
    let door = "[ssh]\n  One_Time_Sequences = list\n  TCPFlags = syn,!ack\n";
    let scene = Scene::with_capture(&knock()).file("a.conf", door).file("list", "7000,9000,8000\n");
    let out = scene.replay(&["--local", "192.0.2.1", "a.pcap"]).ok();
    assert!(out.contains("a.conf: 1 warning (--explain shows them)\n"), "{out}");
    let out = scene.replay(&["--explain", "--local", "192.0.2.1", "a.pcap"]).ok();
    assert!(out.contains("list:1:1") && out.contains("warning[ONCE-3]"), "{out}");
}

#[test]
fn colours_add_nothing_but_colours() {
    let arguments = ["replay", "--explain", "--local", "192.0.2.1", "a.pcap"];
    let scene = Scene::with_capture(&knock());
    let coloured = scene.command(&arguments).env("CLICOLOR_FORCE", "1").output().unwrap();
    let coloured = crate::support::Ran::from(coloured).ok();
    assert!(coloured.contains('\u{1b}'));
    let plain: String = coloured
        .split('\u{1b}')
        .enumerate()
        .map(|(at, part)| if at == 0 { part } else { part.split_once('m').unwrap().1 })
        .collect();
    assert_eq!(plain, scene.replay(&arguments[1..]).ok());
}
