//! The reasons that an explanation finds for knocks that look as if a packet got lost.

use crate::support::{CLIENT, Packet, RAW, START, Scene, from, pcap, syn, to, udp};
use knockd::time::Instant;
use knocksim::capture::PcapWriter;

const OTHER: &str = "198.51.100.8";
const SYN: &str = "[ssh]\n  Sequence = 7000,8000,9000\n  TCPFlags = syn,!ack\n";
const LOCAL: [&str; 2] = ["--local", "192.0.2.1"];

/// The end of an explanation, as one line.
fn told(door: &str, capture: &[u8], arguments: &[&str]) -> String {
    let scene = Scene::with_capture(capture).file("a.conf", door);
    told_in(&scene, arguments)
}

fn told_in(scene: &Scene, arguments: &[&str]) -> String {
    let out = scene.replay(&[&["--explain", "a.pcap"], arguments].concat()).ok();
    let end = out.trim_end().rsplit("\n\n").next().unwrap_or_default();
    end.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Asserts that `text` contains `wanted` and does not ask for lost packets.
#[track_caller]
fn instead_of_lost(text: &str, wanted: &str) {
    assert!(text.contains(wanted), "{text}");
    assert!(!text.contains("get lost"), "{text}");
}

#[test]
fn a_hit_by_udp_at_a_tcp_door_is_named() {
    let text = told(SYN, &pcap(&[syn(0, 7000), udp(1, 8000), syn(2, 9000)]), &LOCAL);
    instead_of_lost(&text, "packet #2 hit 8000 by udp, which the door does not count (FLAGS-4)");
}

#[test]
fn a_packet_that_cannot_be_read_is_named() {
    let (at, mut bytes) = syn(1, 8000);
    bytes[32] = 0x40;
    let text = told(SYN, &pcap(&[syn(0, 7000), (at, bytes), syn(2, 9000)]), &LOCAL);
    instead_of_lost(&text, "packet #2 of this source could not be read (LISTEN-6): tcp data offset");
    let others = from(OTHER, syn(1, 8000));
    let (at, mut bytes) = others;
    bytes[32] = 0x40;
    let text = told(SYN, &pcap(&[syn(0, 7000), (at, bytes), syn(2, 9000)]), &LOCAL);
    assert!(!text.contains("of this source") && text.contains("get lost"), "{text}");
}

#[test]
fn a_hit_from_another_address_is_named() {
    let stray = from(OTHER, syn(1, 8000));
    let text = told(SYN, &pcap(&[syn(0, 7000), stray.clone(), syn(2, 9000)]), &LOCAL);
    instead_of_lost(&text, "packet #2 hit 8000, but from 198.51.100.8 (SEQ-1)");
    let text = told(SYN, &pcap(&[syn(0, 7000), stray.clone()]), &LOCAL);
    assert!(text.contains("packet #2 hit 8000, but from 198.51.100.8 (SEQ-1)"), "it timed out: {text}");
    let text = told(SYN, &pcap(&[stray.clone(), syn(2, 7000), syn(3, 9000)]), &LOCAL);
    assert!(text.contains("get lost"), "it came before the knock: {text}");
    let own = [syn(0, 7000), from(OTHER, syn(1, 7000)), from(OTHER, syn(2, 8000)), syn(3, 9000)];
    let text = told(SYN, &pcap(&own), &LOCAL);
    assert!(text.contains("did the packet to 8000 get lost?"), "it belongs to a knock of the other's: {text}");
}

#[test]
fn a_port_hit_before_the_first_is_named() {
    let text = told(SYN, &pcap(&[syn(0, 8000), syn(1, 7000), syn(2, 9000)]), &LOCAL);
    instead_of_lost(&text, "packet #1 hit 8000 before the first port 7000 (SEQ-1)");
}

#[test]
fn a_used_one_time_line_is_named() {
    let door = "[mail]\n  One_Time_Sequences = list\n  TCPFlags = syn,!ack\n";
    let used = [syn(0, 7001), syn(1, 8001)];
    let scene = |packets: &[Packet]| {
        Scene::with_capture(&pcap(packets)).file("a.conf", door).file("list", "#7001,8001\n 7002,8002\n 7003,8003\n")
    };
    let text = told_in(&scene(&used), &LOCAL);
    let why = "did not count (ONCE-4): the door begins with 7002 now";
    let hint = "hint: 7001 is in the line at byte 0 of list, which is used up and opens no more";
    assert!(text.contains(why) && text.contains(hint), "{text}");
    assert!(text.contains("mail begins with 7002: no packet hit 7002"), "{text}");

    // The line is spent while the capture runs, and someone else repeats it.
    let replayed = [syn(0, 7002), syn(1, 8002), from(OTHER, syn(2, 7002)), from(OTHER, syn(3, 8002))];
    let text = told_in(&scene(&replayed), &LOCAL);
    assert!(
        text.contains("the door begins with 7003 now") && text.contains("7002 is in the line at byte 11"),
        "{text}"
    );
    let text = told_in(&scene(&[syn(0, 6000)]), &LOCAL);
    assert!(!text.contains("used up"), "no line has that port: {text}");
}

#[test]
fn doors_that_nobody_reached_are_named_beside_others() {
    let doors = format!("{SYN}[web]\n  Sequence = 8600,8700,8900\n  TCPFlags = syn\n");
    let text = told(&doors, &pcap(&[syn(0, 7000)]), &LOCAL);
    let line = "no source reached stage 1 at web, which begins with 8600: no packet hit 8600";
    assert!(text.contains(line) && !text.contains("stage 1 at ssh"), "{text}");
    let elsewhere = to("192.0.2.99", syn(1, 8600));
    let text = told(&doors, &pcap(&[syn(0, 7000), elsewhere]), &LOCAL);
    assert!(text.contains("which begins with 8600") && !text.contains("no packet hit"), "{text}");
}

/// Packets cut by the capture are told with the remedy, even while others knock.
#[test]
fn a_short_snapshot_length_is_told_with_its_remedy() {
    let mut writer = PcapWriter::new(Vec::new(), RAW, false).unwrap();
    for (at, bytes) in [from(OTHER, syn(0, 7000)), syn(1, 7000)] {
        let kept = if at == 0 { bytes.len() } else { 30 };
        let stamp = Instant::from_nanos((START * 1000 + at) * 1_000_000);
        writer.record(stamp, &bytes[..kept], bytes.len()).unwrap();
    }
    let text = told(SYN, &writer.finish().unwrap(), &LOCAL);
    assert!(text.contains("1 packet is no hit by LISTEN-6, such as #2: tcp header cut short"), "{text}");
    assert!(text.contains("record with `tcpdump -s 0`"), "{text}");
}

#[test]
fn a_source_that_sent_nothing_is_named() {
    let packets: Vec<Packet> = (1..=7).map(|last| from(&format!("192.0.2.1{last}"), syn(last, 7000))).collect();
    let arguments = [&LOCAL[..], &["--source", OTHER, "--source", "192.0.2.11"]].concat();
    let text = told(SYN, &pcap(&packets), &arguments);
    assert!(text.contains("no packet from 198.51.100.8 in this capture stage 1 was reached by 192.0.2.11, "), "{text}");
    assert!(text.contains("192.0.2.15 and 2 more") && !text.contains("from 192.0.2.11 in"), "{text}");
    let text = told(SYN, &pcap(&packets), &[&LOCAL[..], &["--source", "192.0.2.11"]].concat());
    assert!(!text.contains("no packet from"), "{text}");
}

#[test]
fn a_door_that_any_destination_opens_is_told() {
    let knock = pcap(&[syn(0, 7000), syn(1, 8000), syn(2, 9000)]);
    let line = "every unicast destination counted as local: name the host's own addresses with --local";
    let any = told(SYN, &knock, &[]);
    assert!(any.contains(line) && any.contains(CLIENT), "{any}");
    assert!(!told(SYN, &knock, &LOCAL).contains(line));
    assert!(!told(SYN, &pcap(&[syn(0, 7000)]), &[]).contains(line), "nothing opened");
}
