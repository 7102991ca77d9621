//! `run`: judges.

use std::{
    fs::{self, OpenOptions},
    io::IsTerminal,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    slice, thread,
};

use indicatif::{ProgressBar, ProgressStyle};

use super::{LedgerArg, Output, RunArgs, Settings, SubjectArgs, Wrong};
use crate::{
    adapter::Adapter,
    builtin,
    case::Case,
    ledger::Ledger,
    report::{Report, junit, keep, page, terminal},
    run::{self, Judged},
    select,
    subjects::{self, Chosen},
};

/// How a report is told.
type Tell = fn(&Report) -> String;

/// Judges and tells.
pub(super) fn run(args: &RunArgs) -> Result<Output, Wrong> {
    let cases = select::select(&args.selection.files, &args.selection.only)?;
    let chosen = choose(&args.subject)?;
    let ledger = ledger(&args.ledger, &chosen)?;
    let known = known(&args.selection.files)?;
    writable(args)?;
    let judged = judge(&cases, &chosen, args.subject.settings.jobs);
    if let Some(directory) = &args.keep {
        keep::failures(&judged, directory).map_err(|(path, error)| Wrong::File(path, error))?;
    }
    let report = Report::new(&chosen.judge(), judged, &ledger, &known);
    let files: [(&Option<PathBuf>, Tell); 3] = [
        (&args.json, Report::to_json),
        (&args.junit, junit::junit),
        (&args.html, |report| page::page(slice::from_ref(report))),
    ];
    for (path, tell) in files {
        if let Some(path) = path {
            write(path, &tell(&report))?;
        }
    }
    Ok(Output { text: terminal::tell(&report), status: report.verdict() })
}

/// The subject that the command line names.
pub(super) fn choose(args: &SubjectArgs) -> Result<Chosen, Wrong> {
    let name = args.name().map_err(Wrong::Given)?;
    usable(&args.settings)?;
    Ok(subjects::choose(name, &args.settings)?)
}

/// An adapter with a mistake is wrong use; no world has broken yet.
pub(super) fn usable(settings: &Settings) -> Result<(), Wrong> {
    match &settings.adapter {
        Some(name) => Adapter::named(name).map(drop).map_err(|error| Wrong::Given(error.to_string())),
        None => Ok(()),
    }
}

/// Judges by the cases with a bar on a terminal.
pub(super) fn judge<'a>(cases: &'a [Case], chosen: &Chosen, jobs: Option<NonZeroUsize>) -> Vec<Judged<'a>> {
    let bar =
        if std::io::stderr().is_terminal() { ProgressBar::new(cases.len() as u64) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} cases {msg}") {
        bar.set_style(style);
    }
    let jobs = jobs.or(chosen.jobs).or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let judged = run::run(cases, &*chosen.subject, jobs, &|_| bar.inc(1));
    bar.finish_and_clear();
    judged
}

/// The known deviations: those of the command line, else the implementation's own.
pub(super) fn ledger(arg: &LedgerArg, chosen: &Chosen) -> Result<Ledger, Wrong> {
    let Some(name) = arg.ledger.as_deref().or(chosen.ledger).filter(|name| *name != "none") else {
        return Ok(Ledger::default());
    };
    let text = match builtin::ledger(name) {
        Some(text) => text.to_owned(),
        None => fs::read_to_string(name).map_err(|error| {
            Wrong::Given(format!("{name}: {error}; built-in ledgers are {}", builtin::ledgers().join(", ")))
        })?,
    };
    Ledger::read(&text).map_err(|why| Wrong::Given(format!("{name}: {why}")))
}

/// Every case there is: an entry of a ledger for any other is an error.
fn known(files: &[PathBuf]) -> Result<Vec<Case>, Wrong> {
    let mut known = builtin::cases()?;
    if !files.is_empty() {
        known.extend(select::all(files)?);
    }
    Ok(known)
}

/// Everything that is to be written can be: a verdict that took a minute is not lost to a wrong path.
fn writable(args: &RunArgs) -> Result<(), Wrong> {
    for path in [&args.json, &args.junit, &args.html].into_iter().flatten() {
        let opened = OpenOptions::new().append(true).create(true).open(path);
        opened.map_err(|error| Wrong::File(path.clone(), error))?;
    }
    match &args.keep {
        Some(directory) => fs::create_dir_all(directory).map_err(|error| Wrong::File(directory.clone(), error)),
        None => Ok(()),
    }
}

/// Writes a report's file.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Wrong> {
    fs::write(path, text).map_err(|error| Wrong::File(path.to_owned(), error))
}
