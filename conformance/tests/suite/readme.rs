//! The commands of README.md that call this program, run, with what README.md shows of their output.

#[path = "../../../sim/tests/readme/console.rs"]
mod console;

use std::{fs, path::Path};

/// How the README calls the program that this package builds.
const CALL: &str = "cargo run --release -p knock-conformance --";

#[test]
fn every_command_prints_what_the_readme_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("README.md")).expect("the README is there");
    let examples = console::examples(&text);
    assert!(examples.iter().any(|example| example.command.starts_with(CALL)), "the README shows the program");
    console::run(&root, &examples, CALL, env!("CARGO_BIN_EXE_knock-conformance"));
}
