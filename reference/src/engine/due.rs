//! What is due when: knocks that time out (TIME-1) and commands that are to run (CMD-2).

use super::{Engine, Reason};
use crate::{event::Event, time::Instant};

impl Engine {
    /// Whatever is due by now, in order of time; at one time in the doors' order, a door's knocks before its commands.
    #[cold]
    pub(super) fn fire_due(&mut self) {
        while let Some((_, door, reason)) = self.first_due().filter(|(due, ..)| *due <= self.now) {
            match reason {
                Reason::SequenceTimeout => {
                    let Some((_, id)) = self.knocks.oldest_at(door) else { break };
                    let seen = self.end(id, None);
                    let who = self.who(seen);
                    self.log(Event::TimedOut { who, stage: seen.stage });
                }
                Reason::CommandTimeout => {
                    let Some(who) = self.jobs.stop_first_due() else { break };
                    self.log(Event::CommandTimeout { who });
                    self.run_commands();
                }
            }
        }
        self.set_next_due();
    }

    fn first_due(&self) -> Option<(Instant, u32, Reason)> {
        let knock = self.deadlines.earliest();
        let stop = self.jobs.next_due();
        match (knock, stop) {
            (Some(knock), Some(stop)) if stop < knock => Some((stop.0, stop.1, Reason::CommandTimeout)),
            (Some((due, door)), _) => Some((due, door, Reason::SequenceTimeout)),
            (None, Some((due, door))) => Some((due, door, Reason::CommandTimeout)),
            (None, None) => None,
        }
    }

    pub(super) fn set_deadline(&mut self, door: u32) {
        let timeout = self.doors[door as usize].config.seq_timeout;
        self.deadlines.set(door, self.knocks.oldest_at(door).map(|(begun, _)| begun.after(timeout)));
    }

    pub(super) fn set_next_due(&mut self) {
        (self.next_due, self.next_reason) =
            self.first_due().map_or((Instant::MAX, Reason::SequenceTimeout), |(due, _, reason)| (due, reason));
    }
}
