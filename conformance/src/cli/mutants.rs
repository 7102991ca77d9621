//! `mutants`: the matrix of broken daemons and the cases that catch them.

#[cfg(target_os = "linux")]
use std::io::IsTerminal;
use std::{
    fmt::{self, Write as _},
    fs, thread,
};

use anstyle::Style;

#[cfg(target_os = "linux")]
use indicatif::ProgressBar;

use super::{MutantsArgs, Output, Wrong};
use crate::{builtin, case::Case, mutants, status::Status};
#[cfg(target_os = "linux")]
use crate::{cli::Settings, live_mutants, subjects};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// How many cases a line of the terminal names.
const NAMED: usize = 4;

pub(super) fn mutants(args: &MutantsArgs) -> Result<Output, Wrong> {
    if args.live { live(args) } else { model(args) }
}

#[cfg(not(target_os = "linux"))]
fn live(_: &MutantsArgs) -> Result<Output, Wrong> {
    Err(Wrong::Given("live mutants need Linux".to_owned()))
}

/// The installed programs, broken by scripts.
#[cfg(target_os = "linux")]
fn live(args: &MutantsArgs) -> Result<Output, Wrong> {
    let cases = builtin::cases()?;
    let settings = Settings {
        daemon: Some(args.daemon.clone().unwrap_or_else(|| "knockd".into())),
        client: Some(args.client.clone().unwrap_or_else(|| "knock".into())),
        jobs: args.jobs,
        ..Settings::default()
    };
    let (live, jobs) = subjects::installed(&settings)?;
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let matrix = live_mutants::matrix(&cases, &live, jobs, &|| bar.inc(1))?;
    bar.finish_and_clear();
    let rows: Vec<(&str, Vec<usize>)> =
        matrix.rows.iter().map(|(mutant, catches)| (&*mutant.name, catches.iter().copied().collect())).collect();
    write(args, &matrix.cases, &rows)?;
    let mut text = String::new();
    for ((mutant, _), (_, catches)) in matrix.rows.iter().zip(&rows) {
        tell(&mut text, &mutant.name, &mutant.clause, &mutant.text);
        let named = some(&matrix.cases, catches);
        _ = writeln!(text, "    {DIM}caught by {} cases of its clause: {named}{DIM:#}", catches.len());
    }
    let only = matrix.live_only.len();
    let unbroken = matrix.live_only.intersection(&matrix.unbroken).count();
    _ = writeln!(text, "{} live mutants; {only} cases that only live can carry", rows.len());
    _ = writeln!(text, "{unbroken} of these fail the unbroken programs, which so are the broken ones that they catch");
    Ok(ended(text, &matrix.faults()))
}

/// The naive model, broken in every way that has a name.
fn model(args: &MutantsArgs) -> Result<Output, Wrong> {
    let cases = builtin::cases()?;
    let cores = thread::available_parallelism().map_err(|error| Wrong::Given(error.to_string()))?;
    let matrix = mutants::matrix(&cases, args.jobs.unwrap_or(cores), &|| {});
    let names: Vec<String> = matrix.rows.iter().map(|(mutant, _)| mutant.to_string()).collect();
    let rows: Vec<(&str, Vec<usize>)> =
        names.iter().zip(&matrix.rows).map(|(name, (_, catches))| (&**name, catches.clone())).collect();
    write(args, &matrix.cases, &rows)?;
    let mut text = String::new();
    for ((mutant, catches), name) in matrix.rows.iter().zip(&names) {
        let (of_clause, others): (Vec<usize>, Vec<usize>) = catches
            .iter()
            .partition(|place| matrix.cases[**place].all_clauses().any(|clause| clause == mutant.clause()));
        tell(&mut text, name, mutant.clause(), mutant.text());
        let (own, other, named) = (of_clause.len(), others.len(), some(&matrix.cases, &of_clause));
        _ = writeln!(text, "    {DIM}caught by {own} cases of its clause and {other} others: {named}{DIM:#}");
    }
    _ = writeln!(text, "{} mutants, {} cases", matrix.rows.len(), matrix.cases.len());
    Ok(ended(text, &matrix.faults()))
}

fn tell(text: &mut String, name: &str, clause: &str, about: &str) {
    _ = writeln!(text, "{BOLD}{name}{BOLD:#}  {clause}: {about}");
}

/// The first few of these cases.
fn some(cases: &[&Case], places: &[usize]) -> String {
    let named: Vec<&str> = places.iter().take(NAMED).map(|place| cases[*place].id.as_str()).collect();
    named.join(", ") + if places.len() > NAMED { ", ..." } else { "" }
}

fn ended(mut text: String, faults: &[impl fmt::Display]) -> Output {
    for fault in faults {
        _ = writeln!(text, "{fault}");
    }
    let status = if faults.is_empty() { Status::AsExpected } else { Status::Failed };
    Output { text, status }
}

/// Writes a row a case, a column a mutant.
fn write(args: &MutantsArgs, cases: &[&Case], rows: &[(&str, Vec<usize>)]) -> Result<(), Wrong> {
    let Some(path) = &args.csv else { return Ok(()) };
    let mut text = "case".to_owned();
    for (mutant, _) in rows {
        _ = write!(text, ",{mutant}");
    }
    for (place, case) in cases.iter().enumerate() {
        _ = write!(text, "\n{}", case.id);
        for (_, catches) in rows {
            text += if catches.binary_search(&place).is_ok() { ",x" } else { "," };
        }
    }
    fs::write(path, text + "\n").map_err(|error| Wrong::File(path.clone(), error))
}
