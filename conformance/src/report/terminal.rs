//! The report on a terminal: every failure with its timeline, what is wrong at the line that is about it, then sums.

use std::{collections::BTreeMap, fmt::Write as _};

use anstyle::{AnsiColor, Style};

use super::{
    Report,
    case::{CaseReport, Outcome, Problem},
};
use crate::{clause::CLAUSES, status::Status, time::Nanos};

const RED: Style = AnsiColor::Red.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// A failure with more problems than this is told in part: the first ones say what is wrong.
const PROBLEMS: usize = 12;

/// The whole report, with escapes for colours.
#[must_use]
pub fn tell(report: &Report) -> String {
    let mut text = String::new();
    for case in &report.cases {
        match &case.outcome {
            Outcome::Failed => failure(&mut text, case, "FAILED", ""),
            Outcome::Broken { why } if case.problems.is_empty() => {
                text += &format!("{RED}BROKEN{RED:#}  {BOLD}{}{BOLD:#}\n    {why}\n\n", case.id);
            }
            Outcome::Broken { why } => failure(&mut text, case, "BROKEN", why),
            Outcome::Passed | Outcome::Known { .. } | Outcome::Skipped { .. } | Outcome::Unclaimed { .. } => {}
        }
    }
    for complaint in &report.complaints {
        text += &format!("{RED}LEDGER{RED:#}  {BOLD}{}{BOLD:#}\n    {}\n\n", complaint.case, complaint.why);
    }
    groups(&mut text, report);
    skips(&mut text, report);
    text.push('\n');
    text += &sum(report);
    text
}

fn failure(text: &mut String, case: &CaseReport, word: &str, why: &str) {
    let clauses = case.all_clauses().collect::<Vec<_>>().join(" ");
    *text += &format!("{RED}{word}{RED:#}  {BOLD}{}{BOLD:#}  {clauses}\n", case.id);
    if !why.is_empty() {
        *text += &format!("    {why}\n");
    }
    *text += &format!("    {}\n    {DIM}{}:{}{DIM:#}\n", case.about, case.file, case.line);
    let (told, left) = case.problems.split_at(case.problems.len().min(PROBLEMS));
    let wrong = |text: &mut String, problem: &Problem, when: String| {
        *text += &format!("    {RED}  ^ {when}{problem}{RED:#}\n");
    };
    for (index, line) in case.timeline.lines().enumerate() {
        let number = index + 1;
        let here = told.iter().filter(|problem| problem.line == Some(number));
        *text += &format!("    | {line}\n");
        here.for_each(|problem| wrong(text, problem, String::new()));
    }
    for problem in told.iter().filter(|problem| problem.line.is_none()) {
        wrong(text, problem, format!("at {}: ", Nanos(problem.at_ns)));
    }
    if !left.is_empty() {
        *text += &format!("    {RED}  and {} problems more{RED:#}\n", left.len());
    }
    text.push('\n');
}

#[derive(Default)]
struct Sums {
    passed: usize,
    failed: usize,
    known: usize,
    skipped: usize,
    broken: usize,
}

impl Sums {
    fn count(&mut self, outcome: &Outcome) {
        *match outcome {
            Outcome::Passed => &mut self.passed,
            Outcome::Failed => &mut self.failed,
            Outcome::Known { .. } => &mut self.known,
            Outcome::Skipped { .. } | Outcome::Unclaimed { .. } => &mut self.skipped,
            Outcome::Broken { .. } => &mut self.broken,
        } += 1;
    }

    /// The numbers that are not 0, in words.
    fn words(&self) -> String {
        let words = [
            (self.passed, "passed", GREEN),
            (self.failed, "failed", RED),
            (self.known, "known", YELLOW),
            (self.skipped, "skipped", DIM),
            (self.broken, "broken", RED),
        ];
        let told = words.iter().filter(|(number, ..)| *number > 0);
        told.map(|(number, word, style)| format!("{style}{number} {word}{style:#}")).collect::<Vec<_>>().join(", ")
    }
}

/// A line for each group of clauses, in the contract's order. A case counts once, in the group of the first clause that it names.
fn groups(text: &mut String, report: &Report) {
    let group = |clause: &str| clause.split('-').next().unwrap_or_default().to_owned();
    let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
    for case in &report.cases {
        sums.entry(group(case.all_clauses().next().unwrap_or_default())).or_default().count(&case.outcome);
    }
    for clause in CLAUSES.iter() {
        if let Some((group, sums)) = sums.remove_entry(&group(&clause.id)) {
            *text += &format!("{group:<8}{}\n", sums.words());
        }
    }
}

/// What was not judged, counted by what was missing. A case that misses two things counts for both.
fn skips(text: &mut String, report: &Report) {
    let mut missing: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unclaimed = 0;
    for case in &report.cases {
        match &case.outcome {
            Outcome::Skipped { missing: names } => {
                names.iter().for_each(|name| *missing.entry(name).or_default() += 1);
            }
            Outcome::Unclaimed { .. } => unclaimed += 1,
            Outcome::Passed | Outcome::Failed | Outcome::Known { .. } | Outcome::Broken { .. } => {}
        }
    }
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|(name, times)| format!("{name} ({times})")).collect();
        *text += &format!("{DIM}skipped for want of: {}{DIM:#}\n", names.join(", "));
    }
    if unclaimed > 0 {
        *text += &format!("{DIM}skipped since a clause is not claimed: {unclaimed}{DIM:#}\n");
    }
}

fn sum(report: &Report) -> String {
    let mut sums = Sums::default();
    report.cases.iter().for_each(|case| sums.count(&case.outcome));
    let Report { implementation, subject, .. } = report;
    let mut text = format!("{implementation} ({subject}): {} cases: {}", report.cases.len(), sums.words());
    if !report.complaints.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(text, ", {RED}{} wrong in the ledger{RED:#}", report.complaints.len());
    }
    let tolerance = Nanos(report.early_ns.max(report.late_ns));
    if tolerance.0 > 0 {
        let _ = write!(text, "; times within {tolerance} s");
    }
    text += match report.verdict() {
        Status::AsExpected => "\nall as expected\n",
        Status::Failed => "\nnot as expected\n",
        Status::WrongUse => "\nnobody was judged: everything was skipped\n",
        Status::WorldBroke => "\na world broke: no full verdict\n",
    };
    text
}
