//! The naive model on the suite's own cases: it conforms, and each of its mutants is caught.

use std::{collections::BTreeSet, path::Path};

use knock_conformance::{
    case::{self, Case},
    check, clause,
    model::{Deviation, Model},
    mutants,
    subject::{Precision, Subject},
};

fn cases() -> Vec<Case> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    case::load(&directory).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_model_conforms_in_every_case_about_a_daemon() {
    let model = Model::conforming();
    let mut failures = Vec::new();
    let mut judged = 0;
    for case in cases().iter().filter(|case| model.lacks(case).is_empty()) {
        judged += 1;
        let transcript = model.run(case).unwrap_or_else(|error| panic!("{}: {error}", case.id));
        let problems = check::judge(case, &transcript, Precision::EXACT);
        if !problems.is_empty() {
            let lines: Vec<_> = problems.iter().map(|problem| format!("  {problem}")).collect();
            failures.push(format!("{}\n{}", case.id, lines.join("\n")));
        }
    }
    assert!(failures.is_empty(), "{} of {judged} cases fail:\n{}", failures.len(), failures.join("\n"));
}

/// The suite can fail: what is broken on purpose is noticed by a case that names what is broken.
#[test]
fn each_mutant_is_caught_by_a_case_of_its_clause_and_each_case_catches_one() {
    let faults: Vec<String> = mutants::model::faults(&cases()).iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_mutant_has_a_name_of_its_own_and_a_clause() {
    assert!(Deviation::ALL.len() >= 60);
    let broken: BTreeSet<&str> = Deviation::ALL.iter().map(|mutant| mutant.clause()).collect();
    let unknown: Vec<_> = broken.iter().filter(|id| clause::find(id).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let names: BTreeSet<String> = Deviation::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(names.len(), Deviation::ALL.len(), "no name stands for two");
}
