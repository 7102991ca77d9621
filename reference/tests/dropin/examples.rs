//! The worked examples, run as their texts say: not let in, knock, let in, and not let in again.

use std::fs;

use nix::sys::signal::Signal;

use crate::world::{Daemon, World};

/// The ports of every example's first sequence.
pub(crate) const FIRST: [&str; 4] = ["7003", "9011", "8107", "7640"];
/// Those of the one-time example's second sequence.
const SECOND: [&str; 4] = ["12049", "7311", "20555", "9840"];

/// An example's file.
pub(crate) fn example(name: &str) -> String {
    let path = format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text with something else in one place, which must be there.
pub(crate) fn with(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "`{old}` is not in: {text}");
    text.replace(old, new)
}

/// Starts the daemon with an example's configuration, behind the firewall that `setup` makes, and a service on port 22.
fn start(world: &World, config: &str, setup: &str) -> Daemon {
    // Where a log daemon is, this one would log to it.
    world.write(
        "knockd.conf",
        &with(config, "    UseSyslog\n", &format!("    LogFile = {}\n", world.path("log").display())),
    );
    world.serve(22);
    assert!(world.connects(22), "without a firewall everybody gets in");
    world.runs(setup);
    let daemon = world.start(&format!("exec {}", world.program()));
    world.listening();
    assert!(!world.connects(22), "the firewall is shut");
    daemon
}

#[test]
fn iptables_opens_and_shuts_again() {
    let world = World::new();
    let config = with(&example("iptables/knockd.conf"), "Cmd_Timeout     = 30", "Cmd_Timeout     = 3");
    let daemon = start(&world, &config, &example("iptables/firewall.sh"));
    world.knock_on(&FIRST);
    world.wait_until_it_connects(22);
    world.wait_until_it_does_not_connect(22);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.status(), 0);
    assert!(!world.log().contains("non-zero status"), "{}", world.log());
}

#[test]
fn the_check_finds_nothing_to_say_against_them() {
    let world = World::new();
    let file = world.write("ssh.sequences", &example("one-time/ssh.sequences"));
    for name in ["iptables", "nftables", "one-time"] {
        let config = example(&format!("{name}/knockd.conf"));
        let config =
            world.write("knockd.conf", &config.replace("/var/lib/knockd/ssh.sequences", &file.display().to_string()));
        let said = world.runs(&format!("{} --check {} 2>&1", world.program(), config.display()));
        assert!(said.ends_with(": good: 1 door, no warnings\n") && said.lines().count() == 1, "{name}: {said}");
    }
}

/// The nftables firewall, with a shorter time.
fn nftables() -> String {
    let rules = with(&example("nftables/firewall.nft"), "timeout 30s", "timeout 4s");
    format!("nft -f - <<'END'\n{rules}\nEND\n")
}

#[test]
fn nftables_shuts_the_door_of_a_daemon_that_was_killed() {
    let world = World::new();
    let daemon = start(&world, &example("nftables/knockd.conf"), &nftables());
    world.knock_on(&FIRST);
    world.wait_until_it_connects(22);
    // A second knock within the time is no error.
    world.knock_on(&FIRST);
    world.wait_for_log("OPEN SESAME", 2);
    world.signal_all(Signal::SIGKILL);
    world.gone();
    drop(daemon);
    world.wait_until_it_does_not_connect(22);
    assert!(!world.log().contains("non-zero status"), "{}", world.log());
}

#[test]
fn a_one_time_sequence_opens_once() {
    let world = World::new();
    let file = world.write("ssh.sequences", &example("one-time/ssh.sequences"));
    let config = with(&example("one-time/knockd.conf"), "/var/lib/knockd/ssh.sequences", &file.display().to_string());
    let daemon = start(&world, &config, &nftables());
    world.knock_on(&FIRST);
    world.wait_until_it_connects(22);
    let used = with(&example("one-time/ssh.sequences"), " 7003,", "#7003,");
    assert_eq!(fs::read_to_string(&file).expect("it is there"), used);
    world.wait_until_it_does_not_connect(22);
    world.knock_on(&FIRST);
    // The next one is looked at after it: by then the used one would have opened.
    world.knock_on(&SECOND);
    world.wait_until_it_connects(22);
    world.wait_for_log("OPEN SESAME", 2);
    let used = with(&used, " 12049,", "#12049,");
    assert_eq!(fs::read_to_string(&file).expect("it is there"), used);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.status(), 0);
    assert_eq!(world.log().matches("OPEN SESAME").count(), 2, "{}", world.log());
}
