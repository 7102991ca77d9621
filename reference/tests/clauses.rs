//! The contract's values are whole and say what they should.

use std::collections::BTreeSet;

use knockd::clause::{Clause, Level, Source};

/// The groups in the contract's order.
const GROUPS: [&str; 10] = ["LISTEN", "SEQ", "TIME", "FLAGS", "ONCE", "CMD", "CONF", "LOG", "PROC", "KNOCK"];

fn parts(clause: Clause) -> (&'static str, u32) {
    let (group, number) = clause.id().split_once('-').expect("a group and a number");
    (group, number.parse().expect("a number"))
}

#[test]
fn identifiers_are_unique_and_in_order() {
    let ids: BTreeSet<_> = Clause::ALL.iter().map(|clause| clause.id()).collect();
    assert_eq!(ids.len(), Clause::ALL.len());
    let mut groups: Vec<_> = Clause::ALL.iter().map(|clause| parts(*clause).0).collect();
    groups.dedup();
    assert_eq!(groups, GROUPS);
    for pair in Clause::ALL.windows(2) {
        let ((group, number), (next_group, next)) = (parts(pair[0]), parts(pair[1]));
        assert_eq!(next, if group == next_group { number + 1 } else { 1 }, "{} {}", pair[0], pair[1]);
    }
}

#[test]
fn sentences_are_sentences() {
    let mut seen = BTreeSet::new();
    for clause in Clause::ALL {
        let sentence = clause.sentence();
        assert!(sentence.len() > 20 && sentence.ends_with('.'), "{clause}: {sentence}");
        assert!(sentence.starts_with(|first: char| first.is_uppercase() || first == '`'), "{clause}: {sentence}");
        assert!(!sentence.contains(['|', '\n']) && sentence.matches('`').count() % 2 == 0, "{clause}: {sentence}");
        assert!(seen.insert(sentence), "{clause}: {sentence}");
    }
}

#[test]
fn the_table_has_a_row_for_each_clause() {
    assert_eq!(Clause::TABLE.lines().count(), Clause::ALL.len() + 2);
    for clause in Clause::ALL {
        let row = format!("| {} | {} | {:?} | {} |", clause.id(), clause.level(), clause.source(), clause.sentence());
        assert!(Clause::TABLE.lines().any(|line| line == row), "{row}");
    }
}

#[test]
fn a_clause_is_found_by_its_identifier() {
    for clause in Clause::ALL {
        assert_eq!(clause.id().parse(), Ok(*clause));
        assert_eq!(clause.id().to_lowercase().parse(), Ok(*clause));
    }
    for wrong in ["", "SEQ", "SEQ-0", "SEQ-3 ", "SEQ-12"] {
        let error = wrong.parse::<Clause>().expect_err(wrong);
        assert!(error.to_string().starts_with(&format!("`{wrong}` is not a clause")), "{error}");
    }
}

#[test]
fn practice_is_a_should_and_all_else_a_must() {
    for clause in Clause::ALL {
        assert_eq!(clause.level() == Level::Should, clause.source() == Source::Practice, "{clause}");
    }
    assert_eq!(
        (Clause::Seq8.level(), Clause::Seq3.level(), Clause::Seq4.level()),
        (Level::Should, Level::Must, Level::Must)
    );
    assert_eq!(format!("{:>8}|{:<8}|{}", Clause::Seq3, Source::Decision, Level::Should), "   SEQ-3|decision|should");
}
