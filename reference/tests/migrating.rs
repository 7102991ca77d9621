//! `MIGRATING.md` names every clause from which knockd 0.8 is known to deviate, and no other without a reason.
#![expect(clippy::disallowed_methods, reason = "this test reads the project's own files")]

use std::{collections::BTreeSet, fs, path::Path};

use knockd::clause::Clause;

/// Clauses that the document names although the ledger has no entry for them, each with the reason.
const NOT_IN_THE_LEDGER: [(&str, &str); 4] = [
    ("KNOCK-1", "what is new beside 0.8's options, and a default that no clause fixes"),
    ("ONCE-9", "a cost, which is measured in benches/daemon and not by a case"),
    ("PROC-1", "what is new beside 0.8's options"),
    ("SEQ-10", "that a list has no bound is not seen in any finite case"),
];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The clauses of the ledger's entries.
fn deviating() -> BTreeSet<String> {
    let ledger = read("../conformance/ledger/knockd-0.8.toml");
    let clauses: BTreeSet<_> = ledger
        .lines()
        .filter_map(|line| line.strip_prefix("clause = \"")?.strip_suffix('"').map(str::to_owned))
        .collect();
    let entries = ledger.lines().filter(|line| *line == "[[deviation]]").count();
    let named = ledger.lines().filter(|line| line.starts_with("clause = \"")).count();
    assert_eq!(entries, named, "each entry names one clause, on a line of its own");
    clauses
}

/// The clauses that the document names: each word that looks like one must be one.
fn named() -> BTreeSet<String> {
    let groups: BTreeSet<_> = Clause::ALL.iter().filter_map(|clause| clause.id().split('-').next()).collect();
    let text = read("MIGRATING.md");
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    words
        .filter(|word| word.split_once('-').is_some_and(|(group, _)| groups.contains(group)))
        .map(|word| word.parse::<Clause>().unwrap_or_else(|error| panic!("MIGRATING.md: {error}")).id().to_owned())
        .collect()
}

#[test]
fn every_known_deviation_is_told() {
    let missing: Vec<_> = deviating().difference(&named()).cloned().collect();
    assert!(missing.is_empty(), "MIGRATING.md does not name {missing:?}, from which 0.8 deviates");
}

#[test]
fn nothing_is_told_that_is_not_known() {
    let excused: BTreeSet<_> = NOT_IN_THE_LEDGER.iter().map(|(clause, _)| (*clause).to_owned()).collect();
    let known: BTreeSet<_> = deviating().union(&excused).cloned().collect();
    let unknown: Vec<_> = named().difference(&known).cloned().collect();
    assert!(unknown.is_empty(), "MIGRATING.md names {unknown:?}, from which 0.8 is not known to deviate");
}

#[test]
fn every_excuse_is_needed() {
    for (clause, reason) in NOT_IN_THE_LEDGER {
        assert!(!deviating().contains(clause), "{clause} is in the ledger: no reason is needed ({reason})");
        assert!(named().contains(clause), "{clause} is not named by MIGRATING.md: no reason is needed ({reason})");
    }
}
