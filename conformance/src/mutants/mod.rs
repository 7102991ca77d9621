//! Proof that the cases can fail: deliberately broken daemons and clients, each of which a case of its clause must
//! catch.
//!
//! Most are the naive model with one deviation ([`model`]). What a model cannot show, such as the descriptors that a
//! command gets or what a client sends, is shown by real programs behind a script that spoils what they are given or
//! give ([`scripts`]), judged live ([`live`]). A case that catches none of them proves nothing, unless a list says with
//! a reason why it is there all the same.

pub mod live;
pub mod model;
pub mod scripts;

use std::{collections::BTreeSet, fmt};

use serde::Deserialize;

use crate::{
    clause::{CLAUSES, Level},
    model::Deviation,
    pattern::Pattern,
};

/// What is wrong with the cases, with the mutants or with a list of excuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No case of its clause catches this mutant.
    Escapes {
        /// The mutant.
        mutant: String,
        /// The clause that it breaks.
        clause: String,
        /// What it does.
        text: String,
    },
    /// The case that is to catch this live mutant passes it.
    Missed {
        /// The mutant.
        mutant: String,
        /// What it does.
        text: String,
        /// The case.
        case: String,
    },
    /// The case that is to catch this live mutant fails it for another reason than the one that is given.
    Otherwise {
        /// The mutant.
        mutant: String,
        /// The case.
        case: String,
        /// What was seen.
        seen: String,
    },
    /// The unbroken program fails this case, which so says nothing about a broken one.
    Fails {
        /// The case.
        case: String,
        /// What was seen.
        seen: String,
    },
    /// This case catches no mutant, and nobody says why it is there.
    Idle {
        /// The case.
        case: String,
        /// The file that does not say why.
        list: &'static str,
    },
    /// An excuse fits no case that catches no mutant.
    Stale {
        /// The excuse's pattern.
        case: String,
        /// The file that holds it.
        list: &'static str,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Escapes { mutant, clause, text } => {
                write!(f, "mutant `{mutant}` is caught by no case of its clause, {clause}: {text}")
            }
            Self::Missed { mutant, text, case } => write!(f, "case `{case}` does not notice mutant `{mutant}`: {text}"),
            Self::Otherwise { mutant, case, seen } => {
                write!(f, "case `{case}` fails mutant `{mutant}` for another reason than is given: {seen}")
            }
            Self::Fails { case, seen } => {
                write!(f, "case `{case}` fails the unbroken program, and says nothing about a broken one: {seen}")
            }
            Self::Idle { case, list } => write!(f, "case `{case}` catches no mutant, and {list} does not say why"),
            Self::Stale { case, list } => write!(f, "`{case}` in {list} fits no case that catches no mutant"),
        }
    }
}

/// Why a case that catches no mutant is there all the same: an entry `[[idle]]` of a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Idle {
    case: String,
    #[expect(dead_code, reason = "a reason is for people, but must be there")]
    reason: String,
}

/// Idle cases that the list does not excuse, and excuses in it that nobody needs.
fn unexcused(idle: &[&str], excuses: &[Idle], list: &'static str) -> Vec<Fault> {
    let excused: Vec<Pattern> = excuses.iter().map(|excuse| Pattern::new(&excuse.case)).collect();
    let is_excused = |case: &&&str| excused.iter().any(|excuse| excuse.fits(case));
    let is_stale = |excuse: &&Pattern| !idle.iter().any(|case| excuse.fits(case));
    let faults =
        idle.iter().filter(|case| !is_excused(case)).map(|case| Fault::Idle { case: (*case).to_owned(), list });
    let stale = excused.iter().filter(is_stale).map(|excuse| Fault::Stale { case: excuse.to_string(), list });
    faults.chain(stale).collect()
}

/// The clauses of this level that no mutant breaks, neither one of the model nor one of `scripts`.
#[must_use]
pub fn uncovered(level: Level, scripts: &scripts::Scripts) -> Vec<&'static str> {
    let of_model = Deviation::ALL.iter().map(|mutant| mutant.clause());
    let broken: BTreeSet<&str> = of_model.chain(scripts.mutants.iter().map(|mutant| &*mutant.clause)).collect();
    let of_level = CLAUSES.iter().filter(|clause| clause.level == level).map(|clause| &*clause.id);
    of_level.filter(|id| !broken.contains(id)).collect()
}
