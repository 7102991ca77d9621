//! The doorkeeper: one poll loop around commands, log, one-time marks, and the journal of doors to be closed.
//!
//! While the watcher lives, it does what the watcher says. When the watcher dies, it is an orphan: nothing opens any
//! more, and it closes what is open, each door in its time. Then it ends; or a new daemon takes over, because one was
//! started, or because it starts one itself.

mod life;
mod openings;
mod run;
mod start;

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
    process::ExitCode,
    time::{Duration, SystemTime},
};

use nix::{
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signalfd::SignalFd,
        time::TimeSpec,
        timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
    },
};

use super::{
    boot,
    channel::Channel,
    command::Shell,
    disk::{Bell, Disk, Done, Task},
    ending::PATIENCE,
    journal::{
        Journal,
        record::{self, BootId, Record},
    },
    log::Log,
    lookup::Lookup,
    message::{Exit, Line, Setup, Sinks, ToKeeper, ToWatcher},
    pid_file::PidFile,
    respawn::{self, Respawns},
};
use openings::{Openings, nanos};

/// Variables of the environment that are for the daemon alone.
const OUR_VARIABLES: [&str; 2] = ["NOTIFY_SOCKET", respawn::VARIABLE];

/// A running doorkeeper.
#[derive(Debug)]
struct Keeper {
    setup: Setup,
    /// The watcher; `None` once it is dead, or has said that nothing follows.
    watcher: Option<Channel>,
    signals: SignalFd,
    timer: TimerFd,
    bell: Bell,
    shell: Shell,
    disk: Disk,
    log: Log,
    /// The watcher's messages of this round, which are logged once its commands run.
    lines: Vec<Line>,
    lookup: Option<Lookup>,
    pid_file: Option<PidFile>,
    boot: BootId,
    openings: Openings,
    running: BTreeMap<i32, Running>,
    journal: Option<Journal>,
    /// Records that are not in the journal yet.
    records: Vec<u8>,
    /// Whether one of them must be durable before its start command runs.
    urgent: bool,
    /// The number of the records in hand; those of lower numbers are in the journal.
    batch: u64,
    /// Whether the disk is making the journal durable.
    syncing: bool,
    /// The journal lacks records that could not be written.
    gaps: bool,
    life: Life,
    /// When everything must have ended.
    end: Option<Duration>,
    /// When a signal last told this process to end, while that was the watcher's affair.
    told: Option<Duration>,
    /// When stop commands that the system has refused are tried again.
    again: Option<Duration>,
}

/// A command that runs.
#[derive(Debug)]
struct Running {
    /// The watcher's job.
    job: Option<u64>,
    /// The opening that it opens or closes.
    opening: Option<u64>,
    kind: super::message::Kind,
    /// The door, for the log.
    door: String,
    /// A stop command whose first run was ended by a signal.
    once_more: bool,
}

/// How a doorkeeper lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// With a watcher.
    Watched,
    /// The watcher has said that nothing follows.
    Parting,
    /// The watcher has died; a new daemon may be started at this time.
    Orphan(Option<Duration>),
    /// Over.
    Over,
}

/// Runs a doorkeeper whose standard input is its end of the socket pair.
#[must_use]
pub fn main() -> ExitCode {
    match Keeper::begin() {
        Ok(Some(mut keeper)) => match keeper.live() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // Without poll there is no way to go on; what is open stays in the journal.
                keeper.say(&format!("the doorkeeper cannot go on: {error}"));
                ExitCode::FAILURE
            }
        },
        // The watcher has ended before it said anything, or has been told why it cannot begin.
        Ok(None) | Err(_) => ExitCode::FAILURE,
    }
}

impl Keeper {
    /// Hears what to do, and makes everything ready for it.
    fn begin() -> io::Result<Option<Self>> {
        let signals = start::signals()?;
        let mut watcher = Channel::new(start::take_socket()?);
        // It fails for the leader of a process group, which is as good as a session of its own.
        nix::unistd::setsid().ok();
        let Some(setup) = start::first_message(&mut watcher)? else { return Ok(None) };
        match Self::with(setup, signals) {
            Ok(mut keeper) => {
                keeper.watcher = Some(watcher);
                keeper.tell(&ToWatcher::Ready);
                Ok(Some(keeper))
            }
            Err(why) => {
                watcher.send(&ToWatcher::Failed { why }, None).map_err(io::Error::other)?;
                watcher.flush()?;
                Ok(None)
            }
        }
    }

    fn with(setup: Setup, signals: SignalFd) -> Result<Self, String> {
        let (pid_file, without) = match setup.writes_pid_file.then(|| start::pid_file(&setup)).transpose() {
            Ok(pid_file) => (pid_file, None),
            // 0.8 goes on, too: in a container its user may write nothing there.
            Err(error) if error.is_want_of_a_place() => (None, Some(format!("{error}; going on without it"))),
            Err(error) => return Err(error.to_string()),
        };
        match Self::ready(setup, signals) {
            Ok(mut keeper) => {
                keeper.pid_file = pid_file;
                if let Some(why) = without {
                    keeper.say(&why);
                }
                if !keeper.setup.dry_run {
                    keeper.take_over();
                }
                Ok(keeper)
            }
            Err(why) => {
                if let Some(pid_file) = pid_file {
                    pid_file.remove();
                }
                Err(why)
            }
        }
    }

    fn ready(setup: Setup, signals: SignalFd) -> Result<Self, String> {
        let log = Log::open(&setup.sinks, setup.verbose).map_err(|error| cannot_log(&setup.sinks, &error))?;
        let prepare = || -> io::Result<_> {
            let bell = Bell::new()?;
            let timer = TimerFd::new(ClockId::CLOCK_BOOTTIME, TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK)?;
            let lookup = setup.lookup.then(|| Lookup::start(bell.clone())).transpose()?;
            Ok((Shell::new(&OUR_VARIABLES)?, Disk::start(bell.clone())?, timer, lookup, bell))
        };
        let (shell, disk, timer, lookup, bell) =
            prepare().map_err(|error| format!("cannot start the doorkeeper: {error}"))?;
        Ok(Self {
            watcher: None,
            signals,
            timer,
            bell,
            shell,
            disk,
            log,
            lines: Vec::new(),
            lookup,
            pid_file: None,
            boot: boot::id(),
            openings: Openings::default(),
            running: BTreeMap::new(),
            journal: None,
            records: Vec::new(),
            urgent: false,
            batch: 1,
            syncing: false,
            gaps: false,
            life: Life::Watched,
            end: None,
            told: None,
            again: None,
            setup,
        })
    }

    /// Lives until everything is done.
    fn live(&mut self) -> io::Result<()> {
        loop {
            self.close_what_is_due();
            self.write_records();
            self.log_lines();
            if let Some(watcher) = &mut self.watcher {
                // A watcher that is gone is seen when its words have ended.
                watcher.flush().ok();
            }
            if self.is_over() {
                return Ok(());
            }
            self.wait()?;
            let asked = self.hear_signals();
            self.bell.silence();
            while let Some(done) = self.disk.done() {
                self.disk_has(done);
            }
            self.log.flush();
            self.log_ready();
            self.hear_watcher();
            if asked {
                self.hand_over();
            }
        }
    }

    /// Waits until there is something to do.
    fn wait(&mut self) -> io::Result<()> {
        let expiry = [
            self.openings.next_due(),
            self.lookup.as_ref().and_then(Lookup::due),
            self.end,
            self.again,
            match self.life {
                Life::Orphan(respawn) => respawn,
                Life::Watched | Life::Parting | Life::Over => None,
            },
        ];
        match expiry.into_iter().flatten().min() {
            // A time of 0 would stop the clock.
            Some(time) => {
                let time = TimeSpec::from_duration(time.clamp(Duration::from_nanos(1), Duration::from_secs(1 << 40)));
                self.timer.set(Expiration::OneShot(time), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
            }
            None => self.timer.unset()?,
        }
        let mut waits = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.bell.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.timer.as_fd(), PollFlags::POLLIN),
        ];
        if let Some(watcher) = &self.watcher {
            let room = if watcher.waiting() > 0 { PollFlags::POLLOUT } else { PollFlags::empty() };
            waits.push(PollFd::new(watcher.as_fd(), PollFlags::POLLIN | room));
        }
        waits.extend(self.log.waits());
        match poll(&mut waits, PollTimeout::NONE) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Answers the watcher, if there is one.
    fn tell(&mut self, message: &ToWatcher) {
        self.tell_with(message, None);
    }

    fn tell_with(&mut self, message: &ToWatcher, descriptor: Option<OwnedFd>) {
        if let Some(watcher) = &mut self.watcher {
            // Its longest text is the system's word for an error.
            watcher.send(message, descriptor).ok();
        }
    }

    fn hear_watcher(&mut self) {
        let Some(mut watcher) = self.watcher.take() else { return };
        let more = watcher.receive();
        self.watcher = Some(watcher);
        loop {
            let message = self.watcher.as_mut().map(Channel::take);
            match message {
                Some(Ok(Some(message))) => self.obey(message),
                Some(Ok(None)) if matches!(more, Ok(true)) => return,
                Some(Ok(None)) => return self.orphaned("it has ended"),
                Some(Err(error)) => return self.orphaned(&error.to_string()),
                None => return,
            }
        }
    }

    fn obey(&mut self, message: ToKeeper) {
        match message {
            // A second one would be a mistake of ours, and harmless.
            ToKeeper::Setup(_) => {}
            ToKeeper::Log(line) => self.lines.push(line),
            ToKeeper::Run(run) => self.run(run),
            ToKeeper::Spend(spend) if self.setup.dry_run => {
                self.tell(&ToWatcher::Spent { spend: spend.spend, result: Ok(()) });
            }
            ToKeeper::Spend(spend) => {
                let number = spend.spend;
                if !self.disk.ask(Task::Mark(spend)) {
                    let result = Err("the thread that writes has ended".to_owned());
                    self.tell(&ToWatcher::Spent { spend: number, result });
                }
            }
            ToKeeper::Open { request, path } => {
                let opened = std::fs::File::open(Path::new(OsStr::from_bytes(&path)));
                let result = opened.as_ref().map(|_| ()).map_err(io::Error::to_string);
                self.tell_with(&ToWatcher::Opened { request, result }, opened.ok().map(OwnedFd::from));
            }
            ToKeeper::Sinks(sinks) => {
                self.log_lines();
                if let Err(error) = self.log.reopen(&sinks) {
                    self.say(&cannot_log(&sinks, &error));
                }
            }
            ToKeeper::Quit => self.hurry(),
            ToKeeper::Bye => {
                self.hurry();
                self.life = Life::Parting;
            }
        }
    }

    fn disk_has(&mut self, done: Done) {
        match done {
            Done::Marked(spend, result) => {
                let result = result.map_err(|error| error.to_string());
                self.tell(&ToWatcher::Spent { spend, result });
            }
            Done::Synced(batch, result) => {
                self.syncing = false;
                if let Err(error) = result {
                    self.gap(&error);
                }
                self.start_durable(batch);
            }
        }
    }

    /// Logs what the watcher has said.
    fn log_lines(&mut self) {
        for line in std::mem::take(&mut self.lines) {
            self.log_line(line);
        }
    }

    /// Logs a message, perhaps after a look-up.
    fn log_line(&mut self, line: Line) {
        let ready = match (&mut self.lookup, line.source) {
            (Some(lookup), Some(source)) => lookup.line(boot::now(), source, line),
            _ => Some((line, None)),
        };
        if let Some((line, host)) = ready {
            self.log.write(&line, host.as_deref());
        }
    }

    fn log_ready(&mut self) {
        if let Some(lookup) = &mut self.lookup {
            for (line, host) in lookup.ready(boot::now()) {
                self.log.write(&line, host.as_deref());
            }
        }
    }

    /// Logs something of the doorkeeper's own.
    fn say(&mut self, message: &str) {
        self.log_lines();
        self.log_line(Line { at: seconds(), message: message.to_owned(), source: None, debug: false });
    }
}

fn cannot_log(sinks: &Sinks, error: &io::Error) -> String {
    let path = String::from_utf8_lossy(sinks.file.as_deref().unwrap_or_default());
    if path.is_empty() { format!("cannot log: {error}") } else { format!("cannot open the log file {path}: {error}") }
}

/// Now, in seconds since 1970 began in UTC.
fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The signals that end a program.
const ENDING: [i32; 3] = [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT];
