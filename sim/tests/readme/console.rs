//! Console blocks of a document: commands, and what they print.

use std::path::Path;
use std::process::Command;

#[derive(Debug, Default)]
pub(crate) struct Example {
    pub(crate) command: String,
    status: i32,
    output: Vec<String>,
}

/// The commands of the `console` blocks: `$ command`, perhaps `? status`, then what it prints.
pub(crate) fn examples(text: &str) -> Vec<Example> {
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

/// Runs the commands that begin with `call` by the program `binary` in `root`, and holds what they print against what the
/// document shows.
pub(crate) fn run(root: &Path, examples: &[Example], call: &str, binary: &str) {
    for Example { command, status, output } in examples {
        let Some(arguments) = command.strip_prefix(call) else { continue };
        let run = Command::new("sh")
            .args(["-c", &format!("exec \"$0\" {arguments}"), binary])
            .current_dir(root)
            .output()
            .expect("a shell is there");
        let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert_eq!(run.status.code(), Some(*status), "{command}\n{out}{err}");
        let lines: Vec<&str> = out.lines().chain(err.lines()).collect();
        assert!(output.is_empty() || shows(output, &lines), "{command} does not print what is shown:\n{out}{err}");
    }
}

#[test]
fn what_is_not_shown_is_noticed() {
    assert!(matches("a[..]c", "abbc") && !matches("a[..]c", "abb") && !matches("a", "ab") && matches("[..]", ""));
    let shown = ["a".to_owned(), "...".to_owned(), "c".to_owned()];
    assert!(shows(&shown, &["a", "b", "c"]) && shows(&shown, &["a", "c"]) && !shows(&shown, &["a", "c", "d"]));
}
