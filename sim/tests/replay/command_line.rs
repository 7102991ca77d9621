//! The command line: what is taken from where, what is compared, what is written.

use std::fs;

use flate2::{Compression, write::GzEncoder};

use crate::support::{DOOR, RAW, SERVER, Scene, decisions, knock, pcap, pcap_of, syn, to};

const TO_SERVER: [&str; 3] = ["--local", "192.0.2.1", "a.pcap"];

fn opens(json: &str) -> bool {
    json.contains(r#""event":"open""#)
}

#[test]
fn local_addresses_come_from_the_sidecar_or_from_the_command_line_or_are_any() {
    let scene = Scene::with_capture(&knock());
    assert!(
        scene
            .replay(&["a.pcap"])
            .ok()
            .starts_with("a.pcap: local addresses: any unicast destination (name the host's own with --local ADDR)\n")
    );
    let scene = scene.file("a.toml", "about = \"a\"\nlocal = [\"198.51.100.1/24\", \"192.0.2.1\"]\n");
    let out = scene.replay(&["a.pcap"]).ok();
    assert!(out.starts_with("a.pcap: local addresses: 198.51.100.1/24, 192.0.2.1 (a.toml)\n"), "{out}");
    assert!(out.contains("OPEN SESAME"), "{out}");
    let out = scene.replay(&["--local", "198.51.100.1", "a.pcap"]).ok();
    assert!(out.starts_with("a.pcap: local addresses: 198.51.100.1 (--local)\n"), "{out}");
    assert!(!out.contains("OPEN SESAME"), "{out}");
    let out = scene.replay(&["--local", "198.51.100.1", "-l", "192.0.2.1/24", "a.pcap"]).ok();
    assert!(out.contains("OPEN SESAME"), "{out}");
}

/// Standard output is for the lines alone, so what they rest on is said elsewhere.
#[test]
fn json_says_on_standard_error_which_local_addresses_it_took() {
    let scene = Scene::with_capture(&knock());
    for (arguments, taken) in [
        (&["--json", "a.pcap"][..], "any unicast destination (name the host's own with --local ADDR)"),
        (&["--json", "--local", "192.0.2.1", "a.pcap"], "192.0.2.1 (--local)"),
    ] {
        let ran = scene.replay(arguments);
        assert_eq!((ran.status, ran.err.as_str(), decisions(&ran.out).len()), (0, "", 5));
        assert_eq!(ran.notes, [format!("knocksim: note: a.pcap: local addresses: {taken}\n")]);
    }
}

/// `--local` beats the sidecar, so a broken one does no harm; and a sidecar may hold nothing but the addresses.
#[test]
fn a_sidecar_is_read_only_where_it_is_needed_and_may_be_short() {
    let broken = Scene::with_capture(&knock()).file("a.toml", "local = 7\n");
    assert_eq!(broken.replay(&["--json", "a.pcap"]).status, 2);
    assert_eq!(decisions(&broken.replay(&["--json", "--local", "192.0.2.1", "a.pcap"]).ok()).len(), 5);
    let short = Scene::with_capture(&knock()).file("a.toml", "local = [\"192.0.2.1\"]\n");
    assert_eq!(decisions(&short.replay(&["--json", "a.pcap"]).ok()).len(), 5);
}

/// Programs read standard output; what is worth saying beside it is said elsewhere (ONCE-2).
#[test]
fn a_line_that_is_passed_over_is_told_with_json_too() {
    let config = "[ssh]\nOne_Time_Sequences = lines\nTCPFlags = syn,!ack\nCommand = open %IP%\n";
    let scene = Scene::with_capture(&knock()).file("a.conf", config).file("lines", "nonsense\n 1,2,3\n");
    let ran = scene.replay(&["--json", "--local", "192.0.2.1", "a.pcap"]);
    assert!(ran.notes[1].starts_with("knocksim: note: a.pcap: ssh: lines line 1 is passed over: "), "{ran:?}");
}

/// Two doors' files whose paths would be the same inside the folder are both written.
#[test]
fn spent_files_do_not_overwrite_each_other() {
    let door = |name: &str, file: &str| format!("[{name}]\nOne_Time_Sequences = {file}\nTCPFlags = syn,!ack\n");
    let scene = Scene::with_capture(&knock())
        .file("in/a.conf", door("a", "../lines") + &door("b", "_/lines"))
        .file("lines", " 7000,9000,8000\n")
        .file("in/_/lines", " 1,2,3\n");
    let arguments = ["--json", "--config", "in/a.conf", "--local", "192.0.2.1", "--write-spent", "out", "a.pcap"];
    scene.replay(&arguments).ok();
    assert_eq!(scene.read("out/a.pcap/_/lines"), b"#7000,9000,8000\n");
    assert_eq!(scene.read("out/a.pcap/door-1/_/lines"), b" 1,2,3\n");
}

/// A folder that cannot be written is an error (status 2), and the verdict of the comparison is told all the same.
#[test]
fn a_difference_is_told_even_if_the_spent_files_cannot_be_written() {
    let config = "[ssh]\nOne_Time_Sequences = lines\nTCPFlags = syn,!ack\nCommand = open %IP%\n";
    let scene = Scene::with_capture(&knock())
        .file("a.conf", config)
        .file("lines", " 7000,9000,8000\n")
        .file("a.expected", "")
        .file("out", "no folder");
    let ran = scene.replay(&["--check", "--local", "192.0.2.1", "--write-spent", "out", "a.pcap"]);
    assert_eq!(ran.status, 2);
    assert!(ran.out.contains("differs from what is expected") && ran.err.contains("--write-spent"), "{ran:?}");
}

/// Where much differs the comparison stays quick and its report short.
#[test]
fn a_great_difference_is_shown_in_part() {
    let packets: Vec<_> = (0..10_000).map(|at| syn(at, 7000)).collect();
    let scene = Scene::with_capture(&pcap(&packets)).file("a.expected", "{}\n".repeat(10_000));
    let ran = scene.replay(&["--check", "--local", "192.0.2.1", "a.pcap"]);
    assert_eq!(ran.status, 1);
    assert!(ran.out.lines().count() < 3_000 && ran.out.contains("not compared any more"), "{}", ran.out.len());
}

/// A terminal would obey control characters, and two doors of one name must be told apart (CONF-5).
#[test]
fn doors_are_shown_so_that_people_can_read_and_tell_them_apart() {
    let door = |name: &str| format!("[{name}]\nSequence = 7000,9000,8000\nTCPFlags = syn,!ack\n");
    let config = door("twice") + &door("twice") + &door("red\u{1b}[31m");
    let scene = Scene::with_capture(&knock()).file("a.conf", config);
    let out = scene.replay(&["--local", "192.0.2.1", "a.pcap"]).ok();
    assert!(out.contains("  twice: OPEN SESAME") && out.contains("  twice (2): OPEN SESAME"), "{out}");
    assert!(out.contains(r"red\u{1b}[31m: OPEN SESAME") && !out.contains('\u{1b}'), "{out}");
    let out = scene.replay(&["--explain", "--door", "twice", "--local", "192.0.2.1", "a.pcap"]).ok();
    assert!(out.contains("at twice (2): opened") && !out.contains("red"), "{out}");
}

#[test]
fn a_duplicate_name_keeps_no_other_capture_from_being_replayed() {
    let scene = Scene::with_capture(&knock()).file("b/a.pcap", knock());
    let arguments = ["--config", "a.conf", "--json", "--write-spent", "out", "a.pcap", "b/a.pcap"];
    let ran = scene.replay(&arguments);
    assert_eq!((ran.status, decisions(&ran.out).len()), (2, 5), "{}", ran.err);
}

#[test]
fn bad_local_addresses_are_refused_with_the_reason() {
    let scene = Scene::with_capture(&knock());
    for (bad, why) in [
        ("10.0.0.0/24", "is a network: give the interface's own address"),
        ("10.0.0.1/33", "`/33` is no prefix length from 0 to 32"),
        ("fd00::1/129", "`/129` is no prefix length from 0 to 128"),
        ("10.0.0.1/", "`/` is no prefix length from 0 to 32"),
        ("server", "`server` is no IPv4 or IPv6 address"),
        ("fe80::1%eth0", "`fe80::1%eth0` is no IPv4 or IPv6 address"),
    ] {
        let ran = scene.replay(&["--local", bad, "a.pcap"]);
        assert!(ran.status == 2 && ran.out.is_empty() && ran.err.contains(why), "{bad}: {ran:?}");
    }
    for good in ["10.0.0.0/31", "10.0.0.0/32", "fd00::/64", "::1"] {
        assert_eq!(scene.replay(&["--local", good, "a.pcap"]).status, 0, "{good}");
    }
}

#[test]
fn what_stands_beside_a_capture_has_its_name_without_gz() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut encoder, &knock()).unwrap();
    let scene = Scene::new().file("x.y.pcap.gz", encoder.finish().unwrap()).file("x.y.conf", DOOR);
    let scene = scene.file("x.y.toml", "about = \"a\"\nlocal = [\"192.0.2.1\"]\n");
    let json = scene.replay(&["--json", "x.y.pcap.gz"]).ok();
    assert!(opens(&json), "{json}");
    let scene = scene.file("x.y.expected", json);
    assert_eq!(scene.replay(&["--check", "x.y.pcap.gz"]).ok(), "x.y.pcap.gz: as expected, 5 decisions\n");
}

/// The same packets decide alike, however the capture is written down.
#[test]
fn both_byte_orders_both_resolutions_and_pcapng_are_read() {
    let little = knock();
    let scene = Scene::with_capture(&little);
    let expected = decisions(&scene.replay(&[&["--json"][..], &TO_SERVER].concat()).ok());
    let packets = [syn(0, 7000), syn(500, 9000), syn(1000, 8000)];
    let fine = pcap_of(RAW, true, &packets);
    let variants =
        [("big", false, swapped(&little)), ("fine", true, fine.clone()), ("big, fine", true, swapped(&fine))];
    for (name, fine, bytes) in variants.into_iter().chain([("pcapng", false, pcapng())]) {
        let scene = Scene::with_capture(&bytes);
        let mut lines = decisions(&scene.replay(&[&["--json"][..], &TO_SERVER].concat()).ok());
        if fine {
            // The three digits more are zeros here.
            lines.iter_mut().for_each(|line| *line = line.replacen("000 ", " ", 1));
        }
        assert_eq!(lines, expected, "{name}");
    }
}

/// A little-endian classic pcap in the other byte order.
fn swapped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut swap = |at: usize, length: usize| bytes[at..at + length].reverse();
    [(0, 4), (4, 2), (6, 2), (16, 4), (20, 4)].into_iter().for_each(|(at, length)| swap(at, length));
    for record in 0..3 {
        (0..4).for_each(|field| swap(24 + record * 56 + field * 4, 4));
    }
    bytes
}

/// The knock as pcapng with stamps in microseconds.
fn pcapng() -> Vec<u8> {
    let mut bytes = vec![0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0];
    bytes.extend([0xff; 8]);
    bytes.extend([28, 0, 0, 0]);
    bytes.extend([1, 0, 0, 0, 20, 0, 0, 0, 101, 0, 0, 0, 0, 0, 4, 0, 20, 0, 0, 0]);
    for (at, packet) in [syn(0, 7000), syn(500, 9000), syn(1000, 8000)] {
        let micros = crate::support::START * 1_000_000 + at * 1000;
        let half = |value: u64| u32::try_from(value).expect("it has 32 bits");
        let (high, low, length) = (half(micros >> 32), half(micros & 0xffff_ffff), half(packet.len() as u64));
        let block = [6, 32 + length, 0, high, low, length, length];
        bytes.extend(block.iter().flat_map(|field| field.to_le_bytes()));
        bytes.extend(packet);
        bytes.extend((32 + length).to_le_bytes());
    }
    bytes
}

/// Whoever checks sees what is missing and what is too much.
#[test]
fn a_difference_is_shown_line_by_line() {
    let scene = Scene::with_capture(&knock());
    let json = scene.replay(&[&["--json"][..], &TO_SERVER].concat()).ok();
    let lines: Vec<&str> = json.lines().collect();
    let wrong = [lines[0], lines[1], &lines[2].replace("\"stage\":3", "\"stage\":4"), lines[3]].join("\n");
    let scene = scene.file("a.expected", wrong);
    let ran = scene.replay(&[&["--check"][..], &TO_SERVER].concat());
    assert_eq!(ran.status, 1);
    insta::assert_snapshot!("difference", ran.picture());
    let json = scene.replay(&[&["--check", "--json"][..], &TO_SERVER].concat());
    assert_eq!((json.out.lines().count(), json.status), (5, 1));
    assert_eq!(json.err, ran.out);
}

#[test]
fn the_order_of_fields_and_the_capture_s_place_make_no_difference() {
    let scene = Scene::with_capture(&knock());
    let json = scene.replay(&[&["--json"][..], &TO_SERVER].concat()).ok();
    let reordered: Vec<String> = json
        .lines()
        .map(|line| line.replace(r#"{"v":1,"capture":"a.pcap","#, "{").replace('}', r#","capture":"b","v":1}"#))
        .collect();
    let scene = scene.file("a.expected", reordered.join("\r\n"));
    assert_eq!(scene.replay(&[&["--check"][..], &TO_SERVER].concat()).ok(), "a.pcap: as expected, 5 decisions\n");
}

const ONE_TIME: &str = "[ssh]\n  One_Time_Sequences = lists/ssh\n  TCPFlags = syn,!ack\n  Command = open\n";

/// Relative paths start at the configuration's folder, wherever the program is run, and the disk's own file stays.
#[test]
fn one_time_files_are_spent_in_memory_and_written_where_asked() {
    let list = "# mine\n 7000,9000,8000\r\n 1,2,4";
    let scene = Scene::new().file("etc/knockd.conf", ONE_TIME).file("etc/lists/ssh", list).file("a.pcap", knock());
    let arguments = [&["--config", "etc/knockd.conf", "--write-spent", "out"][..], &TO_SERVER].concat();
    let out = scene.replay(&arguments).ok();
    assert!(out.contains("ssh: spending the line at byte 7 of lists/ssh\n"), "{out}");
    assert_eq!(scene.read("etc/lists/ssh"), list.as_bytes());
    assert_eq!(scene.read("out/a.pcap/lists/ssh"), b"# mine\n#7000,9000,8000\r\n 1,2,4");
    // The second replay starts where the first did.
    assert_eq!(scene.replay(&arguments).ok(), out);
}

#[test]
fn nothing_is_written_outside_the_folder_for_spent_files() {
    let list = std::env::temp_dir().join(format!("knocksim-{}.list", std::process::id()));
    fs::write(&list, " 7000,9000,8000\n").unwrap();
    let door = |file: &str| format!("[{file}]\n  One_Time_Sequences = {file}\n");
    let config = door("../up") + &door(list.to_str().unwrap());
    let scene = Scene::new().file("b/a.pcap", knock()).file("b/a.conf", config).file("up", " 7000,9000,8000\n");
    let ran = scene.replay(&["--write-spent", "b/out", "--local", "192.0.2.1", "b/a.pcap"]);
    let (here, there) = (fs::read(&list).unwrap(), list.strip_prefix("/").unwrap().to_str().unwrap());
    fs::remove_file(&list).unwrap();
    ran.ok();
    assert_eq!((here, scene.read("up")), (b" 7000,9000,8000\n".to_vec(), b" 7000,9000,8000\n".to_vec()));
    assert_eq!(scene.read("b/out/a.pcap/_/up"), b"#7000,9000,8000\n");
    assert_eq!(scene.read(&format!("b/out/a.pcap/{there}")), b"#7000,9000,8000\n");
}

#[test]
fn interface_lo_lets_a_host_knock_on_itself() {
    let packets = [7000, 9000, 8000].map(|port| crate::support::from(SERVER, syn(u64::from(port), port)));
    let scene = Scene::with_capture(&pcap(&packets));
    let arguments = [&["--json"][..], &TO_SERVER].concat();
    assert!(!opens(&scene.replay(&arguments).ok()));
    let scene = scene.file("a.conf", "[options]\n  Interface = lo\n".to_owned() + DOOR);
    assert!(opens(&scene.replay(&arguments).ok()));
    let scene = scene.file("a.conf", DOOR).file("a.toml", "about = \"a\"\ninterface = \"lo\"\n");
    assert!(opens(&scene.replay(&arguments).ok()));
}

/// With the prefix's length, the network's broadcast address is known and makes no hit; without it, any may be one.
#[test]
fn a_prefix_length_tells_the_broadcast_address() {
    let door = "[ssh]\n  Sequence = 7000\n  Target = 192.0.2.9\n";
    let capture = pcap(&[to("192.0.2.9", crate::support::from("192.0.2.255", syn(0, 7000)))]);
    let scene = Scene::with_capture(&capture).file("a.conf", door);
    assert!(opens(&scene.replay(&["--json", "--local", "192.0.2.1", "a.pcap"]).ok()));
    assert!(!opens(&scene.replay(&["--json", "--local", "192.0.2.1/24", "a.pcap"]).ok()));
}

#[test]
fn help_names_the_exit_statuses_and_gives_examples() {
    let scene = Scene::new();
    for arguments in [&["--help"][..], &["-h"], &["replay", "--help"], &["replay", "-h"]] {
        let output = scene.command(arguments).output().unwrap();
        let name = format!("help_{}", arguments.join("_").replace('-', ""));
        insta::assert_snapshot!(name, crate::support::Ran::from(output).ok());
    }
}
