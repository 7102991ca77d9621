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
use crate::{
    cli::Settings,
    mutants::scripts::Scripts,
    subject::{Broken, Subject},
    subjects,
};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// How many cases a line of the terminal names.
const NAMED: usize = 4;

/// How many characters of a problem it shows.
#[cfg(target_os = "linux")]
const CLIPPED: usize = 160;

pub(super) fn mutants(args: &MutantsArgs) -> Result<Output, Wrong> {
    if args.live { live(args) } else { model(args) }
}

#[cfg(not(target_os = "linux"))]
fn live(_: &MutantsArgs) -> Result<Output, Wrong> {
    Err(Wrong::Given("live mutants need Linux".to_owned()))
}

/// Real programs, broken by scripts.
#[cfg(target_os = "linux")]
fn live(args: &MutantsArgs) -> Result<Output, Wrong> {
    let cases = builtin::cases()?;
    let scripts = Scripts::built_in();
    let settings =
        Settings { daemon: args.daemon.clone(), client: args.client.clone(), jobs: args.jobs, ..Settings::default() };
    let (unbroken, jobs) = subjects::installed(&settings)?;
    // No mutant is a matter of milliseconds.
    let unbroken = unbroken.unhurried();
    let directory = tempfile::tempdir().map_err(|error| Broken(format!("no directory for scripts: {error}")))?;
    let broken = mutants::live::behind_scripts(&unbroken, &scripts, directory.path())?;
    let broken: Vec<&dyn Subject> = broken.iter().map(|live| -> &dyn Subject { live }).collect();
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let whole = args.csv.is_some();
    let matrix = mutants::live::matrix(&cases, &scripts, &unbroken, &broken, whole, jobs, &|| bar.inc(1))?;
    bar.finish_and_clear();
    let mut text = String::new();
    let mut rows: Vec<(&str, Vec<usize>)> = Vec::new();
    for (place, mutant) in matrix.mutants().iter().enumerate() {
        let catches = matrix.catches.iter().filter(|catch| catch.mutant == place);
        rows.push((&mutant.name, catches.map(|catch| catch.case).collect()));
        tell(&mut text, &mutant.name, &mutant.clause, &mutant.text);
        let Some(catch) = matrix.catch(place) else { continue };
        if let Some(problem) = mutant.expected(&catch.problems) {
            let problem = clipped(&problem.to_string());
            _ = writeln!(text, "    {DIM}caught by {}: {problem}{DIM:#}", mutant.case);
        }
    }
    write(args, &matrix.cases, &rows)?;
    let only = matrix.cases.iter().filter(|case| mutants::live::is_live_only(case)).count();
    _ = writeln!(text, "{} live mutants; {only} cases that only live can carry", rows.len());
    Ok(ended(text, &matrix.faults()))
}

/// The naive model, broken in every way that has a name.
fn model(args: &MutantsArgs) -> Result<Output, Wrong> {
    let cases = builtin::cases()?;
    let cores = thread::available_parallelism().map_err(|error| Wrong::Given(error.to_string()))?;
    let matrix = mutants::model::matrix(&cases, args.jobs.unwrap_or(cores), &|| {});
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

/// The beginning of a text, if the whole is too long for a line or two.
#[cfg(target_os = "linux")]
fn clipped(text: &str) -> String {
    match text.char_indices().nth(CLIPPED) {
        Some((place, _)) => format!("{} ...", &text[..place]),
        None => text.to_owned(),
    }
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
