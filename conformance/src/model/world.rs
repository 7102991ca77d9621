//! A case, and the daemon in it: what happens is done to the daemon, what it does is seen.

use std::net::IpAddr;

use super::{
    config::{self, Config},
    daemon::{Daemon, Surroundings},
    decode::decode,
    deviation::{Deviation as D, Deviations},
    disk::Disk,
    options::{self, Options},
    wording::{self, Limit},
    words::{Event, What},
};
use crate::{
    capture::BEGIN,
    case::{CONFIG, Case, DIRECTORY, Kind},
    frame::{self, NOBODY},
    time::{Nanos, SECOND},
    timeline::{self, Expect, LinkChange, Packet, Signal},
    transcript::{Sight, Transcript},
};

/// The bound on half-finished knocks where a case sets none (SEQ-10).
const MOST_KNOCKS: usize = 100_000;

/// What a daemon can be told to listen on: the case's packets come to the first.
const INTERFACES: [&str; 3] = ["eth0", "lo", "any"];

/// What happens in `case` to a daemon with these deviations.
pub(super) fn play(case: &Case, is: Deviations) -> Transcript {
    let Kind::Daemon { config, options } = &case.kind else { return Transcript::default() };
    let mut disk = Disk::default();
    disk.put(&path(CONFIG), config.clone());
    for (name, bytes) in &case.files {
        disk.put(&path(name), bytes.clone());
    }
    let mut world = World {
        case,
        is,
        arguments: options,
        options: Options::default(),
        transcript: Transcript::default(),
        disk,
        daemon: None,
        ghost: None,
        limit: Limit::default(),
        log_file: String::new(),
        pid_file: None,
        locals: case.locals.clone(),
        is_up: true,
        hears: false,
        skew: 0,
        restart: None,
        syslog: false,
    };
    world.start(Nanos(0));
    for entry in &case.timeline.entries {
        match &entry.what {
            timeline::What::Event(event) => world.happens(entry.at, event),
            timeline::What::Expect(Expect::File { name, .. }) => {
                world.advance(entry.at);
                world.look(entry.at, name);
            }
            timeline::What::Expect(_) => {}
        }
    }
    world.advance(case.timeline.end);
    for name in case.files.keys() {
        world.look(case.timeline.end, name);
    }
    let mut transcript = world.transcript;
    transcript.seen.sort_by_key(|seen| seen.at);
    transcript
}

fn path(name: &str) -> String {
    if name.starts_with('/') { name.to_owned() } else { format!("{DIRECTORY}/{name}") }
}

struct World<'a> {
    case: &'a Case,
    is: Deviations,
    arguments: &'a [String],
    options: Options,
    transcript: Transcript,
    /// The files while no daemon runs.
    disk: Disk,
    daemon: Option<Daemon>,
    /// A daemon that was killed or has crashed: its commands go on (CMD-7).
    ghost: Option<Daemon>,
    limit: Limit,
    log_file: String,
    pid_file: Option<String>,
    locals: Vec<(IpAddr, u8)>,
    is_up: bool,
    /// Whether the daemon listens where the packets come.
    hears: bool,
    /// How far the wall clock was stepped, in seconds.
    skew: i64,
    /// When the daemon that ends now will have ended, and another one starts.
    restart: Option<Nanos>,
    syslog: bool,
}

impl World<'_> {
    fn disk(&mut self) -> &mut Disk {
        match &mut self.daemon {
            Some(daemon) => &mut daemon.disk,
            None => &mut self.disk,
        }
    }

    /// Starts a daemon, which may end at once.
    fn start(&mut self, at: Nanos) {
        self.options = match options::read(self.arguments, self.is) {
            Ok(options) => options,
            Err(instead) => {
                self.transcript.see(at, Sight::Says(instead.says));
                return self.transcript.see(at, Sight::Exit(instead.status));
            }
        };
        let config = match self.read_config() {
            Ok(config) => config,
            Err(faults) => return self.refuse(at, faults),
        };
        let around = Surroundings {
            locals: Some(self.locals.clone()),
            only_v4: self.options.only_v4,
            max_knocks: self.case.bound.unwrap_or(MOST_KNOCKS),
            commands: self.case.commands.clone(),
            deviations: self.is,
        };
        let interface = self.interface(&config);
        self.hears = self.hears_on(&interface);
        if !interface.split(',').any(|name| INTERFACES.contains(&name)) {
            return self.refuse(at, vec![format!("there is no interface {interface}")]);
        }
        let disk = std::mem::take(&mut self.disk);
        let left = self.ghost.take().map(|ghost| ghost.jobs);
        match Daemon::start(config.doors.clone(), around, disk, at, left) {
            Ok(mut daemon) => {
                self.name_files(&config);
                let early = daemon.take_events();
                daemon.say_alone(What::StartingUp(interface));
                self.daemon = Some(daemon);
                if let Some(file) = self.pid_file.clone() {
                    self.disk().put(&file, b"1\n".to_vec());
                }
                if self.options.daemon {
                    self.transcript.see(at, Sight::Exit(0)); // PROC-2: the parent's
                }
                self.see(early);
                self.see_new();
                // It has seen no stamp yet (TIME-2).
                if let Some(daemon) = &mut self.daemon {
                    daemon.now = Nanos(0);
                }
            }
            Err((disk, faults)) => {
                self.disk = disk;
                self.refuse(at, faults);
            }
        }
    }

    /// LISTEN-2.
    fn interface(&self, config: &Config) -> String {
        let (option, directive) = (self.options.interface.clone(), config.interface.clone());
        let interface = if self.is.on(D::DirectivesWin) { directive.or(option) } else { option.or(directive) };
        interface.filter(|_| !self.is.on(D::AlwaysEth0)).unwrap_or_else(|| "eth0".to_owned())
    }

    /// Whether the case's packets come to one of these interfaces (LISTEN-10).
    fn hears_on(&self, interface: &str) -> bool {
        let is_any = interface == "any" && !self.is.on(D::AnyInterfaceUnknown);
        let is_list = !self.is.on(D::ListOfInterfacesUnknown);
        is_any || interface == "eth0" || is_list && interface.split(',').any(|name| name == "eth0")
    }

    fn refuse(&mut self, at: Nanos, faults: Vec<String>) {
        for fault in faults {
            self.transcript.see(at, Sight::Says(fault));
        }
        let status = if self.is.on(D::ConfigErrorIsStatus0) { 0 } else { 1 };
        self.transcript.see(at, Sight::Exit(status));
    }

    fn read_config(&mut self) -> Result<Config, Vec<String>> {
        let is = self.is;
        let path = self.options.config.clone().unwrap_or_else(|| path(CONFIG));
        let is_lost = self.options.daemon && self.daemon.is_some() && is.on(D::RelativePathLost);
        let path = if is_lost && !path.starts_with('/') { format!("/{path}") } else { path };
        let text = self.disk().read(&path).ok_or_else(|| vec![format!("{path}: no such file")])?;
        config::parse(&text, is).map_err(|faults| {
            let shown = |fault: &config::Fault| {
                if is.on(D::NoPlaceInErrors) { vec![fault.why.clone()] } else { fault.show(&path) }
            };
            faults.iter().flat_map(shown).collect()
        })
    }

    fn name_files(&mut self, config: &Config) {
        let choose = |option: &Option<String>, directive: &Option<String>| {
            let (first, second) = if self.is.on(D::DirectivesWin) { (directive, option) } else { (option, directive) };
            first.clone().or_else(|| second.clone())
        };
        self.log_file = choose(&self.options.log_file, &config.log_file).unwrap_or_else(|| path("knockd.log"));
        let pid_file = choose(&self.options.pid_file, &config.pid_file).unwrap_or_else(|| path("knockd.pid"));
        self.pid_file = Some(pid_file).filter(|_| self.options.daemon);
        self.syslog = config.use_syslog;
    }

    fn happens(&mut self, at: Nanos, event: &timeline::Event) {
        if let timeline::Event::Packet(packet) = event {
            return self.packet(at, packet);
        }
        self.advance(at);
        match event {
            timeline::Event::Signal(Signal::Hup) => self.reload(at),
            timeline::Event::Signal(Signal::Term) => {
                self.quit(at, 15, true);
            }
            timeline::Event::Signal(Signal::Int) => {
                self.quit(at, 2, true);
            }
            timeline::Event::Put { file, text } => {
                let bytes = self.case.texts.get(text).cloned().unwrap_or_default();
                self.disk().put(&path(file), bytes);
            }
            timeline::Event::Remove { file } => self.disk().remove(&path(file)),
            // One that is about to start has nothing to end.
            timeline::Event::Restart if self.restart.is_some() => {}
            timeline::Event::Restart => {
                self.restart = self.quit(at, 15, false);
                self.start_again(at);
            }
            timeline::Event::Kill => {
                self.kill();
                self.start(at);
            }
            timeline::Event::Second => {
                let is_refused = self.pid_file.is_some() && self.daemon.is_some() && !self.is.on(D::SecondAccepted);
                if is_refused {
                    self.transcript.see(at, Sight::Says("another daemon has this pid file".to_owned()));
                    self.transcript.see(at, Sight::SecondExit(1));
                }
            }
            timeline::Event::Address { added, address } => {
                self.locals.retain(|local| local.0 != address.0);
                if *added {
                    self.locals.push(*address);
                }
                self.follow_addresses(at);
            }
            timeline::Event::Link(change) => self.link(at, *change),
            timeline::Event::ClockStep(seconds) => self.skew += seconds,
            timeline::Event::Packet(_) => {}
        }
    }

    fn packet(&mut self, at: Nanos, packet: &Packet) {
        self.start_again(at);
        let stamp = packet.stamp.unwrap_or(at);
        let stamp = if self.is.on(D::WallClockCounts) {
            Nanos(stamp.0.saturating_add_signed(self.skew.saturating_mul(1_000_000_000)))
        } else {
            stamp
        };
        let frame = frame::frame(packet, self.case.link, NOBODY);
        let decoded = decode(&frame.bytes, frame.original, self.case.link, self.is);
        let decoded = decoded.filter(|_| self.is_up && self.hears && !self.is.on(D::PortMustBeOpen));
        let Some(daemon) = &mut self.daemon else { return };
        // Timers do not wait for a packet with a stamp of their time.
        daemon.fire(at);
        self.see_new();
        if let Some(daemon) = &mut self.daemon {
            daemon.packet(stamp, decoded.as_ref().map(|(hit, _)| hit), decoded.is_some_and(|(_, loopback)| loopback));
        }
        self.see_new();
    }

    /// Starts the daemon again if the one before has ended by now.
    fn start_again(&mut self, at: Nanos) {
        if let Some(start) = self.restart.take_if(|start| *start <= at) {
            self.start(start);
        }
    }

    fn advance(&mut self, at: Nanos) {
        self.start_again(at);
        if let Some(daemon) = &mut self.daemon {
            daemon.fire(at);
        }
        self.see_new();
        if let Some(ghost) = &mut self.ghost {
            ghost.advance(at);
            let events = ghost.take_events();
            self.see(events);
        }
        if let Some((at, line)) = self.limit.flush(at) {
            self.log(at, line);
        }
    }

    fn reload(&mut self, at: Nanos) {
        if self.daemon.is_none() {
            return;
        }
        if self.is.on(D::HupEnds) {
            self.quit(at, 1, true);
            return;
        }
        if self.is.on(D::HupIgnored) {
            return;
        }
        let file = self.options.config.clone().unwrap_or_else(|| path(CONFIG));
        if let Some(daemon) = &mut self.daemon {
            daemon.advance(at);
            daemon.say_alone(What::Rereading(file));
        }
        self.see_new();
        let config = self.read_config();
        let Some(daemon) = &mut self.daemon else { return };
        let result = config.and_then(|config| {
            let faults = super::life::faults(&config.doors, &daemon.disk, self.options.only_v4, self.is);
            if faults.is_empty() { Ok(config) } else { Err(faults) }
        });
        match result {
            Ok(config) => daemon.reload(config.doors),
            Err(faults) if self.is.on(D::BadReloadEnds) => {
                self.refuse(at, faults);
                self.kill();
            }
            Err(faults) => {
                for fault in faults {
                    self.transcript.see(at, Sight::Says(fault.clone()));
                    self.log(at, fault);
                }
            }
        }
        self.see_new();
    }

    /// Ends the daemon; says when it has ended.
    fn quit(&mut self, at: Nanos, signal: i32, is_told: bool) -> Option<Nanos> {
        let Some(mut daemon) = self.daemon.take() else { return Some(at) };
        // Of a daemon in the background nobody sees the status.
        let is_told = is_told && !self.options.daemon;
        daemon.advance(at);
        daemon.quit(signal);
        let events = daemon.take_events();
        self.disk = std::mem::take(&mut daemon.disk);
        let events = events.into_iter().filter(|event| is_told || !matches!(event.what, What::Exit(_)));
        self.see(events.collect());
        if let Some(file) = self.pid_file.take().filter(|_| !self.is.on(D::PidFileStays)) {
            self.disk.remove(&file);
        }
        Some(daemon.now())
    }

    fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            self.disk = std::mem::take(&mut daemon.disk);
            if self.is.on(D::KillForgetsStops) {
                daemon.jobs.forget_open();
            }
            daemon.ended = true;
            self.ghost = Some(daemon);
        }
    }

    fn link(&mut self, at: Nanos, change: LinkChange) {
        match change {
            LinkChange::Down => self.is_up = false,
            LinkChange::Up => self.is_up = true,
            LinkChange::Delete => {
                self.is_up = false;
                self.locals.clear();
                if self.is.on(D::EndsWithInterface) && self.daemon.is_some() {
                    self.kill();
                    self.transcript.see(at, Sight::Exit(0));
                }
            }
            LinkChange::Create => {
                self.is_up = true;
                self.locals = self.case.locals.clone();
            }
        }
        if self.is.on(D::LinkStaysDown) && change == LinkChange::Up {
            self.is_up = false;
        }
        self.follow_addresses(at);
    }

    fn follow_addresses(&mut self, at: Nanos) {
        if let Some(daemon) = &mut self.daemon
            && !self.is.on(D::AddressesReadOnce)
        {
            daemon.advance(at);
            daemon.around.locals = Some(self.locals.clone());
        }
    }

    fn see_new(&mut self) {
        let Some(daemon) = &mut self.daemon else { return };
        let events = daemon.take_events();
        let has_ended = daemon.has_ended();
        self.see(events);
        if has_ended {
            self.kill();
        }
    }

    fn see(&mut self, events: Vec<Event>) {
        for event in events {
            let at = event.time;
            let (admitted, left_out) = self.limit.admits(&event, self.is);
            if let Some((at, line)) = left_out {
                self.log(at, line);
            }
            let line = wording::line(&event, self.options.debug, self.is).filter(|_| admitted);
            if let Some(line) = line {
                self.log(at, line);
            }
            if let What::Start(command) | What::Stop(command) = event.what {
                self.transcript.see(at, Sight::Run(command));
            } else if let What::Exit(status) = event.what {
                self.transcript.see(at, Sight::Exit(status));
            }
        }
    }

    fn log(&mut self, at: Nanos, line: String) {
        if self.options.verbose && !self.is.on(D::VerboseIgnored) {
            self.transcript.see(at, Sight::Says(line.clone()));
        }
        if self.syslog && !self.is.on(D::SyslogIgnored) {
            let priority = if self.is.on(D::SyslogAsDaemon) { 29 } else { 13 };
            let text = format!("<{priority}>Jan  1 {}:00 knockd: {line}", time_of_day(at));
            self.transcript.see(at, Sight::Syslog(text));
        }
        let file = self.log_file.clone();
        self.disk().append(&file, &format!("[2024-01-01 {}] {line}\n", time_of_day(at)));
        self.transcript.see(at, Sight::Log(line));
    }

    fn look(&mut self, at: Nanos, name: &str) {
        let bytes = self.disk().read(&path(name)).map(|bytes| bytes.to_vec());
        self.transcript.see(at, Sight::File { name: name.to_owned(), bytes });
    }
}

/// Hours and minutes of a log line's stamp; a case begins at midnight (LOG-1).
fn time_of_day(at: Nanos) -> String {
    let minutes = (BEGIN + at.0 / SECOND.0) / 60;
    format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
}
