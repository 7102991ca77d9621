//! The loop around the engine: frames, signals, links, clocks and the doorkeeper's answers in; effects to the doorkeeper.

use std::{collections::BTreeMap, fs::File, os::fd::AsFd, panic::resume_unwind, thread};

use nix::{
    poll::{PollFd, PollFlags, ppoll},
    sys::time::{TimeSpec, TimeValLike},
};

use super::{
    capture::{ANY, Batch, Captures, Change, addresses},
    clock::{HELD_BACK, Moment, Steps, Translator},
    ending::{End, Ending, PATIENCE},
    errands::{Answer, Errands, Mark},
    error::Error,
    filter::Interest,
    link::{Changes, Links, links},
    options::{Called, Interfaces},
    reload::{Identity, Loaded, Loading, all, shown},
    signals::{Request, Signals},
    start::{Report, notify, reloading},
};
use crate::{
    config::{Config, Style},
    engine::{Effect, Engine, Input, Limits, Local, Locals, Setup},
    event::Event,
    time::Instant,
};

/// How long the doorkeeper may take to end, in milliseconds.
const PARTING: u16 = 5_000;
/// How many frames the engine is told of ahead.
const AHEAD: usize = 64;

/// Runs the daemon until it is told to end, and gives its exit status.
pub(super) fn run(called: Called) -> Result<u8, Error> {
    let mut report = Report::take(called.background)?;
    let loading = Loading::from_disk(&called.config(), Style::Plain)?;
    let config = loading.config();
    let interfaces = called.interfaces(&config.options)?;
    let signals = Signals::listen().map_err(system("listen to signals"))?;
    let changes = Changes::watch().map_err(system("follow the interfaces"))?;
    let links = links().map_err(system("list the interfaces"))?;
    if let Some(wanted) = missing(&links, &interfaces).first().filter(|_| !called.args.wait) {
        return Err(Error::NoInterface { wanted: (*wanted).to_owned(), there: links.into_keys().collect() });
    }
    // It starts while the captures are opened here.
    let setup = called.setup(&config.options, &interfaces);
    let mut errands = Errands::start(setup, called.background, called.args.debug)?;
    match Watcher::new(called, loading, interfaces, links, (signals, changes)) {
        Ok((mut watcher, at_start)) => {
            errands.ready()?;
            let done = watcher.live(&mut errands, &mut report, at_start);
            if let (Err(error), Ok(now)) = (&done, Moment::now()) {
                errands.say(now, format!("cannot go on: {error}"));
            }
            errands.bye(PARTING);
            done
        }
        Err(error) => {
            errands.bye(PARTING);
            Err(error)
        }
    }
}

fn system(what: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |error| Error::System { what, error }
}

/// The interfaces that there are not.
fn missing<'a>(links: &Links, interfaces: &'a Interfaces) -> Vec<&'a str> {
    interfaces.names.iter().map(String::as_str).filter(|name| *name != ANY && !links.contains_key(*name)).collect()
}

struct Watcher {
    called: Called,
    interfaces: Interfaces,
    config: Config,
    files: BTreeMap<Vec<u8>, Identity>,
    engine: Engine,
    captures: Captures,
    batch: Batch,
    locals: Vec<Local>,
    interest: Interest,
    signals: Signals,
    changes: Changes,
    steps: Steps,
    translator: Translator,
    now: Moment,
    /// Whether it was said that the daemon listens.
    listens: bool,
    reading: Option<Reading>,
    /// SIGHUP came while the configuration was being read.
    read_again: bool,
    ending: Ending,
}

/// A configuration that is being read again.
struct Reading {
    /// The request that is to be answered next.
    request: u64,
    loading: Option<Loading>,
}

impl Watcher {
    fn new(
        called: Called,
        loading: Loading,
        interfaces: Interfaces,
        links: Links,
        (signals, changes): (Signals, Changes),
    ) -> Result<(Self, Vec<Effect>), Error> {
        let locals = addresses(&links, &interfaces.names);
        let args = &called.args;
        let config = loading.config().clone();
        let interest = Interest::new(&config, &locals, args.only_ip_v4);
        let capture = || Captures::begin(&interfaces.names, &links, &interest);
        let (loading, captures) = if loading.has_all() {
            (loading, capture()?)
        } else {
            // The kernel takes a while to make the rings.
            thread::scope(|scope| {
                let reader = scope.spawn(|| loading.read(&called));
                let captures = capture();
                let loading = reader.join().unwrap_or_else(|panic| resume_unwind(panic));
                Ok((loading, captures?))
            })?
        };
        let Loaded { doors, files, .. } = loading.finish(&shown(&called.config()))?;
        let now = Moment::now().map_err(system("read the clock"))?;
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        let limits =
            Limits { knocks: count(args.max_knocks), running_commands: count(args.max_commands), ..Limits::default() };
        let only_v4 = args.only_ip_v4;
        let setup = Setup { doors, locals: Locals::These(locals.clone()), limits, only_v4, seed: seed()? };
        let (engine, at_start) = Engine::start(setup);
        let watcher = Self {
            called,
            interfaces,
            config,
            files,
            engine,
            captures,
            batch: Batch::default(),
            locals,
            interest,
            signals,
            changes,
            steps: Steps::watch().map_err(system("watch the clock"))?,
            translator: Translator::new(now),
            now,
            listens: false,
            reading: None,
            read_again: false,
            ending: Ending::default(),
        };
        Ok((watcher, at_start))
    }

    fn live(&mut self, errands: &mut Errands, report: &mut Report, at_start: Vec<Effect>) -> Result<u8, Error> {
        self.tick()?;
        for effect in at_start {
            self.carry_out(errands, self.translator.settled(), effect);
        }
        if self.called.args.dry_run {
            errands.say(self.now, "dry run: no command is run, no line is used up".to_owned());
        }
        self.follow(errands, report)?;
        if !self.listens {
            for name in missing(&links().map_err(system("list the interfaces"))?, &self.interfaces) {
                errands.say(self.now, format!("there is no interface {name}: waiting for it"));
            }
        }
        loop {
            self.frames(errands, report)?;
            self.due(errands);
            self.answers(errands, report)?;
            while let Some(request) = self.signals.next().map_err(system("read a signal"))? {
                match request {
                    Request::Reload => self.reload(errands),
                    Request::Quit => self.quit(errands),
                }
            }
            if let Some(status) = self.ends(errands) {
                return Ok(status);
            }
            let heard = self.wait(errands)?;
            self.tick()?;
            if heard.clock {
                self.steps.clear();
            }
            if heard.links {
                self.changes.clear().map_err(system("follow the interfaces"))?;
                self.follow(errands, report)?;
            }
        }
    }

    /// Reads the clocks.
    fn tick(&mut self) -> Result<(), Error> {
        self.now = Moment::now().map_err(system("read the clock"))?;
        self.translator.advance(self.now);
        Ok(())
    }

    /// Reads a batch of frames and hands them to the engine.
    fn frames(&mut self, errands: &mut Errands, report: &mut Report) -> Result<(), Error> {
        let mut batch = std::mem::take(&mut self.batch);
        let lost = self.captures.read(&mut batch);
        self.tick()?;
        let mut ahead = batch.frames();
        for (place, (stamp, loopback, frame)) in batch.frames().enumerate() {
            if place % AHEAD == 0 {
                self.engine.foresee(ahead.by_ref().take(AHEAD).map(|(_, _, frame)| frame));
            }
            let at = self.translator.translate(stamp).max(self.engine.now());
            let Self { engine, called, files, now, ending, .. } = self;
            for effect in engine.handle_frame(at, frame, loopback, &mut ()) {
                ending.exits(errands.carry_out(at, *now, effect, |path| mark(called, files, path)));
            }
        }
        drop(ahead);
        if batch.drained {
            self.translator.drained();
        }
        self.batch = batch;
        if lost { self.follow(errands, report) } else { Ok(()) }
    }

    /// Lets happen what is due. Frames that were captured before are handled first, so it comes a moment late.
    fn due(&mut self, errands: &mut Errands) {
        let settled = self.translator.settled();
        if self.engine.is_due(settled) {
            self.tell(errands, Input::Timeout);
        }
        errands.count_left_out(settled, self.now);
    }

    /// Tells the engine what is no frame.
    fn tell(&mut self, errands: &mut Errands, input: Input<'_>) {
        let at = self.translator.settled();
        for effect in self.engine.handle(at, input).collect::<Vec<_>>() {
            self.carry_out(errands, at, effect);
        }
    }

    fn carry_out(&mut self, errands: &mut Errands, at: Instant, effect: Effect) {
        let Self { called, files, .. } = self;
        let exit = errands.carry_out(at.max(self.engine.now()), self.now, effect, |path| mark(called, files, path));
        self.ending.exits(exit);
    }

    fn answers(&mut self, errands: &mut Errands, report: &mut Report) -> Result<(), Error> {
        for answer in errands.hear(self.now)? {
            match answer {
                Answer::Exited(job, exit) => self.tell(errands, Input::Exited { job, exit }),
                Answer::Spent(spend, result) => self.tell(errands, Input::Spent { spend, result }),
                Answer::Opened(request, file) => self.opened(errands, report, request, file.map(File::from))?,
            }
        }
        Ok(())
    }

    /// Takes up the interfaces and addresses that there are now.
    fn follow(&mut self, errands: &mut Errands, report: &mut Report) -> Result<(), Error> {
        let links = links().map_err(system("list the interfaces"))?;
        let locals = addresses(&links, &self.interfaces.names);
        if locals != self.locals {
            self.locals = locals;
            self.tell(errands, Input::Addresses(Locals::These(self.locals.clone())));
        }
        self.filter(errands);
        for change in self.captures.follow(&links, &self.interest) {
            // Of the start is told in one line, below.
            match change {
                Change::Back(name) if self.listens => errands.say(self.now, format!("{name} is back: listening")),
                Change::Back(_) => {}
                Change::Away(name) => errands.say(self.now, format!("{name} is down or gone: waiting for it")),
                Change::Failed(error) => errands.say(self.now, error.to_string()),
            }
        }
        if !self.listens && missing(&links, &self.interfaces).is_empty() {
            self.listens = true;
            let interface = self.interfaces.given.clone();
            errands.log(self.engine.now(), self.now, &Event::StartingUp { interface });
            for name in self.captures.down() {
                errands.say(self.now, format!("{name} is down: waiting for it"));
            }
            report.listens()?;
        }
        Ok(())
    }

    /// Has the kernel filter for what the doors are interested in now.
    fn filter(&mut self, errands: &mut Errands) {
        let interest = Interest::new(&self.config, &self.locals, self.called.args.only_ip_v4);
        if interest != self.interest {
            self.interest = interest;
            if let Err(error) = self.captures.filter(&self.interest) {
                errands.say(self.now, format!("the kernel refuses the filter: {error}"));
            }
        }
    }

    fn reload(&mut self, errands: &mut Errands) {
        if self.ending.has_begun() {
            return;
        }
        if self.reading.is_some() {
            self.read_again = true;
            return;
        }
        notify(&reloading(self.now));
        let path = self.called.config();
        errands.log(self.engine.now(), self.now, &Event::Rereading { file: shown(&path) });
        let request = errands.open(path.into_os_string().into_encoded_bytes());
        self.reading = Some(Reading { request, loading: None });
    }

    /// A file was opened that belongs to the configuration that is being read.
    fn opened(
        &mut self,
        errands: &mut Errands,
        report: &mut Report,
        request: u64,
        file: Result<File, String>,
    ) -> Result<(), Error> {
        let Some(reading) = self.reading.take_if(|reading| reading.request == request) else { return Ok(()) };
        match self.read_on(errands, reading.loading, file) {
            Ok(None) => return Ok(()),
            Ok(Some(loaded)) => self.take(errands, report, loaded)?,
            Err(error) => {
                for line in error.to_string().lines().filter(|line| !line.trim().is_empty()) {
                    errands.say(self.now, line.to_owned());
                }
                errands.say(self.now, "the running configuration stays".to_owned());
                // The log file may have been rotated all the same.
                let sinks = self.called.sinks(&self.config.options);
                errands.take_sinks(sinks);
            }
        }
        notify("READY=1");
        if std::mem::take(&mut self.read_again) {
            self.reload(errands);
        }
        Ok(())
    }

    /// Reads one file, and asks for the next; gives the configuration when it is whole.
    fn read_on(
        &mut self,
        errands: &mut Errands,
        loading: Option<Loading>,
        file: Result<File, String>,
    ) -> Result<Option<Loaded>, Error> {
        let name = shown(&self.called.config());
        let mut loading = match loading {
            Some(mut loading) => {
                loading.found(file);
                loading
            }
            None => {
                let text = file.map_err(std::io::Error::other).and_then(|file| all(&file));
                let text = text.map_err(|error| Error::Unreadable { file: name.clone(), error })?;
                Loading::parse(text, &name, Style::Plain)?
            }
        };
        match loading.next(&self.called) {
            Some(path) => {
                let request = errands.open(path.into_os_string().into_encoded_bytes());
                self.reading = Some(Reading { request, loading: Some(loading) });
                Ok(None)
            }
            None => loading.finish(&name).map(Some),
        }
    }

    /// Takes over a configuration that was read again.
    fn take(&mut self, errands: &mut Errands, report: &mut Report, loaded: Loaded) -> Result<(), Error> {
        let Loaded { doors, files, .. } = loaded;
        let config = doors.config().clone();
        let interfaces = match self.called.interfaces(&config.options) {
            Ok(interfaces) => interfaces,
            Err(error) => {
                errands.say(self.now, format!("{error}; the running configuration stays"));
                return Ok(());
            }
        };
        errands.take_sinks(self.called.sinks(&config.options));
        self.config = config;
        self.files.extend(files);
        self.tell(errands, Input::Reload(Box::new(doors)));
        if interfaces.names != self.interfaces.names {
            self.interfaces = interfaces;
            self.captures.want(&self.interfaces.names);
            errands.say(self.now, format!("listening on {}", self.interfaces.given));
        }
        self.follow(errands, report)
    }

    fn quit(&mut self, errands: &mut Errands) {
        if !self.ending.begin(self.now.monotonic) {
            return;
        }
        notify("STOPPING=1");
        errands.quit();
        self.tell(errands, Input::Quit);
    }

    /// The exit status, once it is time.
    fn ends(&mut self, errands: &mut Errands) -> Option<u8> {
        match self.ending.at(self.now.monotonic)? {
            End::Done(status) => Some(status),
            End::Late => {
                let words = format!("commands still run after {} s: leaving them to themselves", PATIENCE.as_secs());
                errands.say(self.now, words);
                Some(0)
            }
        }
    }

    /// Waits until there is something to do.
    fn wait(&self, errands: &Errands) -> Result<Heard, Error> {
        let mut fds = vec![
            PollFd::new(self.steps.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.changes.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(errands.as_fd(), errands.interest()),
        ];
        fds.extend(self.captures.descriptors().map(|capture| PollFd::new(capture, PollFlags::POLLIN)));
        let patience = self.patience(errands).map(TimeSpec::nanoseconds);
        match ppoll(&mut fds, patience, None) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(system("wait")(error.into())),
        }
        Ok(Heard { clock: fds[0].any().unwrap_or(false), links: fds[1].any().unwrap_or(false) })
    }

    /// How many nanoseconds it is until something is due; `None` while nothing is.
    fn patience(&self, errands: &Errands) -> Option<i64> {
        if !self.batch.drained || errands.has_answers() {
            return Some(0);
        }
        let engine = self.engine.poll_timeout().map(|(due, _)| due);
        let due = [engine, errands.poll_timeout()].into_iter().flatten();
        // What is due waits for the frames that were captured before.
        let due = due.map(|due| i64::try_from(due.as_nanos()).unwrap_or(i64::MAX).saturating_add(HELD_BACK));
        let again = self.translator.remembers_a_step().then(|| self.now.monotonic + HELD_BACK);
        let next = due.chain(self.ending.next()).chain(again).min()?;
        let now = Moment::now().map_or(self.now.monotonic, |now| now.monotonic);
        Some(next.saturating_sub(now).max(0))
    }
}

/// What was heard that is not asked for anyway.
struct Heard {
    clock: bool,
    links: bool,
}

/// Where a one-time file is to be marked.
fn mark(called: &Called, files: &BTreeMap<Vec<u8>, Identity>, path: &[u8]) -> Mark {
    let (device, inode) = files.get(path).copied().unwrap_or_default();
    Mark { path: called.absolute(path).into_os_string().into_encoded_bytes(), device, inode }
}

/// A number that nobody can guess.
fn seed() -> Result<u64, Error> {
    let mut bytes = [0; 8];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| system("get random bytes")(error.into()))?;
    Ok(u64::from_ne_bytes(bytes))
}
