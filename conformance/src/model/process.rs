//! The daemon as a process: how it starts, reads its configuration again and ends (LISTEN-2, PROC).

use super::{
    config::{self, Config},
    daemon::{Daemon, Surroundings},
    deviation::Deviation as D,
    life, options,
    words::What,
    world::{World, path},
};
use crate::{case::CONFIG, time::Nanos, transcript::Sight};

/// The bound on half-finished knocks where a case sets none (SEQ-10).
const MOST_KNOCKS: usize = 100_000;

/// What a daemon can be told to listen on: the case's packets come to the first.
const INTERFACES: [&str; 3] = ["eth0", "lo", "any"];

impl World<'_> {
    /// Starts a daemon, which may end at once.
    pub(super) fn start(&mut self, at: Nanos) {
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

    pub(super) fn refuse(&mut self, at: Nanos, faults: Vec<String>) {
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

    /// Starts the daemon again if the one before has ended by now.
    pub(super) fn start_again(&mut self, at: Nanos) {
        if let Some(start) = self.restart.take_if(|start| *start <= at) {
            self.start(start);
        }
    }

    pub(super) fn reload(&mut self, at: Nanos) {
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
            let faults = life::faults(&config.doors, &daemon.disk, self.options.only_v4, self.is);
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
    pub(super) fn quit(&mut self, at: Nanos, signal: i32, is_told: bool) -> Option<Nanos> {
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

    pub(super) fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            self.disk = std::mem::take(&mut daemon.disk);
            if self.is.on(D::KillForgetsStops) {
                daemon.jobs.forget_open();
            }
            daemon.ended = true;
            self.ghost = Some(daemon);
        }
    }
}
