//! Every command in README.md's `console` blocks, run, with what README.md shows of its output. What stands in running text
//! needs a network interface or a browser, which a test does not have; the text holds those two and no other.
#![expect(clippy::disallowed_types, reason = "the commands are run as a reader runs them")]

use std::{fs, path::Path, process::Command};

/// How the README calls the program that this package builds.
const CALL: &str = "cargo run --release -p knocksim --";
/// The command that runs this test, and which it therefore cannot run.
const TESTS: &str = "cargo test --workspace";

#[derive(Debug, Default)]
struct Example {
    command: String,
    status: i32,
    output: Vec<String>,
}

/// The commands of the `console` blocks: `$ command`, perhaps `? status`, then what it prints.
fn examples(text: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match (inside, line) {
            (_, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => match (line.strip_prefix("$ "), examples.last_mut()) {
                (Some(command), _) => examples.push(Example { command: command.to_owned(), ..Example::default() }),
                (None, Some(example)) => match line.strip_prefix("? ") {
                    Some(status) => example.status = status.parse().expect("a status is a number"),
                    None => example.output.push(line.to_owned()),
                },
                (None, None) => panic!("a console block begins with a command, not with {line}"),
            },
            (false, _) => {}
        }
    }
    examples
}

/// Whether `line` is what `pattern` shows, where `[..]` stands for anything.
fn matches(pattern: &str, line: &str) -> bool {
    match pattern.split_once("[..]") {
        None => pattern == line,
        Some((before, after)) => line.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).any(|skip| rest.is_char_boundary(skip) && matches(after, &rest[skip..]))
        }),
    }
}

/// Whether `lines` are what `shown` shows, where a line `...` stands for any number of lines.
fn shows(shown: &[String], lines: &[&str]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "..." => (0..=lines.len()).any(|skip| shows(rest, &lines[skip..])),
        Some((first, rest)) => {
            lines.split_first().is_some_and(|(line, after)| matches(first, line) && shows(rest, after))
        }
    }
}

#[test]
fn every_command_prints_what_the_readme_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("README.md")).expect("the README is there");
    let examples = examples(&text);
    assert!(examples.len() >= 6, "only {} commands were found", examples.len());
    assert_eq!(examples.iter().filter(|example| example.command == TESTS).count(), 1, "the README says how to test");
    let binary = env!("CARGO_BIN_EXE_knocksim");
    for Example { command, status, output } in examples.iter().filter(|example| example.command != TESTS) {
        let arguments = command.strip_prefix(CALL).unwrap_or_else(|| panic!("`{command}` is not run by this test"));
        let run = Command::new("sh")
            .args(["-c", &format!("exec \"$0\" {arguments}"), binary])
            .current_dir(&root)
            .output()
            .expect("a shell is there");
        let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert_eq!(run.status.code(), Some(*status), "{command}\n{out}{err}");
        let lines: Vec<&str> = out.lines().chain(err.lines()).collect();
        assert!(output.is_empty() || shows(output, &lines), "{command} does not print what is shown:\n{out}{err}");
    }
}

#[test]
fn commands_in_running_text_are_known() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("README.md")).expect("the README is there");
    let prose: String = text.split("```").step_by(2).collect();
    let is_command = |word: &&str| word.starts_with("cargo ") || word.starts_with("tcpdump ");
    let commands: Vec<&str> = prose.split('`').skip(1).step_by(2).filter(is_command).collect();
    assert_eq!(commands, ["tcpdump -i eth0 -w failed.pcap", "cargo doc --open -p knockd"]);
}

#[test]
fn what_is_not_shown_is_noticed() {
    assert!(matches("a[..]c", "abbc") && !matches("a[..]c", "abb") && !matches("a", "ab") && matches("[..]", ""));
    let shown = ["a".to_owned(), "...".to_owned(), "c".to_owned()];
    assert!(shows(&shown, &["a", "b", "c"]) && shows(&shown, &["a", "c"]) && !shows(&shown, &["a", "c", "d"]));
}
