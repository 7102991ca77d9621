//! The first pass of an explanation: finds out whose packets are worth telling.

use std::{collections::BTreeSet, net::IpAddr};

use knockd::{engine::Effect, event::Event};

use super::{decision::Decision, explain::Filter, progress::Bar, world::Sink};
use crate::capture::Progress;

/// The first pass: who reached stage 1.
pub(crate) struct Scout<'a> {
    filter: &'a Filter,
    reached: BTreeSet<IpAddr>,
    bar: &'a mut Bar,
    nobody: (),
}

impl<'a> Scout<'a> {
    /// A scout that looks only at the doors that `filter` takes.
    pub(crate) fn new(filter: &'a Filter, bar: &'a mut Bar) -> Self {
        Self { filter, reached: BTreeSet::new(), bar, nobody: () }
    }

    /// Whom it saw.
    pub(crate) fn reached(self) -> BTreeSet<IpAddr> {
        self.reached
    }
}

impl Sink for Scout<'_> {
    type Watch = ();

    fn watch(&mut self) -> &mut () {
        &mut self.nobody
    }

    fn decision(&mut self, decision: &Decision, _: bool) {
        if let Effect::Log(Event::Stage { who, .. }) = &decision.effect
            && self.filter.takes_door(who.door.name())
        {
            self.reached.insert(who.source);
        }
    }

    fn pause(&mut self, progress: Progress) {
        self.bar.at(progress);
    }
}
