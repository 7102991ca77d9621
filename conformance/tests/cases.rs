//! The suite's own cases on this project's engine, and what they cover.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use knock_conformance::{
    case::{self, Case},
    check,
    clause::{self, CLAUSES},
    subject::{Precision, Subject},
    subjects::replay::Replay,
};

fn cases() -> Vec<Case> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    case::load(&directory).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_engine_conforms_in_every_case_that_it_can_be_judged_by() {
    let mut failures = Vec::new();
    let mut judged = 0;
    for case in cases() {
        if !Replay.lacks(&case).is_empty() {
            continue;
        }
        judged += 1;
        let transcript = Replay.run(&case).unwrap_or_else(|error| panic!("{}: {error}", case.id));
        let problems = check::judge(&case, &transcript, Precision::EXACT);
        if !problems.is_empty() {
            let lines: Vec<_> = problems.iter().map(|problem| format!("  {problem}")).collect();
            let origin = format!("{}:{}", case.origin.file.display(), case.origin.line);
            failures.push(format!("{} ({origin})\n{}", case.id, lines.join("\n")));
        }
    }
    assert!(failures.is_empty(), "{} of {judged} cases fail:\n{}", failures.len(), failures.join("\n"));
    assert!(judged >= 250, "only {judged} cases can be judged");
}

#[test]
fn there_are_many_cases() {
    assert!(cases().len() >= 300, "only {} cases", cases().len());
}

/// Each clause in a case that shows it, and in one that shows where it stops.
#[test]
fn every_clause_is_shown_and_so_is_its_limit() {
    let cases = cases();
    let mut missing = Vec::new();
    for clause in CLAUSES.iter() {
        if !cases.iter().any(|case| case.clauses.contains(&clause.id)) {
            missing.push(format!("{} is shown by no case", clause.id));
        }
        if !cases.iter().any(|case| case.limits.contains(&clause.id)) {
            missing.push(format!("the limit of {} is shown by no case", clause.id));
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn no_case_names_a_clause_that_does_not_exist() {
    let unknown: Vec<String> = cases()
        .iter()
        .flat_map(|case| {
            case.all_clauses()
                .filter(|id| clause::find(id).is_none())
                .map(|id| format!("{}: {id}", case.id))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(unknown, Vec::<String>::new());
}

#[test]
fn the_clauses_are_those_of_the_engine_both_ways() {
    let level = |must: bool| if must { clause::Level::Must } else { clause::Level::Should };
    let engine: BTreeMap<&str, (clause::Level, String)> = knockd::clause::Clause::ALL
        .iter()
        .map(|clause| {
            (clause.id(), (level(clause.level() == knockd::clause::Level::Must), clause.source().to_string()))
        })
        .collect();
    let suite: BTreeMap<&str, (clause::Level, String)> = CLAUSES
        .iter()
        .map(|clause| (clause.id.as_str(), (clause.level, format!("{:?}", clause.source).to_lowercase())))
        .collect();
    assert_eq!(engine, suite);
    assert_eq!(CLAUSES.len(), suite.len(), "no clause stands there twice");
}

/// A step towards "never reused": within the suite, and with words that tell it apart.
#[test]
fn no_two_cases_say_the_same() {
    let mut seen = BTreeSet::new();
    let cases = cases();
    let twice: Vec<_> = cases
        .iter()
        .filter(|case| {
            !seen.insert((
                &case.about,
                &case.timeline_text,
                format!("{:?}", case.kind),
                &case.files,
                &case.texts,
                case.link,
            ))
        })
        .map(|case| &case.id)
        .collect();
    assert!(twice.is_empty(), "{twice:?}");
}
