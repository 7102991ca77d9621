//! The world around the engine: a disk, a shell and a clock that do exactly what the case says.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
};

use knockd::{
    config::{Config, Diagnostic, Style, render},
    engine::{Doors, Effect, Engine, Input, Limits, Local, Locals, OneTimeFile, Setup, Spend},
    job::{Exit, JobId},
    log_limit::Limiter,
    one_time,
    time::Instant,
    wire::Frame,
};

use super::frames::Read;
use crate::{
    capture::BEGIN,
    case::{CONFIG, Case, DIRECTORY, Kind},
    time::{Nanos, SECOND},
    timeline::{Event, Expect, Signal, What},
    transcript::{Sight, Transcript},
};

/// When the case begins on the engine's clock.
const ORIGIN: u64 = BEGIN * SECOND.0;

pub(super) struct World<'a> {
    case: &'a Case,
    transcript: Transcript,
    files: BTreeMap<String, Vec<u8>>,
    options: &'a [String],
    locals: Vec<(IpAddr, u8)>,
    engine: Option<Engine>,
    limiter: Limiter,
    /// Commands that run: when they end, in what order they began, and how.
    running: BTreeMap<(Instant, u64), (JobId, u8)>,
    begun: u64,
    /// Whether the daemon is to be started again when it has ended.
    restarting: bool,
}

impl<'a> World<'a> {
    /// Lets the case happen.
    pub(super) fn live(case: &'a Case, frames: Vec<Read>) -> Transcript {
        let mut files = case.files.clone();
        let mut options: &[String] = &[];
        if let Kind::Daemon { config, options: given } = &case.kind {
            files.insert(CONFIG.to_owned(), config.clone());
            options = given;
        }
        let mut world = World {
            case,
            transcript: Transcript::default(),
            files,
            options,
            locals: case.locals.clone(),
            engine: None,
            limiter: Limiter::default(),
            running: BTreeMap::new(),
            begun: 0,
            restarting: false,
        };
        world.start(Instant::from_nanos(ORIGIN));
        let mut frames = frames.into_iter();
        for entry in &case.timeline.entries {
            let at = on_clock(entry.at);
            world.run_until(at);
            match &entry.what {
                What::Event(Event::Packet(_)) => {
                    if let Some(frame) = frames.next() {
                        world.frame(&frame);
                    }
                }
                What::Event(event) => world.event(at, event),
                What::Expect(Expect::File { name, .. }) => {
                    // What the packet of the same moment makes due at once comes before the look.
                    world.run_until(at);
                    world.look(entry.at, name);
                }
                What::Expect(_) => {}
            }
        }
        world.run_until(on_clock(case.timeline.end));
        for name in case.files.keys() {
            world.look(case.timeline.end, name);
        }
        world.transcript
    }

    fn start(&mut self, at: Instant) {
        self.limiter = Limiter::default();
        let doors = match self.doors() {
            Ok(doors) => doors,
            Err(errors) => {
                for line in errors.lines() {
                    self.see(at, Sight::Says(line.to_owned()));
                }
                return self.see(at, Sight::Exit(1));
            }
        };
        let defaults = Limits::default();
        let limits = Limits { knocks: self.case.bound.unwrap_or(defaults.knocks), ..defaults };
        let only_v4 = self.options.iter().any(|option| matches!(option.as_str(), "-4" | "--only-ip-v4"));
        let (engine, effects) = Engine::start(Setup { doors, locals: self.locals(), limits, only_v4, seed: 1 });
        self.engine = Some(engine);
        self.carry_out(at, effects.into());
    }

    fn doors(&self) -> Result<Doors, String> {
        let text = self.files.get(CONFIG).ok_or(format!("{CONFIG}: there is no such file"))?;
        let drawn = |errors: Vec<Diagnostic>| render(CONFIG, text, &errors, Style::Plain);
        let (config, _) = Config::parse(text).map_err(drawn)?;
        let doors = Doors::load(config, |path| {
            let name = name_of(path);
            let text = self.files.get(&name).cloned().ok_or("there is no such file")?;
            Ok::<_, &str>(OneTimeFile { text, identity: name, ..OneTimeFile::default() })
        });
        doors.map_err(|errors| errors.iter().map(|error| format!("{error}\n")).collect())
    }

    fn locals(&self) -> Locals {
        Locals::These(self.locals.iter().map(|&(address, length)| Local { address, prefix: Some(length) }).collect())
    }

    fn event(&mut self, at: Instant, event: &Event) {
        match event {
            Event::Signal(Signal::Hup) => {
                if let Ok(doors) = self.doors() {
                    self.feed(at, Input::Reload(Box::new(doors)));
                }
            }
            Event::Signal(Signal::Term | Signal::Int) => self.feed(at, Input::Quit),
            Event::Put { file, text } => {
                let bytes = self.case.texts.get(text).cloned().unwrap_or_default();
                self.files.insert(file.clone(), bytes);
            }
            Event::Remove { file } => {
                self.files.remove(file);
            }
            Event::Restart => {
                self.restarting = true;
                self.feed(at, Input::Quit);
            }
            Event::Address { added, address } => {
                if *added {
                    self.locals.push(*address);
                } else {
                    self.locals.retain(|local| local.0 != address.0);
                }
                self.feed(at, Input::Addresses(self.locals()));
            }
            // Its abilities say that it knows none of these; packets are fed elsewhere.
            Event::Packet(_) | Event::Kill | Event::Second | Event::Link(_) | Event::ClockStep(_) => {}
        }
    }

    fn frame(&mut self, read: &Read) {
        let frame = Frame { link: read.link, bytes: &read.bytes, original_len: read.original_len };
        self.feed(read.at, Input::Frame { frame, loopback: read.loopback });
    }

    /// Lets everything happen that is due by `until`, in the order of time; a command's end before a timer.
    fn run_until(&mut self, until: Instant) {
        loop {
            let ended = self.running.first_key_value().map(|(&(at, _), _)| at);
            let timer = self.engine.as_ref().and_then(Engine::poll_timeout).map(|(at, _)| at);
            let count = self.limiter.poll_timeout();
            let Some(at) = [ended, timer, count].into_iter().flatten().min().filter(|at| *at <= until) else { return };
            if ended == Some(at)
                && let Some((_, (job, status))) = self.running.pop_first()
            {
                self.feed(at, Input::Exited { job, exit: Exit::Status(i32::from(status)) });
            } else if count == Some(at) {
                if let Some(event) = self.limiter.flush(at) {
                    self.see(at, Sight::Log(event.to_string()));
                }
            } else {
                self.feed(at, Input::Timeout);
            }
        }
    }

    fn feed(&mut self, at: Instant, input: Input<'_>) {
        let Some(engine) = &mut self.engine else { return };
        let effects = engine.handle(at, input).collect();
        self.carry_out(at, effects);
    }

    fn carry_out(&mut self, at: Instant, mut wanted: VecDeque<Effect>) {
        while let Some(effect) = wanted.pop_front() {
            let now = self.engine.as_ref().map_or(at, |engine| engine.now().max(at));
            match effect {
                Effect::Log(event) => {
                    let debug = self.options.iter().any(|option| matches!(option.as_str(), "-D" | "--debug"));
                    let admission = self.limiter.admit(now, &event);
                    let first = admission.first.map(|first| first.to_string());
                    let message = (admission.admitted && (debug || !event.is_debug())).then(|| event.to_string());
                    for line in first.into_iter().chain(message) {
                        self.see(now, Sight::Log(line));
                    }
                }
                Effect::Run(run) => {
                    let command = String::from_utf8_lossy(&run.command).into_owned();
                    let plan = self.case.command(&command);
                    let ends = now.after(std::time::Duration::from_nanos(plan.takes.0));
                    self.see(now, Sight::Run(command));
                    self.begun += 1;
                    self.running.insert((ends, self.begun), (run.job, plan.status));
                }
                Effect::Spend(spend) => {
                    let result = self.mark(now, &spend);
                    if let Some(engine) = &mut self.engine {
                        wanted.extend(engine.handle(now, Input::Spent { spend: spend.id, result }));
                    }
                }
                Effect::Exit(status) => {
                    self.engine = None;
                    self.running.clear();
                    if self.restarting {
                        self.restarting = false;
                        return self.start(now);
                    }
                    self.see(now, Sight::Exit(i32::from(status)));
                }
            }
        }
    }

    fn mark(&mut self, at: Instant, spend: &Spend) -> Result<(), String> {
        let name = name_of(spend.who.door.file());
        let file = self.files.get_mut(&name).ok_or("no such file")?;
        if !one_time::mark(file, spend.offset) {
            return Err("the file has no such byte".to_owned());
        }
        self.see(at, Sight::Mark(name));
        Ok(())
    }

    fn look(&mut self, at: Nanos, name: &str) {
        let bytes = self.files.get(name).cloned();
        self.transcript.see(at, Sight::File { name: name.to_owned(), bytes });
    }

    fn see(&mut self, at: Instant, what: Sight) {
        self.transcript.see(Nanos(at.as_nanos().saturating_sub(ORIGIN)), what);
    }
}

fn on_clock(at: Nanos) -> Instant {
    Instant::from_nanos(ORIGIN + at.0)
}

/// A file's name in the case, from its path in the configuration.
fn name_of(path: &[u8]) -> String {
    let path = String::from_utf8_lossy(path);
    path.strip_prefix(DIRECTORY).map_or(&*path, |rest| rest.trim_start_matches('/')).to_owned()
}
