//! Real programs behind the [`Scripts`], judged by the cases that only live can carry.
//!
//! A case shows something only if it passes the program unbroken and fails it broken; and a mutant is caught only if
//! the case that it names fails it for the reason that it names, lest a script that breaks everything be taken for one
//! that breaks one thing. A failure on a machine that is too busy is no word about anybody.

use std::num::NonZeroUsize;
#[cfg(target_os = "linux")]
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::{
    Fault,
    scripts::{Mutant, Scripts},
    unexcused,
};
use crate::{
    case::Case,
    check::Problem,
    model::Model,
    parallel,
    run::{self, Outcome},
    subject::{Broken, Subject},
};
#[cfg(target_os = "linux")]
use crate::{mutants::scripts::Program, subjects::live::Live};

/// The list that excuses idle cases.
const LIST: &str = "live-mutants.toml";

/// What the cases say about the unbroken program and the broken ones.
#[derive(Clone, Debug)]
pub struct Matrix<'a> {
    scripts: &'a Scripts,
    /// The cases that were asked.
    pub cases: Vec<&'a Case>,
    /// What was wrong with the unbroken program: the place in `cases`, and the problems.
    pub unbroken: Vec<(usize, Vec<Problem>)>,
    /// Who was caught, in the order of cases.
    pub catches: Vec<Catch>,
}

/// A mutant that a case fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catch {
    /// The place of the case in the matrix's `cases`.
    pub case: usize,
    /// The place of the mutant in the scripts' `mutants`.
    pub mutant: usize,
    /// What is wrong with it, never nothing.
    pub problems: Vec<Problem>,
}

/// Whether only a live subject can carry the case: the model's mutants cannot be caught by it.
#[must_use]
pub fn is_live_only(case: &Case) -> bool {
    !Model::conforming().lacks(case).is_empty()
}

/// Judges the unbroken program and the broken ones, which stand in the order of the scripts, `jobs` worlds at a time.
/// Every mutant is asked by the case that it names. A case that only live can carry and that nobody names asks the
/// mutants of its clauses, in order, until it catches one; or all of them, for the whole matrix.
///
/// # Errors
///
/// A world broke or was disturbed, and what is needed cannot be said. Nothing is tried twice.
pub fn matrix<'a>(
    cases: &'a [Case],
    scripts: &'a Scripts,
    unbroken: &dyn Subject,
    broken: &[&dyn Subject],
    whole: bool,
    jobs: NonZeroUsize,
    done: &(dyn Fn() + Sync),
) -> Result<Matrix<'a>, Broken> {
    let names = |case: &Case| scripts.mutants.iter().any(|mutant| mutant.case == case.id);
    let is_asked = |case: &&Case| (is_live_only(case) && unbroken.lacks(case).is_empty()) || names(case);
    let cases: Vec<&Case> = cases.iter().filter(is_asked).collect();
    // The longest first, lest all wait for one that began last.
    let mut order: Vec<usize> = (0..cases.len()).collect();
    order.sort_by_key(|place| std::cmp::Reverse(cases[*place].timeline.end));
    let asking = Asking { scripts, unbroken, broken, whole, done };
    let answers = parallel::try_each(order.len(), jobs, |turn| {
        let case = cases[order[turn]];
        asking.ask(case).map_err(|broken| Broken(format!("{}: {broken}", case.id)))
    })?;
    let mut answers: Vec<(usize, Answer)> = order.into_iter().zip(answers).collect();
    answers.sort_by_key(|(place, _)| *place);
    let mut matrix = Matrix { scripts, cases, unbroken: Vec::new(), catches: Vec::new() };
    for (case, answer) in answers {
        match answer {
            Answer::Fails(problems) => matrix.unbroken.push((case, problems)),
            Answer::Catches(caught) => {
                let catch = |(mutant, problems)| Catch { case, mutant, problems };
                matrix.catches.extend(caught.into_iter().map(catch));
            }
        }
    }
    Ok(matrix)
}

/// What a case says.
#[derive(Clone, Debug)]
enum Answer {
    /// The unbroken program fails it.
    Fails(Vec<Problem>),
    /// These mutants fail it.
    Catches(Vec<(usize, Vec<Problem>)>),
}

struct Asking<'a> {
    scripts: &'a Scripts,
    unbroken: &'a dyn Subject,
    broken: &'a [&'a dyn Subject],
    whole: bool,
    done: &'a (dyn Fn() + Sync),
}

impl Asking<'_> {
    fn ask(&self, case: &Case) -> Result<Answer, Broken> {
        let problems = self.judge(self.unbroken, case)?;
        if !problems.is_empty() {
            return Ok(Answer::Fails(problems));
        }
        let mut caught = Vec::new();
        let mut lost = None;
        let mutants = || self.scripts.mutants.iter().zip(self.broken).enumerate();
        for (place, (_, broken)) in mutants().filter(|(_, (mutant, _))| mutant.case == case.id) {
            caught.push((place, self.judge(*broken, case)?));
        }
        caught.retain(|(_, problems)| !problems.is_empty());
        for (place, (_, broken)) in mutants().filter(|(_, (mutant, _))| mutant.case != case.id && mutant.is_for(case)) {
            if !self.whole && (!caught.is_empty() || !is_live_only(case)) {
                break;
            }
            match self.judge(*broken, case) {
                Ok(problems) if problems.is_empty() => {}
                Ok(problems) => caught.push((place, problems)),
                // Another mutant may show what this one does not.
                Err(broken) => lost = Some(broken),
            }
        }
        match lost {
            Some(broken) if self.whole || caught.is_empty() => Err(broken),
            Some(_) | None => Ok(Answer::Catches(caught)),
        }
    }

    /// What is wrong with a subject.
    fn judge(&self, subject: &dyn Subject, case: &Case) -> Result<Vec<Problem>, Broken> {
        let judged = run::one(case, subject);
        (self.done)();
        match (judged.outcome, judged.disturbance) {
            (Outcome::Passed, _) => Ok(Vec::new()),
            (Outcome::Failed(_), Some(broken)) | (Outcome::Broken(broken) | Outcome::Disturbed(_, broken), _) => {
                Err(broken)
            }
            (Outcome::Failed(problems) | Outcome::Known(problems, _), _) => Ok(problems),
            (Outcome::Skipped(lacks), _) => {
                let words: Vec<String> = lacks.iter().map(ToString::to_string).collect();
                Err(Broken(format!("the subject lacks {}", words.join(", "))))
            }
            (Outcome::Unclaimed(clauses), _) => Err(Broken(format!("it is not judged on {}", clauses.join(", ")))),
        }
    }
}

impl Matrix<'_> {
    /// The mutants, each with the place of its row in [`Catch::mutant`].
    #[must_use]
    pub fn mutants(&self) -> &[Mutant] {
        &self.scripts.mutants
    }

    /// What the case that a mutant names says about it, if it fails it.
    #[must_use]
    pub fn catch(&self, mutant: usize) -> Option<&Catch> {
        let is_its =
            |catch: &&Catch| catch.mutant == mutant && self.cases[catch.case].id == self.scripts.mutants[mutant].case;
        self.catches.iter().find(is_its)
    }

    /// What is wrong, as the matrix tells.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let told = |problems: &[Problem]| {
            let words: Vec<String> = problems.iter().map(ToString::to_string).collect();
            words.join("; ")
        };
        let id = |place: usize| self.cases[place].id.clone();
        let fails = |place: usize| self.unbroken.iter().any(|(failed, _)| *failed == place);
        let mut faults: Vec<Fault> = self
            .unbroken
            .iter()
            .map(|(place, problems)| Fault::Fails { case: id(*place), seen: told(problems) })
            .collect();
        for (place, mutant) in self.scripts.mutants.iter().enumerate() {
            let case = mutant.case.clone();
            let (name, text) = (mutant.name.clone(), mutant.text.clone());
            match self.catch(place) {
                None => faults.push(Fault::Missed { mutant: name, text, case }),
                Some(catch) if mutant.expected(&catch.problems).is_none() => {
                    faults.push(Fault::Otherwise { mutant: name, case, seen: told(&catch.problems) });
                }
                Some(_) => {}
            }
        }
        let is_idle = |place: &usize| {
            is_live_only(self.cases[*place]) && !fails(*place) && !self.catches.iter().any(|catch| catch.case == *place)
        };
        let idle: Vec<&str> = (0..self.cases.len()).filter(is_idle).map(|place| &*self.cases[place].id).collect();
        faults.extend(unexcused(&idle, &self.scripts.idle, LIST));
        faults
    }
}

/// The programs of `live`, each behind the script of a mutant of its own, which is written into `directory`.
///
/// # Errors
///
/// There is no such program, or a script cannot be written.
#[cfg(target_os = "linux")]
pub fn behind_scripts(live: &Live, scripts: &Scripts, directory: &Path) -> Result<Vec<Live>, Broken> {
    let (daemon, client) = live.programs();
    let behind = |mutant: &Mutant| {
        let real = match mutant.program {
            Program::Knockd => daemon,
            Program::Knock => client,
        };
        let real = real.ok_or_else(|| Broken(format!("`{}` has no program to break", mutant.name)))?;
        let path = directory.join(&mutant.name);
        fs::write(&path, scripts.text(mutant, real))
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
            .map_err(|error| Broken(format!("{}: {error}", path.display())))?;
        Ok(live.behind(&path))
    };
    scripts.mutants.iter().map(behind).collect()
}
