//! Files against what is expected of them.

use std::collections::BTreeMap;

use super::{Kind, Problem};
use crate::{
    case::{CONFIG, Case, Kind as CaseKind},
    time::Nanos,
    timeline::{Expect, FileState, What},
    transcript::{Sight, Transcript},
};

/// The looks at a file: when, and what was there.
type Looks<'a> = Vec<(Nanos, Option<&'a [u8]>)>;

/// Each of the case's lines about a file against the look at it, and at the end those that no line names against what
/// they were, or what the case made of them.
pub(super) fn files(case: &Case, transcript: &Transcript) -> Vec<Problem> {
    let mut looks: BTreeMap<&str, Looks<'_>> = BTreeMap::new();
    for seen in &transcript.seen {
        if let Sight::File { name, bytes } = &seen.what {
            looks.entry(name).or_default().push((seen.at, bytes.as_deref()));
        }
    }
    let mut problems = Vec::new();
    let mut used: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, line, expect) in case.timeline.expectations() {
        let Expect::File { name, is } = expect else { continue };
        let place = used.entry(name).or_default();
        let look = looks.get(name.as_str()).and_then(|looks| looks.get(*place));
        *place += 1;
        let problem = |kind, instead| Problem { kind, at, line: Some(line), what: format!("file {name}"), instead };
        match look {
            None => problems.push(problem(Kind::Missing, Some("nobody looked at it".to_owned()))),
            Some((_, bytes)) => {
                problems.extend(difference(case, name, is, *bytes).map(|why| problem(Kind::Differs, Some(why))));
            }
        }
    }
    for (name, first) in &case.files {
        if used.contains_key(name.as_str()) {
            continue;
        }
        // What the case itself wrote or removed is no deed of the daemon's.
        if case.timeline.entries.iter().any(|entry| is_about(&entry.what, name)) {
            continue;
        }
        let problem = |kind, instead| Problem {
            kind,
            at: case.timeline.end,
            line: None,
            what: format!("file {name}"),
            instead: Some(instead),
        };
        match looks.get(name.as_str()).and_then(|looks| looks.last()) {
            None => problems.push(problem(Kind::Missing, "nobody looked at it".to_owned())),
            Some((_, bytes)) if *bytes != Some(first) => {
                problems.push(problem(Kind::Differs, unlike(first, *bytes)));
            }
            Some(_) => {}
        }
    }
    problems
}

fn is_about(what: &What, file: &str) -> bool {
    use crate::timeline::Event;
    match what {
        What::Event(Event::Put { file: name, .. } | Event::Remove { file: name }) => name == file,
        What::Event(_) | What::Expect(_) => false,
    }
}

fn difference(case: &Case, name: &str, is: &FileState, bytes: Option<&[u8]>) -> Option<String> {
    match is {
        FileState::Exists => bytes.is_none().then(|| "it is not there".to_owned()),
        FileState::Gone => bytes.is_some().then(|| "it is there".to_owned()),
        FileState::Is(text) => {
            let wanted = case.texts.get(text).map(Vec::as_slice).unwrap_or_default();
            (bytes != Some(wanted)).then(|| unlike(wanted, bytes))
        }
        FileState::Unchanged => {
            let first = match (&case.kind, case.files.get(name)) {
                (_, Some(first)) => first.as_slice(),
                (CaseKind::Daemon { config, .. }, None) if name == CONFIG => config.as_slice(),
                (CaseKind::Daemon { .. } | CaseKind::Client { .. }, None) => &[],
            };
            (bytes != Some(first)).then(|| unlike(first, bytes))
        }
    }
}

/// Where two texts part, for a person.
fn unlike(wanted: &[u8], bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "it is not there".to_owned() };
    let place = wanted.iter().zip(bytes).position(|(wanted, is)| wanted != is).unwrap_or(wanted.len().min(bytes.len()));
    let line = 1 + wanted[..place].iter().filter(|byte| **byte == b'\n').count();
    let at = |text: &[u8]| match text.get(place) {
        Some(byte) => format!("`{}`", byte.escape_ascii()),
        None => "the end".to_owned(),
    };
    format!("byte {place}, in line {line}, is {} where {} is expected", at(bytes), at(wanted))
}
