//! A naive daemon: the contract as plainly as it can be written.
//!
//! Plain steps, nothing clever, and nothing shared with any engine: configuration text, frames, one-time files and a
//! command line go in, a [`Transcript`] comes out, in virtual time. With a [`Deviation`] switched on it is a mutant, and
//! the cases must tell it from a daemon that conforms; with those of a real program it is that program's model, which
//! a fuzzer holds against it.
//!
//! What one hit means to one door is `Daemon::meet` in `meet.rs`; `world.rs` carries a case to the daemon.

mod concerns;
mod config;
mod daemon;
mod decode;
mod deviation;
mod directives;
mod disk;
mod jobs;
mod life;
mod meet;
mod memory;
mod old;
mod once;
mod open;
mod options;
mod ports;
mod process;
mod wording;
mod words;
mod world;

use std::collections::BTreeSet;

pub use self::{
    config::{Config, Fault, parse},
    daemon::{Daemon, Surroundings},
    deviation::{Deviation, Deviations},
    disk::Disk,
    words::{Commands, Door, Event, Hit, Port, Protocol, Sequences, What, Whose},
};
use crate::{
    ability::Ability,
    case::Case,
    subject::{Broken, Precision, Subject},
    transcript::Transcript,
};

/// The model as a subject.
#[derive(Clone, Debug)]
pub struct Model {
    name: String,
    deviations: Deviations,
}

impl Model {
    /// The model of a daemon that conforms.
    #[must_use]
    pub fn conforming() -> Self {
        Self { name: "model".to_owned(), deviations: Deviations::NONE }
    }

    /// A mutant.
    #[must_use]
    pub fn mutant(deviation: Deviation) -> Self {
        Self { name: deviation.to_string(), deviations: deviation.into() }
    }

    /// The C program 0.8 as far as it is known.
    #[must_use]
    pub fn knockd_0_8() -> Self {
        Self::deviating("model of knockd-0.8", Deviations::KNOCKD_0_8)
    }

    /// A model that deviates in these ways.
    #[must_use]
    pub fn deviating(name: &str, deviations: Deviations) -> Self {
        Self { name: name.to_owned(), deviations }
    }
}

impl Subject for Model {
    fn name(&self) -> &str {
        &self.name
    }

    fn lacks(&self, case: &Case) -> BTreeSet<Ability> {
        let lacks = [Ability::Client, Ability::Shell, Ability::System];
        case.needs().into_iter().filter(|ability| lacks.contains(ability)).collect()
    }

    fn precision(&self) -> Precision {
        Precision::EXACT
    }

    fn run(&self, case: &Case) -> Result<Transcript, Broken> {
        Ok(world::play(case, self.deviations))
    }
}
