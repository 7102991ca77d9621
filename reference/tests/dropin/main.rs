//! The daemon in 0.8's place: started by what starts 0.8, with the same words and rights, and ended as that is ended. It
//! needs root, iproute2, iptables, nftables, netcat-openbsd, openssh, util-linux and Debian's package `knockd`, whose unit file,
//! daemon and client are used.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "real processes on real interfaces")]

mod check;
mod examples;
mod guide;
mod machine;
mod refusals;
mod world;

use std::fs;

use nix::sys::signal::Signal;
use world::{CLIENT, World, succeeds};

/// The unit's setting `key`.
fn unit(key: &str) -> String {
    let text = fs::read_to_string("/usr/lib/systemd/system/knockd.service")
        .or_else(|_| fs::read_to_string("/lib/systemd/system/knockd.service"))
        .expect("Debian's package knockd is installed: apt-get install knockd");
    let found = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("the unit has no {key}")).to_owned()
}

/// The unit's command line with this daemon's program, and its capabilities, as systemd would run it: in a shell, which
/// splits the variable into words as systemd does.
fn exec_start(world: &World, options: &str) -> String {
    let line = unit("ExecStart");
    let words = line.strip_prefix("/usr/sbin/knockd").expect("it starts knockd");
    let rights = unit("CapabilityBoundingSet").replace("CAP_", "+").to_lowercase();
    let rights: Vec<_> = rights.split_whitespace().collect();
    format!("KNOCKD_OPTS='{options}'; exec setpriv --bounding-set -all,{} {}{words}", rights.join(","), world.program())
}

fn log(world: &World) -> String {
    format!("\tlogfile = {}", world.path("log").display())
}

/// As `KillMode=mixed`: SIGTERM to the main process, and when that has ended SIGKILL to what is left.
fn ended_as_mixed(world: &World, daemon: world::Daemon) {
    assert_eq!(unit("KillMode"), "mixed");
    daemon.signal(Signal::SIGTERM);
    let status = daemon.status().to_string();
    world.signal_all(Signal::SIGKILL);
    assert!(unit("SuccessExitStatus").split_whitespace().any(|one| one == status), "exit status {status}");
    assert_eq!(status, "0");
    world.gone();
}

#[test]
fn debians_unit_runs_it_with_its_capabilities() {
    let mut world = World::new();
    world.config(&log(&world));
    let daemon = world.start(&exec_start(&world, ""));
    world.listening();
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("it runs");
    // CAP_NET_ADMIN is 12, CAP_NET_RAW 13, CAP_SYS_MODULE 16.
    assert!(status.contains("CapBnd:\t0000000000013000"), "{status}");
    world.opens_and_shuts();
    ended_as_mixed(&world, daemon);
    assert!(world.log().contains("shutting down"), "{}", world.log());
}

#[test]
fn debians_unit_ends_it_and_its_open_door_is_shut() {
    let mut world = World::new();
    world.door(&log(&world), 3600);
    let daemon = world.start(&exec_start(&world, "-i eth0"));
    world.listening();
    world.knock();
    assert_eq!(world.told(), format!("open {CLIENT}"));
    ended_as_mixed(&world, daemon);
    assert_eq!(world.told(), format!("shut {CLIENT}"));
}

#[test]
fn an_end_that_is_told_to_the_whole_group_shuts_the_door_too() {
    let mut world = World::new();
    world.door(&log(&world), 3600);
    let daemon = world.start(&exec_start(&world, "-i eth0"));
    world.listening();
    world.knock();
    assert_eq!(world.told(), format!("open {CLIENT}"));
    assert!(world.processes().len() > 1, "the doorkeeper is a process of its own");
    world.signal_all(Signal::SIGTERM);
    assert_eq!(world.told(), format!("shut {CLIENT}"));
    assert_eq!(daemon.status(), 0);
    world.gone();
}

#[test]
fn after_a_kill_of_all_the_next_start_by_the_unit_shuts_the_door() {
    let mut world = World::new();
    world.door(&log(&world), 3600);
    let daemon = world.start(&exec_start(&world, ""));
    world.listening();
    world.knock();
    assert_eq!(world.told(), format!("open {CLIENT}"));
    world.signal_all(Signal::SIGKILL);
    world.gone();
    drop(daemon);
    let daemon = world.start(&exec_start(&world, ""));
    world.listening();
    // Its time is not over, and it is shut at the end at the latest.
    ended_as_mixed(&world, daemon);
    assert_eq!(world.told(), format!("shut {CLIENT}"));
}

#[test]
fn the_options_of_etc_default_run_it_in_the_background() {
    let mut world = World::new();
    world.config(&log(&world));
    let default = fs::read_to_string("/etc/default/knockd").expect("Debian's package knockd is installed");
    let example = default.lines().find_map(|line| line.strip_prefix("#KNOCKD_OPTS=")).expect("it shows the variable");
    assert_eq!(example, "\"-i eth1\"");
    let options = world.write("default", "START_KNOCKD=1\nKNOCKD_OPTS=\"-i eth0\"\n");
    let script = format!(". {}; {} -d $KNOCKD_OPTS", options.display(), world.program());
    succeeds(&world.on_the_server(&script).output().expect("a shell"));
    // It listens as soon as the parent has ended.
    let pid = fs::read_to_string(world.path("run/knockd.pid")).expect("the pid file is there");
    world.opens_and_shuts();
    let pid = nix::unistd::Pid::from_raw(pid.trim().parse().expect("a number"));
    assert!(world.processes().contains(&pid));
    nix::sys::signal::kill(pid, Signal::SIGTERM).expect("it runs");
    world.gone();
    assert!(!world.path("run/knockd.pid").exists(), "the pid file is removed");
}

#[test]
fn it_says_that_it_hears_nothing_yet_and_that_it_does_nothing() {
    let world = World::new();
    world.config(&log(&world));
    let daemon = world.start(&format!("exec {} --wait -i late0 --dry-run", world.program()));
    world.wait_for_log("dry run: no command is run, no line is used up", 1);
    world.wait_for_log("there is no interface late0: waiting for it", 1);
    succeeds(&world.on_the_server("ip link add late0 type veth peer name late1").output().expect("a shell"));
    world.wait_for_log("starting up, listening on late0", 1);
    world.wait_for_log("late0 is down: waiting for it", 1);
    succeeds(&world.on_the_server("ip link set late0 up").output().expect("a shell"));
    world.wait_for_log("late0 is back: listening", 1);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.status(), 0);
    world.gone();
}

#[test]
fn openwrt_runs_it_with_a_file_alone() {
    let mut world = World::new();
    let config = world.config(&format!("\tUseSyslog\n\tinterface = eth0\n{}", log(&world)));
    let config = config.display().to_string();
    let daemon = world.start(&format!("exec {} -c {config}", world.program()));
    world.listening();
    world.opens_and_shuts();
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.status(), 0);
    world.gone();
}

#[test]
fn a_container_runs_it_as_a_user_who_may_capture_and_nothing_else() {
    let mut world = World::new();
    let config = world.config("");
    let script = format!(
        "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+net_raw --ambient-caps=+net_raw \
         {} -c {} -d -i eth0",
        world.program(),
        config.display()
    );
    succeeds(&world.on_the_server(&script).output().expect("a shell"));
    assert!(!world.path("run/knockd.pid").exists(), "that user cannot write there");
    for process in world.processes() {
        let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
        assert!(status.contains("Uid:\t65534\t65534\t65534\t65534"), "{status}");
    }
    world.opens_and_shuts();
    world.signal_all(Signal::SIGTERM);
    world.gone();
}
