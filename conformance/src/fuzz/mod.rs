//! Random cases, carried to two subjects that ought to do the same: an implementation, and the naive model of it.
//!
//! What differs first is shrunk to a minimal case, which is written out as a case file and a capture.

mod compare;
mod plan;
mod smaller;
mod strategy;

use clap::ValueEnum;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestCaseError, TestError, TestRunner};

pub use self::compare::{Difference, difference};
use crate::{
    case::{self, Case},
    model::{Deviation, Deviations, Model},
    subject::{Broken, Subject},
};

/// Against whom the model is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Against {
    /// This project's engine, which is to do as the contract says
    Engine,
    /// The C program 0.8, which is to do as its known deviations say
    Original,
}

/// A case in which the two differ, as small as it could be made.
#[derive(Clone, Debug)]
pub struct Found {
    /// The case file's text.
    pub text: String,
    /// The case.
    pub case: Case,
    /// Where they differ first.
    pub difference: Difference,
}

/// How many of `count` random cases tell the model with `deviations` from the one with one of them switched the other
/// way: a deviation that none of them shows is one that they do not test.
///
/// # Errors
///
/// A random case cannot be read.
pub fn exercised(
    against: Against,
    deviations: Deviations,
    asked: &[Deviation],
    seed: u64,
    count: u32,
) -> Result<Vec<(Deviation, u32)>, Broken> {
    let mut runner = TestRunner::new(Config {
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    });
    let whole = Model::deviating("whole", deviations);
    let models: Vec<Model> = asked.iter().map(|one| Model::deviating("other", switched(deviations, *one))).collect();
    let mut counts = vec![0; asked.len()];
    for _ in 0..count {
        let plan = strategy::plans(against).new_tree(&mut runner).map_err(|why| Broken(why.to_string()))?.current();
        let case = read(&plan.text(ID))?;
        let seen = whole.run(&case)?;
        for (model, count) in models.iter().zip(&mut counts) {
            *count += u32::from(difference(&seen, &model.run(&case)?).is_some());
        }
    }
    Ok(asked.iter().copied().zip(counts).collect())
}

fn switched(deviations: Deviations, one: Deviation) -> Deviations {
    if deviations.on(one) { deviations.without(one) } else { deviations.with(one) }
}

/// Holds `model` against `subject` in `count` random cases.
///
/// # Errors
///
/// The world of the subject broke, or a case cannot be written out.
pub fn search(
    subject: &dyn Subject,
    model: &dyn Subject,
    against: Against,
    seed: u64,
    count: u32,
    done: &dyn Fn(),
) -> Result<Option<Found>, Broken> {
    let config = Config {
        cases: count,
        failure_persistence: None,
        max_shrink_iters: 4000,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let broken = std::cell::RefCell::new(None);
    let result = runner.run(&strategy::plans(against), |plan| {
        if broken.borrow().is_some() {
            return Ok(());
        }
        match compared(&plan, subject, model) {
            Ok(None) => {
                done();
                Ok(())
            }
            Ok(Some(_)) => Err(TestCaseError::fail("they differ")),
            Err(why) => {
                *broken.borrow_mut() = Some(why);
                Ok(())
            }
        }
    });
    if let Some(why) = broken.into_inner() {
        return Err(why);
    }
    match result {
        Ok(()) => Ok(None),
        Err(TestError::Abort(why)) => Err(Broken(format!("no random case can be made: {why}"))),
        Err(TestError::Fail(_, plan)) => {
            let plan = plan.smallest(|plan| Ok(compared(plan, subject, model)?.is_some()))?;
            let text = plan.text(ID);
            let found = compared(&plan, subject, model)?;
            found
                .map(|difference| Ok(Found { case: read(&text)?, text, difference }))
                .ok_or_else(|| Broken("what differed once does not differ again".to_owned()))?
                .map(Some)
        }
    }
}

const ID: &str = "fuzz-found";

fn read(text: &str) -> Result<Case, Broken> {
    let cases = case::read(text, std::path::Path::new("fuzz.toml"));
    let cases = cases.map_err(|error| Broken(format!("a random case cannot be read: {error}\n{text}")))?;
    cases.into_iter().next().ok_or_else(|| Broken("a random case is none".to_owned()))
}

fn compared(plan: &plan::Plan, subject: &dyn Subject, model: &dyn Subject) -> Result<Option<Difference>, Broken> {
    let case = read(&plan.text(ID))?;
    Ok(difference(&subject.run(&case)?, &model.run(&case)?))
}
