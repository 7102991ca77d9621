//! Reports, read back: each outcome is told as what it is.

use crate::fake::{Fake, daemon, doors};
use jsonschema::Validator;
use knock_conformance::{
    ability::Ability,
    case::Case,
    ledger::{Did, Ledger},
    report::{
        Report,
        case::{Outcome, Sighting},
        junit, page,
        parting::parting,
        picture::{Kind, picture},
    },
    run,
    subject::Broken,
    time::Nanos,
    transcript::Transcript,
};
use quick_junit::{NonSuccessKind, TestCaseStatus};
use serde_json::Value;

const KNOWN: &str = "[[deviation]]\ncase = \"known\"\nclause = \"SEQ-1\"\ndid = \"missing run open 192.0.2.11\"\nreason = \"It is <idle>.\"\n\
                     [[deviation]]\ncase = \"gone\"\nclause = \"SEQ-1\"\ndid = \"x\"\nreason = \"y\"\n";

/// A run in which every outcome happens.
fn every_outcome() -> Report {
    let log = daemon("0 alice > tcp 7000 syn\nlog alice: ssh: <Stage 1>");
    let unclaimed = Case { id: "unclaimed".to_owned(), clauses: vec!["SEQ-2".to_owned()], ..log.clone() };
    let mut cases = doors(&["passed", "failed", "known", "broken"]);
    cases.extend([Case { id: "skipped".to_owned(), ..log }, unclaimed]);
    let fake = Fake::that(|case| match case.id.as_str() {
        "passed" => Ok(crate::fake::obey(case)),
        "broken" => Err(Broken("no <permission>".to_owned())),
        _ => Ok(Transcript::default()),
    });
    let fake = Fake { lacks: vec![Ability::Log], disclaims: vec!["SEQ-2"], ..fake };
    fake.judged(&cases, KNOWN)
}

fn schema() -> Validator {
    let schema: Value = serde_json::from_str(include_str!("../../report.schema.json")).expect("JSON");
    jsonschema::meta::validate(&schema).expect("the schema is a schema");
    jsonschema::validator_for(&schema).expect("the schema is a schema")
}

#[test]
fn json_follows_the_schema_and_is_read_back() {
    let report = every_outcome();
    let outcomes: Vec<_> = report.cases.iter().map(|case| std::mem::discriminant(&case.outcome)).collect();
    assert!((1..outcomes.len()).all(|place| !outcomes[..place].contains(&outcomes[place])), "six different outcomes");
    let json = report.to_json();
    let value: Value = serde_json::from_str(&json).expect("JSON");
    let errors: Vec<String> = schema().iter_errors(&value).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(Report::from_json(&json), Ok(report));
}

#[test]
fn the_schema_refuses_what_is_no_report() {
    let report: Value = serde_json::from_str(&every_outcome().to_json()).expect("JSON");
    let schema = schema();
    for (place, wrong) in [
        ("/v", Value::from(2)),
        ("/status", Value::from(4)),
        ("/cases/0/outcome/is", Value::from("well")),
        ("/cases/1/problems", Value::from(Vec::<Value>::new())),
        ("/cases/4/outcome/missing", Value::from(Vec::<Value>::new())),
        ("/cases/0/clauses/0", Value::from("seq")),
    ] {
        let mut spoiled = report.clone();
        *spoiled.pointer_mut(place).expect("it is there") = wrong;
        assert!(!schema.is_valid(&spoiled), "{place}");
    }
}

#[test]
fn a_report_of_another_version_is_refused() {
    let json = every_outcome().to_json().replacen("\"v\": 1", "\"v\": 2", 1);
    assert!(Report::from_json(&json).is_err_and(|why| why.contains("version 2")));
}

#[test]
fn junit_tells_failure_error_and_skipped_apart() {
    let xml = junit::junit(&every_outcome());
    let junit = quick_junit::Report::deserialize_from_str(&xml).expect("JUnit");
    let status = |name: &str| {
        let cases = junit.test_suites.iter().flat_map(|suite| &suite.test_cases);
        cases
            .filter(|case| case.name.as_str() == name)
            .map(|case| case.status.clone())
            .next()
            .expect("the case is there")
    };
    let kind = |name: &str| match status(name) {
        TestCaseStatus::NonSuccess { kind, .. } => Some(kind),
        TestCaseStatus::Success { .. } | TestCaseStatus::Skipped { .. } => None,
    };
    assert_eq!(kind("failed"), Some(NonSuccessKind::Failure));
    assert_eq!(kind("gone"), Some(NonSuccessKind::Failure), "the ledger is no longer true");
    assert_eq!(kind("broken"), Some(NonSuccessKind::Error));
    for name in ["skipped", "unclaimed"] {
        assert!(matches!(status(name), TestCaseStatus::Skipped { .. }), "{name}");
    }
    for name in ["passed", "known"] {
        assert!(matches!(status(name), TestCaseStatus::Success { .. }), "{name}");
    }
    let sums = junit.test_suites.iter().fold((0, 0, 0, 0), |(tests, failures, errors, skipped), suite| {
        (tests + suite.tests, failures + suite.failures, errors + suite.errors, skipped + suite.skipped)
    });
    assert_eq!(sums, (7, 2, 1, 2));
}

#[test]
fn the_page_needs_nothing_else_and_escapes_what_it_tells() {
    let report = every_outcome();
    let page = page::page(&[report]);
    for outside in ["http://", "https://", "src=", "url(", "@import", "<script"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.matches("href=").count() == page.matches("href=\"#p").count(), "only what is on the page");
    assert!(page.contains("no &lt;permission&gt;") && page.contains("It is &lt;idle&gt;."));
    for id in ["passed", "failed", "known", "broken", "skipped", "unclaimed"] {
        assert!(page.contains(&format!("<b>{id}</b>")), "{id}");
    }
    assert!(page.contains("1 wrong in the ledger</summary><ul><li>gone: there is no such case"));
}

#[test]
fn a_picture_puts_what_is_wrong_under_what_was_expected() {
    let report = every_outcome();
    let drawn = |id: &str| {
        let case = report.cases.iter().find(|case| case.id == id).expect("the case is there");
        let rows = picture(case).expect("a timeline").rows;
        rows.into_iter().map(|row| (row.kind, row.text)).collect::<Vec<_>>()
    };
    let arrow = (Kind::Arrow, "tcp 7000 syn".to_owned());
    let end = (Kind::End, "end of the window".to_owned());
    assert_eq!(drawn("passed"), [arrow.clone(), (Kind::Met, "run open alice".to_owned()), end.clone()]);
    let wrong = (Kind::Wrong, "missing: nothing like it was seen".to_owned());
    assert_eq!(drawn("failed"), [arrow, (Kind::Unmet, "run open alice".to_owned()), wrong, end]);
}

#[test]
fn a_picture_puts_what_nobody_expected_at_its_time() {
    let case = daemon("0 alice > tcp 7000 syn\nrun open alice\n0.5 bob > tcp 7001 syn\nnever log x");
    let fake = Fake::that(|case| {
        let mut transcript = crate::fake::obey(case);
        transcript.see(Nanos(200_000_000), knock_conformance::transcript::Sight::Run("open 192.0.2.12".to_owned()));
        Ok(transcript)
    });
    let report = fake.judged(&[case], "");
    let rows = picture(&report.cases[0]).expect("a timeline").rows;
    let kinds: Vec<Kind> = rows.iter().map(|row| row.kind).collect();
    assert_eq!(kinds, [Kind::Arrow, Kind::Met, Kind::Wrong, Kind::Arrow, Kind::Met, Kind::End]);
    assert_eq!(rows[2].time.as_deref(), Some("0.2"));
    assert_ne!(rows[0].x, rows[3].x, "alice and bob stand apart");
}

#[test]
fn a_ledger_is_written_as_it_is_read_and_keeps_its_reasons() {
    let cases = doors(&["a", "b"]);
    let judged = run::run(&cases, &Fake::idle(), 1.try_into().expect("not 0"), &|_| {});
    let old = "# Why it is so.\n\n[[deviation]]\ncase = \"b\"\nclause = \"SEQ-3\"\ndid.live = \"late run \\\"x\\\"\"\nreason = \"It is slow.\"\n\
               [[deviation]]\ncase = \"gone\"\nclause = \"SEQ-3\"\ndid = \"x\"\nreason = \"y\"\n";
    let updated = Ledger::read(old).expect("a ledger").updated(&judged, "original");
    let text = updated.write(old);
    assert_eq!(Ledger::read(&text), Ok(updated.clone()), "{text}");
    assert!(text.starts_with("# Why it is so.\n\n[[deviation]]\ncase = \"a\"\n"), "{text}");
    let ids: Vec<_> = updated.deviation.iter().map(|entry| (entry.case.as_str(), entry.reason.as_str())).collect();
    assert_eq!(ids, [("a", ""), ("b", "It is slow.")]);
    assert_eq!(updated.deviation[1].clause, "SEQ-3");
    assert_eq!(updated.deviation[1].did.by("live"), Some("late run \"x\""));
    assert_eq!(updated.deviation[1].did.by("original"), Some("missing run open 192.0.2.11"));
    assert_eq!(updated.write(&text), text, "writing it again changes nothing");
    let passed = run::run(&cases, &Fake::obedient(), 1.try_into().expect("not 0"), &|_| {});
    let mended = updated.updated(&passed, "original");
    assert!(matches!(&mended.deviation[..], [entry] if matches!(&entry.did, Did::By(by) if by.len() == 1)));
}

#[test]
fn two_transcripts_part_where_they_first_differ() {
    let sight = |at_ns: u64, kind: &str, what: &str| Sighting { at_ns, kind: kind.to_owned(), what: what.to_owned() };
    let one = [sight(0, "log", "x: ssh: Stage 1"), sight(10, "run", "open"), sight(50, "run", "close")];
    let same = |other: &[Sighting], tolerance| parting(&one, other, Nanos(tolerance)).map(|parting| parting.at.0);
    assert_eq!(same(&one, 0), None);
    let mut late = one.clone();
    late[1].at_ns = 13;
    assert_eq!((same(&late, 0), same(&late, 3), same(&late, 2)), (Some(10), None, Some(10)));
    assert_eq!(same(&one[..2], 5), Some(50), "one has more");
    assert_eq!(
        parting(&one[..2], &one, Nanos(5)).map(|parting| (parting.a, parting.b)),
        Some((None, Some(one[2].clone())))
    );
    let mut talkative = one.to_vec();
    talkative.insert(1, sight(5, "log", "starting"));
    talkative.insert(1, sight(5, "says", "hello"));
    assert_eq!(same(&talkative, 0), None, "words of its own part nobody");
    let simultaneous = [sight(0, "run", "a"), sight(0, "run", "b")];
    let swapped = [sight(0, "run", "b"), sight(0, "run", "a")];
    assert!(parting(&simultaneous, &swapped, Nanos(0)).is_some(), "in exact time, order counts");
    assert!(parting(&simultaneous, &swapped, Nanos(1)).is_none());
    assert!(matches!(every_outcome().cases[0].outcome, Outcome::Passed));
}
