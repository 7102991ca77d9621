//! A case, and the daemon in it: what happens is done to the daemon, what it does is seen.

use std::net::IpAddr;

use super::{
    daemon::Daemon,
    decode::decode,
    deviation::{Deviation as D, Deviations},
    disk::Disk,
    options::Options,
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

/// A file's path, from its name in the case.
pub(super) fn path(name: &str) -> String {
    if name.starts_with('/') { name.to_owned() } else { format!("{DIRECTORY}/{name}") }
}

/// A file's name in the case, from its path.
fn name(path: &str) -> String {
    path.strip_prefix(DIRECTORY).map_or(path, |rest| rest.trim_start_matches('/')).to_owned()
}

/// The case's world, and the daemon in it if one runs.
pub(super) struct World<'a> {
    pub(super) case: &'a Case,
    pub(super) is: Deviations,
    pub(super) arguments: &'a [String],
    pub(super) options: Options,
    pub(super) transcript: Transcript,
    /// The files while no daemon runs.
    pub(super) disk: Disk,
    pub(super) daemon: Option<Daemon>,
    /// A daemon that was killed or has crashed: its commands go on (CMD-7).
    pub(super) ghost: Option<Daemon>,
    pub(super) limit: Limit,
    pub(super) log_file: String,
    pub(super) pid_file: Option<String>,
    pub(super) locals: Vec<(IpAddr, u8)>,
    pub(super) is_up: bool,
    /// Whether the daemon listens where the packets come.
    pub(super) hears: bool,
    /// How far the wall clock was stepped, in seconds.
    pub(super) skew: i64,
    /// When the daemon that ends now will have ended, and another one starts.
    pub(super) restart: Option<Nanos>,
    pub(super) syslog: bool,
}

impl World<'_> {
    pub(super) fn disk(&mut self) -> &mut Disk {
        match &mut self.daemon {
            Some(daemon) => &mut daemon.disk,
            None => &mut self.disk,
        }
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

    pub(super) fn see_new(&mut self) {
        let Some(daemon) = &mut self.daemon else { return };
        let events = daemon.take_events();
        let has_ended = daemon.has_ended();
        self.see(events);
        if has_ended {
            self.kill();
        }
    }

    pub(super) fn see(&mut self, events: Vec<Event>) {
        for event in events {
            let at = event.time;
            let (admitted, left_out) = self.limit.admits(&event, self.is);
            if let Some((at, line)) = left_out {
                self.log(at, line);
            }
            let mut line = wording::line(&event, self.options.debug, self.is).filter(|_| admitted);
            if !self.is.on(D::RunsBeforeItSaysSo)
                && let Some(line) = line.take()
            {
                self.log(at, line);
            }
            if let What::Start(command) | What::Stop(command) = event.what {
                self.transcript.see(at, Sight::Run(command));
            } else if let What::Spend { file, .. } = event.what {
                self.transcript.see(at, Sight::Mark(name(&file)));
            } else if let What::Exit(status) = event.what {
                self.transcript.see(at, Sight::Exit(status));
            }
            if let Some(line) = line {
                self.log(at, line);
            }
        }
    }

    pub(super) fn log(&mut self, at: Nanos, line: String) {
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
