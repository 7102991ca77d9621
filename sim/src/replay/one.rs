//! One capture's replay, from the files beside it to its summary.

use std::{
    ffi::OsString,
    io::{self, Write},
    path::Path,
    time::Duration,
};

use knockd::engine::{Limits, Locals, Setup};

use super::{
    Options, Show, Streams,
    beside::{self, Setting, Sidecar, beside},
    check,
    error::ReplayError,
    explain::{self, Explainer, Filter},
    progress::Bar,
    scout::Scout,
    sinks::{Collect, Json, Remarks, Timeline},
    timeline::{self, Summary},
    world::{self, Sink, World},
};
use crate::capture::{Fault, Reader};

/// Why one capture's replay ended early.
pub(super) enum Failure {
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

/// What all captures so far add up to.
#[derive(Default)]
pub(super) struct Total {
    packets: u64,
    took: Duration,
    summary: Summary,
}

impl Total {
    /// The summary in a line.
    pub(super) fn line(&self) -> String {
        self.summary.line(self.packets, self.took)
    }
}

/// How a capture's replay went.
#[derive(Default)]
pub(super) struct End {
    /// Its decisions were not the expected ones.
    pub(super) differs: bool,
    /// What went wrong with it.
    pub(super) errors: Vec<ReplayError>,
}

/// One capture, ready to be replayed.
pub(super) struct Replay<'a> {
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
    /// Reads what stands beside the capture, and the capture's header.
    pub(super) fn prepare(options: &'a Options, capture: &'a Path, streams: &mut Streams<'_>) -> Result<Self, Failure> {
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
        let setting = match &options.show {
            Show::Explain(filter) => {
                let setting = setting.labelled();
                knows_doors(filter, &setting)?;
                setting
            }
            Show::Timeline => setting.labelled(),
            Show::Json | Show::Nothing => setting,
        };
        let sidecar = if is_stdin { Ok(None) } else { Sidecar::of(capture) };
        // `--local` beats the sidecar, so one that is broken does no harm then.
        let sidecar = if options.local.is_empty() { sidecar? } else { sidecar.unwrap_or_default() };
        let (locals, locals_from) = beside::locals(&options.local, sidecar.as_ref(), capture);
        let told = match options.show {
            Show::Json => true,
            Show::Nothing => locals == Locals::AnyUnicast,
            Show::Timeline | Show::Explain(_) => false,
        };
        if told {
            writeln!(streams.err, "knocksim: note: {name}: local addresses: {locals_from}")?;
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

    /// Replays the capture.
    ///
    /// # Errors
    ///
    /// Only that the output cannot be written.
    pub(super) fn run(self, streams: &mut Streams<'_>, total: &mut Total) -> io::Result<End> {
        let Self { options, capture, name, setting, setup, locals_from, loopback, reader, expected } = self;
        let mut bar = Bar::new(&name, streams.bar);
        let mut collected = Vec::new();
        let mut remarks = Remarks::default();
        let collector = expected.is_some().then_some(&mut collected);
        let out = &mut *streams.out;
        let texts = world::texts(&setting.doors);
        let ended = match &options.show {
            Show::Json => {
                let mut watcher = |progress| bar.hear(progress);
                let sink = Json::new(&name, &mut *out, collector, &mut watcher);
                let ended = play(World::start(setup, texts, loopback, sink), |world| reader.read(world));
                let ended = ended.map(Json::finish)?;
                ended.map(|said| {
                    remarks = said;
                    Ok(Summary::default())
                })?
            }
            Show::Nothing => {
                let sink = Collect::new(collector, &mut remarks, &mut bar);
                play(World::start(setup, texts, loopback, sink), |world| reader.read(world))
                    .map(|_| Ok(Summary::default()))?
            }
            Show::Timeline => {
                writeln!(out, "{name}: local addresses: {locals_from}")?;
                if setting.warnings() > 0 {
                    let (file, count) = (setting.path.display(), timeline::plural(setting.warnings(), "warning"));
                    writeln!(out, "{file}: {count} (--explain shows them)")?;
                }
                let sink = Timeline::new(&mut *out, collector, &mut bar);
                let ended = play(World::start(setup, texts, loopback, sink), |world| reader.read(world));
                ended.map(Timeline::finish)?
            }
            Show::Explain(filter) => {
                writeln!(out, "{name}: local addresses: {locals_from}")?;
                writeln!(out, "{}", setting.draw_warnings(streams.style))?;
                let any_local = setup.locals == Locals::AnyUnicast;
                let memory = reader.into_memory();
                let scout = Scout::new(filter, &mut bar);
                let mut scout = World::start(setup.clone(), texts.clone(), loopback, scout);
                // The second pass meets the same fault again, and tells it.
                let _same_fault = memory.read(&mut scout);
                let reached = scout.into_parts().0.reached();
                let sink = Explainer::new(&mut *out, &setting.doors, filter, any_local, reached, &mut bar);
                play(World::start(setup, texts, loopback, sink), |world| memory.read(world)).map(Explainer::finish)?
            }
        };
        bar.clear();
        for remark in remarks.lines() {
            writeln!(streams.err, "knocksim: note: {name}: {remark}")?;
        }
        let took = bar.elapsed();
        total.packets += ended.packets;
        total.took += took;
        total.summary.merge(&ended.sink);
        if let Show::Timeline | Show::Explain(_) = options.show {
            writeln!(out, "{name}: {}\n", ended.sink.line(ended.packets, took))?;
        }
        let mut end = End::default();
        if let Some(expected) = expected {
            // Standard output is for the lines alone when another program reads them.
            let out: &mut dyn Write = if let Show::Json = options.show { &mut *streams.err } else { &mut *streams.out };
            match check::difference(&expected, &collected) {
                None => {
                    let count = timeline::plural(collected.len() as u64, "decision");
                    writeln!(out, "{name}: as expected, {count}")?;
                }
                Some(difference) => {
                    end.differs = true;
                    writeln!(out, "{name}: differs from what is expected (- expected, + decided)")?;
                    writeln!(out, "{name}: local addresses: {locals_from}\n{}", difference.trim_end())?;
                }
            }
        }
        if let Some(folder) = &options.write_spent {
            let name = capture.file_name().map_or_else(|| OsString::from("-"), ToOwned::to_owned);
            end.errors.extend(setting.write_spent(&folder.join(name), &ended.texts).err());
        }
        end.errors.extend(ended.fault.map(ReplayError::from));
        Ok(end)
    }
}

/// Whether the doors that an explanation is to be about are there: a typing error must not look like a finding.
fn knows_doors(filter: &Filter, setting: &Setting) -> Result<(), ReplayError> {
    let names = || setting.doors.config().doors.iter().map(|door| door.name.clone());
    match filter.doors.iter().find(|wanted| !names().any(|label| explain::is_wanted(&label, wanted))) {
        Some(wanted) => {
            Err(ReplayError::NoDoor { path: setting.path.clone(), wanted: wanted.clone(), doors: names().collect() })
        }
        None => Ok(()),
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
fn play<S: Sink>(mut world: World<S>, read: impl FnOnce(&mut World<S>) -> Result<(), Fault>) -> Ended<S> {
    let fault = read(&mut world).err();
    if fault.is_none() {
        world.finish();
    }
    let packets = world.packets;
    let (sink, texts) = world.into_parts();
    Ended { packets, texts, fault, sink }
}

/// A fault in opening a capture; a pattern that matched nothing is told as such.
fn unopened(capture: &Path, fault: Fault) -> ReplayError {
    let is_pattern = capture.to_string_lossy().contains(['*', '?', '[']);
    if is_pattern && !capture.exists() { ReplayError::NoMatch(capture.to_owned()) } else { fault.into() }
}
