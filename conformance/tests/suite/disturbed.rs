//! A failure in a world that may be to blame is no verdict, but what was seen is told in every report: most daemons that
//! fail on a busy machine fail on an idle one too, and their author must learn how.

use crate::fake::{Fake, doors};
use knock_conformance::{
    report::{
        Report,
        case::Outcome,
        junit,
        matrix::{Matrix, Standing},
        page,
        picture::{Kind, picture},
        terminal,
    },
    transcript::{Sight, Transcript},
};

/// One case that passes, and one that runs another command than it should.
fn disturbed() -> Report {
    let fake = Fake::that(|case| {
        let mut transcript = Transcript::default();
        let command = if case.id == "right" { "open 192.0.2.11" } else { "open %IP%" };
        let end = case.timeline.expectations().map(|(at, ..)| at).max().expect("a command is expected");
        transcript.see(end, Sight::Run(command.to_owned()));
        Ok(transcript)
    });
    Fake { disturbed: true, ..fake }.judged(&doors(&["right", "wrong"]), "")
}

#[test]
fn every_report_tells_what_was_seen() {
    let report = disturbed();
    let case = &report.cases[1];
    assert!(matches!(case.outcome, Outcome::Broken { .. }), "{:?}", case.outcome);
    let told = ["the machine is too busy", "run open 192.0.2.11", "run open %IP%"];
    for (name, text) in [
        ("terminal", terminal::tell(&report)),
        ("JUnit", junit::junit(&report)),
        ("page", page::page(std::slice::from_ref(&report))),
        ("JSON", report.to_json()),
    ] {
        for words in told {
            assert!(text.contains(words), "{name} does not tell `{words}`");
        }
    }
    let picture = picture(case).expect("a picture");
    assert!(picture.rows.iter().any(|row| row.kind == Kind::Unmet));
    assert!(picture.rows.iter().any(|row| row.kind == Kind::Wrong));
    assert_eq!(Report::from_json(&report.to_json()).as_ref(), Ok(&report));
}

#[test]
fn a_clause_with_a_broken_case_is_not_obeyed() {
    let reports = [disturbed()];
    let matrix = Matrix::new(&reports);
    let row = matrix.rows.iter().find(|row| row.clause.id == "SEQ-1").expect("the clause");
    assert_eq!(row.cells[0].standing, Standing::NotJudged);
}
