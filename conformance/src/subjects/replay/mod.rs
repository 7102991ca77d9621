//! This project's engine over a case rendered as a capture, in virtual time.
//!
//! The packets pass through a real capture file in memory and its reader, so that link types, lengths and stamps are
//! judged, too. Everything around the engine (files, commands, signals) is made up here, exactly on time.

mod frames;
mod world;

use std::collections::BTreeSet;

use self::world::World;
use crate::{
    ability::Ability,
    case::{Case, Kind},
    subject::{Broken, Precision, Subject},
    timeline::{Event, Expect},
    transcript::Transcript,
};

/// The subject.
#[derive(Clone, Copy, Debug, Default)]
pub struct Replay;

/// Options that the world around the engine understands.
const OPTIONS: [&str; 4] = ["-4", "--only-ip-v4", "-D", "--debug"];

/// What no capture has.
const LACKS: [Ability; 7] = [
    Ability::Client,
    Ability::Interfaces,
    Ability::Clock,
    Ability::Process,
    Ability::Shell,
    Ability::Syslog,
    Ability::System,
];

impl Subject for Replay {
    fn name(&self) -> &str {
        "reference"
    }

    fn lacks(&self, case: &Case) -> BTreeSet<Ability> {
        let mut lacks = case.needs();
        lacks.retain(|ability| LACKS.contains(ability));
        if let Kind::Daemon { options, .. } = &case.kind {
            // What it says of a bad configuration, and these options, need no process.
            let plain = options.iter().all(|option| OPTIONS.contains(&option.as_str()));
            if plain && !needs_process(case) {
                lacks.remove(&Ability::Process);
            }
        }
        lacks
    }

    fn precision(&self) -> Precision {
        Precision::EXACT
    }

    fn run(&self, case: &Case) -> Result<Transcript, Broken> {
        let frames = frames::frames(case)?;
        Ok(World::live(case, frames))
    }
}

fn needs_process(case: &Case) -> bool {
    let of_process = |event: &Event| matches!(event, Event::Second | Event::Kill);
    let starts_well =
        !case.timeline.expectations().any(|(at, _, expect)| at.0 == 0 && matches!(expect, Expect::Exit(_)));
    let says = case.timeline.expectations().any(|(_, _, expect)| matches!(expect, Expect::Says(_)));
    case.timeline.events().any(|(_, event)| of_process(event))
        || says && starts_well
        || case.timeline.expectations().any(|(_, _, expect)| crate::case::is_of_process(expect))
}
