//! The doorkeeper as the watcher sees it: whom effects are handed to, and who answers.

use std::{
    collections::{BTreeSet, VecDeque},
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    process::{Child, Stdio},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{
    channel::{Channel, TooLong},
    clock::Moment,
    error::Error,
    message::{self, DOORKEEPER, Line, Setup, Sinks, Stop, ToKeeper, ToWatcher},
    start::{NOTIFY_SOCKET, program},
};
use crate::{
    config::Commands,
    engine::{Effect, SpendId},
    event::{Event, Who},
    job::{Exit, JobId, JobKind, Run, substitute},
    log_limit::Limiter,
    time::Instant,
};

/// How many bytes may wait for the doorkeeper before messages are left out: it does not keep up with a flood of them.
const MOST_WAITING: usize = 4 << 20;

/// A doorkeeper that dies more often than this within [`PERIOD`] nanoseconds is not started again.
const MOST_DEATHS: usize = 5;
const PERIOD: i64 = 60_000_000_000;

/// What the doorkeeper answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// A command has ended.
    Exited(JobId, Exit),
    /// A mark is written, or not.
    Spent(SpendId, Result<(), String>),
    /// A file is open, or not.
    Opened(u64, Result<OwnedFd, String>),
}

/// The doorkeeper, and what it has been told and not answered.
#[derive(Debug)]
pub(super) struct Errands {
    child: Child,
    channel: Channel,
    setup: Setup,
    in_background: bool,
    /// Whether debug messages are logged (LOG-4).
    debug: bool,
    limiter: Limiter,
    running: BTreeSet<u64>,
    marking: BTreeSet<u64>,
    opening: BTreeSet<u64>,
    /// How many messages were left out because too many waited.
    left_out: u64,
    /// When doorkeepers died.
    deaths: VecDeque<i64>,
    next_request: u64,
    /// Answers that need no doorkeeper.
    refused: Vec<Answer>,
}

impl Errands {
    /// Starts a doorkeeper. It is not waited for; what it is told meanwhile waits in the socket.
    pub(super) fn start(setup: Setup, in_background: bool, debug: bool) -> Result<Self, Error> {
        let (child, channel) = spawn(&setup, in_background)?;
        Ok(Self {
            child,
            channel,
            setup,
            in_background,
            debug,
            limiter: Limiter::default(),
            running: BTreeSet::new(),
            marking: BTreeSet::new(),
            opening: BTreeSet::new(),
            left_out: 0,
            deaths: VecDeque::new(),
            next_request: 0,
            refused: Vec::new(),
        })
    }

    /// Waits until the doorkeeper is ready.
    pub(super) fn ready(&mut self) -> Result<(), Error> {
        loop {
            if self.said()?.is_some_and(|said| said == ToWatcher::Ready) {
                return Ok(());
            }
            let mut fds = [PollFd::new(self.channel.as_fd(), self.interest())];
            poll(&mut fds, PollTimeout::NONE).map_err(|error| broken(&error))?;
            self.channel.flush().map_err(|error| broken(&error))?;
            if !self.channel.receive().map_err(|error| broken(&error))? && self.peek_ended()? {
                return Err(Error::Doorkeeper("the doorkeeper ended before it was ready".to_owned()));
            }
        }
    }

    /// Whether nothing that it said is left; a reason why it cannot go on is an error.
    fn peek_ended(&mut self) -> Result<bool, Error> {
        Ok(self.said()?.is_none())
    }

    fn said(&mut self) -> Result<Option<ToWatcher>, Error> {
        match self.channel.take().map_err(|error| broken(&error))? {
            Some(ToWatcher::Failed { why }) => Err(Error::Doorkeeper(why)),
            said => Ok(said),
        }
    }

    /// Carries out an effect that came at `at`, when the wall clock showed `now`; gives the status of an exit.
    pub(super) fn carry_out(
        &mut self,
        at: Instant,
        now: Moment,
        effect: Effect,
        device: impl Fn(&[u8]) -> Mark,
    ) -> Option<u8> {
        match effect {
            Effect::Log(event) => self.log(at, now, &event),
            Effect::Run(run) => self.run(&run),
            Effect::Spend(spend) => {
                let Mark { path, device, inode } = device(spend.who.door.file());
                let id = spend.id.number();
                self.marking.insert(id);
                let (offset, expected) = (spend.offset, spend.expected);
                self.tell(&ToKeeper::Spend(message::Spend { spend: id, path, device, inode, offset, expected }));
            }
            Effect::Exit(status) => return Some(status),
        }
        None
    }

    fn run(&mut self, run: &Run) {
        let job = run.job.number();
        self.running.insert(job);
        let (kind, stop) = match run.kind {
            JobKind::Start => (message::Kind::Start, stop(&run.who)),
            JobKind::Stop => (message::Kind::Stop, None),
        };
        if !self.tell(&ToKeeper::Run(message::Run { job, kind, command: run.command.to_vec(), stop })) {
            self.running.remove(&job);
            self.refused.push(Answer::Exited(run.job, Exit::Refused(format!("it is {TooLong}"))));
        }
    }

    /// Logs an event, if it is to be logged at all (LOG-4).
    pub(super) fn log(&mut self, at: Instant, now: Moment, event: &Event) {
        if event.is_debug() && !self.debug {
            return;
        }
        let admission = self.limiter.admit(at, event);
        if let Some(first) = admission.first {
            self.line(now, first.to_string(), None, false);
        }
        if admission.admitted {
            self.line(now, event.to_string(), source(event), event.is_debug());
        }
    }

    /// Logs what is no event of the engine's.
    pub(super) fn say(&mut self, now: Moment, message: String) {
        self.line(now, message, None, false);
    }

    fn line(&mut self, now: Moment, message: String, source: Option<std::net::IpAddr>, debug: bool) {
        if self.channel.waiting() > MOST_WAITING {
            self.left_out += 1;
            return;
        }
        if self.left_out > 0 {
            let event = Event::LeftOut { count: std::mem::take(&mut self.left_out) };
            self.tell(&ToKeeper::Log(Line {
                at: now.second(),
                message: event.to_string(),
                source: None,
                debug: false,
            }));
        }
        self.tell(&ToKeeper::Log(Line { at: now.second(), message, source, debug }));
    }

    /// Logs the count of messages left out in a second that has ended.
    pub(super) fn count_left_out(&mut self, at: Instant, now: Moment) {
        if let Some(event) = self.limiter.flush(at) {
            self.line(now, event.to_string(), None, false);
        }
    }

    /// When [`Errands::count_left_out`] has something to say.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.limiter.poll_timeout()
    }

    /// Asks for a file to be opened; gives the number of the answer.
    pub(super) fn open(&mut self, path: Vec<u8>) -> u64 {
        let request = self.next_request;
        self.next_request += 1;
        self.opening.insert(request);
        self.tell(&ToKeeper::Open { request, path });
        request
    }

    /// Takes other places for messages, also for a doorkeeper to come.
    pub(super) fn take_sinks(&mut self, sinks: Sinks) {
        self.setup.sinks = sinks.clone();
        self.tell(&ToKeeper::Sinks(sinks));
    }

    /// The daemon was told to end.
    pub(super) fn quit(&mut self) {
        self.tell(&ToKeeper::Quit);
    }

    /// Whether the message could be sent: only a command can be too long.
    fn tell(&mut self, message: &ToKeeper) -> bool {
        self.channel.send(message, None).is_ok()
    }

    /// Whether [`Errands::hear`] has an answer already.
    pub(super) fn has_answers(&self) -> bool {
        !self.refused.is_empty()
    }

    /// Sends what waits and hears what was answered. If the doorkeeper has died, another takes its place, and what
    /// nobody can tell any more is answered so that the engine goes on.
    pub(super) fn hear(&mut self, now: Moment) -> Result<Vec<Answer>, Error> {
        self.channel.flush().map_err(|error| broken(&error))?;
        let alive = self.channel.receive().map_err(|error| broken(&error))?;
        let mut answers = std::mem::take(&mut self.refused);
        while let Some(said) = self.said()? {
            match said {
                ToWatcher::Ready | ToWatcher::Failed { .. } => {}
                ToWatcher::Exited { job, exit } => {
                    self.running.remove(&job);
                    answers.push(Answer::Exited(JobId::numbered(job), exit_of(exit)));
                }
                ToWatcher::Spent { spend, result } => {
                    self.marking.remove(&spend);
                    answers.push(Answer::Spent(SpendId::numbered(spend), result));
                }
                ToWatcher::Opened { request, result } => {
                    self.opening.remove(&request);
                    let file = result.and_then(|()| self.channel.descriptor().ok_or_else(|| "it got lost".to_owned()));
                    answers.push(Answer::Opened(request, file));
                }
            }
        }
        if !alive {
            self.replace(now, &mut answers)?;
        }
        Ok(answers)
    }

    fn replace(&mut self, now: Moment, answers: &mut Vec<Answer>) -> Result<(), Error> {
        let status = self.child.wait().map_err(|error| broken(&error))?;
        while self.deaths.front().is_some_and(|death| now.monotonic - death > PERIOD) {
            self.deaths.pop_front();
        }
        self.deaths.push_back(now.monotonic);
        if self.deaths.len() > MOST_DEATHS {
            return Err(Error::Doorkeeper(format!("the doorkeeper dies again and again ({status})")));
        }
        (self.child, self.channel) = spawn(&self.setup, self.in_background)?;
        self.say(now, format!("the doorkeeper died ({status}): another takes over what is in its journal"));
        let running = std::mem::take(&mut self.running).into_iter();
        answers.extend(running.map(|job| Answer::Exited(JobId::numbered(job), Exit::Status(0))));
        let lost = || "the doorkeeper died before it could tell".to_owned();
        let marking = std::mem::take(&mut self.marking).into_iter();
        answers.extend(marking.map(|spend| Answer::Spent(SpendId::numbered(spend), Err(lost()))));
        let opening = std::mem::take(&mut self.opening).into_iter();
        answers.extend(opening.map(|request| Answer::Opened(request, Err(lost()))));
        Ok(())
    }

    /// Lets the doorkeeper end, and waits for that for so many milliseconds.
    pub(super) fn bye(mut self, millis: u16) {
        self.tell(&ToKeeper::Bye);
        let until = Moment::now().map_or(0, |now| now.monotonic) + i64::from(millis) * 1_000_000;
        while self.channel.flush().is_ok() && self.channel.receive().unwrap_or(false) {
            while let Ok(Some(_)) = self.channel.take::<ToWatcher>() {}
            let left = until - Moment::now().map_or(until, |now| now.monotonic);
            let Ok(left) = u16::try_from(left / 1_000_000) else { return };
            let mut fds = [PollFd::new(self.channel.as_fd(), self.interest())];
            if left == 0 || poll(&mut fds, left).is_err() {
                return;
            }
        }
        // It has closed its end last of all, and is as good as gone.
        let _gone = self.child.wait();
    }

    /// What to wait for in its socket.
    pub(super) fn interest(&self) -> PollFlags {
        if self.channel.waiting() > 0 { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLIN }
    }
}

impl AsFd for Errands {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

/// A door's one-time file: its absolute path, and which file was read there.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) path: Vec<u8>,
    pub(super) device: u64,
    pub(super) inode: u64,
}

fn spawn(setup: &Setup, in_background: bool) -> Result<(Child, Channel), Error> {
    let failed = |error| Error::System { what: "start the doorkeeper", error };
    let (mut channel, other) = Channel::pair().map_err(failed)?;
    let mut command = program();
    command.arg(DOORKEEPER).stdin(other).env_remove(NOTIFY_SOCKET);
    if in_background {
        // Whoever waits for the end of our output waits for this process alone.
        command.stdout(Stdio::null()).stderr(Stdio::null());
    }
    let child = command.spawn().map_err(failed)?;
    let setup = ToKeeper::Setup(Box::new(setup.clone()));
    channel.send(&setup, None).map_err(|error| failed(io::Error::other(error)))?;
    channel.flush().map_err(failed)?;
    Ok((child, channel))
}

fn broken(error: &dyn std::error::Error) -> Error {
    Error::Doorkeeper(format!("cannot speak with the doorkeeper: {error}"))
}

fn exit_of(exit: message::Exit) -> Exit {
    match exit {
        message::Exit::Status(status) => Exit::Status(status),
        message::Exit::Signal(signal) => Exit::Signal(signal),
        message::Exit::Refused(why) => Exit::Refused(why),
    }
}

/// The stop command that follows the start command of this knock (CMD-2, CMD-3).
fn stop(who: &Who) -> Option<Stop> {
    let door = &who.door.config;
    let Commands { stop, .. } = if who.source.is_ipv4() { &door.v4 } else { &door.v6 };
    let command = substitute(stop.as_deref()?, who.source).to_vec();
    Some(Stop { command, after: door.cmd_timeout, door: door.name.clone(), source: who.source })
}

/// The address that the message begins with.
fn source(event: &Event) -> Option<std::net::IpAddr> {
    match event {
        Event::Stage { who, .. }
        | Event::Opened { who }
        | Event::TimedOut { who, .. }
        | Event::Discarded { who, .. }
        | Event::CommandTimeout { who } => Some(who.source),
        Event::Running { .. }
        | Event::Failed { .. }
        | Event::Killed { .. }
        | Event::Refused { .. }
        | Event::LineSkipped { .. }
        | Event::Disabled { .. }
        | Event::Crowded { .. }
        | Event::Busy { .. }
        | Event::LeftOut { .. }
        | Event::StartingUp { .. }
        | Event::ShuttingDown
        | Event::Rereading { .. } => None,
    }
}
