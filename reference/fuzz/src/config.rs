//! The configuration: any text gives a configuration or errors, and what it says of itself is about that text.

use knockd::config::{Config, Diagnostic, Door, Sequences, Style, one_time_trap, render};

/// The byte order mark, which is skipped before the first line.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The input is the text.
///
/// # Panics
///
/// Something that must hold does not.
pub fn config(text: &[u8]) {
    let parsed = Config::parse(text);
    let found = match &parsed {
        Ok((config, traps)) => {
            accepted(text, config);
            traps
        }
        Err(errors) => {
            assert!(!errors.is_empty(), "refused without a reason");
            errors
        }
    };
    assert!(found.is_sorted_by_key(|found| (found.span.start, found.span.end)), "{found:?}");
    for finding in found.iter().chain(&one_time_trap(text)) {
        place(text, finding);
    }
    // Each has a picture of its own, and drawing takes longer than all the rest.
    let few = &found[..found.len().min(4)];
    for style in [Style::Plain, Style::Colours] {
        assert_eq!(render("knockd.conf", text, few, style).is_empty(), few.is_empty());
    }
    rewritten(text, &parsed);
}

/// What was accepted is within its bounds, was written there, and comes back from its plainest text.
fn accepted(text: &[u8], config: &Config) {
    let plain = config.to_text();
    let again = Config::parse(&plain).map(|(config, _)| config);
    assert_eq!(again.as_ref(), Ok(config), "{}", plain.escape_ascii());
    assert_eq!(again.map(|again| again.to_text()), Ok(plain));

    assert!(!config.doors.is_empty(), "no door");
    let values = values(text);
    let options = &config.options;
    for value in [&options.log_file, &options.pid_file, &options.interface].into_iter().flatten() {
        assert!(values.contains(&&value[..]), "{} is not written there", value.escape_ascii());
    }
    config.doors.iter().for_each(|door| bounded(&values, door));
}

/// The text behind the first `=` of each line, without blanks at its ends: no value can be anything else, and none can
/// be cut (CMD-5).
fn values(text: &[u8]) -> Vec<&[u8]> {
    let lines = text.split(|byte| *byte == b'\n');
    let values = lines.filter_map(|line| line.iter().position(|byte| *byte == b'=').map(|at| &line[at + 1..]));
    let is_blank = |byte: &u8| b" \t\x0b\x0c\r".contains(byte);
    let trimmed = values.map(|value| match value.iter().position(|byte| !is_blank(byte)) {
        Some(first) => &value[first..=value.iter().rposition(|byte| !is_blank(byte)).unwrap_or(first)],
        None => &[],
    });
    trimmed.collect()
}

fn bounded(values: &[&[u8]], door: &Door) {
    assert!(!door.name.trim().eq_ignore_ascii_case("options"), "{door:?}");
    assert!(door.seq_timeout.as_secs() >= 1, "{door:?}");
    assert!(door.ignored.is_sorted_by(|one, next| one < next), "{door:?}");
    let commands = [&door.v4.start, &door.v4.stop, &door.v6.start, &door.v6.stop];
    let file = match &door.sequences {
        Sequences::Fixed(sequence) => {
            assert!((1..=32).contains(&sequence.ports().len()), "{door:?}");
            assert!(sequence.ports().iter().all(|port| !door.ignored.contains(port)), "{door:?}");
            None
        }
        Sequences::OneTime(path) => Some(path),
    };
    for value in commands.into_iter().flatten().chain(file) {
        assert!(!value.is_empty() && !value.contains(&0), "{door:?}");
        assert!(values.contains(&&value[..]), "{} is not written there", value.escape_ascii());
    }
}

/// A finding lies in the text and in one line; line and column, counted the slow way, are those of its start.
fn place(text: &[u8], found: &Diagnostic) {
    let span = found.span.clone();
    assert!(span.start <= span.end && span.end <= text.len(), "{found:?}");
    assert!(!text[span.clone()].contains(&b'\n'), "{found:?}");
    let before = &text[..span.start];
    let before = before.strip_prefix(MARK).unwrap_or(before);
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let lines = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = String::from_utf8_lossy(line).chars().count() + 1;
    assert_eq!((found.line, found.column), (lines, column), "{found:?}");
    let words = found.to_string();
    assert!(!words.contains('\n'), "{words:?}");
    assert!(words.starts_with(&format!("{lines}:{column}: ")), "{words:?}");
}

/// CRLF line ends, a comment before the first line and a newline at the end change nothing but lines (CONF-5).
fn rewritten(text: &[u8], parsed: &Result<(Config, Vec<Diagnostic>), Vec<Diagnostic>>) {
    let crlf: Vec<u8> = text
        .iter()
        .flat_map(|byte| if *byte == b'\n' { b"\r\n" } else { std::slice::from_ref(byte) })
        .copied()
        .collect();
    same(parsed, 0, &Config::parse(&crlf));
    let below = [b"# first\n", text.strip_prefix(MARK).unwrap_or(text)].concat();
    same(parsed, 1, &Config::parse(&below));
    if parsed.is_ok() {
        same(parsed, 0, &Config::parse(&[text, b"\n"].concat()));
    }
}

type Parsed = Result<(Config, Vec<Diagnostic>), Vec<Diagnostic>>;

/// The same configuration or the same errors, so many lines further down.
fn same(parsed: &Parsed, down: usize, again: &Parsed) {
    let about = |found: &[Diagnostic], down| -> Vec<_> {
        found.iter().map(|found| (found.line + down, found.column, found.problem.clone())).collect()
    };
    match (parsed, again) {
        (Ok((config, traps)), Ok((again, others))) => {
            assert_eq!(config, again);
            assert_eq!(about(traps, down), about(others, 0));
        }
        (Err(errors), Err(others)) => assert_eq!(about(errors, down), about(others, 0)),
        (one, other) => panic!("{one:?} became {other:?}"),
    }
}
