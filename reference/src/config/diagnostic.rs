//! One finding about a configuration and its place, in words and as a picture (CONF-4).

use std::{error::Error, fmt, ops::Range};

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

use super::{ConfigError, Trap, line::text_start};
use crate::clause::Clause;

/// A finding and where in the text it stands.
///
/// Its `Display` is one line, `LINE:COLUMN: what is wrong; what to do (CLAUSE)`; [`render`] draws the text too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1; a sequence of bytes that is not UTF-8 is one character.
    pub column: usize,
    /// The bytes of the text; empty where something is missing.
    pub span: Range<usize>,
    /// What was found there.
    pub problem: Problem,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// An error: there is no configuration.
    Error(ConfigError),
    /// A trap in a configuration that parses.
    Trap(Trap),
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, problem, .. } = self;
        write!(f, "{line}:{column}: {problem}; {} ({})", problem.advice(), problem.clause())
    }
}

impl Error for Diagnostic {}

impl Problem {
    /// What to do about it: for an error what was expected, for a trap how to avoid it.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Error(error) => format!("expected {}", error.expected()),
            Self::Trap(trap) => trap.advice(),
        }
    }

    /// The clause that it stands on.
    #[must_use]
    pub fn clause(&self) -> Clause {
        match self {
            Self::Error(error) => error.clause(),
            Self::Trap(trap) => trap.clause(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Trap(trap) => trap.fmt(f),
        }
    }
}

/// `found`, ordered by place, with their lines and columns in `text`.
pub(super) fn locate(text: &[u8], mut found: Vec<(Range<usize>, Problem)>) -> Vec<Diagnostic> {
    found.sort_by_key(|(span, _)| (span.start, span.end));
    // One walk for all: a file may hold a finding in every line, and many in one.
    let (mut at, mut line, mut column) = (text_start(text), 1, 1);
    let mut place = |to: usize| {
        let lines_end = memchr::memrchr(b'\n', &text[at..to]).map(|end| at + end + 1);
        if let Some(end) = lines_end {
            line += memchr::memchr_iter(b'\n', &text[at..end]).count();
            (at, column) = (end, 1);
        }
        column += characters(&text[at..to]);
        at = to;
        (line, column)
    };
    found
        .into_iter()
        .map(|(span, problem)| {
            let (line, column) = place(span.start);
            Diagnostic { line, column, span, problem }
        })
        .collect()
}

fn characters(text: &[u8]) -> usize {
    text.utf8_chunks().map(|chunk| chunk.valid().chars().count() + usize::from(!chunk.invalid().is_empty())).sum()
}

/// How [`render`] draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text alone, for logs and files.
    Plain,
    /// With ANSI colours, for terminals.
    Colours,
}

/// The longest line that a picture shows whole, in bytes.
const LONGEST_LINE: usize = 4096;

/// What a picture shows of a longer line: this many bytes before the finding, of it, and after it.
const MARGIN: usize = 80;

/// The picture of each finding: its words, its line of `text` with the bytes marked, and what to do (CONF-4).
///
/// `file` is what the user calls the text that `diagnostics` are about. Findings about another text give a picture
/// without sense, never a panic.
#[must_use]
pub fn render(file: &str, text: &[u8], diagnostics: &[Diagnostic], style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Colours => Renderer::styled(),
    };
    let pictures: Vec<_> = diagnostics.iter().map(|found| picture(&renderer, file, text, found) + "\n").collect();
    pictures.join("\n")
}

fn picture(renderer: &Renderer, file: &str, text: &[u8], found: &Diagnostic) -> String {
    let level = match found.problem {
        Problem::Error(_) => Level::ERROR,
        Problem::Trap(_) => Level::WARNING,
    };
    let shown = Shown::of(text, &found.span);
    let snippet =
        Snippet::source(shown.text).line_start(found.line).annotation(AnnotationKind::Primary.span(shown.marked));
    let group = level.primary_title(found.problem.to_string()).id(found.problem.clause().id());
    let group = if shown.whole {
        group.element(snippet.path(file))
    } else {
        // The picture cannot count the columns that it does not show.
        group.element(Origin::path(file).line(found.line).char_column(found.column)).element(snippet)
    };
    renderer.render(&[group.element(Level::HELP.message(found.problem.advice()))])
}

/// What a picture shows of a line.
struct Shown {
    /// In UTF-8, whatever the line is.
    text: String,
    /// The finding's bytes in it.
    marked: Range<usize>,
    /// Whether it is the whole line.
    whole: bool,
}

impl Shown {
    fn of(text: &[u8], span: &Range<usize>) -> Self {
        let start = span.start.min(text.len());
        let line_start = memchr::memrchr(b'\n', &text[..start]).map_or(text_start(text).min(start), |end| end + 1);
        let line_end = memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |end| start + end);
        let whole = line_end - line_start <= LONGEST_LINE;
        let margin = if whole { LONGEST_LINE } else { MARGIN };
        let end = span.end.clamp(start, line_end).min(start + margin);
        let (from, to) = (line_start.max(start.saturating_sub(margin)), line_end.min(end + margin));
        let part = |range: Range<usize>| String::from_utf8_lossy(&text[range]).into_owned();
        let ellipsis = |cut: bool| if cut { "..." } else { "" };
        let before = ellipsis(from > line_start).to_owned() + &part(from..start);
        let marked = part(start..end);
        let place = before.len()..before.len() + marked.len();
        let mut text = before + &marked + &part(end..to) + ellipsis(to < line_end);
        // The carriage return of a line's end is not shown, unless it is what is marked.
        text.truncate(text.trim_end_matches('\r').len().max(place.end));
        Self { text, marked: place, whole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, span: Range<usize>) -> (String, String, bool) {
        let Shown { text, marked, whole } = Shown::of(text.as_bytes(), &span);
        let marked = text[marked].to_owned();
        (text, marked, whole)
    }

    #[test]
    fn a_line_is_shown_whole_wherever_it_stands() {
        let above = "# above\n".repeat(1000);
        let text = format!("{above}Sequence = x # y\r\nCommand = z");
        let at = above.len() + "Sequence = ".len();
        assert_eq!(shown(&text, at..at + 1), ("Sequence = x # y".to_owned(), "x".to_owned(), true));
        let longest = "x".repeat(LONGEST_LINE);
        assert_eq!(shown(&longest, 7..9), (longest.clone(), "xx".to_owned(), true));
    }

    #[test]
    fn of_a_longer_line_some_bytes_around_the_finding_are_shown() {
        let line = "a".repeat(5000) + "xyz" + &"b".repeat(5000);
        let around = format!("...{}xyz{}...", "a".repeat(MARGIN), "b".repeat(MARGIN));
        assert_eq!(shown(&line, 5000..5003), (around, "xyz".to_owned(), false));
        let (start, end) = (format!("{}...", "a".repeat(1 + MARGIN)), format!("...{}", "b".repeat(MARGIN + 1)));
        assert_eq!(shown(&line, 0..1), (start, "a".to_owned(), false));
        assert_eq!(shown(&line, line.len() - 1..line.len()), (end, "b".to_owned(), false));
    }
}
