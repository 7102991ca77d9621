//! A case made ready for its world: everything that is to be done there, as data that one process hands to another.

use std::{
    collections::BTreeSet,
    io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    layout::{CASE, lay_out, write},
    limits,
};
use crate::{
    adapter::{Adapter, Line, doors},
    case::{Case, Kind},
    frame::{self, Hardware},
    subject::Precision,
    time::Nanos,
    timeline::{Event, Expect, FileState, Flags, LinkChange, Packet, Payload, Shape, Signal, Stream, What, hex},
};

/// The hardware addresses of the two ends of the wire, in the order of a frame from client to server.
pub(super) const HARDWARE: Hardware = frame::NOBODY;

/// What is to be done in a world.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    /// The server's addresses.
    pub(super) locals: Vec<(IpAddr, u8)>,
    /// The program that is judged, and its arguments.
    pub(super) program: PathBuf,
    /// What is started: the program itself, or a script that starts it.
    pub(super) started: PathBuf,
    pub(super) arguments: Vec<String>,
    /// Whether it is a client: it runs on the other side, and what it sends is seen.
    pub(super) is_client: bool,
    /// Whether the program's own end is only the end of setting up.
    pub(super) ends: bool,
    /// When it is listening.
    pub(super) packet_socket: bool,
    pub(super) ready_line: Option<String>,
    /// What it logs and how.
    pub(super) log_files: Vec<String>,
    /// Whether the daemon goes into the background, and where it may then write its process number.
    pub(super) in_background: bool,
    pub(super) pid_files: Vec<String>,
    /// Files of the system that the case has its own of, by their paths; their texts are in the runner's directory, by
    /// their places in this list.
    pub(super) system: Vec<String>,
    pub(super) log: Readings,
    /// The programs that its commands may call.
    pub(super) programs: Vec<Program>,
    /// What happens, in order.
    pub(super) steps: Vec<(Nanos, Step)>,
    /// Looks at files, in the order of the case's lines.
    pub(super) looks: Vec<Look>,
    /// Files to be looked at when all is over.
    pub(super) last_looks: Vec<String>,
    /// Whom to ask for open doors at the end.
    pub(super) probes: Vec<Probe>,
    /// Whether the daemon is asked to end, so that it says what it holds back.
    pub(super) says: bool,
    /// The end of the window.
    pub(super) end: Nanos,
    /// How late the world itself may be.
    pub(super) late: Nanos,
}

/// How lines read, by where they come from.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Readings {
    pub(super) file: Option<Line>,
    pub(super) syslog: Option<Line>,
    pub(super) output: Option<Line>,
}

/// A program that a command may call.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) takes: Nanos,
    pub(super) status: u8,
}

/// Something that happens.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Step {
    /// A frame comes; its bytes in hexadecimal, which JSON carries best.
    Frame(String),
    /// The daemon gets a signal.
    Hup,
    Term,
    Int,
    /// A file gets the bytes of a text.
    Put {
        file: String,
        text: String,
    },
    Remove(String),
    Restart,
    Kill,
    Second,
    Address {
        added: bool,
        address: (IpAddr, u8),
    },
    LinkDown,
    LinkUp,
    LinkDelete,
    LinkCreate,
}

/// A look at a file: at `from` if it is as wanted then, else when it becomes so, at the latest at `until`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Look {
    pub(super) file: String,
    pub(super) from: Nanos,
    pub(super) until: Nanos,
    pub(super) wanted: Wanted,
}

/// What a file is to be like.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Wanted {
    Text(String),
    There,
    Gone,
}

/// A question whether a door is open for somebody.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Probe {
    pub(super) source: IpAddr,
    pub(super) port: u16,
    /// The frame that asks, in hexadecimal.
    pub(super) frame: String,
    /// The command that opening it stands for.
    pub(super) command: String,
    /// When that is said to have happened, as nobody can see when it did.
    pub(super) at: Nanos,
}

/// Why a plan cannot be made.
#[derive(Debug)]
pub(super) struct Unplannable(pub(super) String);

impl Plan {
    /// Plans a case for `program`, and lays its files out in the runner's directory.
    pub(super) fn new(
        case: &Case,
        adapter: &Adapter,
        program: &Path,
        precision: Precision,
        directory: &Path,
    ) -> Result<Self, Unplannable> {
        let unwritable = |error: io::Error| Unplannable(format!("{}: {error}", directory.display()));
        lay_out(case, directory).map_err(unwritable)?;
        let (arguments, is_client, probes) = match &case.kind {
            Kind::Client { arguments } => (arguments.clone(), true, Vec::new()),
            Kind::Daemon { config, options } => {
                let probes = configure(case, config, adapter, &directory.join(CASE))?;
                (adapter.arguments(config, options), false, probes)
            }
        };
        let (log_files, pid_files) = match &case.kind {
            Kind::Daemon { config, .. } => {
                (adapter.log_files(config, &arguments), adapter.pid_files(config, &arguments))
            }
            Kind::Client { .. } => (Vec::new(), Vec::new()),
        };
        let log = adapter.log.as_ref().filter(|_| !is_client);
        let reading = |of: fn(&crate::adapter::Log) -> &Option<Line>| log.and_then(|log| of(log).clone());
        Ok(Self {
            locals: case.locals.clone(),
            program: program.to_owned(),
            started: program.to_owned(),
            arguments,
            is_client,
            ends: adapter.ends && !is_client,
            packet_socket: adapter.ready.packet_socket && !is_client,
            ready_line: adapter.ready.line.clone(),
            log_files,
            in_background: match &case.kind {
                Kind::Daemon { options, .. } => adapter.goes_into_background(options),
                Kind::Client { .. } => false,
            },
            pid_files,
            system: case.system.keys().cloned().collect(),
            log: Readings {
                file: reading(|log| &log.file),
                syslog: reading(|log| &log.syslog),
                output: reading(|log| &log.output),
            },
            programs: case
                .programs()
                .map(|name| {
                    let plan = case.command(name);
                    Program { name: name.to_owned(), takes: plan.takes, status: plan.status }
                })
                .collect(),
            steps: steps(case),
            looks: looks(case, precision),
            last_looks: case.files.keys().cloned().collect(),
            probes,
            says: case
                .timeline
                .expectations()
                .any(|(_, _, expect)| matches!(expect, Expect::Says(_) | Expect::Never(Stream::Says, _))),
            end: case.timeline.end,
            late: if limits::is_close(case, precision.late) { limits::EDGE_LATE } else { precision.late },
        })
    }
}

/// Writes the configuration in the daemon's own language, if it has one, and plans how its doors are seen.
fn configure(case: &Case, config: &[u8], adapter: &Adapter, files: &Path) -> Result<Vec<Probe>, Unplannable> {
    let Some(configuration) = &adapter.configuration else { return Ok(Vec::new()) };
    let doors = doors(config, &configuration.directives).map_err(|error| Unplannable(error.to_string()))?;
    let text = adapter.configuration_of(&doors);
    if let Some((name, text)) = text.map_err(|error| Unplannable(format!("the adapter's template: {error:#}")))? {
        write(files, name, text.as_bytes()).map_err(|error| Unplannable(error.to_string()))?;
    }
    let Some(probe) = &adapter.probe else { return Ok(Vec::new()) };
    let can_ask = |source: &IpAddr| !(source.is_unspecified() || source.is_multicast() || source.is_loopback());
    let sources: BTreeSet<IpAddr> = case.timeline.packets().map(|(_, packet)| packet.source).filter(can_ask).collect();
    let mut probes = Vec::new();
    for (door, port) in doors.iter().zip(probe.first_port..) {
        for &source in &sources {
            let command = door.command.replace("%IP%", &source.to_string());
            let at = case.timeline.expectations().find_map(|(at, _, expect)| {
                let Expect::Run(pattern) = expect else { return None };
                pattern.fits(&command).then_some(at)
            });
            let Some(&(destination, _)) = case.locals.iter().find(|(local, _)| local.is_ipv4() == source.is_ipv4())
            else {
                continue;
            };
            let frame = digits(&frame::frame(&question(source, destination, port), case.link, HARDWARE).bytes);
            probes.push(Probe { source, port, frame, command, at: at.unwrap_or(case.timeline.end) });
        }
    }
    Ok(probes)
}

/// A SYN from a port that no packet of a case has by itself.
fn question(source: IpAddr, destination: IpAddr, port: u16) -> Packet {
    let payload = Payload::Tcp { from: 61_000, port, flags: Flags(0x02), sequence: 1, data: 0 };
    Packet { source, destination, payload, shape: Shape::default(), stamp: None }
}

fn steps(case: &Case) -> Vec<(Nanos, Step)> {
    let step = |event: &Event| match event {
        Event::Packet(packet) => Step::Frame(digits(&frame::frame(packet, case.link, HARDWARE).bytes)),
        Event::Signal(Signal::Hup) => Step::Hup,
        Event::Signal(Signal::Term) => Step::Term,
        Event::Signal(Signal::Int) => Step::Int,
        Event::Put { file, text } => Step::Put { file: file.clone(), text: text.clone() },
        Event::Remove { file } => Step::Remove(file.clone()),
        Event::Restart => Step::Restart,
        Event::Kill => Step::Kill,
        Event::Second => Step::Second,
        Event::Address { added, address } => Step::Address { added: *added, address: *address },
        Event::Link(LinkChange::Down) => Step::LinkDown,
        Event::Link(LinkChange::Up) => Step::LinkUp,
        Event::Link(LinkChange::Delete) => Step::LinkDelete,
        Event::Link(LinkChange::Create) => Step::LinkCreate,
        // A subject without that ability is not given such a case.
        Event::ClockStep(_) => unreachable!("the wall clock cannot be stepped here"),
    };
    case.timeline.events().map(|(at, event)| (at, step(event))).collect()
}

/// When to look at files. What the daemon does by then it does within the precision; what the case lets happen next may
/// change the file again, so the first look is before that, and only if the file is not yet as wanted there are more.
fn looks(case: &Case, precision: Precision) -> Vec<Look> {
    let entries = &case.timeline.entries;
    let mut looks = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let What::Expect(Expect::File { name, is }) = &entry.what else { continue };
        let until = entry.at.after(precision.late);
        let next = entries[place..].iter().find(|later| matches!(later.what, What::Event(_)) && later.at > entry.at);
        let wanted = match is {
            FileState::Is(text) => Wanted::Text(text.clone()),
            FileState::Unchanged => Wanted::Text(name.clone()),
            FileState::Exists => Wanted::There,
            FileState::Gone => Wanted::Gone,
        };
        let from = next.map_or(until, |next| until.min(next.at.before(Nanos(1_000_000))));
        looks.push(Look { file: name.clone(), from, until, wanted });
    }
    looks
}

fn digits(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut digits, byte| {
        // Writing into a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// The bytes of a frame of the plan.
pub(super) fn frame_bytes(digits: &str) -> Result<Vec<u8>, String> {
    hex(digits)
}
