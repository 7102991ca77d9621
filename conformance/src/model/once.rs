//! A one-time file's text -> the next line that can be used (ONCE-1, ONCE-2, ONCE-10).

use super::{
    deviation::{Deviation as D, Deviations},
    ports,
    words::Port,
};

/// A line of a one-time file that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Where its first byte stands: the byte that a `#` replaces.
    pub(super) offset: usize,
    /// Where the line before it that is neither blank nor a comment begins; its own offset if there is none.
    pub(super) before: usize,
    /// Where it ends, its line end included.
    pub(super) end: usize,
    /// Its number, from 1.
    pub(super) number: usize,
    /// Its sequence.
    pub(super) ports: Vec<Port>,
}

/// Where to read on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The offset of a line.
    pub(super) offset: usize,
    /// How many lines lie before it.
    pub(super) lines: usize,
}

/// The first usable line from `from` on, none of its ports in `ignored`; `skipped` hears the numbers of lines that do not
/// parse.
pub(super) fn next(
    text: &[u8],
    from: Place,
    ignored: &[Port],
    is: Deviations,
    mut skipped: impl FnMut(usize),
) -> Option<Line> {
    let text = if is.on(D::FirstMegabyteRead) { &text[..text.len().min(1_000_000)] } else { text };
    let mut at = from.offset;
    let mut number = from.lines;
    let mut before = None;
    let mut last = None;
    while at < text.len() {
        let start = at;
        number += 1;
        let newline = text[start..].iter().position(|byte| *byte == b'\n').map(|length| start + length);
        if newline.is_none() && is.on(D::LastLineNeedsNewline) {
            return None;
        }
        let mut end = newline.unwrap_or(text.len());
        at = end + 1;
        if is.on(D::LongLineIsTwo) && end - start > 4095 {
            end = start + 4095;
            at = end;
        }
        let line = &text[start..end];
        let line = if is.on(D::CrlfIsPartOfLine) { line } else { line.strip_suffix(b"\r").unwrap_or(line) };
        if line.first() == Some(&b'#') && !is.on(D::UsedLineOpensAgain) {
            continue;
        }
        if line.trim_ascii().is_empty() {
            if is.on(D::BlankLineEndsFile) {
                return last;
            }
            continue;
        }
        let text_of_line = String::from_utf8_lossy(line);
        let text_of_line = text_of_line.trim_start_matches(|c| c == '#' && is.on(D::UsedLineOpensAgain));
        let sequence = if is.on(D::CrlfIsPartOfLine) && text_of_line.ends_with('\r') {
            Err(Vec::new())
        } else {
            ports::list(text_of_line, 32, is)
        };
        match sequence {
            Ok(ports) if !ports.iter().any(|port| ignored.contains(port)) => {
                let line = Line { offset: start, before: before.unwrap_or(start), end: at, number, ports };
                if !is.on(D::LastLineFirst) {
                    return Some(line);
                }
                last = Some(line);
            }
            Ok(_) | Err(_) => {
                if is.on(D::UnparsableLineEndsFile) {
                    return last;
                }
                skipped(number);
                before = Some(start);
            }
        }
    }
    last
}
