//! The order of what one knock brings about at one moment: lines, marks, commands and the end (LOG-4, ONCE-6, CMD-7).
//!
//! Where time is exact, a transcript tells what came first. The contract orders what belongs together and nothing else, so
//! only two kinds of lines that stand together (same moment, same event before them) are held to their order: those of
//! a knock, and whatever stands before `exit`. Two doors, or two sources, may go ahead of each other.

use std::{collections::BTreeSet, net::IpAddr};

use super::{Kind, Problem};
use crate::{
    case::{CONFIG, Case, Kind as CaseKind},
    subject::Precision,
    timeline::{Entry, Event, Expect, What},
};

/// An expectation that was met.
#[derive(Clone, Copy, Debug)]
pub(super) struct Met {
    /// Its line of the timeline.
    pub(super) line: usize,
    /// The place in the transcript of what it took.
    pub(super) place: usize,
}

/// What came before something of another stream that should have come first.
pub(super) fn across(case: &Case, met: &[Met], precision: Precision) -> Vec<Problem> {
    if !precision.is_exact() {
        return Vec::new();
    }
    let has_one_door = has_one_door(case);
    let mut problems = Vec::new();
    for entries in case.timeline.entries.chunk_by(stand_together) {
        let is_of_one_knock = has_one_door && sources(entries).len() < 2;
        let mut last: Option<(usize, &Entry)> = None;
        for entry in entries {
            let Some(place) = met.iter().find(|met| met.line == entry.line).map(|met| met.place) else { continue };
            if !is_ordered(&entry.what) {
                continue;
            }
            let is_bound = is_of_one_knock || matches!(entry.what, What::Expect(Expect::Exit(_)));
            match last {
                // Of one stream the order has been judged.
                Some((before, first)) if place < before && is_bound && !same_stream(&entry.what, &first.what) => {
                    problems.push(Problem {
                        kind: Kind::OutOfOrder,
                        at: entry.at,
                        line: Some(entry.line),
                        what: words(&entry.what),
                        instead: Some(format!("it came before `{}`", words(&first.what))),
                    });
                }
                Some((before, _)) if place < before => {}
                _ => last = Some((place, entry)),
            }
        }
    }
    problems
}

/// Expectations of one moment with nothing between them that happens.
fn stand_together(one: &Entry, next: &Entry) -> bool {
    one.at == next.at && matches!((&one.what, &next.what), (What::Expect(_), What::Expect(_)))
}

fn is_ordered(what: &What) -> bool {
    matches!(what, What::Expect(Expect::Run(_) | Expect::Log(_) | Expect::Mark(_) | Expect::Exit(_)))
}

fn same_stream(one: &What, other: &What) -> bool {
    match (one, other) {
        (What::Expect(one), What::Expect(other)) => std::mem::discriminant(one) == std::mem::discriminant(other),
        _ => false,
    }
}

fn words(what: &What) -> String {
    match what {
        What::Expect(Expect::Run(pattern)) => format!("run {pattern}"),
        What::Expect(Expect::Log(pattern)) => format!("log {pattern}"),
        What::Expect(Expect::Mark(pattern)) => format!("mark {pattern}"),
        What::Expect(_) | What::Event(_) => "exit".to_owned(),
    }
}

/// Whether no configuration of the case has two doors.
fn has_one_door(case: &Case) -> bool {
    let CaseKind::Daemon { config, .. } = &case.kind else { return true };
    let later = case.timeline.events().filter_map(|(_, event)| {
        let Event::Put { file, text } = event else { return None };
        case.texts.get(text).filter(|_| file == CONFIG)
    });
    std::iter::once(config).chain(later).all(|config| doors(config) < 2)
}

fn doors(config: &[u8]) -> usize {
    let text = String::from_utf8_lossy(config).to_ascii_lowercase();
    text.lines().map(str::trim).filter(|line| line.starts_with('[') && !line.starts_with("[options]")).count()
}

/// The addresses that these lines name.
fn sources(entries: &[Entry]) -> BTreeSet<IpAddr> {
    let texts = entries.iter().filter_map(|entry| match &entry.what {
        What::Expect(Expect::Run(pattern) | Expect::Log(pattern)) => Some(pattern.to_string()),
        What::Expect(_) | What::Event(_) => None,
    });
    let is_part = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.');
    let addresses = |text: String| {
        let words = text.split(|c: char| !is_part(c));
        words.filter_map(|word| word.strip_suffix(':').unwrap_or(word).parse().ok()).collect::<Vec<IpAddr>>()
    };
    texts.flat_map(addresses).collect()
}
