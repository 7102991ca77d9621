//! ONCE-2, ONCE-5, ONCE-7, ONCE-10, ONCE-11: what stands in a one-time file, and whether it can be had.

use knockd::{
    clause::Clause,
    config::Config,
    engine::{Doors, OneTimeFile},
};

use crate::world::{ALICE, World};

/// The ports that open the door, one after the other, with the mark of each.
fn used_up(world: &mut World, ports: &[&str]) -> Vec<String> {
    for port in ports {
        world.knock(ALICE, &[port]);
        world.marked(Ok(()));
    }
    world.said().into_iter().filter(|line| !line.starts_with(ALICE)).collect()
}

fn world(text: &str) -> World {
    World::with("[ssh]\none_time_sequences = otp\nignore_ports = 443\n", &[("otp", text)], |_| {})
}

#[test]
fn once_2_what_is_no_sequence_is_passed_over_with_a_warning_and_left_as_it_is() {
    let mut world = world("# a heading\n\n \t\nseven\n 7000\n80:tpc\n443\n 8000");
    world.expect(&["ssh: otp line 4 is passed over: `seven` is not a port; expected a port in decimal, from 1 to 65535; separate ports with commas"]);
    assert_eq!(
        used_up(&mut world, &["7000", "8000"]),
        [
            "mark otp at 22",
            "ssh: otp line 6 is passed over: `tpc` is not a protocol; expected `tcp` or `udp`",
            "ssh: otp line 7 is passed over: port 443 is in Ignore_Ports",
            "mark otp at 39",
            "ssh: no usable sequence left in otp: door disabled",
        ]
    );
    assert_eq!(world.files["otp"], b"# a heading\n\n \t\nseven\n#7000\n80:tpc\n443\n#8000");
}

#[test]
fn once_3_and_5_the_mark_replaces_the_first_byte_of_the_used_line_even_if_it_is_a_digit() {
    let mut world = world("7000\n7000\n  7000\n");
    assert_eq!(used_up(&mut world, &["7000"]), ["mark otp at 0"]);
    assert_eq!(world.files["otp"], b"#000\n7000\n  7000\n");
    let rest = used_up(&mut world, &["7000", "7000"]);
    assert_eq!(rest, ["mark otp at 5", "mark otp at 10", "ssh: no usable sequence left in otp: door disabled"]);
    assert_eq!(world.files["otp"], b"#000\n#000\n# 7000\n");
}

#[test]
fn once_10_lines_may_be_long_end_in_crlf_or_not_at_all() {
    let comment = format!("#{}7000\r\n", "x".repeat(5_000));
    let mut world = world(&format!("{comment}\r\n 8000\r\n 9000"));
    world.expect(&[]);
    let said = used_up(&mut world, &["8000", "9000"]);
    let at = comment.len() + 2;
    let last = "ssh: no usable sequence left in otp: door disabled".to_owned();
    assert_eq!(said, [format!("mark otp at {at}"), format!("mark otp at {}", at + 7), last]);
    assert_eq!(world.files["otp"], format!("{comment}\r\n#8000\r\n#9000").as_bytes());
}

#[test]
fn once_9_a_mark_lands_rightly_far_into_a_large_file() {
    let line = "#10001,10002,10003\n";
    let used = line.repeat(3 * 1024 * 1024 / line.len());
    let mut world = world(&format!("{used} 7000\n 8000\n"));
    assert_eq!(used_up(&mut world, &["7000"]), [format!("mark otp at {}", used.len())]);
}

/// What `Doors::load` says of two one-time doors and one without, with a file system of three names for two files.
fn load(first: &str, second: &str) -> Result<Doors, Vec<(Clause, String)>> {
    let text = format!("[a]\none_time_sequences = {first}\n[b]\nsequence = 1\n[c]\none_time_sequences = {second}\n");
    let (config, _) = Config::parse(text.as_bytes()).expect("a good configuration");
    let read = |path: &[u8]| match path {
        b"/otp/one" | b"/otp/./one" => Ok(file(b" 1\n", "8:1")),
        b"/otp/two" => Ok(file(b"", "8:2")),
        _ => Err("no such file or directory"),
    };
    Doors::load(config, read).map_err(|errors| errors.iter().map(|e| (e.clause(), e.to_string())).collect())
}

#[test]
fn once_7_a_missing_file_at_start_is_an_error_and_all_of_them_are_told() {
    let doors = load("/otp/one", "/otp/two").expect("both are there");
    assert_eq!(doors.config().doors.len(), 3);
    let errors = load("/otp/1", "/otp/2").expect_err("neither is there");
    let words = |door, file| format!("door [{door}]: cannot read the one-time file {file}: no such file or directory");
    assert_eq!(errors, [(Clause::Once7, words("a", "/otp/1")), (Clause::Once7, words("c", "/otp/2"))]);
}

#[test]
fn once_11_one_file_at_two_doors_is_an_error_whatever_path_leads_to_it() {
    let errors = load("/otp/one", "/otp/./one").expect_err("one file");
    let words = "door [c]: the one-time file /otp/./one is also door [a]'s: give each door a file of its own";
    assert_eq!(errors, [(Clause::Once11, words.to_owned())]);
}

#[test]
fn the_texts_of_the_files_come_back_in_the_doors_order() {
    let config = "[a]\none_time_sequences = x\n[b]\nsequence = 1\n[c]\none_time_sequences = y\n";
    let (config, _) = Config::parse(config.as_bytes()).expect("a good configuration");
    let read = |path: &[u8]| Ok::<_, ()>(file(path, &format!("{path:?}")));
    let doors = Doors::load(config, read).expect("every file is there").renamed(|name| format!("{name}!"));
    assert_eq!(doors.texts().collect::<Vec<_>>(), [Some(&b"x"[..]), None, Some(b"y")]);
    assert_eq!(doors.config().doors.iter().map(|door| &*door.name).collect::<Vec<_>>(), ["a!", "b!", "c!"]);
}

fn file(text: &[u8], identity: &str) -> OneTimeFile {
    OneTimeFile { text: text.to_vec(), identity: identity.to_owned(), ..OneTimeFile::default() }
}
