//! Taking over a new configuration without losing what it does not change (PROC-3).

use std::collections::BTreeMap;

use super::{Doors, Engine, door::Door, door_index, first_ports};
use crate::{clause::Clause, config::Sequences, deadlines::Deadlines, event::Event};

impl Engine {
    /// Replaces the doors. Knocks survive at doors that are the same: name, place among its namesakes, directives and
    /// present sequence. Commands that run or are due stay as they are, and so do knocks that wait for their mark, if
    /// their door keeps its file; else they are discarded. A line whose mark is being written is passed over at whatever door
    /// has its file now.
    pub(super) fn reload(&mut self, new: Doors) {
        let Doors { config, files } = new;
        let mut partners = Partners::new(&self.doors);
        let mut places = vec![None; self.doors.len()];
        let mut unchanged = vec![None; self.doors.len()];
        let mut doors = Vec::with_capacity(config.doors.len());
        let mut events = Vec::new();
        let mut in_flight = std::mem::take(&mut self.orphans);
        in_flight.extend(self.doors.iter().filter_map(Door::in_flight));
        for (index, (config, file)) in config.doors.into_iter().zip(files).enumerate() {
            let index = door_index(index);
            let partner = partners.take(&config.name);
            let keeps_file = |old: &usize| {
                matches!(config.sequences, Sequences::OneTime(_))
                    && self.doors[*old].config.sequences == config.sequences
            };
            let waiting = partner.filter(keeps_file).map(|old| std::mem::take(&mut self.doors[old].triggers));
            let waiting = waiting.unwrap_or_default();
            // The text may have been read before these marks were written.
            let mut spent: Vec<u64> = waiting.iter().map(|trigger| trigger.offset).collect();
            if let (Sequences::OneTime(path), Some(file)) = (&config.sequences, &file) {
                spent.extend(in_flight.iter().filter_map(|mark| mark.offset_in(path, file)));
            }
            let mut door = Door::new(index, config, file, spent, &mut |event| events.push(event));
            door.triggers = waiting;
            for trigger in &mut door.triggers {
                trigger.who.door.index = index;
                // Whether a line is left is told of the file as it was read now.
                trigger.takes_last_line = false;
            }
            if let Some(old) = partner {
                places[old] = Some(index);
                let same =
                    self.doors[old].config == door.config && self.doors[old].rules.sequence() == door.rules.sequence();
                unchanged[old] = same.then_some(index);
            }
            doors.push(door);
        }
        for (old, place) in unchanged.iter().enumerate() {
            if place.is_none() {
                self.discard_all(door_index(old), Clause::Proc3);
            }
            let waiting = std::mem::take(&mut self.doors[old].triggers);
            self.discard_waiting(waiting, Clause::Proc3);
        }
        in_flight.retain(|mark| !doors.iter().any(|door| door.asks(mark.id)));
        self.orphans = in_flight;
        self.knocks.renumber(&unchanged, doors.len());
        self.repeats.renumber(&unchanged);
        self.jobs.renumber(&places);
        self.deadlines = Deadlines::new(doors.len());
        self.first = first_ports(&doors);
        self.doors = doors;
        (0..door_index(self.doors.len())).for_each(|door| self.set_deadline(door));
        events.into_iter().for_each(|event: Event| self.log(event));
    }
}

/// The old doors by name, each handed out once, in order.
struct Partners(BTreeMap<String, std::vec::IntoIter<usize>>);

impl Partners {
    fn new(doors: &[Door]) -> Self {
        let mut names: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, door) in doors.iter().enumerate() {
            names.entry(door.config.name.clone()).or_default().push(index);
        }
        Self(names.into_iter().map(|(name, places)| (name, places.into_iter())).collect())
    }

    fn take(&mut self, name: &str) -> Option<usize> {
        self.0.get_mut(name)?.next()
    }
}
