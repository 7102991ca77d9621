//! Both processes die at once, before and after every system call between a knock and the door's closing (CMD-7, ONCE-6).

use std::{
    fs,
    os::unix::{fs::MetadataExt, process::CommandExt},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use knockd::daemon::{
    channel::Channel,
    journal::record::{OpenDoor, Record, write},
    message::{Spend, ToKeeper, ToWatcher},
};
use nix::{
    errno::Errno,
    sys::{
        ptrace,
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::world::{HOUR, Keeper, World, hear, say};

const TEXT: &str = "7000,8000\n9000,9001\n";

/// Lets a new doorkeeper, to which `watcher` speaks, go from one beginning or end of a system call to the next, and kills
/// it after so many, counted from the moment that `watcher` names; gives what `watcher` has to tell, and whether the
/// doorkeeper did not come so far.
fn kill_after<T: Send + 'static>(
    steps: usize,
    watcher: impl FnOnce(Channel, &AtomicBool) -> T + Send + 'static,
) -> (T, bool) {
    // All its threads, and nothing else of this test's, are in one group.
    let mut keeper = Keeper::spawn(|command| {
        command.process_group(0);
    });
    let process = keeper.pid();
    let options = ptrace::Options::PTRACE_O_TRACESYSGOOD | ptrace::Options::PTRACE_O_TRACECLONE;
    ptrace::seize(process, options).expect("it is ours");
    ptrace::interrupt(process).expect("it lives");
    let channel = keeper.channel.take().expect("it was made");
    let begun = Arc::new(AtomicBool::new(false));
    let begin = begun.clone();
    let watcher = thread::spawn(move || watcher(channel, &begin));
    let mut count = 0;
    loop {
        let next = match waitpid(Pid::from_raw(-process.as_raw()), Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::PtraceSyscall(thread)) => {
                count += usize::from(begun.load(Ordering::SeqCst));
                if count == steps {
                    kill(process, Signal::SIGKILL).expect("it lives");
                }
                ptrace::syscall(thread, None)
            }
            Ok(WaitStatus::PtraceEvent(thread, _, _)) => ptrace::syscall(thread, None),
            Ok(WaitStatus::Stopped(thread, signal)) => ptrace::syscall(thread, signal_of_its_own(signal)),
            Ok(WaitStatus::Exited(ended, _) | WaitStatus::Signaled(ended, _, _)) if ended == process => break,
            Ok(_) => continue,
            Err(error) => panic!("its end was missed: {error}"),
        };
        assert!(matches!(next, Ok(()) | Err(Errno::ESRCH)), "{next:?}");
    }
    let told = watcher.join().expect("the watcher has no reason to fail");
    keeper.forget();
    (told, count < steps)
}

/// A stop that the tracing itself has made carries no signal.
fn signal_of_its_own(signal: Signal) -> Option<Signal> {
    (!matches!(signal, Signal::SIGTRAP | Signal::SIGSTOP)).then_some(signal)
}

/// What a watcher has heard before the end.
#[derive(Debug, Default)]
struct Heard {
    spent: bool,
    opened: bool,
    closed: bool,
}

/// Between the end of one system call and the beginning of the next nothing changes that a crash leaves behind.
const STRIDE: usize = 2;

/// One knock: the line is marked, the door is opened, the door is closed; then the watcher lets the doorkeeper end.
fn knock(mut channel: Channel, begun: &AtomicBool, begin: usize, messages: Vec<ToKeeper>) -> Heard {
    let mut heard = Heard::default();
    for (number, message) in messages.into_iter().enumerate() {
        begun.store(number >= begin, Ordering::SeqCst);
        say(&mut channel, &message);
        match hear(&mut channel) {
            Some(ToWatcher::Ready) => {}
            Some(ToWatcher::Spent { result: Ok(()), .. }) => heard.spent = true,
            Some(ToWatcher::Exited { .. }) if heard.opened => heard.closed = true,
            Some(ToWatcher::Exited { .. }) => heard.opened = true,
            Some(other) => panic!("{other:?}"),
            None => return heard,
        }
    }
    say(&mut channel, &ToKeeper::Bye);
    while hear(&mut channel).is_some() {}
    heard
}

#[test]
fn a_door_that_was_opened_is_closed_and_a_used_line_stays_used_wherever_both_die() {
    let mut steps = 1;
    loop {
        let world = World::new();
        fs::write(world.path("once"), TEXT).expect("a file");
        let about = fs::metadata(world.path("once")).expect("it is there");
        let (device, inode) = (about.dev(), about.ino());
        let mark = Spend { spend: 1, path: world.bytes("once"), device, inode, offset: 0, expected: b'7' };
        let messages = vec![
            ToKeeper::Setup(Box::new(world.setup())),
            ToKeeper::Spend(mark),
            ToKeeper::Run(world.opening(1, HOUR)),
            ToKeeper::Run(world.closing(1)),
        ];
        let (heard, whole) = kill_after(steps, |channel, begun| knock(channel, begun, 1, messages));
        let text = world.text("once");
        assert!(text == TEXT && !heard.spent || text == TEXT.replacen('7', "#", 1), "{steps}: {text}");
        world.start().bye();
        let noted = world.noted();
        let opened = noted.iter().filter(|line| *line == "opened").count();
        assert!(opened <= 1 && (opened == 1 || !heard.opened), "{steps}: {noted:?}");
        assert!(opened == 0 || noted.last().is_some_and(|line| line == "closed"), "{steps}: {noted:?}, {heard:?}");
        // What is known to be closed is not closed again.
        assert!(!heard.closed || noted.len() == 2, "{steps}: {noted:?}");
        assert!(world.journal().is_empty(), "{steps}");
        if whole {
            break;
        }
        steps += STRIDE;
    }
    assert!(steps > 100, "only {steps} steps");
}

#[test]
fn a_door_of_an_earlier_daemon_is_closed_wherever_its_successors_die() {
    let mut steps = 1;
    loop {
        let world = World::new();
        let doors = ["one", "two"].map(|name| OpenDoor { stop: world.stop(name, Duration::ZERO), due: None });
        world.write_journal(&doors);
        // A torn end makes the successor write the journal anew.
        let mut text = fs::read(world.journal_path()).expect("it is there");
        write(&Record::Closed { opening: 0 }, &mut text);
        text.pop();
        world.write_journal_text(&text);
        let messages = vec![ToKeeper::Setup(Box::new(world.setup()))];
        let (_, whole) = kill_after(steps, |channel, begun| knock(channel, begun, 0, messages));
        world.start().bye();
        let mut noted = world.noted();
        noted.sort();
        noted.dedup();
        assert_eq!(noted, ["one", "two"], "{steps}");
        assert!(world.journal().is_empty(), "{steps}");
        if whole {
            break;
        }
        steps += STRIDE;
    }
    assert!(steps > 100, "only {steps} steps");
}
