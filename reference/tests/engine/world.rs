//! The world around an engine, small enough to see whole: a clock, a client for each address, files, a shell that runs
//! nothing. What the engine wants becomes a transcript, one line an effect.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use knockd::{
    config::Config,
    engine::{Doors, Effect, Engine, Input, Limits, Local, Locals, OneTimeFile, Reason, Setup, Spend, SpendId},
    flags::TcpFlags,
    job::{Exit, JobId, JobKind},
    one_time,
    port::Protocol,
    time::Instant,
    wire::{Frame, Hit, Link},
};

use crate::frames;

/// The interface's addresses.
pub(crate) const SERVER: &str = "10.0.0.1";
pub(crate) const SERVER_6: &str = "fd00::1";
/// Three clients.
pub(crate) const ALICE: &str = "10.0.0.7";
pub(crate) const BOB: &str = "10.0.0.8";
pub(crate) const CAROL: &str = "fd00::9";

pub(crate) const SYN: TcpFlags = TcpFlags(0x02);

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) now: Instant,
    /// By path.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// The commands that run, oldest first.
    running: Vec<(JobId, String)>,
    /// The marks that are being written, oldest first.
    spends: Vec<Spend>,
    transcript: Vec<String>,
    /// Every effect since the start.
    pub(crate) history: Vec<Effect>,
    packets: u32,
}

impl World {
    /// A daemon with this configuration, without one-time files, as a command line without options starts it.
    pub(crate) fn new(config: &str) -> Self {
        Self::with(config, &[], |_| {})
    }

    /// The same with `files` (path and text), and whatever `change` does to its setup.
    pub(crate) fn with(config: &str, files: &[(&str, &str)], change: impl FnOnce(&mut Setup)) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        let local = |address: &str| Local { address: ip(address), prefix: Some(24) };
        let mut setup = Setup {
            doors: load(config, &files),
            locals: Locals::These(vec![local(SERVER), local(SERVER_6)]),
            limits: Limits::default(),
            only_v4: false,
            seed: 0,
        };
        change(&mut setup);
        let (engine, effects) = Engine::start(setup);
        let mut world = Self {
            engine,
            now: Instant::default(),
            files,
            running: Vec::new(),
            spends: Vec::new(),
            transcript: Vec::new(),
            history: Vec::new(),
            packets: 0,
        };
        world.carry_out(effects);
        world
    }

    /// `source` hits these ports of the server, in order, each with a new packet; `53:udp` is a datagram, the rest SYNs.
    pub(crate) fn knock(&mut self, source: &str, ports: &[&str]) {
        for port in ports {
            let hit = self.hit(source, port);
            self.packet(&hit);
        }
    }

    /// A hit as [`World::knock`] makes them, not sent yet.
    pub(crate) fn hit(&mut self, source: &str, port: &str) -> Hit {
        self.packets += 1;
        let (number, protocol) = match port.strip_suffix(":udp") {
            Some(number) => (number, Protocol::Udp),
            None => (port, Protocol::Tcp),
        };
        let is_tcp = protocol == Protocol::Tcp;
        let source = ip(source);
        Hit {
            source,
            destination: ip(if source.is_ipv4() { SERVER } else { SERVER_6 }),
            source_port: 40_000,
            port: number.parse().expect("a port"),
            protocol,
            flags: if is_tcp { SYN } else { TcpFlags(0) },
            sequence: if is_tcp { self.packets } else { 0 },
        }
    }

    /// Sends a hit.
    pub(crate) fn packet(&mut self, hit: &Hit) {
        self.packet_on(hit, false);
    }

    /// Sends a hit on a loopback interface, or on another.
    pub(crate) fn packet_on(&mut self, hit: &Hit, loopback: bool) {
        let bytes = ethernet(hit);
        self.feed(Input::Frame { frame: whole(&bytes), loopback });
    }

    /// Time passes, and the engine hears of every moment that it asked for, as from the loop of a daemon.
    pub(crate) fn wait(&mut self, span: Duration) {
        let until = self.now.after(span);
        while let Some((due, _)) = self.engine.poll_timeout().filter(|(due, _)| *due <= until) {
            self.now = due;
            self.feed(Input::Timeout);
            assert!(!self.engine.is_due(due), "the engine asks for {due} again and again");
        }
        self.now = until;
    }

    /// When the engine must next hear of the time, in milliseconds since the start, and why.
    pub(crate) fn next(&self) -> Option<(u64, Reason)> {
        self.engine.poll_timeout().map(|(due, reason)| (due.as_nanos() / 1_000_000, reason))
    }

    /// The oldest running command with this text ends.
    pub(crate) fn ends(&mut self, command: &str, exit: Exit) {
        let place = self.running.iter().position(|(_, text)| text == command);
        self.ends_at(place.unwrap_or_else(|| panic!("{command} does not run")), exit);
    }

    /// The running command at this place ends, counted from the oldest.
    pub(crate) fn ends_at(&mut self, place: usize, exit: Exit) {
        let (job, _) = self.running.remove(place);
        self.feed(Input::Exited { job, exit });
    }

    /// The job of the running command at this place if it is a start command.
    pub(crate) fn starting(&self, place: usize) -> Option<JobId> {
        let job = self.running[place].0;
        let stops = |effect: &Effect| matches!(effect, Effect::Run(run) if run.job == job && run.kind == JobKind::Stop);
        (!self.history.iter().any(stops)).then_some(job)
    }

    /// How many commands run.
    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }

    /// The oldest mark that is being written is durable, or could not be written.
    pub(crate) fn marked(&mut self, result: Result<(), &str>) {
        let spend = self.spends.remove(0);
        if result.is_ok() {
            let path = String::from_utf8_lossy(spend.who.door.file()).into_owned();
            let text = self.files.get_mut(&path).expect("the spent file is there");
            let place = usize::try_from(spend.offset).expect("an offset in memory");
            assert_ne!(text.get(place), Some(&one_time::MARK), "the line at {place} of {path} was used before");
            assert!(one_time::mark(text, spend.offset), "the line at {} is in {path}", spend.offset);
        }
        self.feed(Input::Spent { spend: spend.id, result: result.map_err(str::to_owned) });
    }

    /// How many marks are being written.
    pub(crate) fn marking(&self) -> usize {
        self.spends.len()
    }

    /// The oldest mark that is being written.
    pub(crate) fn oldest_spend(&self) -> SpendId {
        self.spends[0].id
    }

    /// The configuration is read again, with the files as they are now.
    pub(crate) fn reload(&mut self, config: &str) {
        let doors = load(config, &self.files);
        self.feed(Input::Reload(Box::new(doors)));
    }

    pub(crate) fn feed(&mut self, input: Input<'_>) {
        let effects = self.engine.handle(self.now, input).collect();
        self.carry_out(effects);
    }

    /// What happened since the last call: messages as they are logged, `(debug)` before those that only `-D` shows,
    /// `$ COMMAND` for a command run, `mark PATH at OFFSET`, `exit STATUS`.
    pub(crate) fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.transcript)
    }

    /// What happened since the last call was this and nothing else.
    #[track_caller]
    pub(crate) fn expect(&mut self, lines: &[&str]) {
        assert_eq!(self.said(), lines);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.history.push(effect.clone());
            let line = match effect {
                Effect::Log(event) if event.is_debug() => format!("(debug) {event}"),
                Effect::Log(event) => event.to_string(),
                Effect::Run(run) => {
                    let text = String::from_utf8_lossy(&run.command).into_owned();
                    self.running.push((run.job, text.clone()));
                    let kind = if run.kind == JobKind::Start { "start" } else { "stop" };
                    format!("{kind} $ {text}")
                }
                Effect::Spend(spend) => {
                    let file = String::from_utf8_lossy(spend.who.door.file()).into_owned();
                    let line = format!("mark {file} at {}", spend.offset);
                    self.spends.push(spend);
                    line
                }
                Effect::Exit(status) => format!("exit {status}"),
            };
            self.transcript.push(line);
        }
    }
}

/// The frame of a hit as most daemons see it: Ethernet, whose commonest frames have a shorter way through the engine,
/// filled up to its least length.
pub(crate) fn ethernet(hit: &Hit) -> Vec<u8> {
    let kind: [u8; 2] = if hit.source.is_ipv4() { [0x08, 0x00] } else { [0x86, 0xdd] };
    let mut frame = [&[2; 12][..], &kind, &frames::packet(hit)].concat();
    frame.resize(frame.len().max(60), 0);
    frame
}

/// Such a frame, captured whole.
pub(crate) fn whole(bytes: &[u8]) -> Frame<'_> {
    Frame { link: Link::Ethernet, bytes, original_len: bytes.len() }
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// `Doors::load` over files in memory, each a file of its own.
fn load(config: &str, files: &BTreeMap<String, Vec<u8>>) -> Doors {
    let (config, _) = Config::parse(config.as_bytes()).expect("a good configuration");
    let read = |path: &[u8]| {
        let path = String::from_utf8_lossy(path).into_owned();
        let text = files.get(&path).cloned().ok_or("no such file")?;
        Ok::<_, &str>(OneTimeFile { text, identity: path, ..OneTimeFile::default() })
    };
    Doors::load(config, read).expect("every file is there")
}
