//! Mutants of the naive [`Model`]: each is the model with one [`Deviation`], in virtual time.

use std::num::NonZeroUsize;

use serde::Deserialize;

use super::{Fault, Idle, unexcused};
use crate::{
    case::Case,
    check,
    model::{Deviation, Model},
    parallel,
    subject::{Precision, Subject},
};

/// Cases that catch no mutant, with reasons.
const EXCUSED: &str = include_str!("../../mutants.toml");
const LIST: &str = "mutants.toml";

/// Cases by mutants: which catches which.
#[derive(Clone, Debug)]
pub struct Matrix<'a> {
    /// The cases that the conforming model can be judged by.
    pub cases: Vec<&'a Case>,
    /// For each mutant the places in `cases` of those that catch it.
    pub rows: Vec<(Deviation, Vec<usize>)>,
}

/// Judges every mutant by every case, `jobs` mutants at a time. A long case is asked only about mutants of its clauses.
#[must_use]
pub fn matrix<'a>(cases: &'a [Case], jobs: NonZeroUsize, done: &(dyn Fn() + Sync)) -> Matrix<'a> {
    let cases = judgeable(cases);
    let rows = parallel::each(Deviation::ALL.len(), jobs, |row| {
        let mutant = Deviation::ALL[row];
        let asked = |case: &Case| !is_long(case) || names(case, mutant);
        let catches = (0..cases.len()).filter(|&place| asked(cases[place]) && catches(cases[place], mutant));
        let catches = catches.collect();
        done();
        (mutant, catches)
    });
    Matrix { cases, rows }
}

impl Matrix<'_> {
    /// What is wrong, as the whole matrix tells.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let escapes = self
            .rows
            .iter()
            .filter(|(mutant, catches)| !catches.iter().any(|&place| names(self.cases[place], *mutant)));
        let mut faults: Vec<Fault> = escapes.map(|(mutant, _)| escape(*mutant)).collect();
        let idle = (0..self.cases.len()).filter(|place| !self.rows.iter().any(|(_, catches)| catches.contains(place)));
        faults.extend(unexcused(
            &idle.map(|place| self.cases[place].id.as_str()).collect::<Vec<_>>(),
            &excuses(),
            LIST,
        ));
        faults
    }
}

/// The same without the matrix: it looks no further than the first catch, and so takes a moment.
#[must_use]
pub fn faults(cases: &[Case]) -> Vec<Fault> {
    let cases = judgeable(cases);
    let escapes = |mutant: &&Deviation| !cases.iter().any(|case| names(case, **mutant) && catches(case, **mutant));
    let mut faults: Vec<Fault> = Deviation::ALL.iter().filter(escapes).map(|mutant| escape(*mutant)).collect();
    let is_idle = |case: &&&Case| {
        let (near, far): (Vec<&Deviation>, Vec<_>) = Deviation::ALL.iter().partition(|mutant| names(case, **mutant));
        let far = far.into_iter().filter(|_| !is_long(case));
        !near.into_iter().chain(far).any(|mutant| catches(case, *mutant))
    };
    let idle: Vec<&str> = cases.iter().filter(is_idle).map(|case| case.id.as_str()).collect();
    faults.extend(unexcused(&idle, &excuses(), LIST));
    faults
}

/// Cases about daemons that the model can be judged by.
fn judgeable(cases: &[Case]) -> Vec<&Case> {
    let model = Model::conforming();
    cases.iter().filter(|case| model.lacks(case).is_empty()).collect()
}

fn catches(case: &Case, mutant: Deviation) -> bool {
    // The model's world is made up, and cannot break.
    let transcript = Model::mutant(mutant).run(case);
    transcript.is_ok_and(|transcript| !check::judge(case, &transcript, Precision::EXACT).is_empty())
}

fn names(case: &Case, mutant: Deviation) -> bool {
    case.all_clauses().any(|clause| clause == mutant.clause())
}

/// Thousands of packets, or a file of megabytes.
fn is_long(case: &Case) -> bool {
    case.timeline.entries.len() > 2_000 || case.files.values().any(|bytes| bytes.len() > 1_000_000)
}

fn escape(mutant: Deviation) -> Fault {
    let (clause, text) = (mutant.clause().to_owned(), mutant.text().to_owned());
    Fault::Escapes { mutant: mutant.to_string(), clause, text }
}

fn excuses() -> Vec<Idle> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        idle: Vec<Idle>,
    }
    // The file is part of the program, and a test reads it.
    let File { idle } = toml::from_str(EXCUSED).expect("mutants.toml is well-formed");
    idle
}
