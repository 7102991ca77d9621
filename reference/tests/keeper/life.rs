//! What outlives what (CMD-7), and who may take whose place (PROC-2).

use std::{fs, time::Duration};

use knockd::daemon::message::{Exit, Run, Setup, ToKeeper, ToWatcher};
use nix::sys::signal::Signal;

use crate::world::{HOUR, Keeper, WATCHER, World, exists};

const SECOND: Duration = Duration::from_secs(1);

/// Opens a door that is closed after so long.
fn open(keeper: &mut Keeper, world: &World, job: u64, after: Duration) {
    keeper.run(world.opening(job, after));
    assert_eq!(keeper.exit(), (job, Exit::Status(0)));
}

#[test]
fn an_orphan_closes_what_is_open_in_time_and_ends() {
    let world = World::new();
    let mut keeper = world.start();
    open(&mut keeper, &world, 1, SECOND);
    open(&mut keeper, &world, 2, Duration::ZERO);
    keeper.die();
    let (status, _) = keeper.end();
    assert!(status.success());
    assert_eq!(world.noted(), ["opened", "opened", "closed", "closed"]);
    assert!(world.journal().is_empty());
    let closed = String::from_utf8(world.notes("closed")).expect("a text");
    let (timeout, running) = ("10.0.0.7: ssh: command timeout".to_owned(), format!("ssh: running command: {closed}"));
    let alone = format!("the watcher, process {WATCHER}, is gone: it has ended; doors to be closed: 2");
    assert_eq!(world.log(), [alone, timeout.clone(), running.clone(), timeout, running]);
    assert!(!exists(&world.path("pid")));
}

#[test]
fn an_orphan_waits_for_a_start_command_and_closes_after_it() {
    let world = World::new();
    let mut keeper = world.start();
    let pipe = world.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let mut run = world.opening(1, Duration::ZERO);
    // Opening a pipe waits for its other side: the command is known to run, and to go on only when it may.
    let (begun, go) = (format!("echo > '{}'; ", pipe.display()), format!("; read x < '{}'; exit 3", pipe.display()));
    run.command = [begun.as_bytes(), &run.command, go.as_bytes()].concat();
    keeper.run(run);
    assert_eq!(fs::read_to_string(&pipe).expect("it has begun"), "\n");
    keeper.die();
    fs::write(&pipe, "\n").expect("it goes on");
    keeper.end();
    assert_eq!(world.noted(), ["opened", "closed"]);
    assert!(world.log().contains(&"ssh: command returned non-zero status code (3)".to_owned()));
}

#[test]
fn an_orphan_that_is_told_to_end_closes_at_once() {
    let world = World::new();
    let mut keeper = Keeper::start(&Setup { verbose: true, ..world.setup() }).expect("it is ready");
    open(&mut keeper, &world, 1, HOUR);
    open(&mut keeper, &world, 2, HOUR);
    keeper.die();
    keeper.await_output("is gone");
    keeper.signal(Signal::SIGTERM);
    keeper.end();
    assert_eq!(world.noted(), ["opened", "opened", "closed", "closed"]);
}

#[test]
fn an_end_that_the_whole_group_was_told_is_heard_after_the_watchers_death() {
    let world = World::new();
    let mut keeper = world.start();
    open(&mut keeper, &world, 1, HOUR);
    keeper.signal(Signal::SIGTERM);
    keeper.die();
    assert!(keeper.end().0.success());
    assert_eq!(world.noted(), ["opened", "closed"]);
}

#[test]
fn an_orphan_runs_no_more_at_once_than_it_may() {
    let world = World::new();
    let mut keeper = Keeper::start(&Setup { max_commands: 2, ..world.setup() }).expect("it is ready");
    for job in 0..8 {
        let mut run = world.opening(job, Duration::ZERO);
        let stop = run.stop.as_mut().expect("it has one");
        // Each notes how many run beside it: their places are taken by making a folder.
        let folder = world.path("place");
        stop.command = format!(
            "for n in 1 2 3; do if mkdir '{0}'$n 2>/dev/null; then echo $n >> '{1}'; rmdir '{0}'$n; exit; fi; done; echo more >> '{1}'",
            folder.display(),
            world.path("notes").display()
        )
        .into_bytes();
        keeper.run(run);
        keeper.exit();
    }
    keeper.die();
    keeper.end();
    let noted = world.noted();
    assert_eq!(noted.iter().filter(|line| *line != "opened").count(), 8);
    assert!(noted.iter().all(|line| ["opened", "1", "2"].contains(&line.as_str())), "{noted:?}");
}

#[test]
fn nothing_opens_any_more_once_the_watcher_is_dead() {
    let world = World::new();
    let mut keeper = world.start();
    for job in 0..50 {
        keeper.run(world.opening(job, Duration::ZERO));
    }
    keeper.die();
    keeper.end();
    // Those that had been started are closed, each of them; the others left nothing.
    let noted = world.noted();
    let count = |what: &str| noted.iter().filter(|line| *line == what).count();
    assert_eq!(count("opened"), count("closed"));
    assert!(world.journal().is_empty());
}

#[test]
fn at_bye_the_doorkeepers_own_doors_are_closed_and_the_pid_file_goes() {
    let world = World::new();
    let mut first = world.start();
    open(&mut first, &world, 1, HOUR);
    first.kill_both();
    let second = world.start();
    assert_eq!(world.text("pid"), format!("{WATCHER}\n"));
    second.bye();
    assert_eq!(world.noted(), ["opened", "closed"]);
    assert!(!exists(&world.path("pid")) && world.journal().is_empty());
}

#[test]
fn what_still_runs_at_bye_stays_in_the_journal() {
    let world = World::new();
    let mut keeper = world.start();
    open(&mut keeper, &world, 1, HOUR);
    keeper.bye();
    assert_eq!((world.noted().len(), world.journal().len()), (1, 1));
    assert_eq!(world.log(), ["ending with 1 doors whose commands have not ended: the next knockd closes them"]);
    world.start().bye();
    assert_eq!(world.noted(), ["opened", "closed"]);
}

#[test]
fn a_second_daemon_is_refused_and_told_who_is_there() {
    let world = World::new();
    let setup = Setup { watcher: std::process::id(), ..world.setup() };
    let first = Keeper::start(&setup).expect("it is ready");
    let why = Keeper::start(&setup).err().expect("it is refused");
    let (process, path) = (std::process::id(), world.path("pid"));
    assert_eq!(why, format!("another knockd is running, process {process}: it has locked {}", path.display()));
    first.bye();
    world.start().bye();
}

#[test]
fn a_pid_file_that_is_not_ours_any_more_is_not_removed() {
    let world = World::new();
    let keeper = world.start();
    fs::remove_file(world.path("pid")).expect("it is there");
    fs::write(world.path("pid"), "1\n").expect("another one");
    keeper.bye();
    assert_eq!(world.text("pid"), "1\n");
}

#[test]
fn a_pid_file_without_a_living_owner_is_taken_and_a_link_is_not() {
    let world = World::new();
    fs::write(world.path("pid"), "4000000000 and more text\n").expect("an old one");
    world.start().bye();
    fs::write(world.path("other"), "precious").expect("a file");
    std::os::unix::fs::symlink(world.path("other"), world.path("pid")).expect("a link");
    let why = Keeper::start(&world.setup()).err().expect("it is refused");
    assert!(why.starts_with("cannot write the pid file"), "{why}");
    assert_eq!(world.text("other"), "precious");
}

#[test]
fn without_a_place_for_the_pid_file_it_is_said_and_the_daemon_goes_on() {
    let world = World::new();
    let place = world.path("missing/pid");
    let setup = Setup { pid_file: world.bytes("missing/pid"), ..world.setup() };
    Keeper::start(&setup).expect("it is ready").bye();
    let reason = "No such file or directory (os error 2)";
    let said = format!("cannot write the pid file {}: {reason}; going on without it", place.display());
    assert_eq!(world.log().first(), Some(&said));
}

#[test]
fn an_orphan_hands_its_doors_over_to_a_new_daemon() {
    let world = World::new();
    let mut first = world.start();
    open(&mut first, &world, 1, HOUR);
    first.die();
    let mut second = world.start();
    // It was asked, and has ended without closing anything.
    first.end();
    assert_eq!(world.noted(), ["opened"]);
    assert_eq!(world.log().last().expect("a line"), "1 door was left open by an earlier knockd, and will be closed");
    second.die();
    world.start().bye();
    assert_eq!(world.noted(), ["opened", "closed"]);
}

#[test]
fn a_running_daemon_keeps_its_journal_and_the_second_does_without() {
    let world = World::new();
    let mut first = Keeper::start(&Setup { writes_pid_file: false, ..world.setup() }).expect("it is ready");
    let sinks = knockd::daemon::message::Sinks { file: Some(world.bytes("second.log")), syslog: false };
    let setup = Setup { writes_pid_file: false, sinks, ..world.setup() };
    let mut second = Keeper::start(&setup).expect("it is ready all the same");
    let said = world.text("second.log");
    assert!(said.contains(&format!("no journal: process {} uses it", first.child.id())), "{said}");
    // Its doors are closed all the same as long as it lives.
    open(&mut second, &world, 1, Duration::ZERO);
    open(&mut first, &world, 1, HOUR);
    assert_eq!(world.journal().len(), 1);
    second.die();
    second.end();
    assert_eq!(world.noted(), ["opened", "opened", "closed"]);
    first.die();
    world.start().bye();
}

#[test]
fn a_new_doorkeeper_closes_for_a_living_watcher_what_the_dead_one_opened() {
    let world = World::new();
    let mut first = world.start();
    open(&mut first, &world, 1, HOUR);
    open(&mut first, &world, 2, HOUR);
    first.signal(Signal::SIGKILL);
    first.end();
    let mut second = world.start();
    second.run(world.closing(1));
    assert_eq!(second.exit(), (1, Exit::Status(0)));
    // That was one of the two, so one is left to be closed at the end.
    assert_eq!(world.journal().len(), 1);
    // What no journal knows runs as well, and leaves no trace that hides what follows.
    second.run(Run { command: world.notes("unknown"), ..world.closing(7) });
    assert_eq!(second.exit(), (7, Exit::Status(0)));
    open(&mut second, &world, 8, HOUR);
    assert_eq!(world.journal().len(), 2);
    second.bye();
    world.start().bye();
    assert_eq!(world.noted(), ["opened", "opened", "closed", "unknown", "opened", "closed", "closed"]);
}

#[test]
fn a_daemon_is_started_again_when_its_watcher_dies() {
    let world = World::new();
    let arguments = ["--no-such-option", "x"].map(|word| word.as_bytes().to_vec()).to_vec();
    let mut keeper = Keeper::start(&Setup { respawn: Some(arguments), ..world.setup() }).expect("it is ready");
    open(&mut keeper, &world, 1, HOUR);
    keeper.die();
    let (status, _) = keeper.end();
    assert!(status.success());
    assert_eq!(world.log().last().expect("a line"), "starting knockd again");
    // What is open is in the journal for the one that was started, which here is no daemon.
    assert_eq!((world.noted().len(), world.journal().len()), (1, 1));
    world.start().bye();
    assert_eq!(world.noted(), ["opened", "closed"]);
}

#[test]
fn a_daemon_that_dies_again_and_again_is_not_started_again() {
    let world = World::new();
    let now = knockd::daemon::boot::now().as_millis();
    let times = [now; 5].map(|time| time.to_string()).join(",");
    let setup = Setup { respawn: Some(Vec::new()), ..world.setup() };
    let mut keeper = Keeper::start_with(&setup, |command| {
        command.env("KNOCKD_RESPAWNED", times);
    })
    .expect("it is ready");
    open(&mut keeper, &world, 1, Duration::ZERO);
    keeper.die();
    keeper.end();
    assert!(world.log().contains(&"knockd has died too often within a minute: it is not started again".to_owned()));
    assert_eq!(world.noted(), ["opened", "closed"]);
}

#[test]
fn a_watcher_that_speaks_nonsense_is_as_good_as_dead() {
    let world = World::new();
    let mut keeper = world.start();
    open(&mut keeper, &world, 1, Duration::ZERO);
    let channel = keeper.channel.as_mut().expect("it lives");
    channel.send(&ToWatcher::Failed { why: "x".repeat(40) }, None).expect("it is short");
    channel.flush().expect("there is room");
    keeper.end();
    assert_eq!(world.noted(), ["opened", "closed"]);
}

#[test]
fn a_doorkeeper_without_a_watcher_ends() {
    let world = World::new();
    let mut keeper = world.start();
    keeper.say(&ToKeeper::Quit);
    keeper.die();
    assert!(keeper.end().0.success());
}
