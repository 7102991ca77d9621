//! Proof that the live cases can fail: the installed C programs behind scripts, each of which breaks one behaviour.
//!
//! The naive model cannot show what descriptors a command gets, how a log file reads or what a client sends. So the real
//! programs are spoiled: what they are started with, what they find, what they leave. A case shows something only if it
//! passes the program unbroken and fails it broken; one that fails the unbroken program has caught a broken one already.

use std::{
    collections::BTreeSet,
    fmt, fs,
    num::NonZeroUsize,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use serde::Deserialize;

use crate::{
    case::{Case, Kind},
    check,
    model::Model,
    pattern::Pattern,
    subject::{Broken, Subject},
    subjects::live::Live,
};

/// The scripts, and the cases that no script is caught by.
const FILE: &str = include_str!("../live-mutants.toml");

/// A broken daemon or client.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// Its name in the matrix.
    pub name: String,
    /// The clause that it breaks.
    pub clause: String,
    /// What it does, in a few words.
    pub text: String,
    program: Program,
    #[serde(default)]
    without: Vec<String>,
    script: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Program {
    Knockd,
    Knock,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    prelude: String,
    mutant: Vec<Mutant>,
    #[serde(default)]
    idle: Vec<Idle>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Idle {
    case: String,
    #[expect(dead_code, reason = "a reason is for people, but must be there")]
    reason: String,
}

fn file() -> File {
    // The file is part of the program, and a test reads it.
    toml::from_str(FILE).expect("live-mutants.toml is well-formed")
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Mutant> {
    file().mutant
}

/// Which mutants the live cases catch.
#[derive(Clone, Debug)]
pub struct Matrix<'a> {
    /// The cases that judged somebody.
    pub cases: Vec<&'a Case>,
    /// The places in `cases` of those that fail the unbroken programs.
    pub unbroken: BTreeSet<usize>,
    /// For each mutant the places in `cases` of those of its clause that catch it.
    pub rows: Vec<(Mutant, BTreeSet<usize>)>,
    /// The places in `cases` of those that the model cannot be judged by.
    pub live_only: BTreeSet<usize>,
}

/// What is wrong with the cases, the scripts or the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No case of its clause catches this mutant and passes the unbroken program.
    Escapes(String, String, String),
    /// This case catches nobody.
    Idle(String),
    /// An entry of the list fits no case that catches nobody.
    Stale(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Escapes(mutant, clause, text) => {
                write!(f, "live mutant `{mutant}` is caught by no case of its clause, {clause}: {text}")
            }
            Self::Idle(case) => {
                write!(f, "case `{case}` catches no live mutant, and live-mutants.toml does not say why")
            }
            Self::Stale(case) => write!(f, "`{case}` in live-mutants.toml fits no case that catches no live mutant"),
        }
    }
}

/// Judges the unbroken programs of `live` and every mutant of them, `jobs` worlds at a time.
///
/// # Errors
///
/// A world broke, or no program or script could be found or written: nothing can be said then. Nothing is tried twice.
pub fn matrix<'a>(
    cases: &'a [Case],
    live: &Live,
    jobs: NonZeroUsize,
    done: &(dyn Fn() + Sync),
) -> Result<Matrix<'a>, Broken> {
    let mutants = all();
    let model = Model::conforming();
    let is_live_only = |case: &Case| !model.lacks(case).is_empty();
    let asked = |case: &&Case| is_live_only(case) || mutants.iter().any(|mutant| mutant.is_for(case));
    let cases: Vec<&Case> = cases.iter().filter(asked).filter(|case| live.lacks(case).is_empty()).collect();
    let live_only: BTreeSet<usize> = (0..cases.len()).filter(|&place| is_live_only(cases[place])).collect();
    let directory = tempfile::tempdir().map_err(|error| Broken(format!("no directory for scripts: {error}")))?;
    let broken = mutants.iter().map(|mutant| script(mutant, live, directory.path())).collect::<Result<Vec<_>, _>>()?;
    let mut matrix = Matrix { cases, unbroken: BTreeSet::new(), rows: Vec::new(), live_only };
    matrix.rows.extend(mutants.into_iter().map(|mutant| (mutant, BTreeSet::new())));
    // What the model can be judged by, too, is asked only about mutants that nothing else catches.
    matrix.judge(live, &broken, true, jobs, done)?;
    matrix.judge(live, &broken, false, jobs, done)?;
    Ok(matrix)
}

impl Matrix<'_> {
    /// Judges the unbroken programs, and the mutants that no case has caught, by the cases that only live can carry, or
    /// by the others of their clauses.
    fn judge(
        &mut self,
        live: &Live,
        broken: &[Live],
        live_only: bool,
        jobs: NonZeroUsize,
        done: &(dyn Fn() + Sync),
    ) -> Result<(), Broken> {
        let free: Vec<usize> = (0..self.rows.len()).filter(|&row| self.rows[row].1.is_empty()).collect();
        let is_for = |row: usize, place: usize| self.rows[row].0.is_for(self.cases[place]);
        let is_asked = |place: &usize| {
            self.live_only.contains(place) == live_only && (live_only || free.iter().any(|&row| is_for(row, *place)))
        };
        let places: Vec<usize> = (0..self.cases.len()).filter(is_asked).collect();
        let unbroken: Vec<(&Live, usize)> = places.iter().map(|&place| (live, place)).collect();
        let verdicts = judge(&unbroken, &self.cases, jobs, done)?;
        let failed = places.iter().zip(verdicts).filter(|(_, fails)| *fails).map(|(place, _)| *place);
        let failed: BTreeSet<usize> = failed.collect();
        let passed = places.iter().copied().filter(|place| !failed.contains(place));
        let pairs: Vec<(usize, usize)> = passed
            .flat_map(|place| free.iter().map(move |&row| (row, place)))
            .filter(|&(row, place)| is_for(row, place))
            .collect();
        let subjects: Vec<(&Live, usize)> = pairs.iter().map(|&(row, place)| (&broken[row], place)).collect();
        let verdicts = judge(&subjects, &self.cases, jobs, done)?;
        for ((row, place), _) in pairs.into_iter().zip(verdicts).filter(|(_, fails)| *fails) {
            self.rows[row].1.insert(place);
        }
        self.unbroken.extend(failed);
        Ok(())
    }
}

/// Whether each subject fails its case.
fn judge(
    pairs: &[(&Live, usize)],
    cases: &[&Case],
    jobs: NonZeroUsize,
    done: &(dyn Fn() + Sync),
) -> Result<Vec<bool>, Broken> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut verdicts = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some((subject, case)) = pairs.get(place) else { return Ok(verdicts) };
            let case = cases[*case];
            let start = Instant::now();
            let lost = |broken: Broken| Broken(format!("{}: {broken}", case.id));
            let transcript = subject.run(case).map_err(lost)?;
            let fails = !check::judge(case, &transcript, subject.precision()).is_empty();
            if fails && let Some(broken) = subject.disturbance(start) {
                return Err(lost(broken));
            }
            verdicts.push((place, fails));
            done();
        }
    };
    let mut verdicts = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.get().min(pairs.len())).map(|_| scope.spawn(worker)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, Result<Vec<(usize, bool)>, Broken>>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(join).collect::<Result<Vec<_>, _>>()
    })?
    .concat();
    verdicts.sort_unstable();
    Ok(verdicts.into_iter().map(|(_, fails)| fails).collect())
}

/// The programs behind a mutant's script, which is written into `directory`.
fn script(mutant: &Mutant, live: &Live, directory: &Path) -> Result<Live, Broken> {
    let (daemon, client) = live.programs();
    let real = match mutant.program {
        Program::Knockd => daemon,
        Program::Knock => client,
    };
    let real = real.ok_or_else(|| Broken(format!("`{}` has no program to break", mutant.name)))?;
    let path = directory.join(&mutant.name);
    let text = mutant.script(&file().prelude, real);
    fs::write(&path, text)
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
        .map_err(|error| Broken(format!("{}: {error}", path.display())))?;
    Ok(live.behind(&path))
}

impl Mutant {
    /// Whether a case judges its program by its clause.
    fn is_for(&self, case: &Case) -> bool {
        let is_client = matches!(case.kind, Kind::Client { .. });
        is_client == (self.program == Program::Knock) && case.all_clauses().any(|clause| clause == self.clause)
    }

    /// Its script, which starts the program `real`.
    fn script(&self, prelude: &str, real: &Path) -> String {
        let mut text = format!("#!/bin/sh\nreal='{}'\n{prelude}", real.display());
        if !self.without.is_empty() {
            let words: Vec<String> = self.without.iter().map(|word| format!("'{word}'")).collect();
            let keep = "*) set -- \"$@\" \"$word\" ;;";
            text += &format!("for word; do shift; case \"$word\" in {}) ;; {keep} esac; done\n", words.join(" | "));
        }
        text + self.script.trim_start() + "\n"
    }
}

impl Matrix<'_> {
    /// What is wrong, as the whole matrix tells.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let escapes = self.rows.iter().filter(|(_, catches)| catches.is_empty());
        let mut faults: Vec<Fault> = escapes
            .map(|(mutant, _)| Fault::Escapes(mutant.name.clone(), mutant.clause.clone(), mutant.text.clone()))
            .collect();
        let catches = |place: &usize| {
            self.unbroken.contains(place) || self.rows.iter().any(|(_, catches)| catches.contains(place))
        };
        let idle: Vec<&str> =
            self.live_only.iter().filter(|place| !catches(place)).map(|place| self.cases[*place].id.as_str()).collect();
        let excused: Vec<Pattern> = file().idle.into_iter().map(|idle| Pattern::new(idle.case)).collect();
        let unexcused = idle.iter().filter(|case| !excused.iter().any(|excuse| excuse.fits(case)));
        faults.extend(unexcused.map(|case| Fault::Idle((*case).to_owned())));
        let stale = excused.iter().filter(|excuse| !idle.iter().any(|case| excuse.fits(case)));
        faults.extend(stale.map(|excuse| Fault::Stale(excuse.to_string())));
        faults
    }
}
