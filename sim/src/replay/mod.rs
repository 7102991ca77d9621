//! `knocksim replay`: recorded captures through the engine, decision by decision.
//!
//! A capture needs a configuration, by default the file of the same name with the ending `.conf`, and the addresses of
//! the host that recorded it, from the sidecar `.toml` or from `--local`. Each capture starts a fresh daemon. Nothing is
//! run and nothing is written: commands are reported, and one-time lines are spent in memory. After the last packet time
//! runs on until nothing is pending; where a capture breaks off, it stops.

pub mod beside;
pub mod check;
pub mod decision;
pub mod error;
pub mod explain;
pub mod json;
mod misses;
mod progress;
pub mod sinks;
pub mod timeline;
mod vain;
mod who;
mod words;
pub mod world;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, Write},
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use knockd::{
    config::Style,
    engine::{Limits, Locals, Setup},
};

use self::{
    beside::{LocalArg, Setting, Sidecar, beside},
    error::ReplayError,
    explain::{Explainer, Filter, Scout},
    progress::Bar,
    sinks::{Collect, Json, Timeline},
    timeline::Summary,
    world::{Sink, World},
};
use crate::capture::{Fault, Reader};

/// What to replay, and what to show of it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The configuration, if it is not beside each capture.
    pub config: Option<PathBuf>,
    /// The host's addresses, if they are not in each sidecar.
    pub local: Vec<LocalArg>,
    /// What to show.
    pub show: Show,
    /// Whether to compare with the expected decisions.
    pub check: bool,
    /// Where to write the one-time files as they are at the end.
    pub write_spent: Option<PathBuf>,
    /// Ignore IPv6 (LISTEN-5).
    pub only_v4: bool,
    /// The bound on half-finished knocks (SEQ-10).
    pub max_knocks: Option<usize>,
}

/// What to show of a replay.
#[derive(Clone, Debug, Default)]
pub enum Show {
    /// A line a decision, and a summary.
    #[default]
    Timeline,
    /// A JSON object a decision.
    Json,
    /// Every packet that matters, with the clause that decided it.
    Explain(Filter),
    /// Nothing.
    Nothing,
}

/// How it all went; the exit status follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Captures that could not be replayed, wholly or at all.
    pub broken: usize,
    /// Captures whose decisions were not the expected ones.
    pub differ: usize,
}

impl Outcome {
    /// 2 if anything broke, else 1 if anything differed, else 0.
    #[must_use]
    pub fn status(self) -> u8 {
        match self {
            Self { broken: 1.., .. } => 2,
            Self { differ: 1.., .. } => 1,
            Self { .. } => 0,
        }
    }
}

/// Where a replay writes.
pub struct Streams<'a> {
    /// Decisions.
    pub out: &'a mut dyn Write,
    /// Errors and notes.
    pub err: &'a mut dyn Write,
    /// How configuration errors are drawn.
    pub style: Style,
    /// Whether a person watches, so that long work shows a bar.
    pub bar: bool,
}

/// Replays the captures, in order. What is wrong with one is reported and does not keep the others from being replayed.
///
/// # Errors
///
/// Only that the output cannot be written.
pub fn run(options: &Options, captures: &[PathBuf], streams: &mut Streams<'_>) -> io::Result<Outcome> {
    let mut outcome = Outcome::default();
    if options.write_spent.is_some()
        && let Some(error) = same_name(captures)
    {
        report(streams, &error)?;
        return Ok(Outcome { broken: 1, differ: 0 });
    }
    let mut total = Total::default();
    for capture in captures {
        let result = Replay::prepare(options, capture, streams).and_then(|replay| replay.run(streams, &mut total));
        match result {
            Ok(as_expected) => outcome.differ += usize::from(!as_expected),
            Err(Failure::Output(error)) => return Err(error),
            Err(Failure::Replay(error)) => {
                report(streams, &error)?;
                outcome.broken += 1;
            }
        }
    }
    if captures.len() > 1 && matches!(options.show, Show::Timeline | Show::Explain(_)) {
        let line = total.summary.line(total.packets, total.took);
        writeln!(streams.out, "{} captures: {line}", captures.len())?;
    }
    streams.out.flush()?;
    Ok(outcome)
}

fn report(streams: &mut Streams<'_>, error: &ReplayError) -> io::Result<()> {
    // What was decided up to the error stands before it when both go to one terminal.
    streams.out.flush()?;
    writeln!(streams.err, "knocksim: {error}")
}

/// Why one capture's replay ended early.
enum Failure {
    /// Its own fault.
    Replay(ReplayError),
    /// The output is gone.
    Output(io::Error),
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        Self::Replay(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

#[derive(Default)]
struct Total {
    packets: u64,
    took: Duration,
    summary: Summary,
}

/// One capture, ready to be replayed.
struct Replay<'a> {
    options: &'a Options,
    capture: &'a Path,
    name: String,
    setting: Setting,
    setup: Setup,
    locals_from: String,
    loopback: bool,
    reader: Reader,
    expected: Option<Vec<String>>,
}

impl<'a> Replay<'a> {
    fn prepare(options: &'a Options, capture: &'a Path, streams: &mut Streams<'_>) -> Result<Self, Failure> {
        let name = capture.display().to_string();
        let is_stdin = capture.as_os_str() == "-";
        if is_stdin && options.config.is_none() {
            return Err(ReplayError::StdinNeeds("needs --config FILE").into());
        }
        if is_stdin && options.check {
            return Err(ReplayError::StdinNeeds("has no .expected beside it: --check needs a file").into());
        }
        let reader = Reader::open(capture).map_err(|fault| unopened(capture, fault))?;
        let setting = match &options.config {
            Some(path) => Setting::read(path, streams.style)?,
            None => {
                let path = beside(capture, "conf");
                if !path.exists() {
                    return Err(ReplayError::NoConfig { capture: capture.to_owned(), looked_for: path }.into());
                }
                Setting::read(&path, streams.style)?
            }
        };
        let sidecar = if is_stdin { None } else { Sidecar::of(capture)? };
        let (locals, locals_from) = beside::locals(&options.local, sidecar.as_ref(), capture);
        if let (Show::Json | Show::Nothing, Locals::AnyUnicast) = (&options.show, &locals) {
            writeln!(streams.err, "knocksim: {name}: local addresses: {locals_from}")?;
        }
        let named_lo = sidecar.and_then(|sidecar| sidecar.interface).is_some_and(|name| name == "lo" || name == "lo0");
        let limits = Limits { knocks: options.max_knocks.unwrap_or(Limits::default().knocks), ..Limits::default() };
        let expected = options.check.then(|| check::expected(&beside(capture, "expected"))).transpose()?;
        Ok(Self {
            options,
            capture,
            name,
            setup: Setup { doors: setting.doors.clone(), locals, limits, only_v4: options.only_v4, seed: 0 },
            loopback: named_lo || setting.loopback,
            setting,
            locals_from,
            reader,
            expected,
        })
    }

    /// Replays the capture; says whether its decisions were the expected ones, as far as anything was expected.
    fn run(self, streams: &mut Streams<'_>, total: &mut Total) -> Result<bool, Failure> {
        let Self { options, capture, name, setting, setup, locals_from, loopback, reader, expected } = self;
        let mut bar = Bar::new(&name, streams.bar);
        let mut collected = Vec::new();
        let mut collector = expected.is_some().then_some(&mut collected);
        let out = &mut *streams.out;
        let texts = world::texts(&setting.doors);
        let mut ended = match &options.show {
            Show::Json => {
                let mut watcher = |progress| bar.hear(progress);
                let sink = Json::new(&name, &mut *out, collector, &mut watcher);
                let ended = play(World::start(setup, texts, loopback, sink), reader);
                ended.map(|sink: Json<'_, _>| sink.finish())?
            }
            Show::Nothing => {
                let sink = Collect::new(collector.take(), &mut bar);
                play(World::start(setup, texts, loopback, sink), reader).map(|_| Ok(Summary::default()))?
            }
            Show::Timeline => {
                writeln!(out, "{name}: local addresses: {locals_from}")?;
                if setting.warnings() > 0 {
                    let (file, count) = (setting.path.display(), timeline::plural(setting.warnings(), "warning"));
                    writeln!(out, "{file}: {count} (--explain shows them)")?;
                }
                let sink = Timeline::new(&mut *out, collector, &mut bar);
                let ended = play(World::start(setup, texts, loopback, sink), reader);
                ended.map(|sink: Timeline<'_, _>| sink.finish())?
            }
            Show::Explain(filter) => {
                writeln!(out, "{name}: local addresses: {locals_from}")?;
                writeln!(out, "{}", setting.draw_warnings(streams.style))?;
                let memory = reader.into_memory();
                let scout = Scout::new(filter, &mut bar);
                let mut scout = World::start(setup.clone(), texts.clone(), loopback, scout);
                // The second pass meets the same fault again, and tells it.
                let _same_fault = memory.read(&mut scout);
                let reached = scout.into_parts().0.reached();
                let sink = Explainer::new(&mut *out, setting.doors.config(), filter, reached, &mut bar);
                let mut world = World::start(setup, texts, loopback, sink);
                let fault = memory.read(&mut world).err();
                if fault.is_none() {
                    world.finish();
                }
                let packets = world.counts.packets;
                let (sink, texts) = world.into_parts();
                Ended { packets, texts, fault, sink }.map(Explainer::finish)?
            }
        };
        bar.clear();
        let took = bar.elapsed();
        total.packets += ended.packets;
        total.took += took;
        total.summary.merge(&ended.sink);
        if let Show::Timeline | Show::Explain(_) = options.show {
            writeln!(out, "{name}: {}\n", ended.sink.line(ended.packets, took))?;
        }
        if let Some(folder) = &options.write_spent {
            let name = capture.file_name().map_or_else(|| OsString::from("-"), ToOwned::to_owned);
            setting.write_spent(&folder.join(name), &ended.texts)?;
        }
        let mut as_expected = true;
        if let Some(expected) = expected {
            as_expected = compare(streams, &options.show, &name, &expected, &collected)?;
        }
        match ended.fault.take() {
            None => Ok(as_expected),
            Some(fault) => Err(ReplayError::from(fault).into()),
        }
    }
}

/// What a replay leaves behind.
struct Ended<S> {
    packets: u64,
    texts: Vec<Option<Vec<u8>>>,
    fault: Option<Fault>,
    sink: S,
}

impl<S> Ended<S> {
    fn map<T>(self, finish: impl FnOnce(S) -> io::Result<T>) -> io::Result<Ended<T>> {
        let Self { packets, texts, fault, sink } = self;
        Ok(Ended { packets, texts, fault, sink: finish(sink)? })
    }
}

/// Runs the whole capture, and then time until nothing is pending. Where the capture breaks off, time stops, too: nobody
/// knows what came next.
fn play<S: Sink>(mut world: World<S>, reader: Reader) -> Ended<S> {
    let fault = reader.read(&mut world).err();
    if fault.is_none() {
        world.finish();
    }
    let packets = world.counts.packets;
    let (sink, texts) = world.into_parts();
    Ended { packets, texts, fault, sink }
}

/// Says whether the decisions were the expected ones; where they were not, how.
fn compare(
    streams: &mut Streams<'_>,
    show: &Show,
    name: &str,
    expected: &[String],
    actual: &[String],
) -> io::Result<bool> {
    // Standard output is for the lines alone when another program reads them.
    let out: &mut dyn Write = if let Show::Json = show { &mut *streams.err } else { &mut *streams.out };
    match check::difference(expected, actual) {
        None => {
            writeln!(out, "{name}: as expected, {}", timeline::plural(actual.len() as u64, "decision"))?;
            Ok(true)
        }
        Some(difference) => {
            writeln!(out, "{name}: differs from what is expected (- expected, + decided)\n{}", difference.trim_end())?;
            Ok(false)
        }
    }
}

/// A fault in opening a capture; a pattern that matched nothing is told as such.
fn unopened(capture: &Path, fault: Fault) -> ReplayError {
    let is_pattern = capture.to_string_lossy().contains(['*', '?', '[']);
    if is_pattern && !capture.exists() { ReplayError::NoMatch(capture.to_owned()) } else { fault.into() }
}

fn same_name(captures: &[PathBuf]) -> Option<ReplayError> {
    let mut names = BTreeMap::new();
    captures.iter().find_map(|capture| {
        let earlier = names.insert(capture.file_name(), capture)?;
        Some(ReplayError::SameName(earlier.clone(), capture.clone()))
    })
}

/// Parses an address for a filter.
///
/// # Errors
///
/// That it is none.
pub fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("`{text}` is no IPv4 or IPv6 address"))
}
