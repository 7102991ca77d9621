//! What is said about everything that can be wrong with the input: one picture each, to be read by people.

use std::collections::BTreeSet;

use flate2::{Compression, write::GzEncoder};
use knocksim::replay::error::ReplayError;

use crate::support::{DOOR, Ran, Scene, knock, pcap, pcap_of, syn};

/// A kind of error, what makes it, and the arguments after `replay`.
type Example = (&'static str, Scene, Vec<&'static str>);

/// The variants of [`ReplayError`] that an example shows; one that is missing here does not compile.
fn kind(error: &ReplayError) -> &'static str {
    match error {
        ReplayError::Capture(_) => "capture",
        ReplayError::NoMatch(_) => "no_match",
        ReplayError::NoConfig { .. } => "no_config",
        ReplayError::StdinNeeds(_) => "stdin_needs",
        ReplayError::File { .. } => "file",
        ReplayError::Config { .. } => "config",
        ReplayError::OneTime { .. } => "one_time",
        ReplayError::Sidecar { .. } => "sidecar",
        ReplayError::Expected { .. } => "expected",
        ReplayError::NoDoor { .. } => "no_door",
        ReplayError::SameName(..) => "same_name",
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut encoder, bytes).expect("a vector takes every byte");
    encoder.finish().expect("a vector takes every byte")
}

/// `bytes` with `patch` written over them from `at` on.
fn patched(mut bytes: Vec<u8>, at: usize, patch: &[u8]) -> Vec<u8> {
    bytes[at..at + patch.len()].copy_from_slice(patch);
    bytes
}

fn broken_captures() -> Vec<Example> {
    let whole = knock();
    let cut = |length: usize| whole[..whole.len() - length].to_vec();
    let packed = gzip(&whole);
    let examples: Vec<(&'static str, Vec<u8>)> = vec![
        ("capture_cut_in_a_packet", cut(10)),
        ("capture_cut_in_a_record_header", cut(50)),
        ("capture_cut_in_the_file_header", whole[..20].to_vec()),
        ("capture_record_too_long", patched(whole.clone(), 24 + 56 + 8, &[0, 0, 16, 0])),
        ("capture_empty", Vec::new()),
        ("capture_text", b"a\nb\n".to_vec()),
        ("capture_other_bytes", vec![7; 100]),
        ("capture_zstd", vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0]),
        ("capture_gzip_of_text", gzip(b"it was a dark and stormy night")),
        ("capture_gzip_cut", packed[..packed.len() - 12].to_vec()),
        ("capture_gzip_corrupt", patched(packed.clone(), packed.len() - 8, &[0; 4])),
        ("capture_version", patched(whole.clone(), 4, &[1])),
        ("capture_link_type", pcap_of(147, false, &[])),
        (
            "capture_pcapng_link_type",
            [pcapng(147), vec![3, 0, 0, 0, 20, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4, 20, 0, 0, 0]].concat(),
        ),
        ("capture_pcapng_cut", pcapng(1)[..40].to_vec()),
        ("capture_pcapng_block_ends", patched(pcapng(1), 28 + 16, &[24])),
    ];
    let scene = |bytes: &Vec<u8>| Scene::with_capture(bytes);
    examples.iter().map(|(name, bytes)| (*name, scene(bytes), vec!["a.pcap"])).collect()
}

/// A pcapng with a section header, one interface of this link type, and nothing else.
fn pcapng(link: u8) -> Vec<u8> {
    let mut bytes = vec![0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0];
    bytes.extend([0xff; 8]);
    bytes.extend([28, 0, 0, 0]);
    bytes.extend([1, 0, 0, 0, 20, 0, 0, 0, link, 0, 0, 0, 0, 0, 4, 0, 20, 0, 0, 0]);
    bytes
}

fn broken_surroundings() -> Vec<Example> {
    let good = || Scene::with_capture(&knock());
    let door = |file: &str| format!("[{file}]\n  One_Time_Sequences = {file}\n  TCPFlags = syn,!ack\n");
    let linked = good().file("a.conf", door("one") + &door("two")).file("one", " 1,2,5\n");
    std::fs::hard_link(linked.path().join("one"), linked.path().join("two")).expect("a link can be made");
    vec![
        ("capture_missing", good(), vec!["b.pcap"]),
        ("no_match", good(), vec!["captures/*.nope"]),
        ("no_config", Scene::new().file("a.pcap.gz", gzip(&knock())), vec!["a.pcap.gz"]),
        ("stdin_needs_config", good(), vec!["-"]),
        ("stdin_needs_no_check", good(), vec!["--check", "--config", "a.conf", "-"]),
        ("file_config_missing", good(), vec!["--config", "b.conf", "a.pcap"]),
        ("file_expected_missing", good(), vec!["--check", "--local", "192.0.2.1", "a.pcap"]),
        ("config_one", good().file("a.conf", "[ssh]\n  Sequence = 7000,80000\n"), vec!["a.pcap"]),
        ("config_two", good().file("a.conf", "[ssh]\n  Sequence = 7000,,9000\n  TCPFlag = syn\n"), vec!["a.pcap"]),
        ("one_time_missing", good().file("a.conf", door("one") + &door("two")), vec!["a.pcap"]),
        ("one_time_shared", linked, vec!["a.pcap"]),
        ("sidecar_unknown_key", good().file("a.toml", "about = \"a\"\nlocals = []\n"), vec!["a.pcap"]),
        ("sidecar_bad_local", good().file("a.toml", "about = \"a\"\nlocal = [\"10.0.0.300\"]\n"), vec!["a.pcap"]),
        ("sidecar_not_toml", good().file("a.toml", "about = \n"), vec!["a.pcap"]),
        ("expected_no_json", good().file("a.expected", "{\"v\":1}\nopen\n"), vec!["--check", "a.pcap"]),
        ("expected_no_object", good().file("a.expected", "\n[1]\n"), vec!["--check", "a.pcap"]),
        ("no_door", good(), vec!["--explain", "--door", "shh", "a.pcap"]),
        (
            "same_name",
            good().file("b/a.pcap", knock()),
            vec!["--config", "a.conf", "--write-spent", "out", "a.pcap", "b/a.pcap"],
        ),
    ]
}

#[test]
fn every_kind_of_error_is_told_so_that_one_can_act_on_it() {
    for (name, scene, arguments) in broken_captures().into_iter().chain(broken_surroundings()) {
        let ran = scene.replay(&arguments);
        assert_eq!(ran.status, 2, "{name}: {ran:?}");
        let shown = format!("$ knocksim replay {}\n{}", arguments.join(" "), ran.picture());
        insta::assert_snapshot!(name, shown);
    }
}

#[test]
fn every_kind_of_error_has_an_example() {
    let names: Vec<&str> = broken_captures().iter().chain(&broken_surroundings()).map(|example| example.0).collect();
    let all = [
        "capture",
        "no_match",
        "no_config",
        "stdin_needs",
        "file",
        "config",
        "one_time",
        "sidecar",
        "expected",
        "no_door",
        "same_name",
    ];
    let shown: BTreeSet<&str> =
        all.into_iter().filter(|kind| names.iter().any(|name| name.starts_with(kind))).collect();
    assert_eq!(shown, BTreeSet::from(all));
    // The names above are those of the variants.
    assert!(all.contains(&kind(&ReplayError::StdinNeeds("a"))));
}

/// The decisions up to the fault are the ones that the whole capture begins with, and nothing is guessed after it.
#[test]
fn a_cut_capture_gives_what_the_whole_one_begins_with() {
    let whole = knock();
    let scene = Scene::with_capture(&whole).file("cut/a.pcap", &whole[..whole.len() - 1]);
    let [whole, cut] = ["a.pcap", "cut/a.pcap"]
        .map(|name| scene.replay(&["--json", "--local", "192.0.2.1", "--config", "a.conf", name]));
    let without_name = |ran: &Ran| ran.out.replace("cut/", "");
    assert_eq!(cut.status, 2);
    assert_eq!(
        cut.err,
        "knocksim: cut/a.pcap: packet 3 at byte 136: the record says 40 bytes, 39 are left in the file\n"
    );
    assert_eq!(without_name(&cut).lines().count(), 2);
    assert!(without_name(&whole).starts_with(&without_name(&cut)), "{whole:?} {cut:?}");
}

#[test]
fn the_other_captures_are_replayed_all_the_same() {
    let whole = knock();
    let scene = Scene::with_capture(&whole).file("cut.pcap", &whole[..60]).file("b.pcap", &whole);
    let files = ["--config", "a.conf", "--local", "192.0.2.1", "cut.pcap", "missing.pcap", "b.pcap"];
    let ran = scene.replay(&files);
    assert_eq!(ran.status, 2);
    assert!(ran.out.contains("b.pcap: 3 packets, 3 hits, 1 knock begun"), "{}", ran.out);
    assert!(
        ran.err.contains("cut.pcap: packet 1 at byte 24") && ran.err.contains("missing.pcap: cannot"),
        "{}",
        ran.err
    );
}

#[test]
fn an_error_beats_a_difference() {
    let whole = knock();
    let scene = Scene::with_capture(&whole).file("a.expected", "").file("b.conf", DOOR).file("b.expected", "");
    let scene = scene.file("b.pcap", &whole[..whole.len() - 1]);
    assert_eq!(scene.replay(&["--check", "a.pcap"]).status, 1);
    assert_eq!(scene.replay(&["--check", "a.pcap", "b.pcap"]).status, 2);
    assert_eq!(scene.replay(&["--check", "b.pcap", "a.pcap"]).status, 2);
    assert_eq!(scene.replay(&["--no-such-option", "a.pcap"]).status, 2);
}

/// In an explanation of a capture that breaks off, a knock in progress is no failure.
#[test]
fn an_explanation_says_where_a_knock_stood_when_the_capture_broke_off() {
    let whole = pcap(&[syn(0, 7000), syn(500, 9000), syn(1000, 8000)]);
    let scene = Scene::with_capture(&whole[..whole.len() - 1]);
    let ran = scene.replay(&["--explain", "--local", "192.0.2.1", "a.pcap"]);
    let told = "where the capture breaks off, knock 1 got 2 of 3 hits right (#1 7000, #2 9000), and 8000 was due\n";
    assert!(ran.out.contains(told), "{}", ran.out);
}
