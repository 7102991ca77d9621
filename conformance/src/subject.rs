//! Whoever is judged, behind one small trait.

use std::{collections::BTreeSet, fmt, time::Instant};

use crate::{ability::Ability, case::Case, time::Nanos, transcript::Transcript};

/// A daemon or client, and the world in which it is observed.
pub trait Subject: Sync {
    /// What reports call it.
    fn name(&self) -> &str;

    /// What it lacks of what `case` needs; empty if it can be judged by it.
    fn lacks(&self, case: &Case) -> BTreeSet<Ability>;

    /// Whether the daemon means to obey the clause of this id. A case that names one that it does not claim is not
    /// carried to it, and is counted as not claimed.
    fn claims(&self, _clause: &str) -> bool {
        true
    }

    /// How exactly its times are known.
    fn precision(&self) -> Precision;

    /// Lets the case happen and tells what was seen. What the daemon did wrong is not an error here.
    ///
    /// # Errors
    ///
    /// The world broke: no permission, no such program, a namespace that could not be made. Then nothing can be said about
    /// the daemon.
    fn run(&self, case: &Case) -> Result<Transcript, Broken>;

    /// Why what went wrong since then may be the world's doing: then a failure that no ledger knows is no word about the
    /// subject. Nothing for a world that cannot be disturbed.
    fn disturbance(&self, _since: Instant) -> Option<Broken> {
        None
    }
}

/// How far what is seen may be from what is expected, in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Precision {
    /// How much too early.
    pub early: Nanos,
    /// How much too late.
    pub late: Nanos,
}

impl Precision {
    /// Virtual time: no tolerance at all.
    pub const EXACT: Self = Self { early: Nanos(0), late: Nanos(0) };

    /// Whether nothing is tolerated.
    #[must_use]
    pub fn is_exact(self) -> bool {
        self == Self::EXACT
    }
}

/// The world broke; nothing is known about the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(pub String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}
