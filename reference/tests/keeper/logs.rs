//! The log (LOG), its rotation (PROC-3), and the sinks that do not take what they are given.

use std::{fs, os::unix::fs::PermissionsExt};

use knockd::daemon::message::{Line, Setup, Sinks, ToKeeper};

use crate::world::{Keeper, SOURCE, World};

fn line(message: &str) -> ToKeeper {
    ToKeeper::Log(Line { at: 1_000_000_000, message: message.to_owned(), source: None, debug: false })
}

/// A doorkeeper in a time zone of its own.
fn start(setup: &Setup, zone: &str) -> Keeper {
    Keeper::start_with(setup, |command| {
        command.env("TZ", zone);
    })
    .expect("it is ready")
}

#[test]
fn lines_have_local_time_and_the_file_is_nobody_elses() {
    let world = World::new();
    for (zone, date) in [("UTC", "[2001-09-09 01:46] "), ("XYZ-5:30", "[2001-09-09 07:16] ")] {
        let mut keeper = start(&world.setup(), zone);
        keeper.say(&line("hello"));
        keeper.bye();
        assert_eq!(world.text("log"), format!("{date}hello\n"));
        let about = fs::metadata(world.path("log")).expect("it is there");
        assert_eq!(about.permissions().mode() & 0o777, 0o600);
        fs::remove_file(world.path("log")).expect("it is there");
    }
}

#[test]
fn a_rotated_log_goes_on_in_a_new_file_and_a_bad_name_keeps_the_old_one() {
    let world = World::new();
    let mut keeper = world.start();
    keeper.say(&line("one"));
    keeper.say(&ToKeeper::Open { request: 1, path: world.bytes("log") });
    keeper.hear();
    fs::rename(world.path("log"), world.path("log.1")).expect("it is there");
    keeper.say(&line("two"));
    keeper.say(&ToKeeper::Sinks(world.setup().sinks));
    keeper.say(&line("three"));
    keeper.say(&ToKeeper::Sinks(Sinks { file: Some(world.bytes("no/such/folder")), syslog: false }));
    keeper.say(&line("four"));
    keeper.say(&ToKeeper::Sinks(Sinks::default()));
    keeper.say(&line("five"));
    keeper.bye();
    let old: Vec<_> = world.text("log.1").lines().map(|line| line[19..].to_owned()).collect();
    assert_eq!(old, ["one", "two"]);
    let log = world.log();
    assert_eq!((log.len(), log[0].as_str(), log[2].as_str()), (3, "three", "four"));
    assert!(log[1].starts_with("cannot open the log file "), "{log:?}");
}

#[test]
fn a_log_that_cannot_be_opened_is_an_error_at_start() {
    let world = World::new();
    let sinks = Sinks { file: Some(world.bytes("no/log")), syslog: false };
    let why = Keeper::start(&Setup { sinks, ..world.setup() }).err().expect("it is refused");
    assert!(why.starts_with("cannot open the log file ") && why.contains("No such file"), "{why}");
    assert!(!crate::world::exists(&world.path("pid")));
}

#[test]
fn messages_go_to_standard_output_with_verbose_alone() {
    for verbose in [false, true] {
        let world = World::new();
        let mut keeper = Keeper::start(&Setup { verbose, ..world.setup() }).expect("it is ready");
        keeper.say(&line("hello"));
        assert_eq!(keeper.bye(), if verbose { "hello\n" } else { "" });
    }
}

#[test]
fn a_full_disk_stops_nothing() {
    let world = World::new();
    let sinks = Sinks { file: Some(b"/dev/full".to_vec()), syslog: true };
    let mut keeper = Keeper::start(&Setup { sinks, ..world.setup() }).expect("it is ready");
    keeper.say(&line("lost"));
    keeper.run(world.opening(1, crate::world::HOUR));
    keeper.exit();
    keeper.bye();
    assert_eq!(world.noted(), ["opened"]);
}

#[test]
fn a_name_is_looked_up_behind_the_messages_of_its_source_alone() {
    let world = World::new();
    let mut keeper = Keeper::start(&Setup { lookup: true, ..world.setup() }).expect("it is ready");
    let local = std::net::IpAddr::from([127, 0, 0, 1]);
    for source in [local, SOURCE] {
        let message = format!("{source}: ssh: Stage 1");
        keeper.say(&ToKeeper::Log(Line { at: 0, message, source: Some(source), debug: false }));
    }
    keeper.bye();
    let mut log = world.log();
    log.sort();
    assert_eq!(log.len(), 2);
    // Which name a machine gives an address is its own affair, and the end does not wait for it.
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    for (line, source) in log.iter().zip([SOURCE, local]) {
        let rest = line.strip_prefix(&source.to_string()).expect("the source");
        let rest = rest.strip_suffix(": ssh: Stage 1").expect("the message");
        let name = rest.strip_prefix(" (").and_then(|rest| rest.strip_suffix(')'));
        assert!(rest.is_empty() || name.is_some_and(|name| name.chars().all(plain)), "{line}");
    }
}
