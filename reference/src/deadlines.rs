//! The earliest of many deadlines, one a door, as a knock-out tournament: changing one costs the height of the tree.

use crate::time::Instant;

/// A deadline for each of a fixed number of entrants; entrants without one have [`Instant::MAX`].
#[derive(Debug)]
pub(crate) struct Deadlines {
    due: Vec<Instant>,
    /// `winners[1]` is the entrant with the earliest deadline; the node above nodes 2n and 2n + 1 is n.
    winners: Vec<u32>,
    leaves: usize,
}

impl Deadlines {
    /// `entrants` entrants without a deadline.
    pub(crate) fn new(entrants: usize) -> Self {
        let leaves = entrants.next_power_of_two();
        let mut winners = vec![0; 2 * leaves];
        for (leaf, winner) in winners[leaves..].iter_mut().enumerate() {
            *winner = u32::try_from(leaf).unwrap_or(u32::MAX);
        }
        for node in (1..leaves).rev() {
            winners[node] = winners[2 * node];
        }
        Self { due: vec![Instant::MAX; leaves], winners, leaves }
    }

    /// Sets or takes away the deadline of `entrant`.
    pub(crate) fn set(&mut self, entrant: u32, due: Option<Instant>) {
        let due = due.unwrap_or(Instant::MAX);
        if self.due[entrant as usize] == due {
            return;
        }
        self.due[entrant as usize] = due;
        let mut node = (self.leaves + entrant as usize) / 2;
        while node > 0 {
            let (left, right) = (self.winners[2 * node], self.winners[2 * node + 1]);
            // At the same time the lower entrant comes first: doors act in the file's order.
            self.winners[node] = if self.due[right as usize] < self.due[left as usize] { right } else { left };
            node /= 2;
        }
    }

    /// The earliest deadline and the lowest entrant that has it.
    pub(crate) fn earliest(&self) -> Option<(Instant, u32)> {
        let winner = self.winners[1];
        let due = self.due[winner as usize];
        (due != Instant::MAX).then_some((due, winner))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, option, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn the_earliest_of_a_map_is_the_earliest(
            entrants in 1..20_u32,
            changes in vec((any::<prop::sample::Index>(), option::weighted(0.7, 0..8_u64)), 0..60),
        ) {
            let mut deadlines = Deadlines::new(entrants as usize);
            let mut naive = BTreeMap::new();
            for (entrant, due) in changes {
                let entrant = u32::try_from(entrant.index(entrants as usize)).expect("an entrant");
                let due = due.map(Instant::from_nanos);
                deadlines.set(entrant, due);
                match due {
                    Some(due) => naive.insert(entrant, due),
                    None => naive.remove(&entrant),
                };
                prop_assert_eq!(deadlines.earliest(), naive.iter().map(|(entrant, due)| (*due, *entrant)).min());
            }
        }
    }

    #[test]
    fn nobody_has_no_deadline_and_the_end_of_the_clock_is_none() {
        assert_eq!(Deadlines::new(0).earliest(), None);
        let mut deadlines = Deadlines::new(3);
        deadlines.set(1, Some(Instant::MAX));
        assert_eq!(deadlines.earliest(), None);
    }
}
