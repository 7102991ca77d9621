//! Every command in README.md's `console` blocks, run, with what README.md shows of its output. What stands in running text
//! needs a network interface, a browser or a Linux with namespaces, which a test does not have; the text holds those three
//! and no other. The daemon is built and judged in CI.
#[expect(clippy::disallowed_types, reason = "the commands are run as a reader runs them")]
mod console;

use std::{fs, path::Path};

/// How the README calls the program that this package builds.
const CALL: &str = "cargo run --release -p knocksim --";
/// How it calls the program of the package `knock-conformance`, whose own test runs these.
const OTHERS: &str = "cargo run --release -p knock-conformance --";
/// The command that runs this test, and which it therefore cannot run.
const TESTS: &str = "cargo test --workspace";

#[test]
fn every_command_prints_what_the_readme_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("README.md")).expect("the README is there");
    let examples = console::examples(&text);
    assert!(examples.len() >= 6, "only {} commands were found", examples.len());
    assert_eq!(examples.iter().filter(|example| example.command == TESTS).count(), 1, "the README says how to test");
    for example in &examples {
        let theirs = example.command == TESTS || example.command.starts_with(OTHERS);
        assert!(theirs || example.command.starts_with(CALL), "`{}` is not run by any test", example.command);
    }
    console::run(&root, &examples, CALL, env!("CARGO_BIN_EXE_knocksim"));
}

#[test]
fn commands_in_running_text_are_known() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("README.md")).expect("the README is there");
    let prose: String = text.split("```").step_by(2).collect();
    let is_command = |word: &&str| word.starts_with("cargo ") || word.starts_with("tcpdump ");
    let commands: Vec<&str> = prose.split('`').skip(1).step_by(2).filter(is_command).collect();
    let daemon = "cargo build --release -p knockd --features live";
    assert_eq!(commands, ["tcpdump -i eth0 -w failed.pcap", daemon, "cargo doc --open -p knockd"]);
}
