//! The report as one page that needs nothing else: a matrix of clauses by implementations, each cell opening to its
//! cases, each case to its picture.

use minijinja::{AutoEscape, Environment};
use serde::Serialize;

use super::{
    Report,
    case::{CaseReport, Outcome},
    matrix::{Matrix, Standing},
    picture::{Picture, picture},
};
use crate::{
    clause::{Level, Source},
    ledger::Complaint,
    status::Status,
    time::Nanos,
};

/// A case that saw more than this is told in part.
const SIGHTS: usize = 200;

/// The page of some runs.
#[must_use]
pub fn page(reports: &[Report]) -> String {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    // The template is part of the program, and a test renders it.
    environment.add_template("page.html", include_str!("page.html")).expect("the template is well-formed");
    let template = environment.get_template("page.html").expect("the template was added above");
    template.render(Page::new(reports)).expect("the template uses what there is")
}

#[derive(Serialize)]
struct Page {
    runs: Vec<Run>,
    columns: Vec<String>,
    unexpected: Vec<CaseView>,
    groups: Vec<Group>,
    /// Pictures of what passed, drawn once and used wherever the case stands.
    pictures: Vec<Picture>,
}

#[derive(Serialize)]
struct Run {
    implementation: String,
    subject: String,
    verdict: &'static str,
    good: bool,
    tolerance: Option<String>,
    counts: Vec<(usize, &'static str)>,
    complaints: Vec<Complaint>,
}

#[derive(Serialize)]
struct Group {
    name: String,
    rows: Vec<RowView>,
}

#[derive(Serialize)]
struct RowView {
    id: String,
    level: &'static str,
    source: &'static str,
    /// Words and code in turn, as backquotes part them.
    text: Vec<&'static str>,
    deviates: bool,
    cells: Vec<CellView>,
}

#[derive(Serialize)]
struct CellView {
    implementation: String,
    class: &'static str,
    label: String,
    cases: Vec<CaseView>,
}

#[derive(Serialize)]
struct CaseView {
    id: String,
    about: String,
    clauses: String,
    limits: String,
    place: String,
    class: &'static str,
    word: &'static str,
    by: String,
    why: Option<String>,
    config: String,
    problems: Vec<String>,
    seen: Vec<String>,
    seen_more: usize,
    /// Its place in the pictures that are used several times.
    shared: Option<usize>,
    picture: Option<Picture>,
}

impl Page {
    fn new(reports: &[Report]) -> Self {
        let matrix = Matrix::new(reports);
        let mut pictures = Pictures::default();
        let unexpected = reports.iter().flat_map(|report| report.cases.iter().map(move |case| (report, case)));
        let unexpected: Vec<_> =
            unexpected.filter(|(_, case)| matches!(case.outcome, Outcome::Failed | Outcome::Broken { .. })).collect();
        let unexpected =
            worst_first(&unexpected).iter().map(|(report, case)| CaseView::new(report, case, &mut pictures)).collect();
        let mut groups: Vec<Group> = Vec::new();
        for row in &matrix.rows {
            let name = row.clause.id.split('-').next().unwrap_or_default();
            if groups.last().is_none_or(|group| group.name != name) {
                groups.push(Group { name: name.to_owned(), rows: Vec::new() });
            }
            let cells = row.cells.iter().zip(&matrix.implementations).map(|(cell, implementation)| CellView {
                implementation: (*implementation).to_owned(),
                class: class(cell.standing),
                label: cell.standing.to_string(),
                cases: worst_first(&cell.cases)
                    .iter()
                    .map(|(report, case)| CaseView::new(report, case, &mut pictures))
                    .collect(),
            });
            let row = RowView {
                id: row.clause.id.clone(),
                level: match row.clause.level {
                    Level::Must => "must",
                    Level::Should => "should",
                },
                source: match row.clause.source {
                    Source::Manual => "manual",
                    Source::Practice => "practice",
                    Source::Decision => "decision",
                },
                text: row.clause.text.split('`').collect(),
                deviates: row.cells.iter().any(|cell| matches!(cell.standing, Standing::Deviates(_))),
                cells: cells.collect(),
            };
            if let Some(group) = groups.last_mut() {
                group.rows.push(row);
            }
        }
        let columns = matrix.implementations.iter().map(|name| (*name).to_owned()).collect();
        Self { runs: reports.iter().map(Run::new).collect(), columns, unexpected, groups, pictures: pictures.drawn }
    }
}

impl Run {
    fn new(report: &Report) -> Self {
        let tolerance = report.early_ns.max(report.late_ns);
        let mut counts: Vec<(usize, &'static str)> = Vec::new();
        for case in &report.cases {
            let word = word(&case.outcome);
            match counts.iter_mut().find(|(_, known)| *known == word) {
                Some((count, _)) => *count += 1,
                None => counts.push((1, word)),
            }
        }
        counts.sort_by_key(|(_, word)| WORDS.iter().position(|known| known == word));
        Self {
            implementation: report.implementation.clone(),
            subject: report.subject.clone(),
            verdict: match report.verdict() {
                Status::AsExpected => "all as expected",
                Status::Failed => "not as expected",
                Status::WrongUse => "nobody was judged",
                Status::WorldBroke => "a world broke",
            },
            good: report.verdict() == Status::AsExpected,
            tolerance: (tolerance > 0).then(|| Nanos(tolerance).to_string()),
            counts,
            complaints: report.complaints.clone(),
        }
    }
}

impl CaseView {
    fn new(report: &Report, case: &CaseReport, pictures: &mut Pictures) -> Self {
        let (why, of_interest) = match &case.outcome {
            Outcome::Passed => (None, false),
            Outcome::Failed => (None, true),
            Outcome::Known { clause, reason } => (Some(format!("Known deviation from {clause}: {reason}")), true),
            Outcome::Skipped { missing } => (Some(format!("The subject lacks: {}.", missing.join(", "))), false),
            Outcome::Unclaimed { unclaimed } => (Some(format!("Not claimed: {}.", unclaimed.join(", "))), false),
            Outcome::Broken { why } => (Some(format!("The world broke: {why}")), !case.problems.is_empty()),
        };
        let seen: Vec<String> = case.seen.iter().filter(|_| of_interest).map(ToString::to_string).collect();
        let (shared, picture) = if of_interest { (None, picture(case)) } else { (pictures.place(case), None) };
        Self {
            id: case.id.clone(),
            about: case.about.clone(),
            clauses: case.clauses.join(" "),
            limits: case.limits.join(" "),
            place: format!("{}:{}", case.file, case.line),
            class: case_class(&case.outcome),
            word: word(&case.outcome),
            by: report.subject.clone(),
            why,
            config: case.config.trim_matches('\n').to_owned(),
            problems: case.problems.iter().map(ToString::to_string).collect(),
            seen_more: seen.len().saturating_sub(SIGHTS),
            seen: seen.into_iter().take(SIGHTS).collect(),
            shared,
            picture,
        }
    }
}

/// Pictures that several cells use.
#[derive(Default)]
struct Pictures {
    drawn: Vec<Picture>,
    places: std::collections::BTreeMap<(String, bool), Option<usize>>,
}

impl Pictures {
    fn place(&mut self, case: &CaseReport) -> Option<usize> {
        let passed = case.outcome == Outcome::Passed;
        let drawn = &mut self.drawn;
        *self.places.entry((case.id.clone(), passed)).or_insert_with(|| {
            drawn.push(picture(case)?);
            Some(drawn.len() - 1)
        })
    }
}

fn worst_first<'a>(cases: &[(&'a Report, &'a CaseReport)]) -> Vec<(&'a Report, &'a CaseReport)> {
    let mut cases = cases.to_vec();
    cases.sort_by_key(|(_, case)| match &case.outcome {
        Outcome::Failed => 0,
        Outcome::Broken { .. } => 1,
        Outcome::Known { .. } => 2,
        Outcome::Passed => 3,
        Outcome::Skipped { .. } | Outcome::Unclaimed { .. } => 4,
    });
    cases
}

fn class(standing: Standing) -> &'static str {
    match standing {
        Standing::Conforms => "good",
        Standing::Deviates(_) => "bad",
        Standing::NotClaimed | Standing::NotJudged => "none",
    }
}

fn case_class(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "good",
        Outcome::Failed | Outcome::Broken { .. } => "worse",
        Outcome::Known { .. } => "bad",
        Outcome::Skipped { .. } | Outcome::Unclaimed { .. } => "none",
    }
}

/// The words for outcomes, what matters most first.
const WORDS: [&str; 6] = ["failed", "broken", "known", "passed", "skipped", "not claimed"];

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Known { .. } => "known",
        Outcome::Skipped { .. } => "skipped",
        Outcome::Unclaimed { .. } => "not claimed",
        Outcome::Broken { .. } => "broken",
    }
}
