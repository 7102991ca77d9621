//! Looking on while the engine decides.

use super::NotAClient;
use crate::{
    clause::Clause,
    knock::Verdict,
    port::Port,
    wire::{Hit, NoHit},
};

/// Sees every decision about every frame: how a replay explains what happened.
pub trait Watch {
    /// Whether frames that change nothing are to be judged, too. Without, most frames cost a few nanoseconds.
    const EVERY: bool;
    /// The frame is no hit at any door.
    fn no_hit(&mut self, why: &Unseen);
    /// The hit was judged at a door.
    fn judged(&mut self, judged: &Judged);
}

/// Nobody watches.
impl Watch for () {
    const EVERY: bool = false;
    fn no_hit(&mut self, _: &Unseen) {}
    fn judged(&mut self, _: &Judged) {}
}

/// Why a frame is no hit at any door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// It carries none.
    NoHit(NoHit),
    /// IPv6 is ignored (LISTEN-5).
    OnlyV4(Hit),
    /// Its source cannot be a client (LISTEN-9).
    Source(Hit, NotAClient),
}

impl Unseen {
    /// The clause that decided.
    #[must_use]
    pub fn clause(&self) -> Clause {
        match self {
            Self::NoHit(why) => why.clause(),
            Self::OnlyV4(_) => Clause::Listen5,
            Self::Source(..) => Clause::Listen9,
        }
    }
}

/// One door's judgement of one hit.
#[derive(Clone, Copy, Debug)]
pub struct Judged {
    /// The hit.
    pub hit: Hit,
    /// The door's index.
    pub door: u32,
    /// The judgement.
    pub verdict: Verdict,
    /// Stage and number of the source's knock at this door before it; stage 0 without one.
    pub before: (u8, Option<u64>),
    /// The same after it; a completed knock is gone.
    pub after: (u8, Option<u64>),
    /// The port that would have been right; `None` while the door is disabled.
    pub expected: Option<Port>,
    /// How many ports the sequence has that the hit was judged by.
    pub ports: u8,
    /// The port that is right next, if a knock is in progress after it.
    pub next: Option<Port>,
}
