//! Cases, carried to a subject and judged.

use std::{
    any::Any,
    collections::BTreeSet,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use crate::{
    ability::Ability,
    case::Case,
    check::{self, Problem},
    ledger::Deviation,
    parallel,
    subject::{Broken, Subject},
    transcript::Transcript,
};

/// A case and what became of it.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    /// The case.
    pub case: &'a Case,
    /// What became of it.
    pub outcome: Outcome,
    /// What was seen; nothing where the case did not happen.
    pub transcript: Option<Transcript>,
    /// How long it took, in real time.
    pub took: Duration,
    /// Why a failure may be the world's doing ([`Subject::disturbance`]).
    pub disturbance: Option<Broken>,
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What was expected was seen, and nothing else that matters.
    Passed,
    /// It was not; what is wrong, never nothing.
    Failed(Vec<Problem>),
    /// It was not, and exactly so as the ledger says.
    Known(Vec<Problem>, Deviation),
    /// The subject lacks what the case needs, never nothing: no word about the daemon.
    Skipped(BTreeSet<Ability>),
    /// The daemon does not claim to obey these clauses of the case, never nothing.
    Unclaimed(Vec<String>),
    /// The world broke: no word about the daemon either, and no full verdict.
    Broken(Broken),
    /// It was not as expected, but the world may be to blame: no verdict either. What is wrong is kept, never nothing:
    /// who reads it often sees that no world does that.
    Disturbed(Vec<Problem>, Broken),
}

/// Carries every case to the subject, `jobs` at a time, and judges it. What comes back is in the order of the cases;
/// `done` hears of each case that has ended, from several threads. Nothing is tried twice.
#[must_use]
pub fn run<'a>(
    cases: &'a [Case],
    subject: &dyn Subject,
    jobs: NonZeroUsize,
    done: &(dyn Fn(&Judged<'a>) + Sync),
) -> Vec<Judged<'a>> {
    parallel::each(cases.len(), jobs, |place| {
        let judged = one(&cases[place], subject);
        done(&judged);
        judged
    })
}

/// Carries one case to the subject and judges it. What the subject throws is a broken world.
#[must_use]
pub fn one<'a>(case: &'a Case, subject: &dyn Subject) -> Judged<'a> {
    let start = Instant::now();
    let (outcome, transcript) = outcome(case, subject);
    let disturbance = if matches!(outcome, Outcome::Failed(_)) { subject.disturbance(start) } else { None };
    Judged { case, outcome, transcript, took: start.elapsed(), disturbance }
}

fn outcome(case: &Case, subject: &dyn Subject) -> (Outcome, Option<Transcript>) {
    let mut unclaimed: Vec<String> =
        case.all_clauses().filter(|clause| !subject.claims(clause)).map(str::to_owned).collect();
    unclaimed.dedup();
    if !unclaimed.is_empty() {
        return (Outcome::Unclaimed(unclaimed), None);
    }
    let missing = subject.lacks(case);
    if !missing.is_empty() {
        return (Outcome::Skipped(missing), None);
    }
    let ran = catch_unwind(AssertUnwindSafe(|| subject.run(case)))
        .unwrap_or_else(|panic| Err(Broken(format!("the subject panicked: {}", message(&*panic)))));
    match ran {
        Err(broken) => (Outcome::Broken(broken), None),
        Ok(transcript) => {
            let problems = check::judge(case, &transcript, subject.precision());
            let outcome = if problems.is_empty() { Outcome::Passed } else { Outcome::Failed(problems) };
            (outcome, Some(transcript))
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}
