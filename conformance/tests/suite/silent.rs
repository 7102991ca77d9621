//! The ways in which other suites pass although nothing holds, and that this one does not.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::fake::{Fake, daemon, doors, obey};
use knock_conformance::{
    ability::Ability,
    builtin,
    case::{self, Case},
    clause::CLAUSES,
    report::{
        case::Outcome,
        junit,
        matrix::{Matrix, Standing},
        page, table, terminal,
    },
    select,
    status::Status,
    subject::Broken,
    transcript::{Sight, Transcript},
};

const KNOWN: &str = "[[deviation]]\ncase = \"one\"\nclause = \"SEQ-1\"\ndid = \"missing run open 192.0.2.11\"\nreason = \"It is idle.\"\n";

#[test]
fn an_empty_selection_is_no_success() {
    assert!(select::select(&[], &["no-such-case".to_owned()]).is_err());
    let both = ["SEQ-1".to_owned(), "SEQ-1000".to_owned()];
    assert!(select::select(&[], &both).is_err(), "each pattern must fit something");
    assert_eq!(Fake::obedient().judged(&[], "").verdict(), Status::WrongUse);
}

#[test]
fn an_empty_case_file_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    assert!(case::load(directory.path()).is_err(), "no file");
    let file = directory.path().join("none.toml");
    std::fs::write(&file, "case = []\n").expect("written");
    assert!(select::select(&[file], &[]).is_err(), "no case");
}

#[test]
fn a_missing_case_file_is_an_error() {
    assert!(select::select(&["no-such-file.toml".into()], &[]).is_err());
}

#[test]
fn a_missing_fixture_is_an_error() {
    let text = |line: &str| {
        format!(
            "[[case]]\nid = \"a\"\nclauses = [\"ONCE-1\"]\nabout = \"A.\"\nconfig = \"\"\ntimeline = \"\"\"\n{line}\n\"\"\"\n"
        )
    };
    for line in ["0 file codes used", "0 file codes unchanged", "0 mark codes", "0 put codes used\nnever run *"] {
        let error = case::read(&text(line), Path::new("a.toml")).expect_err(line).to_string();
        assert!(error.contains("there is no"), "{error}");
    }
}

#[test]
fn a_file_that_nobody_looked_at_is_a_failure() {
    let keys = "config = \"\"\nfiles = { codes = \" 1,2\\n\" }";
    let case = crate::fake::case(keys, "0 alice > tcp 1 syn\nnever run *");
    let report = Fake::idle().judged(&[case], "");
    assert_eq!(report.verdict(), Status::Failed);
}

#[test]
fn a_missing_expectation_is_an_error() {
    let text = "[[case]]\nid = \"a\"\nclauses = [\"SEQ-1\"]\nabout = \"A.\"\nconfig = \"\"\ntimeline = \"0 alice > tcp 1 syn\"\n";
    let error = case::read(text, Path::new("a.toml")).expect_err("it expects nothing").to_string();
    assert!(error.contains("at least one expectation"), "{error}");
}

#[test]
fn an_unknown_key_clause_or_word_is_an_error() {
    let text =
        "[[case]]\nid = \"a\"\nclauses = [\"SEQ-1\"]\nabout = \"A.\"\nconfig = \"\"\ntimeline = \"0 never run *\"\n";
    assert!(case::read(text, Path::new("a.toml")).is_ok());
    for (right, wrong) in
        [("about", "abuot"), ("clauses", "clauses_"), ("SEQ-1", "SEQ-1000"), ("never", "nevr"), ("run", "rum")]
    {
        let error = case::read(&text.replacen(right, wrong, 1), Path::new("a.toml")).expect_err(wrong).to_string();
        assert!(error.contains("a.toml"), "{error}");
    }
}

#[test]
fn an_unknown_key_in_a_ledger_is_an_error() {
    assert!(knock_conformance::ledger::Ledger::read(KNOWN).is_ok());
    for (right, wrong) in [("reason", "raeson"), ("[[deviation]]", "[[deviations]]"), ("case", "cases")] {
        assert!(knock_conformance::ledger::Ledger::read(&KNOWN.replacen(right, wrong, 1)).is_err(), "{wrong}");
    }
    assert!(knock_conformance::ledger::Ledger::read(&KNOWN.repeat(2)).is_err(), "one case, two entries");
}

#[test]
fn a_case_file_that_was_not_compiled_in_is_noticed() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut files: Vec<String> = std::fs::read_dir(directory)
        .expect("the cases are there")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    files.sort();
    assert_eq!(builtin::case_files(), files);
}

#[test]
fn the_worked_example_is_the_one_that_is_built_in() {
    assert!(include_str!("../../cases/example.toml").ends_with(&crate::exit::example()));
}

#[test]
fn a_skip_is_counted_and_named_everywhere() {
    let cases = doors(&["one"]).into_iter().chain([daemon("0 alice > tcp 7000 syn\nlog alice: ssh: Stage 1")]);
    let cases: Vec<Case> = cases.collect();
    let fake = Fake { lacks: vec![Ability::Log], ..Fake::obedient() };
    let report = fake.judged(&cases, "");
    assert_eq!(report.cases[1].outcome, Outcome::Skipped { missing: vec!["log".to_owned()] });
    let told = anstream_free(&terminal::tell(&report));
    assert!(told.contains("1 passed, 1 skipped") && told.contains("skipped for want of: log (1)"), "{told}");
    assert!(junit::junit(&report).contains("<skipped message=\"the subject lacks: log\""));
    assert!(page::page(&[report]).contains("The subject lacks: log."));
}

#[test]
fn a_run_of_skips_alone_is_no_success() {
    let fake = Fake { lacks: vec![Ability::Commands], ..Fake::obedient() };
    assert_eq!(fake.judged(&doors(&["one", "two"]), "").verdict(), Status::WrongUse);
    let fake = Fake { disclaims: vec!["SEQ-1"], ..Fake::obedient() };
    assert_eq!(fake.judged(&doors(&["one", "two"]), "").verdict(), Status::WrongUse);
}

#[test]
fn a_failure_is_not_tried_again_until_it_is_green() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let fake = Fake::that(move |case| {
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        Ok(if first { Transcript::default() } else { obey(case) })
    });
    assert_eq!(fake.judged(&doors(&["one"]), "").verdict(), Status::Failed);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[test]
fn no_number_of_failures_wraps_around_to_success() {
    let ids: Vec<String> = (0..512).map(|number| format!("case-{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    for failures in [1, 255, 256, 257, 512] {
        let report = Fake::idle().judged(&doors(&ids[..failures]), "");
        assert_eq!((report.status, report.verdict()), (1, Status::Failed), "{failures} failures");
    }
}

#[test]
fn a_stale_exclusion_is_a_failure() {
    let report = Fake::idle().judged(&doors(&["one"]), KNOWN);
    assert_eq!(report.verdict(), Status::AsExpected, "{:?}", report.complaints);
    let complaint = |fake: &Fake, ledger: &str| {
        let report = fake.judged(&doors(&["one", "two"]), ledger);
        assert_eq!(report.verdict(), Status::Failed);
        report.complaints.iter().map(|complaint| complaint.why.clone()).collect::<Vec<_>>().join("; ")
    };
    assert!(complaint(&Fake::obedient(), KNOWN).contains("it passes"));
    assert!(complaint(&Fake::idle(), &KNOWN.replace("192.0.2.11", "192.0.2.12")).contains("it fails in another way"));
    assert!(complaint(&Fake::obedient(), &KNOWN.replace("\"one\"", "\"gone\"")).contains("there is no such case"));
    assert!(complaint(&Fake::idle(), &KNOWN.replace("It is idle.", " ")).contains("no reason"));
    assert!(complaint(&Fake::idle(), &KNOWN.replace("SEQ-1", "SEQ-1000")).contains("there is no clause"));
    let skipping = Fake { lacks: vec![Ability::Commands], ..Fake::idle() };
    let by = KNOWN.replace("did =", "did.scripted =");
    let report = skipping.judged(&doors(&["one"]), &by);
    assert!(report.complaints[0].why.contains("it is not judged"), "{:?}", report.complaints);
}

/// A race may be won or lost, but only in the way that the ledger tells, and only with the subject that it names.
#[test]
fn chance_excuses_what_is_told_of_it_and_nothing_else() {
    let verdict = |fake: &Fake, ledger: &str| fake.judged(&doors(&["one"]), ledger).verdict();
    let chance = format!("{KNOWN}by-chance = [\"scripted\"]\n");
    assert_eq!(verdict(&Fake::obedient(), &chance), Status::AsExpected);
    assert_eq!(verdict(&Fake::idle(), &chance), Status::AsExpected);
    assert_eq!(verdict(&Fake::idle(), &chance.replace("missing run open 192.0.2.11", "missing *")), Status::AsExpected);
    assert_eq!(verdict(&Fake::idle(), &KNOWN.replace("missing run open 192.0.2.11", "missing *")), Status::Failed);
    assert_eq!(verdict(&Fake::idle(), &chance.replace("192.0.2.11", "192.0.2.12")), Status::Failed);
    assert_eq!(verdict(&Fake::obedient(), &chance.replace("scripted", "live")), Status::Failed);
}

#[test]
fn an_exclusion_excuses_one_case_and_one_subject() {
    let report = Fake::idle().judged(&doors(&["one", "two"]), KNOWN);
    assert_eq!(report.verdict(), Status::Failed);
    let elsewhere = KNOWN.replace("did =", "did.other =");
    assert_eq!(Fake::idle().judged(&doors(&["one"]), &elsewhere).verdict(), Status::Failed);
    assert_eq!(Fake::obedient().judged(&doors(&["one"]), &elsewhere).verdict(), Status::AsExpected);
}

#[test]
fn every_report_says_failure() {
    let report = Fake::idle().judged(&doors(&["one"]), "");
    let told = anstream_free(&terminal::tell(&report));
    assert!(told.contains("FAILED  one") && told.contains("1 failed") && told.contains("not as expected"), "{told}");
    assert!(told.contains("| run open alice\n      ^ missing: run open"), "at the line that is about it: {told}");
    assert_eq!(report.status, 1);
    assert!(report.to_json().contains("\"is\": \"failed\""));
    assert!(junit::junit(&report).contains("<failure message=\"missing: run open 192.0.2.11\""));
    let page = page::page(std::slice::from_ref(&report));
    assert!(page.contains("Not as expected") && page.contains("missing: nothing like it was seen"));
    assert!(table::table(&[report]).contains("| SEQ-1 | must | deviates (1 case) |"));
}

#[test]
fn total_failure_is_not_read_as_unsupported() {
    let report = Fake::idle().judged(&doors(&["one", "two"]), "");
    let matrix = Matrix::new(std::slice::from_ref(&report));
    let standing = |id: &str| {
        let place = CLAUSES.iter().position(|clause| clause.id == id).expect("a clause");
        matrix.rows[place].cells[0].standing
    };
    assert_eq!(standing("SEQ-1"), Standing::Deviates(2));
    assert_eq!(standing("SEQ-2"), Standing::NotJudged);
    let ends = Fake::that(|_| {
        let mut transcript = Transcript::default();
        transcript.see(knock_conformance::time::Nanos(0), Sight::Exit(127));
        Ok(transcript)
    });
    let report = ends.judged(&doors(&["one"]), "");
    assert!(matches!(report.cases[0].outcome, Outcome::Failed), "a daemon that ends at once has failed");
    let world = Fake::that(|_| Err(Broken("no daemon".to_owned())));
    let report = world.judged(&doors(&["one"]), "");
    assert_eq!(report.verdict(), Status::WorldBroke, "a world that breaks is nobody's success");
}

#[test]
fn a_known_deviation_never_conforms() {
    let report = Fake::idle().judged(&doors(&["one"]), &KNOWN.replace("SEQ-1", "SEQ-3"));
    let table = table::table(&[report]);
    assert!(table.contains("| SEQ-3 | must | deviates (1 case) |"), "the clause that is to blame: {table}");
    assert!(table.contains("| SEQ-1 | must | deviates (1 case) |"), "a clause that no case passes: {table}");
}

#[test]
fn a_panic_of_a_subject_breaks_the_run() {
    let report = Fake::that(|_| panic!("out of luck")).judged(&doors(&["one"]), "");
    assert_eq!(report.cases[0].outcome, Outcome::Broken { why: "the subject panicked: out of luck".to_owned() });
    assert_eq!(report.verdict(), Status::WorldBroke);
}

#[test]
fn order_is_looked_at() {
    let case = daemon("0 alice > tcp 7000 syn\nlog alice: ssh: Stage 1\nlog alice: ssh: OPEN SESAME");
    let fake = Fake::that(|case| {
        let mut transcript = obey(case);
        transcript.seen.reverse();
        Ok(transcript)
    });
    assert_eq!(fake.judged(&[case], "").verdict(), Status::Failed);
}

#[test]
fn cases_come_back_in_their_order_whoever_ends_first() {
    let fake = Fake::that(|case| {
        // The first one is the last to end.
        if case.id == "one" {
            (0..1_000_000).fold(0_u64, |sum, number| std::hint::black_box(sum + number));
        }
        Ok(obey(case))
    });
    let report = fake.judged(&doors(&["one", "two", "three", "four"]), "");
    let ids: Vec<&str> = report.cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids, ["one", "two", "three", "four"]);
}

#[test]
fn a_document_that_differs_or_lacks_its_markers_is_noticed() {
    let report = Fake::obedient().judged(&doors(&["one"]), "");
    let table = table::table(&[report]);
    let document = format!("# A\n\n{}\nold\n{}\n\nB\n", table::BEGIN, table::END);
    let new = table::put(&document, &table).expect("markers");
    assert!(new.contains(&table) && new.starts_with("# A") && new.ends_with("B\n"));
    assert!(table::difference(&document, &new).is_some());
    assert_eq!(table::difference(&new, &new), None);
    assert!(table::put("no markers", &table).is_err());
}

/// The text without escapes.
fn anstream_free(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}
