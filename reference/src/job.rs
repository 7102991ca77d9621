//! Commands: the start command, the wait, the stop command (CMD).
//!
//! A completed knock is one job. At most a given number of commands run at once; the rest wait in order, stop commands
//! before start commands, so that a flood of knocks cannot keep a door open (CMD-8). Between its commands a job is a few
//! dozen bytes here, no process.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
    sync::Arc,
};

use crate::{config::Commands, event::Who, time::Instant};

/// A command that runs or is to run; each has its own, and none is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(u64);

impl JobId {
    /// Its number, for whoever tells another process of it.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The job of that number; the end of one that never began is no input.
    #[must_use]
    pub const fn numbered(number: u64) -> Self {
        Self(number)
    }
}

/// Which of a door's two commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// `Start_Command`.
    Start,
    /// `Stop_Command`.
    Stop,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this exit status.
    Status(i32),
    /// By this signal.
    Signal(i32),
    /// It never ran: the system refused it, in these words (CMD-5).
    Refused(String),
}

/// A command to run through `/bin/sh -c`.
#[derive(Clone, Debug)]
pub struct Run {
    /// To be given back when it has ended.
    pub job: JobId,
    /// Start or stop.
    pub kind: JobKind,
    /// For whose knock.
    pub who: Who,
    /// The command, every `%IP%` replaced (CMD-1).
    pub command: Arc<[u8]>,
}

/// What a job is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A place among the running commands.
    Queued(JobKind),
    /// The command's end.
    Running(JobKind),
    /// `Cmd_Timeout`.
    Open(Instant),
}

#[derive(Debug)]
struct Job {
    who: Who,
    phase: Phase,
}

/// What the end of a command means.
#[derive(Debug)]
pub(crate) enum Ended {
    /// No such command was running.
    Unknown,
    /// It was for this knock.
    Known(Who),
}

/// All jobs.
#[derive(Debug)]
pub(crate) struct Jobs {
    jobs: BTreeMap<JobId, Job>,
    /// Jobs that wait for `Cmd_Timeout`: at one time, in the doors' order, then in the order of their knocks.
    open: BTreeSet<(Instant, u32, JobId)>,
    stops: VecDeque<JobId>,
    starts: VecDeque<JobId>,
    running: usize,
    most_running: usize,
    next: u64,
    /// No job may wait any more: the daemon ends (CMD-7).
    closing: bool,
}

impl Jobs {
    pub(crate) fn new(most_running: usize) -> Self {
        Self {
            jobs: BTreeMap::new(),
            open: BTreeSet::new(),
            stops: VecDeque::new(),
            starts: VecDeque::new(),
            running: 0,
            most_running: most_running.max(1),
            next: 0,
            closing: false,
        }
    }

    /// Whether nothing runs, waits or is due.
    pub(crate) fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }

    /// How many start commands wait for a place (CMD-8).
    pub(crate) fn waiting_starts(&self) -> usize {
        self.starts.len()
    }

    /// The next stop command's time and its door's index.
    pub(crate) fn next_due(&self) -> Option<(Instant, u32)> {
        self.open.first().map(|(due, door, _)| (*due, *door))
    }

    /// Takes on a completed knock; without a start command there is nothing to do (CMD-2).
    pub(crate) fn open(&mut self, who: Who) {
        if command(&who, JobKind::Start).is_none() {
            return;
        }
        let id = JobId(self.next);
        self.next += 1;
        self.jobs.insert(id, Job { who, phase: Phase::Queued(JobKind::Start) });
        self.starts.push_back(id);
    }

    /// The next command that may run now.
    pub(crate) fn next_to_run(&mut self) -> Option<Run> {
        if self.running >= self.most_running {
            return None;
        }
        let id = self.stops.pop_front().or_else(|| self.starts.pop_front())?;
        let job = self.jobs.get_mut(&id)?;
        let Phase::Queued(kind) = job.phase else { return None };
        job.phase = Phase::Running(kind);
        self.running += 1;
        let template = command(&job.who, kind).unwrap_or_default();
        Some(Run { job: id, kind, who: job.who.clone(), command: substitute(template, job.who.source) })
    }

    /// A command has ended at `now`. The stop command follows `Cmd_Timeout` later, at once when the daemon is ending,
    /// and not at all when the start command never ran.
    pub(crate) fn ended(&mut self, id: JobId, exit: &Exit, now: Instant) -> Ended {
        let Some(job) = self.jobs.get_mut(&id) else { return Ended::Unknown };
        let Phase::Running(kind) = job.phase else { return Ended::Unknown };
        self.running -= 1;
        let who = job.who.clone();
        let refused = matches!(exit, Exit::Refused(_));
        if kind == JobKind::Start && !refused && command(&who, JobKind::Stop).is_some() {
            if self.closing {
                job.phase = Phase::Queued(JobKind::Stop);
                self.stops.push_back(id);
            } else {
                let due = now.after(who.door.config.cmd_timeout);
                job.phase = Phase::Open(due);
                self.open.insert((due, who.door.index, id));
            }
        } else {
            self.jobs.remove(&id);
        }
        Ended::Known(who)
    }

    /// Queues the first stop command, which is due; gives its knock.
    pub(crate) fn stop_first_due(&mut self) -> Option<Who> {
        let (_, _, id) = self.open.pop_first()?;
        let job = self.jobs.get_mut(&id)?;
        job.phase = Phase::Queued(JobKind::Stop);
        self.stops.push_back(id);
        Some(job.who.clone())
    }

    /// The daemon ends: what is open is closed now; a start command that has not run yet does not run if it would be
    /// undone at once (CMD-7).
    pub(crate) fn close(&mut self) {
        self.closing = true;
        while self.stop_first_due().is_some() {}
        let Self { jobs, starts, .. } = self;
        starts.retain(|id| {
            let undone = jobs.get(id).is_some_and(|job| command(&job.who, JobKind::Stop).is_some());
            if undone {
                jobs.remove(id);
            }
            !undone
        });
    }

    /// Gives the doors new numbers; a door that is gone comes last. Its commands still run.
    pub(crate) fn renumber(&mut self, place: &[Option<u32>]) {
        let new = |old: u32| place.get(old as usize).copied().flatten().unwrap_or(u32::MAX);
        for job in self.jobs.values_mut() {
            job.who.door.index = new(job.who.door.index);
        }
        self.open = self.open.iter().map(|(due, door, id)| (*due, new(*door), *id)).collect();
    }
}

/// The door's command for this source's address family (CMD-3).
fn command(who: &Who, kind: JobKind) -> Option<&[u8]> {
    let Commands { start, stop } = match who.source {
        IpAddr::V4(_) => &who.door.config.v4,
        IpAddr::V6(_) => &who.door.config.v6,
    };
    match kind {
        JobKind::Start => start.as_deref(),
        // A stop command closes what a start command opened.
        JobKind::Stop => start.as_ref().and(stop.as_deref()),
    }
}

/// Replaces every `%IP%` by the source's address (CMD-1), in RFC 5952's form.
#[must_use]
pub fn substitute(template: &[u8], source: IpAddr) -> Arc<[u8]> {
    const PLACE: &[u8] = b"%IP%";
    let address = source.to_string();
    let mut command = Vec::with_capacity(template.len() + address.len());
    let mut rest = template;
    while let Some(at) = memchr::memmem::find(rest, PLACE) {
        command.extend_from_slice(&rest[..at]);
        command.extend_from_slice(address.as_bytes());
        rest = &rest[at + PLACE.len()..];
    }
    command.extend_from_slice(rest);
    command.into()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_substituted_as_any_replacement_is(
            parts in vec(select(vec!["%IP%", "%", "IP", "IP%", "%ip%", " ", "é", "iptables -s "]), 0..12),
            source in any::<IpAddr>(),
        ) {
            let template = parts.concat();
            let expected = template.replace("%IP%", &source.to_string());
            prop_assert_eq!(&*substitute(template.as_bytes(), source), expected.as_bytes());
        }

        #[test]
        fn bytes_of_any_kind_come_through_around_an_address(before in vec(any::<u8>(), 0..40), after in vec(any::<u8>(), 0..40)) {
            // Without a percent sign neither side can take part in a place of its own.
            let clean = |bytes: &[u8]| -> Vec<u8> { bytes.iter().map(|byte| if *byte == b'%' { 0xff } else { *byte }).collect() };
            let (before, after) = (clean(&before), clean(&after));
            let template = [&before[..], b"%IP%", &after].concat();
            let expected = [&before[..], b"2001:db8::7", &after].concat();
            prop_assert_eq!(&*substitute(&template, "2001:db8:0:0::7".parse().expect("an address")), &expected[..]);
        }
    }

    #[test]
    fn one_percent_sign_serves_one_place() {
        assert_eq!(&*substitute(b"%IP%IP%", [10, 0, 0, 7].into()), b"10.0.0.7IP%");
        assert_eq!(&*substitute(b"%%IP%%", [10, 0, 0, 7].into()), b"%10.0.0.7%");
    }
}
