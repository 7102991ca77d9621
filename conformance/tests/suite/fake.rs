//! A subject that does what a test says, and a transcript that is exactly as a case expects.

use std::{collections::BTreeSet, path::Path, time::Instant};

use knock_conformance::{
    ability::Ability,
    case::{self, CONFIG, Case, Kind},
    ledger::Ledger,
    report::{Judge, Report},
    run,
    subject::{Broken, Precision, Subject},
    time::Nanos,
    timeline::{Expect, FileState, Status},
    transcript::{Sight, Transcript},
};

/// What it does with a case.
pub(crate) type Does = dyn Fn(&Case) -> Result<Transcript, Broken> + Sync;

/// The subject.
pub(crate) struct Fake {
    pub(crate) lacks: Vec<Ability>,
    pub(crate) disclaims: Vec<&'static str>,
    pub(crate) precision: Precision,
    /// Whether its world is disturbed while cases run.
    pub(crate) disturbed: bool,
    pub(crate) does: Box<Does>,
}

impl Fake {
    /// Does exactly as every case expects.
    pub(crate) fn obedient() -> Self {
        Self::that(|case| Ok(obey(case)))
    }

    /// Does nothing at all.
    pub(crate) fn idle() -> Self {
        Self::that(|_| Ok(Transcript::default()))
    }

    pub(crate) fn that(does: impl Fn(&Case) -> Result<Transcript, Broken> + Sync + 'static) -> Self {
        Self {
            lacks: Vec::new(),
            disclaims: Vec::new(),
            precision: Precision::EXACT,
            disturbed: false,
            does: Box::new(does),
        }
    }

    /// Judges it by these cases as the command line does.
    pub(crate) fn judged(&self, cases: &[Case], ledger: &str) -> Report {
        let ledger = Ledger::read(ledger).expect("a ledger");
        let judged = run::run(cases, self, 3.try_into().expect("not 0"), &|_| {});
        let judge = Judge { implementation: "fake", subject: "scripted", precision: self.precision };
        Report::new(&judge, judged, &ledger, cases)
    }
}

impl Subject for Fake {
    fn name(&self) -> &str {
        "fake"
    }

    fn lacks(&self, case: &Case) -> BTreeSet<Ability> {
        let needs = case.needs();
        self.lacks.iter().copied().filter(|ability| needs.contains(ability)).collect()
    }

    fn claims(&self, clause: &str) -> bool {
        !self.disclaims.contains(&clause)
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn run(&self, case: &Case) -> Result<Transcript, Broken> {
        (self.does)(case)
    }

    fn disturbance(&self, _since: Instant) -> Option<Broken> {
        self.disturbed.then(|| Broken("the machine is too busy".to_owned()))
    }
}

/// A case with this timeline, and these further keys.
pub(crate) fn case(keys: &str, timeline: &str) -> Case {
    let text = format!(
        "[[case]]\nid = \"mine\"\nclauses = [\"SEQ-1\"]\nabout = \"A case.\"\n{keys}\ntimeline = \"\"\"\n{timeline}\n\"\"\"\n"
    );
    let mut cases = case::read(&text, Path::new("mine.toml")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(cases.len(), 1);
    cases.remove(0)
}

/// A case of a daemon with one door.
pub(crate) fn daemon(timeline: &str) -> Case {
    case("config = \"[ssh]\\nsequence = 7000\\ncommand = open %IP%\"", timeline)
}

/// Cases of these ids, each of which expects that a door opens.
pub(crate) fn doors(ids: &[&str]) -> Vec<Case> {
    let named = |id: &&str| Case { id: (*id).to_owned(), ..daemon("0 alice > tcp 7000 syn\nrun open alice") };
    ids.iter().map(named).collect()
}

/// Exactly what a case expects.
pub(crate) fn obey(case: &Case) -> Transcript {
    let mut transcript = Transcript::default();
    let mut waited = Nanos(0);
    let first = |name: &str| match (&case.kind, case.files.get(name)) {
        (_, Some(bytes)) => Some(bytes.clone()),
        (Kind::Daemon { config, .. }, None) if name == CONFIG => Some(config.clone()),
        (Kind::Daemon { .. } | Kind::Client { .. }, None) => None,
    };
    for (at, _, expect) in case.timeline.expectations() {
        let at = at.after(waited);
        match expect {
            Expect::Run(pattern) => transcript.see(at, Sight::Run(pattern.to_string())),
            Expect::Log(pattern) => transcript.see(at, Sight::Log(pattern.to_string())),
            Expect::Syslog(pattern) => transcript.see(at, Sight::Syslog(pattern.to_string())),
            Expect::Says(pattern) => transcript.see(at, Sight::Says(pattern.to_string())),
            Expect::Mark(name) => transcript.see(at, Sight::Mark(name.to_string())),
            Expect::File { name, is } => {
                let bytes = match is {
                    FileState::Is(text) => case.texts.get(text).cloned(),
                    FileState::Unchanged => first(name),
                    FileState::Exists => Some(Vec::new()),
                    FileState::Gone => None,
                };
                transcript.see(at, Sight::File { name: name.clone(), bytes });
            }
            Expect::Exit(status) => transcript.see(at, Sight::Exit(code(*status))),
            Expect::SecondExit(status) => transcript.see(at, Sight::SecondExit(code(*status))),
            Expect::Sent(packet) => transcript.see(at, Sight::Sent(packet.clone())),
            Expect::Pause(span) => waited = waited.after(*span),
            Expect::Never(..) | Expect::MayRun(_) => {}
        }
    }
    for (name, bytes) in &case.files {
        transcript.see(case.timeline.end, Sight::File { name: name.clone(), bytes: Some(bytes.clone()) });
    }
    transcript
}

fn code(status: Status) -> i32 {
    match status {
        Status::Is(status) => status,
        Status::NonZero | Status::Any => 1,
    }
}
