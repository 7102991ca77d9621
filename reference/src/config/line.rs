//! One line of a configuration: section, directive, or nothing.

use std::ops::Range;

use crate::sequence::{split, trim};

/// What a line says; the spans are bytes of the whole text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// `[name]`.
    Section {
        /// What stands between the brackets, blanks and all; to the end of the line if none closes.
        name: Range<usize>,
        /// What is wrong with it.
        fault: Option<SectionFault>,
    },
    /// `key = value`, or a word or more without `=`.
    Entry {
        /// Before the `=`, without blanks at its ends.
        key: Range<usize>,
        /// After the `=`, without blanks at its ends.
        value: Option<Range<usize>>,
    },
}

/// What keeps a line that begins with `[` from being a section.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SectionFault {
    /// No `]` follows.
    Unclosed,
    /// This follows the last `]`.
    Junk(Range<usize>),
}

/// The lines of `text` that say something, one after another; a UTF-8 byte order mark before them is skipped.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = Line> + '_ {
    let mut rest = Some(text_start(text)..text.len());
    std::iter::from_fn(move || {
        while let Some(left) = rest.take() {
            let (line, after) = split(text, left, b'\n');
            rest = after;
            if let Some(line) = read(text, trim(text, line)) {
                return Some(line);
            }
        }
        None
    })
}

/// Where the first line begins.
pub(super) fn text_start(text: &[u8]) -> usize {
    if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 }
}

fn read(text: &[u8], line: Range<usize>) -> Option<Line> {
    match text[line.clone()].first()? {
        b'#' => None,
        b'[' => Some(section(text, line)),
        _ => {
            let (key, value) = split(text, line, b'=');
            Some(Line::Entry { key: trim(text, key), value: value.map(|value| trim(text, value)) })
        }
    }
}

/// A name may hold `]`: what counts is the last one of the line.
fn section(text: &[u8], line: Range<usize>) -> Line {
    let start = line.start + 1;
    let Some(close) = memchr::memrchr(b']', &text[line.clone()]).map(|at| line.start + at) else {
        return Line::Section { name: start..line.end, fault: Some(SectionFault::Unclosed) };
    };
    let junk = trim(text, close + 1..line.end);
    Line::Section { name: start..close, fault: (!junk.is_empty()).then_some(SectionFault::Junk(junk)) }
}
