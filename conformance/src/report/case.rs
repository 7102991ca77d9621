//! One case in a report.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::{
    case::{Case, Kind},
    check,
    run::{self, Judged},
    time::Nanos,
    transcript::{Seen, Sight},
};

/// A configuration of more bytes than this is cut in a report: it is there to be read.
const READABLE: usize = 4000;
/// And a file of more than this.
const READABLE_FILE: usize = 400;

/// One case, what became of it, and everything that a person needs to understand why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseReport {
    /// Its id.
    pub id: String,
    /// One sentence.
    pub about: String,
    /// The clauses that it shows.
    pub clauses: Vec<String>,
    /// The clauses whose limit it shows.
    pub limits: Vec<String>,
    /// Its file.
    pub file: String,
    /// The line of the file at which its timeline begins.
    pub line: usize,
    /// Whether it judges a client.
    pub client: bool,
    /// Its configuration, or a client's command line, with its files, texts and commands.
    pub config: String,
    /// Its timeline as it was written.
    pub timeline: String,
    /// How long it took, in milliseconds of real time.
    pub took_ms: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// What is wrong; empty unless it failed, or was not as expected in a world that broke.
    pub problems: Vec<Problem>,
    /// What was seen, in order.
    pub seen: Vec<Sighting>,
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase", deny_unknown_fields)]
pub enum Outcome {
    /// As expected.
    Passed,
    /// Not as expected.
    Failed,
    /// Not as expected, exactly as the ledger says.
    Known {
        /// The clause that the ledger names.
        clause: String,
        /// The ledger's reason.
        reason: String,
    },
    /// The subject lacks abilities.
    Skipped {
        /// Their names.
        missing: Vec<String>,
    },
    /// The daemon does not claim these clauses.
    Unclaimed {
        /// Their ids.
        unclaimed: Vec<String>,
    },
    /// The world broke.
    Broken {
        /// Why.
        why: String,
    },
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// What kind of wrong: `missing`, `unexpected`, `early`, `late`, `out of order`, `forbidden`, `differs`.
    pub kind: String,
    /// When, in nanoseconds since the case's start: as expected, or as seen if it was not expected.
    pub at_ns: u64,
    /// The line of the timeline that expects it, from 1.
    pub line: Option<usize>,
    /// What it is about.
    pub what: String,
    /// What was seen instead, if that says more.
    pub instead: Option<String>,
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sighting {
    /// When, in nanoseconds since the case's start.
    pub at_ns: u64,
    /// What kind of thing: `run`, `log`, `syslog`, `says`, `mark`, `file`, `exit`, `second-exit`, `sent`.
    pub kind: String,
    /// What it was.
    pub what: String,
}

impl CaseReport {
    /// What is told of a case.
    #[must_use]
    pub fn new(judged: &Judged<'_>) -> Self {
        let case = judged.case;
        let (outcome, problems) = match &judged.outcome {
            run::Outcome::Passed => (Outcome::Passed, &[][..]),
            run::Outcome::Failed(problems) => (Outcome::Failed, &problems[..]),
            run::Outcome::Known(problems, entry) => {
                (Outcome::Known { clause: entry.clause.clone(), reason: entry.reason.clone() }, &problems[..])
            }
            run::Outcome::Skipped(missing) => {
                (Outcome::Skipped { missing: missing.iter().map(ToString::to_string).collect() }, &[][..])
            }
            run::Outcome::Unclaimed(clauses) => (Outcome::Unclaimed { unclaimed: clauses.clone() }, &[][..]),
            run::Outcome::Broken(broken) => (Outcome::Broken { why: broken.0.clone() }, &[][..]),
            run::Outcome::Disturbed(problems, broken) => (Outcome::Broken { why: broken.0.clone() }, &problems[..]),
        };
        let seen = judged.transcript.iter().flat_map(|transcript| &transcript.seen).map(Sighting::new).collect();
        Self {
            id: case.id.clone(),
            about: case.about.clone(),
            clauses: case.clauses.clone(),
            limits: case.limits.clone(),
            file: case.origin.file.display().to_string(),
            line: case.origin.line,
            client: matches!(case.kind, Kind::Client { .. }),
            config: readable(&(configuration(case) + &fixtures(case))),
            timeline: case.timeline_text.clone(),
            took_ms: u64::try_from(judged.took.as_millis()).unwrap_or(u64::MAX),
            outcome,
            problems: problems.iter().map(Problem::new).collect(),
            seen,
        }
    }

    /// Every clause that it names.
    pub fn all_clauses(&self) -> impl Iterator<Item = &str> {
        self.clauses.iter().chain(&self.limits).map(String::as_str)
    }

    /// What is wrong, in a few words.
    #[must_use]
    pub fn summary(&self) -> String {
        self.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl Problem {
    fn new(problem: &check::Problem) -> Self {
        Self {
            kind: problem.kind.name().to_owned(),
            at_ns: problem.at.0,
            line: problem.line,
            what: problem.what.clone(),
            instead: problem.instead.clone(),
        }
    }
}

/// As a person reads it beside the line that it is about: `missing: run open 192.0.2.11; it came at 0.6`.
impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.kind, self.what)?;
        match &self.instead {
            Some(instead) => write!(f, "; {instead}"),
            None => Ok(()),
        }
    }
}

impl Sighting {
    /// What is told of a sight.
    #[must_use]
    pub fn new(seen: &Seen) -> Self {
        let (kind, what) = match &seen.what {
            Sight::Run(text) => ("run", text.clone()),
            Sight::Log(text) => ("log", text.clone()),
            Sight::Syslog(text) => ("syslog", text.clone()),
            Sight::Says(text) => ("says", text.clone()),
            Sight::Mark(name) => ("mark", name.clone()),
            Sight::File { name, bytes: None } => ("file", format!("{name}: not there")),
            Sight::File { name, bytes: Some(bytes) } => ("file", format!("{name}: {}", digest(bytes))),
            Sight::Exit(status) => ("exit", status.to_string()),
            Sight::SecondExit(status) => ("second-exit", status.to_string()),
            Sight::Sent(packet) => ("sent", packet.clone()),
        };
        Self { at_ns: seen.at.0, kind: kind.to_owned(), what }
    }
}

/// Bytes in a line: all of them if they are few, else the first ones, and a number that tells them from others.
fn digest(bytes: &[u8]) -> String {
    const FEW: usize = 160;
    let shown = bytes[..bytes.len().min(FEW)].escape_ascii();
    if bytes.len() <= FEW {
        return format!("\"{shown}\"");
    }
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("\"{shown}...\", {} bytes, hash {:016x}", bytes.len(), hasher.finish())
}

/// As a line of a transcript: `0.2 run open 192.0.2.11`.
impl std::fmt::Display for Sighting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", Nanos(self.at_ns), self.kind, self.what)
    }
}

/// The configuration with the options, or a client's command line, as a person reads it.
#[must_use]
pub fn configuration(case: &Case) -> String {
    match &case.kind {
        Kind::Daemon { config, options } => {
            let options =
                if options.is_empty() { String::new() } else { format!("# options: {}\n", options.join(" ")) };
            options + String::from_utf8_lossy(config).trim_matches('\n')
        }
        Kind::Client { arguments } => format!("knock {}", arguments.join(" ")),
    }
}

/// What else a case brings along, as a person reads it: files, texts, and commands that take time or fail.
#[must_use]
pub fn fixtures(case: &Case) -> String {
    let mut told = String::new();
    for (name, command) in &case.commands {
        told += &format!("\n# command {name}: takes {} s, exits with {}", command.takes, command.status);
    }
    let texts = case.texts.iter().filter(|(name, _)| !case.files.contains_key(*name));
    for (word, (name, bytes)) in case.files.iter().map(|file| ("file", file)).chain(texts.map(|text| ("text", text))) {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(READABLE_FILE)]);
        let more = if bytes.len() > READABLE_FILE { "..." } else { "" };
        told += &format!("\n\n# {word} {name}, {} bytes:\n{}{more}", bytes.len(), shown.trim_end_matches('\n'));
    }
    told
}

fn readable(text: &str) -> String {
    if text.len() <= READABLE {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(READABLE);
    format!("{}\n... {} bytes more", &text[..end], text.len() - end)
}
