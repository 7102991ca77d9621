//! A plan played in its world, in real time.

use std::{
    collections::VecDeque,
    fs, io,
    net::IpAddr,
    path::PathBuf,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use nix::sys::signal::Signal;

use super::{
    daemon::{Processes, Role, has_packet_socket},
    layout::{TEXTS, inside},
    look::{Glance, Looks},
    plan::{Plan, Step, frame_bytes},
    probe,
    senses::Senses,
    world::World,
};
use crate::{names, pattern::Pattern, time::Nanos, transcript::Sight};

/// How long a daemon may take to listen, or to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long after a daemon's socket is there it is taken to be listening, if it logs where nobody can read it, ...
const SETTLING: Duration = Duration::from_millis(40);
/// ... and if it could be read, but says something else.
const SILENCE: Duration = Duration::from_millis(300);
/// How long a daemon may take to say what it held back, once it is asked to end.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// What was seen.
pub(super) struct Seen {
    pub(super) sights: Vec<(Nanos, Sight)>,
    pub(super) glances: Vec<Glance>,
}

/// Plays a plan. `phase` is how long after a whole second of the wall clock it begins: a daemon that counts whole
/// seconds has the same ones in each run.
pub(super) fn play(plan: &Plan, world: World, directory: PathBuf, phase: Duration) -> io::Result<Seen> {
    let mut play = Play::new(plan, world, directory)?;
    if plan.is_client {
        play.begin(phase)?;
        play.start_client()?;
    } else {
        play.processes.start(Role::Judged)?;
        let listens = play.until_ready()?;
        play.begin(if listens { phase } else { Duration::MAX })?;
    }
    play.steps()?;
    for (at, sight) in probe::ask(&plan.probes, &play.world)? {
        play.sights.push((at, sight));
    }
    let glances = play.looks.last(&plan.last_looks, play.now())?;
    play.last_words()?;
    Ok(Seen { sights: play.sights, glances })
}

struct Play<'a> {
    plan: &'a Plan,
    world: World,
    directory: PathBuf,
    processes: Processes,
    senses: Senses<'a>,
    looks: Looks<'a>,
    start: Option<Instant>,
    sights: Vec<(Nanos, Sight)>,
    /// Whether the line was logged that says that the daemon is listening.
    is_ready: bool,
    /// Whether the end of the daemon is the case's own doing.
    is_asked_to_end: bool,
}

impl<'a> Play<'a> {
    fn new(plan: &'a Plan, world: World, directory: PathBuf) -> io::Result<Self> {
        Ok(Self {
            plan,
            processes: Processes::new(plan)?,
            senses: Senses::new(plan)?,
            looks: Looks::new(&plan.looks, &directory),
            world,
            directory,
            start: None,
            sights: Vec::new(),
            is_ready: false,
            is_asked_to_end: false,
        })
    }

    /// The case's time: none has passed before it begins.
    fn now(&self) -> Nanos {
        let passed = self.start.map_or(Duration::ZERO, |start| start.elapsed());
        Nanos(u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX))
    }

    fn see(&mut self, sight: Sight) {
        self.sights.push((self.now(), sight));
    }

    /// Waits until the daemon listens; `false` if it ended instead.
    fn until_ready(&mut self) -> io::Result<bool> {
        self.is_ready = self.plan.ready_line.is_none();
        let can_read = self.plan.log.file.is_some() && !self.plan.log_files.is_empty();
        let silence = if can_read { SILENCE } else { SETTLING };
        let since = Instant::now();
        let mut listening_since = None;
        while since.elapsed() < PATIENCE {
            self.pump(Duration::from_millis(2))?;
            if !self.processes.is_alive() {
                return Ok(self.plan.ends);
            }
            if !self.plan.packet_socket {
                if self.is_ready && !self.plan.ends {
                    return Ok(true);
                }
                continue;
            }
            // On an interface that is down nobody need listen yet (LISTEN-8).
            if self.world.is_up() && !has_packet_socket()? {
                continue;
            }
            if self.is_ready || listening_since.get_or_insert_with(Instant::now).elapsed() > silence {
                return Ok(true);
            }
        }
        Err(io::Error::other(format!("{} neither listens nor ends within {PATIENCE:?}", self.plan.program.display())))
    }

    /// Waits for the phase of a second at which the case begins; with none, it begins at once.
    fn begin(&mut self, phase: Duration) -> io::Result<()> {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
        let to_second = Duration::from_secs(1).saturating_sub(Duration::from_nanos(wall.subsec_nanos().into()));
        let start = match phase {
            Duration::MAX => Instant::now(),
            phase => Instant::now() + to_second + phase,
        };
        while let Some(left) = start.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.pump(left)?;
        }
        self.start = Some(start);
        Ok(())
    }

    fn start_client(&mut self) -> io::Result<()> {
        let named = |names: &[(&str, u8)]| -> Vec<(IpAddr, u8)> {
            names.iter().filter_map(|(name, prefix)| Some((names::address(name)?, *prefix))).collect()
        };
        let others = named(&[("other", 24), ("other6", 64)]);
        let servers = [self.plan.locals.clone(), others].concat();
        self.world.be_client(&named(&[("alice", 24), ("alice6", 64)]), &servers)?;
        let Self { world, processes, .. } = self;
        world.at_client(|| processes.start(Role::Judged))
    }

    /// Lets everything happen at its time, to the end of the window.
    fn steps(&mut self) -> io::Result<()> {
        let mut steps: VecDeque<&(Nanos, Step)> = self.plan.steps.iter().collect();
        loop {
            let now = self.now();
            self.looks.look(now)?;
            if let Some((_, step)) = steps.pop_front_if(|(at, _)| *at <= now) {
                self.step(step)?;
                continue;
            }
            let end = self.looks.until().max(self.plan.end);
            if steps.is_empty() && now > end {
                return Ok(());
            }
            let next = steps.front().map_or(end.after(Nanos(1)), |(at, _)| *at);
            let next = self.looks.next(now).map_or(next, |look| look.min(next));
            self.senses.wait(&self.processes, Duration::from_nanos(next.before(now).0))?;
            // Whoever does not wake in time cannot say that the daemon was late.
            let late = self.now().before(next);
            if late > self.plan.late {
                return Err(io::Error::other(format!("the machine is too busy: at {next} it was {late} s late")));
            }
            self.pump(Duration::ZERO)?;
        }
    }

    fn step(&mut self, step: &Step) -> io::Result<()> {
        match step {
            Step::Frame(digits) => self.world.wire.send(&frame_bytes(digits).map_err(io::Error::other)?),
            Step::Hup => self.processes.signal(Signal::SIGHUP),
            Step::Term => self.processes.signal(Signal::SIGTERM),
            Step::Int => self.processes.signal(Signal::SIGINT),
            Step::Put { file, text } => {
                fs::copy(self.directory.join(TEXTS).join(text), inside(file))?;
                Ok(())
            }
            Step::Remove(file) => fs::remove_file(inside(file)),
            Step::Restart => self.start_again(Signal::SIGTERM),
            Step::Kill => self.start_again(Signal::SIGKILL),
            Step::Second => self.processes.start(Role::Second),
            Step::Address { added, address } => self.world.address(*address, *added),
            Step::LinkDown => self.world.set_up(false),
            Step::LinkUp => self.world.set_up(true),
            Step::LinkDelete => self.world.delete(),
            Step::LinkCreate => self.world.create(),
        }
    }

    /// Ends the daemon and starts it again. An end that was asked for is no sight.
    fn start_again(&mut self, signal: Signal) -> io::Result<()> {
        self.is_asked_to_end = true;
        self.processes.signal(signal)?;
        let since = Instant::now();
        while self.processes.is_alive() && since.elapsed() < PATIENCE {
            self.pump(PATIENCE.saturating_sub(since.elapsed()))?;
        }
        self.is_asked_to_end = false;
        if self.processes.is_alive() {
            // It does not end in order: its end by force is one that nobody asked for.
            self.processes.signal(Signal::SIGKILL)?;
            while self.processes.is_alive() {
                self.pump(PATIENCE)?;
            }
        }
        self.processes.start(Role::Judged)?;
        self.until_ready()?;
        Ok(())
    }

    /// Asks the daemon to end if the case wants to know what it says: a program may hold back its output.
    fn last_words(&mut self) -> io::Result<()> {
        if self.plan.says && self.processes.is_alive() {
            self.is_asked_to_end = true;
            self.processes.signal(Signal::SIGTERM)?;
            let since = Instant::now();
            while self.processes.is_alive() && since.elapsed() < LAST_WORDS {
                self.pump(LAST_WORDS.saturating_sub(since.elapsed()))?;
            }
        }
        self.pump(Duration::ZERO)?;
        for line in self.processes.last_said() {
            self.see(Sight::Says(line));
        }
        Ok(())
    }

    /// Waits until something is to be seen, at most for `patience`, and sees it.
    fn pump(&mut self, patience: Duration) -> io::Result<()> {
        self.senses.wait(&self.processes, patience)?;
        let ended = self.processes.ended()?;
        for sight in self.senses.sights(&mut self.processes)? {
            if let (Sight::Log(line), Some(ready)) = (&sight, &self.plan.ready_line) {
                self.is_ready |= Pattern::new(ready).fits(line);
            }
            self.see(sight);
        }
        for (role, status) in ended {
            self.end(role, status)?;
        }
        Ok(())
    }

    fn end(&mut self, role: Role, status: i32) -> io::Result<()> {
        match role {
            Role::Judged if self.plan.ends && status == 0 => {}
            Role::Judged if self.plan.ends => {
                let said: Vec<_> = self.sights.iter().map(|(_, sight)| format!("{sight:?}")).collect();
                let why = format!("{} ended with status {status}: {}", self.plan.program.display(), said.join(", "));
                return Err(io::Error::other(why));
            }
            Role::Judged if self.is_asked_to_end => {}
            Role::Judged => self.see(Sight::Exit(status)),
            Role::Second => self.see(Sight::SecondExit(status)),
            Role::Other => {}
        }
        Ok(())
    }
}
