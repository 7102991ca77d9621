//! Clauses by implementations: where each implementation stands with each clause.

use super::{
    Report,
    case::{CaseReport, Outcome},
};
use crate::clause::{CLAUSES, Clause};

/// Clauses by implementations.
#[derive(Clone, Debug)]
pub struct Matrix<'a> {
    /// Whom the columns are about, in the order in which they were met.
    pub implementations: Vec<&'a str>,
    /// A row a clause, in the contract's order.
    pub rows: Vec<Row<'a>>,
}

/// A clause and where each implementation stands with it.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// The clause.
    pub clause: &'static Clause,
    /// A cell an implementation.
    pub cells: Vec<Cell<'a>>,
}

/// Where one implementation stands with one clause.
#[derive(Clone, Debug)]
pub struct Cell<'a> {
    /// Where.
    pub standing: Standing,
    /// Every case that is about the clause, with the run that it was part of.
    pub cases: Vec<(&'a Report, &'a CaseReport)>,
}

/// Where an implementation stands with a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A case that names the clause passed, and no case fails for it.
    Conforms,
    /// So many cases fail for it, by whichever subject; a case counts once.
    Deviates(usize),
    /// The daemon does not claim to obey it.
    NotClaimed,
    /// No subject could judge it.
    NotJudged,
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Conforms => f.write_str("conforms"),
            Self::Deviates(1) => f.write_str("deviates (1 case)"),
            Self::Deviates(cases) => write!(f, "deviates ({cases} cases)"),
            Self::NotClaimed => f.write_str("not claimed"),
            Self::NotJudged => f.write_str("not judged"),
        }
    }
}

impl<'a> Matrix<'a> {
    /// Gathers runs: those of one implementation, by whichever subject, share a column.
    #[must_use]
    pub fn new(reports: &'a [Report]) -> Self {
        let mut implementations: Vec<&str> = Vec::new();
        for report in reports {
            if !implementations.contains(&report.implementation.as_str()) {
                implementations.push(&report.implementation);
            }
        }
        let row = |clause: &'static Clause| {
            let cells = implementations.iter().map(|name| {
                let runs = reports.iter().filter(|report| report.implementation == *name);
                Cell::new(&clause.id, runs.flat_map(|run| run.cases.iter().map(move |case| (run, case))))
            });
            Row { clause, cells: cells.collect() }
        };
        Self { rows: CLAUSES.iter().map(row).collect(), implementations }
    }
}

impl<'a> Cell<'a> {
    fn new(clause: &str, cases: impl Iterator<Item = (&'a Report, &'a CaseReport)>) -> Self {
        let cases: Vec<_> = cases.filter(|(_, case)| is_about(case, clause)).collect();
        Self { standing: standing(clause, &cases), cases }
    }
}

fn is_about(case: &CaseReport, clause: &str) -> bool {
    let by_ledger = matches!(&case.outcome, Outcome::Known { clause: blamed, .. } if blamed == clause);
    by_ledger || case.all_clauses().any(|named| named == clause)
}

/// A known deviation counts against the clause that the ledger blames, and a failure that nobody knew against every
/// clause of its case. A clause that no case passes is not obeyed either, whatever the ledger blames for it. Where a world
/// broke nobody can say that it is obeyed.
fn standing(clause: &str, cases: &[(&Report, &CaseReport)]) -> Standing {
    let mut blamed = Vec::new();
    let mut known = Vec::new();
    let (mut passed, mut unclaimed, mut broken) = (false, false, false);
    for (_, case) in cases {
        match &case.outcome {
            Outcome::Failed => blamed.push(&case.id),
            Outcome::Known { clause: by_ledger, .. } if by_ledger == clause => blamed.push(&case.id),
            Outcome::Known { .. } => known.push(&case.id),
            Outcome::Passed => passed = true,
            Outcome::Unclaimed { .. } => unclaimed = true,
            Outcome::Broken { .. } => broken = true,
            Outcome::Skipped { .. } => {}
        }
    }
    let count = |mut ids: Vec<&String>| {
        ids.sort_unstable();
        ids.dedup();
        ids.len()
    };
    if !blamed.is_empty() {
        Standing::Deviates(count(blamed))
    } else if broken {
        Standing::NotJudged
    } else if passed {
        Standing::Conforms
    } else if !known.is_empty() {
        Standing::Deviates(count(known))
    } else if unclaimed {
        Standing::NotClaimed
    } else {
        Standing::NotJudged
    }
}
