//! The doors that were opened and are to be closed: who closes each of them, and when. Touches no clock, file or process.
//!
//! An opening is the watcher's while the watcher has its job: its engine says when to stop. It is the doorkeeper's own
//! when it came out of the journal, or when the watcher has died.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use crate::daemon::{
    journal::record::{BootId, OpenDoor, Recovered},
    message::Stop,
};

/// How far an opening has come.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Its record, of this batch, is not known to be durable: this start command waits.
    Waiting(u64, Vec<u8>),
    /// Its start command runs.
    Starting,
    /// Its stop command has its time.
    Open(Duration),
    /// Its stop command waits for a place.
    Queued,
    /// Its stop command runs.
    Stopping,
}

/// One opening.
#[derive(Clone, Debug)]
struct Opening {
    door: OpenDoor,
    /// The watcher's job; `None` if it is the doorkeeper's own.
    job: Option<u64>,
    state: State,
}

/// A start command whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// The opening.
    pub(super) number: u64,
    /// The watcher's job.
    pub(super) job: Option<u64>,
    /// What to run.
    pub(super) command: Vec<u8>,
}

/// All openings.
#[derive(Debug, Default)]
pub(super) struct Openings {
    all: BTreeMap<u64, Opening>,
    jobs: BTreeMap<u64, u64>,
    /// Those whose records are not known to be durable, in order.
    waiting: VecDeque<u64>,
    /// The stop commands whose time the doorkeeper watches.
    due: BTreeSet<(Duration, u64)>,
    queue: VecDeque<u64>,
    next: u64,
    /// What is open is to be closed now: the daemon ends.
    closing: bool,
}

impl Openings {
    /// Takes over what a journal says. What another boot has opened is due at once; where nobody has seen the start
    /// command end, the time begins now. Gives the openings whose times the journal lacks, for it to have them.
    #[must_use]
    pub(super) fn adopt(&mut self, found: Recovered, boot: BootId, now: Duration) -> Vec<(u64, Duration)> {
        let mut begun = Vec::new();
        for (number, mut door) in found.doors {
            let due = match door.due {
                Some((of, due)) if of == boot => Duration::from_nanos(due),
                Some(_) => now,
                None => {
                    let due = now.saturating_add(door.stop.after);
                    begun.push((number, due));
                    due
                }
            };
            door.due = Some((boot, nanos(due)));
            self.due.insert((due, number));
            self.all.insert(number, Opening { door, job: None, state: State::Open(due) });
        }
        self.next = self.next.max(found.next);
        begun
    }

    /// A start command that waits for its record of this batch; gives the opening's number.
    pub(super) fn begin(&mut self, job: u64, stop: Stop, start: Vec<u8>, batch: u64) -> u64 {
        let number = self.insert(job, stop, State::Waiting(batch, start));
        self.waiting.push_back(number);
        number
    }

    fn insert(&mut self, job: u64, stop: Stop, state: State) -> u64 {
        let number = self.next;
        self.next += 1;
        self.all.insert(number, Opening { door: OpenDoor { stop, due: None }, job: Some(job), state });
        self.jobs.insert(job, number);
        number
    }

    /// The next start command that may run, since the records of this batch and of those before it are durable.
    pub(super) fn durable(&mut self, batch: u64) -> Option<Start> {
        let number = *self.waiting.front()?;
        let opening = self.all.get_mut(&number)?;
        let State::Waiting(of, start) = &mut opening.state else { return None };
        if *of > batch {
            return None;
        }
        let command = std::mem::take(start);
        opening.state = State::Starting;
        self.waiting.pop_front();
        Some(Start { number, job: opening.job, command })
    }

    /// A start command has ended; gives the time of its stop command.
    pub(super) fn opened(&mut self, number: u64, boot: BootId, now: Duration) -> Option<Duration> {
        let closing = self.closing;
        let opening = self.all.get_mut(&number).filter(|opening| opening.state == State::Starting)?;
        let due = now.saturating_add(opening.door.stop.after);
        opening.door.due = Some((boot, nanos(due)));
        if opening.job.is_none() {
            let watched = if closing { now } else { due };
            opening.state = State::Open(watched);
            self.due.insert((watched, number));
        } else {
            opening.state = State::Open(due);
        }
        Some(due)
    }

    /// The watcher wants a stop command to run; gives the opening's number. If an earlier doorkeeper has begun it, it is
    /// the one that the same command closes; if there is none, it is a new one.
    pub(super) fn stop(&mut self, job: u64, command: &[u8]) -> u64 {
        let number = self.jobs.get(&job).copied().or_else(|| self.own(command)).unwrap_or_else(|| {
            let source = std::net::Ipv4Addr::UNSPECIFIED.into();
            let stop = Stop { command: command.to_vec(), after: Duration::ZERO, door: String::new(), source };
            self.insert(job, stop, State::Stopping)
        });
        if let Some(opening) = self.all.get_mut(&number) {
            if let State::Open(due) = opening.state {
                self.due.remove(&(due, number));
            }
            self.queue.retain(|queued| *queued != number);
            opening.job = Some(job);
            opening.state = State::Stopping;
            self.jobs.insert(job, number);
        }
        number
    }

    /// The first of the doorkeeper's own openings that this command is to close.
    fn own(&self, command: &[u8]) -> Option<u64> {
        let waits = |state: &State| matches!(state, State::Open(_) | State::Queued);
        let same =
            |opening: &Opening| opening.job.is_none() && waits(&opening.state) && opening.door.stop.command == command;
        self.all.iter().find(|(_, opening)| same(opening)).map(|(number, _)| *number)
    }

    /// What closes an opening.
    pub(super) fn stop_of(&self, number: u64) -> Option<&Stop> {
        self.all.get(&number).map(|opening| &opening.door.stop)
    }

    /// When the doorkeeper has to look again.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Queues the first stop command that is due by now; gives its opening.
    pub(super) fn take_due(&mut self, now: Duration) -> Option<u64> {
        let (_, number) = self.due.first().copied().filter(|(due, _)| *due <= now)?;
        self.due.pop_first();
        self.all.get_mut(&number)?.state = State::Queued;
        self.queue.push_back(number);
        Some(number)
    }

    /// The next stop command that waits for a place. It runs now, or [`Openings::again`] follows.
    pub(super) fn next_stop(&mut self) -> Option<u64> {
        let number = self.queue.pop_front()?;
        self.all.get_mut(&number)?.state = State::Stopping;
        Some(number)
    }

    /// A stop command could not be started; it waits in the queue again.
    pub(super) fn again(&mut self, number: u64) {
        if let Some(opening) = self.all.get_mut(&number) {
            opening.state = State::Queued;
            self.queue.push_front(number);
        }
    }

    /// An opening is closed, or was never opened; gives the watcher's job.
    pub(super) fn closed(&mut self, number: u64) -> Option<u64> {
        let opening = self.all.remove(&number)?;
        let job = opening.job?;
        self.jobs.remove(&job);
        Some(job)
    }

    /// The watcher is dead: all openings are the doorkeeper's own. Gives those that are not to be opened any more.
    pub(super) fn orphan(&mut self) -> Vec<u64> {
        self.jobs.clear();
        let dropped: Vec<_> = self.waiting.drain(..).collect();
        for number in &dropped {
            self.all.remove(number);
        }
        for (number, opening) in &mut self.all {
            if opening.job.take().is_some()
                && let State::Open(due) = opening.state
            {
                self.due.insert((due, *number));
            }
        }
        dropped
    }

    /// The daemon ends: the doorkeeper's own openings are due now.
    pub(super) fn hurry(&mut self, now: Duration) {
        self.closing = true;
        for (_, number) in std::mem::take(&mut self.due) {
            if let Some(opening) = self.all.get_mut(&number) {
                opening.state = State::Open(now);
                self.due.insert((now, number));
            }
        }
    }

    /// How many openings the doorkeeper itself has to close.
    pub(super) fn count_own(&self) -> usize {
        self.all.values().filter(|opening| opening.job.is_none()).count()
    }

    /// How many openings there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// What a journal must say. A stop command without an opening of its own is not in it.
    pub(super) fn doors(&self) -> impl Iterator<Item = (&u64, &OpenDoor)> {
        self.all
            .iter()
            .filter(|(_, opening)| !opening.door.stop.door.is_empty())
            .map(|(number, opening)| (number, &opening.door))
    }
}

/// Nanoseconds, as the journal has them.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
