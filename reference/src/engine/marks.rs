//! One-time doors: the mark is asked for, and only when it is written does the door open (ONCE-6).

use std::collections::VecDeque;

use super::{Effect, Engine, Spend, SpendId, door::Trigger, first_ports};
use crate::{
    clause::Clause,
    event::{Event, Who},
};

impl Engine {
    /// A one-time sequence was knocked: its line is spent before the door opens, and the next one counts from now on.
    pub(super) fn trigger(&mut self, who: Who) {
        let index = who.door.index;
        let id = SpendId(self.next_spend);
        self.next_spend += 1;
        let (first_in_line, skipped) = self.doors[index as usize].trigger(id, who);
        if first_in_line {
            self.spend_next(index);
        }
        self.discard_all(index, Clause::Once4);
        skipped.into_iter().for_each(|event| self.log(event));
        self.first = first_ports(&self.doors);
    }

    /// Asks for the mark of the first trigger that waits at a door.
    fn spend_next(&mut self, door: u32) {
        if let Some(trigger) = self.doors[door as usize].triggers.front() {
            let Trigger { id, offset, expected, .. } = *trigger;
            let spend = Spend { id, who: trigger.who.clone(), offset, expected };
            self.out.push_back(Effect::Spend(spend));
        }
    }

    pub(super) fn spent(&mut self, spend: SpendId, result: Result<(), String>) {
        self.orphans.retain(|mark| mark.id != spend);
        let Some(index) = self.doors.iter().position(|door| door.asks(spend)) else { return };
        let Some(trigger) = self.doors[index].triggers.pop_front() else { return };
        let door = trigger.who.door.clone();
        let by = Some((trigger.who.source, trigger.who.knock));
        match result {
            Ok(()) => {
                self.open(trigger.who);
                if trigger.takes_last_line {
                    self.log(Event::Disabled { door: door.clone(), by, failure: None });
                }
                self.spend_next(door.index);
            }
            Err(why) => {
                let waiting = self.doors[index].disable(Clause::Once6);
                self.first = first_ports(&self.doors);
                self.log(Event::Disabled { door: door.clone(), by, failure: Some(why) });
                self.discard_all(door.index, Clause::Once6);
                self.discard_waiting(waiting, Clause::Once6);
            }
        }
    }

    /// Completed knocks that waited for their mark will not open.
    pub(super) fn discard_waiting(&mut self, waiting: VecDeque<Trigger>, clause: Clause) {
        for Trigger { who, stage, .. } in waiting {
            self.log(Event::Discarded { who, stage, clause, hit: None });
        }
    }
}
