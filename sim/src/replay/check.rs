//! `--check`: what was decided against what was expected.

use std::path::Path;

use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};

use super::{beside::read, error::ReplayError};

/// The fields of a line, as [`json`](super::json) orders them.
const FIELDS: [&str; 16] = [
    "v",
    "packet",
    "time",
    "event",
    "source",
    "door",
    "door_index",
    "knock",
    "stage",
    "clause",
    "file",
    "file_hex",
    "offset",
    "command",
    "command_hex",
    "job",
];

/// The expected decisions of a capture, a line each, in comparable form.
///
/// # Errors
///
/// The file cannot be read, or a line is no JSON object.
pub fn expected(path: &Path) -> Result<Vec<String>, ReplayError> {
    let bytes = read("list of expected decisions", path)?;
    let bad = |line: usize, message: String| ReplayError::Expected { path: path.to_owned(), line, message };
    let mut lines = Vec::new();
    for (place, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if !line.trim_ascii().is_empty() {
            lines.push(comparable(line).map_err(|message| bad(place + 1, message))?);
        }
    }
    Ok(lines)
}

/// A line of `--json` without what may differ between two runs that agree: the name under which the capture was found.
///
/// # Errors
///
/// Why the line is no decision.
pub fn comparable(line: &[u8]) -> Result<String, String> {
    match serde_json::from_slice(line) {
        Ok(Value::Object(mut fields)) => {
            fields.remove("capture");
            Ok(in_order(fields))
        }
        Ok(_) => Err("expected a JSON object as --json prints it".to_owned()),
        // The line is told already, and the only one.
        Err(error) => {
            let error = error.to_string().replace(" at line 1 column ", " at column ");
            Err(format!("expected a JSON object as --json prints it: {error}"))
        }
    }
}

/// The fields in the order of `--json`, whatever order they were written in, so that a difference reads like it.
fn in_order(mut fields: Map<String, Value>) -> String {
    let mut text = String::new();
    let known = FIELDS.iter().filter_map(|name| fields.remove_entry(*name)).collect::<Vec<_>>();
    for (name, value) in known.into_iter().chain(fields) {
        text += if text.is_empty() { "{" } else { "," };
        text += &format!("{}:{value}", Value::String(name));
    }
    text + "}"
}

/// The lines of each side that are compared one by one, at most: where more differs nobody reads on, and the work grows
/// with their product.
const MOST: usize = 1_000;

/// The difference between the expected and the actual decisions, `-` and `+` in front of their lines, with a few lines
/// around; `None` if there is none.
#[must_use]
pub fn difference(expected: &[String], actual: &[String]) -> Option<String> {
    if expected == actual {
        return None;
    }
    let alike = expected.iter().zip(actual).take_while(|(old, new)| old == new).count();
    let from = alike.saturating_sub(2);
    let part = |lines: &[String]| -> Vec<String> { lines[from..].iter().take(MOST).cloned().collect() };
    let (old, new) = (part(expected), part(actual));
    let (old, new): (Vec<&str>, Vec<&str>) =
        (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
    let diff = TextDiff::from_slices(&old, &new);
    let mut text = String::new();
    for (place, group) in diff.grouped_ops(2).iter().enumerate() {
        if place > 0 {
            text.push_str("   ...\n");
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => "- ",
                ChangeTag::Insert => "+ ",
                ChangeTag::Equal => "  ",
            };
            text.push_str(sign);
            text.push_str(change.value());
            text.push('\n');
        }
    }
    let left = |lines: &[String]| lines.len().saturating_sub(from + MOST);
    if left(expected) + left(actual) > 0 {
        text +=
            &format!("   ... not compared any more: {} expected and {} decided lines\n", left(expected), left(actual));
    }
    Some(text)
}
