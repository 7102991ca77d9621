//! How commands run (CMD).

use std::os::fd::AsRawFd;

use knockd::daemon::message::{Exit, Kind, Run, Setup, ToKeeper};
use nix::sys::signal::Signal;

use crate::world::{HOUR, Keeper, World, field};

fn start(job: u64, command: &str) -> Run {
    Run { job, kind: Kind::Start, command: command.as_bytes().to_vec(), stop: None }
}

/// What a command writes to standard output.
fn told(world: &World, command: &str, stop: bool) -> String {
    let mut keeper = world.start();
    let mut run = start(1, command);
    run.stop = stop.then(|| world.stop("closed", HOUR));
    keeper.run(run);
    assert_eq!(keeper.exit(), (1, Exit::Status(0)));
    keeper.bye()
}

#[test]
fn a_command_gets_three_descriptors_and_nothing_else() {
    for stop in [false, true] {
        let world = World::new();
        let text = told(&world, "ls -l /proc/self/fd | sed -n 's/.* \\([0-9]*\\) -> /\\1 /p'", stop);
        let mut lines: Vec<_> = text.lines().collect();
        // `ls` itself has its own folder open, and writes into the pipe to `sed`.
        assert!(lines.pop().is_some_and(|last| last.starts_with("3 /proc/")), "{text}");
        assert_eq!(lines.len(), 3, "{text}");
        assert_eq!(lines[0], "0 /dev/null");
    }
}

#[test]
fn a_descriptor_that_the_daemon_was_started_with_does_not_reach_a_command() {
    let world = World::new();
    let file = std::fs::File::create(world.path("leak")).expect("a file");
    // A copy that stays open when a program is executed, under a number that is free.
    let kept = nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_DUPFD(50)).expect("a copy");
    let path = format!("/proc/{}/fd/{kept}", std::process::id());
    assert!(std::fs::exists(path).expect("a look"), "{}", file.as_raw_fd());
    let text = told(&world, "ls -l /proc/self/fd", false);
    nix::unistd::close(kept).expect("it was open");
    assert!(!text.contains("leak"), "{text}");
}

#[test]
fn a_command_has_default_signals_and_a_session_of_its_own() {
    let world = World::new();
    let text = told(&world, "cat /proc/self/status; echo \"session: $(cut -d' ' -f6 /proc/$$/stat) $$\"", false);
    for name in ["SigBlk:", "SigIgn:", "SigCgt:"] {
        let signals = u64::from_str_radix(&field(&text, name), 16).expect("a number");
        // Signals 32 and 33 are the C library's own, and no program can choose what becomes of them.
        assert_eq!(signals & !(0b11 << 31), 0, "{name}");
    }
    let session = field(&text, "session:");
    let (session, shell) = session.split_once(' ').expect("two numbers");
    assert_eq!(session, shell);
}

#[test]
fn a_command_has_the_daemons_environment_less_what_is_for_the_daemon_alone() {
    let world = World::new();
    let mut keeper = Keeper::start_with(&world.setup(), |command| {
        command.env("KEPT", "yes").env("NOTIFY_SOCKET", "/run/x").env("KNOCKD_RESPAWNED", "1");
    })
    .expect("it is ready");
    keeper.run(start(1, "echo $KEPT.$NOTIFY_SOCKET.$KNOCKD_RESPAWNED"));
    keeper.exit();
    assert_eq!(keeper.bye(), "yes..\n");
}

#[test]
fn the_end_of_a_command_is_told() {
    let world = World::new();
    let mut keeper = world.start();
    for (job, command, exit) in [
        (1, "exit 0", Exit::Status(0)),
        (2, "exit 7", Exit::Status(7)),
        (3, "kill -9 $$", Exit::Signal(9)),
        (4, "no-such-program 2>/dev/null", Exit::Status(127)),
    ] {
        keeper.run(start(job, command));
        assert_eq!(keeper.exit(), (job, exit), "{command}");
    }
    keeper.bye();
}

#[test]
fn a_long_command_runs_whole_and_a_longer_one_not_at_all() {
    let world = World::new();
    let mut keeper = world.start();
    let long = format!("echo {} | wc -c", "x".repeat(100_000));
    keeper.run(start(1, &long));
    assert_eq!(keeper.exit(), (1, Exit::Status(0)));
    let mut longer = start(2, &format!("true {}", "x".repeat(3_000_000)));
    longer.stop = Some(world.stop("closed", HOUR));
    keeper.run(longer);
    let (job, exit) = keeper.exit();
    assert!(job == 2 && matches!(&exit, Exit::Refused(why) if why == "Argument list too long"), "{exit:?}");
    keeper.run(Run { job: 3, kind: Kind::Start, command: b"echo a\0b".to_vec(), stop: None });
    assert_eq!(keeper.exit(), (3, Exit::Refused("it holds a NUL byte".to_owned())));
    assert_eq!(keeper.bye(), "100001\n");
    // What never ran has opened nothing.
    assert!(world.noted().is_empty() && world.journal().is_empty());
}

#[test]
fn a_stop_command_that_can_never_run_is_told_and_forgotten() {
    let world = World::new();
    let mut keeper = world.start();
    let mut run = start(1, "true");
    let command = format!("true {}", "x".repeat(3_000_000)).into_bytes();
    run.stop = Some(knockd::daemon::message::Stop { command: command.clone(), ..world.stop("", HOUR) });
    keeper.run(run);
    assert_eq!(keeper.exit(), (1, Exit::Status(0)));
    keeper.run(Run { job: 1, kind: Kind::Stop, command, stop: None });
    assert!(matches!(keeper.exit(), (1, Exit::Refused(_))));
    keeper.bye();
    assert!(world.journal().is_empty());
}

/// A service manager's signal for all processes of a service ends the command that is closing a door, too.
#[test]
fn a_stop_command_that_a_signal_ended_runs_once_more() {
    let world = World::new();
    let mut keeper = world.start();
    let notes = world.path("notes").display().to_string();
    let first = format!("echo closing >> '{notes}'; [ $(wc -l < '{notes}') -gt 1 ] || kill -TERM $$");
    let always = format!("echo again >> '{notes}'; kill -TERM $$");
    for (job, command, exit) in [(1, first, Exit::Status(0)), (2, always, Exit::Signal(15))] {
        let mut run = start(job, "true");
        let command = command.into_bytes();
        run.stop = Some(knockd::daemon::message::Stop { command: command.clone(), ..world.stop("", HOUR) });
        keeper.run(run);
        assert_eq!(keeper.exit(), (job, Exit::Status(0)));
        keeper.run(Run { job, kind: Kind::Stop, command, stop: None });
        assert_eq!(keeper.exit(), (job, exit));
    }
    keeper.bye();
    assert_eq!(world.noted(), ["closing", "closing", "again", "again"]);
    assert!(world.journal().is_empty());
}

#[test]
fn commands_run_side_by_side() {
    let world = World::new();
    let mut keeper = world.start();
    let pipe = world.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    // The first can only end when the second runs beside it.
    keeper.run(start(1, &format!("read x < '{}'; exit $x", pipe.display())));
    let mut second = start(2, &format!("echo 5 > '{}'", pipe.display()));
    second.stop = Some(world.stop("closed", HOUR));
    keeper.run(second);
    let mut ends = [keeper.exit(), keeper.exit()];
    ends.sort_by_key(|(job, _)| *job);
    assert_eq!(ends, [(1, Exit::Status(5)), (2, Exit::Status(0))]);
    keeper.bye();
}

#[test]
fn many_openings_at_once_all_run_and_all_stand_in_the_journal_first() {
    let world = World::new();
    let mut keeper = world.start();
    let path = world.journal_path();
    for job in 0..100 {
        let mut run = world.opening(job, HOUR);
        run.command = format!("grep -c mark-{job}- '{}'", path.display()).into_bytes();
        run.stop = Some(world.stop(&format!("mark-{job}-"), HOUR));
        keeper.run(run);
    }
    for _ in 0..100 {
        // `grep` finds the stop command in the journal.
        assert!(matches!(keeper.exit(), (_, Exit::Status(0))));
    }
    assert_eq!(world.journal().len(), 100);
    for job in 0..100 {
        keeper.run(Run { job, kind: Kind::Stop, command: world.notes(&format!("mark-{job}-")), stop: None });
        assert_eq!(keeper.exit(), (job, Exit::Status(0)));
    }
    keeper.bye();
    assert!(world.journal().is_empty());
    assert_eq!(world.noted().len(), 100);
}

#[test]
fn a_dry_run_runs_nothing_and_keeps_no_journal() {
    let world = World::new();
    let mut keeper = Keeper::start(&Setup { dry_run: true, ..world.setup() }).expect("it is ready");
    keeper.run(world.opening(1, HOUR));
    assert_eq!(keeper.exit(), (1, Exit::Status(0)));
    keeper.run(world.closing(1));
    assert_eq!(keeper.exit(), (1, Exit::Status(0)));
    keeper.bye();
    assert!(world.noted().is_empty() && !crate::world::exists(&world.path("state")));
}

#[test]
fn signals_for_the_whole_group_are_the_watchers_affair() {
    let world = World::new();
    let mut keeper = world.start();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2] {
        keeper.signal(signal);
    }
    keeper.run(start(1, "true"));
    assert_eq!(keeper.exit(), (1, Exit::Status(0)));
    keeper.say(&ToKeeper::Quit);
    keeper.bye();
}
