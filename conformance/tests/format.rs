//! The format's own documentation, and what a case file's author is told.

use std::path::Path;

use knock_conformance::{
    case::{self, Case, CaseError},
    check,
    subject::{Precision, Subject},
    subjects::replay::Replay,
};

fn example() -> String {
    let text = include_str!("../FORMAT.md");
    let start = text.find("```toml\n").expect("the document has an example") + 8;
    let end = start + text[start..].find("```").expect("which ends");
    text[start..end].to_owned()
}

fn read(text: &str) -> Result<Vec<Case>, CaseError> {
    case::read(text, Path::new("mine.toml"))
}

#[test]
fn the_worked_example_passes_on_the_engine_and_fails_where_a_flag_is_wrong() {
    let cases = read(&example()).expect("the example is well-formed");
    let [case] = &cases[..] else { panic!("one case") };
    let transcript = Replay.run(case).expect("the world holds");
    assert_eq!(check::judge(case, &transcript, Precision::EXACT), []);
    let spoiled = example().replace("tcp 22   ack", "tcp 22   syn");
    let cases = read(&spoiled).expect("still well-formed");
    let transcript = Replay.run(&cases[0]).expect("the world holds");
    let problems = check::judge(&cases[0], &transcript, Precision::EXACT);
    assert_eq!(check::signature(&problems), "missing run open 192.0.2.11");
}

#[test]
fn what_is_wrong_is_told_with_file_and_line() {
    let example = example();
    for (right, wrong, told) in [
        ("about ", "abuot ", "unknown field `abuot`"),
        ("id      = \"flags", "id      = \"Flags", "is no id"),
        ("clauses = [\"FLAGS-3\"]", "", "a case shows a clause"),
        ("alice > tcp 22   ack", "alise > tcp 22   ack", "mine.toml:13: `alise` is neither"),
        ("tcp 22   ack", "tcp 22   akc", "mine.toml:13: `akc` are no TCP flags"),
        ("+0.1  alice > tcp 22", "0.0x  alice > tcp 22", "mine.toml:13: `0.0x` is no time"),
        ("      run   open alice\n", "", "needs at least one expectation"),
        ("      run   open alice", "      rum   open alice", "mine.toml:16: `rum` is neither"),
        ("      run   open alice", "      run   opensesame alice", "timeline line 5: there is no program `opensesame`"),
        ("      run   open alice", "      file  secrets spent", "there is no text `spent`"),
        ("[[case]]", "[[cases]]", "unknown field `cases`"),
        ("config  =", "client  = \"server 7000\"\nconfig  =", "either `config` or `client`"),
        ("about ", "each = [{ name = \"a\", port = \"1\" }]\nabout ", "`{port}` stands nowhere"),
        ("about ", "each = [{ port = \"1\" }]\nabout ", "needs a `name`"),
        ("tcp 22   ack", "tcp 22   ack fragment 7", "a multiple of 8"),
        ("0.0   alice", "0.5   alice", "earlier"),
    ] {
        assert!(example.contains(right), "the example has {right:?}");
        let mut text = example.replacen(right, wrong, 1);
        if told == "earlier" {
            text = text.replacen("+0.1", "0.1", 1);
        }
        let error = read(&text).expect_err(told).to_string();
        assert!(error.contains(told) && error.contains("mine.toml"), "{error}");
    }
    assert!(case::load(Path::new("no-such-file.toml")).is_err());
}
