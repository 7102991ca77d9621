//! What a run found, and how it is told: on the terminal, as JSON, as JUnit, as a page, as a table.
//!
//! Every report is made from one [`Report`], which is what `--json` writes; none has a word of its own on what passed.

pub mod case;
pub mod junit;
pub mod keep;
pub mod matrix;
pub mod page;
pub mod parting;
pub mod picture;
pub mod table;
pub mod terminal;

use serde::{Deserialize, Serialize};

use self::case::{CaseReport, Outcome};
use crate::{
    case::Case,
    ledger::{Complaint, Ledger},
    run::Judged,
    status::Status,
    subject::Precision,
};

/// The version of the JSON; it grows with every change that a reader may not understand.
pub const VERSION: u32 = 1;

/// What one run found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`VERSION`].
    pub v: u32,
    /// Who was judged, as tables call it: `knockd 0.8`.
    pub implementation: String,
    /// Who observed: `replay`, `original`, `live`.
    pub subject: String,
    /// How much too early something may be seen, in nanoseconds.
    pub early_ns: u64,
    /// How much too late something may be seen, in nanoseconds.
    pub late_ns: u64,
    /// The exit status that follows.
    pub status: u8,
    /// Every selected case, in its order.
    pub cases: Vec<CaseReport>,
    /// What is wrong with the ledger.
    pub complaints: Vec<Complaint>,
}

/// Who was judged, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judge<'a> {
    /// Who was judged, as tables call it.
    pub implementation: &'a str,
    /// Who observed; the ledger's `did.SUBJECT`.
    pub subject: &'a str,
    /// How exactly.
    pub precision: Precision,
}

impl Report {
    /// Holds the ledger against what happened, and gathers the two. `known` is every case there is, selected or not.
    #[must_use]
    pub fn new(judge: &Judge<'_>, mut judged: Vec<Judged<'_>>, ledger: &Ledger, known: &[Case]) -> Self {
        let exists =
            |id: &str| known.iter().any(|case| case.id == id) || judged.iter().any(|judged| judged.case.id == id);
        let ids: Vec<String> =
            ledger.deviation.iter().filter(|entry| exists(&entry.case)).map(|entry| entry.case.clone()).collect();
        let complaints = ledger.hold(&mut judged, judge.subject, &|id| ids.iter().any(|known| known == id));
        let cases: Vec<CaseReport> = judged.iter().map(CaseReport::new).collect();
        let mut report = Self {
            v: VERSION,
            implementation: judge.implementation.to_owned(),
            subject: judge.subject.to_owned(),
            early_ns: judge.precision.early.0,
            late_ns: judge.precision.late.0,
            status: 0,
            cases,
            complaints,
        };
        report.status = report.verdict() as u8;
        report
    }

    /// The exit status that follows from what is in the report.
    #[must_use]
    pub fn verdict(&self) -> Status {
        let any = |fits: fn(&Outcome) -> bool| self.cases.iter().any(|case| fits(&case.outcome));
        if any(|outcome| matches!(outcome, Outcome::Broken { .. })) {
            Status::WorldBroke
        } else if !self.complaints.is_empty() || any(|outcome| matches!(outcome, Outcome::Failed)) {
            Status::Failed
        } else if any(|outcome| matches!(outcome, Outcome::Passed | Outcome::Known { .. })) {
            Status::AsExpected
        } else {
            // Nothing was selected, or everything was skipped: nobody was judged.
            Status::WrongUse
        }
    }

    /// The report as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Every part of a report is a text, a number, a list or a table with texts as keys: JSON has a place for each.
        serde_json::to_string_pretty(self).expect("a report is JSON") + "\n"
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    ///
    /// It is no report, or one of another version.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let report: Self =
            serde_json::from_str(text).map_err(|error| format!("it is no report that `run --json` wrote: {error}"))?;
        if report.v == VERSION {
            Ok(report)
        } else {
            Err(format!("it is a report of version {}, and {VERSION} is expected: make it again", report.v))
        }
    }
}
