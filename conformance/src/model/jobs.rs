//! Commands: the start command, the wait, the stop command (CMD).

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
};

use super::{
    deviation::{Deviation as D, Deviations},
    words::{What, Whose},
};
use crate::{
    case::Command,
    time::{Nanos, SECOND},
};

/// How many commands run at once; the rest wait, stop commands first (CMD-8).
const RUNNING: usize = 32;

/// What a completed knock has to do.
#[derive(Clone, Debug)]
struct Job {
    whose: Whose,
    start: String,
    stop: Option<String>,
    /// `Cmd_Timeout`.
    wait: Nanos,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Starting,
    Open,
    Stopping,
}

/// A moment at which something is due: command ends before all else, then by door.
type Due = (Nanos, u8, usize, u64);

/// The jobs of a daemon. They outlive it (CMD-7).
#[derive(Clone, Debug, Default)]
pub(super) struct Jobs {
    jobs: BTreeMap<u64, Job>,
    due: BTreeSet<Due>,
    starts: VecDeque<u64>,
    stops: VecDeque<u64>,
    running: usize,
    next: u64,
    closing: bool,
    /// How commands behave, by their first words.
    behaviour: BTreeMap<String, Command>,
    is: Deviations,
}

/// What the jobs did.
pub(super) type Deeds = Vec<(Whose, What)>;

impl Jobs {
    pub(super) fn new(behaviour: BTreeMap<String, Command>, is: Deviations) -> Self {
        Self { behaviour, is, ..Self::default() }
    }

    /// Takes on a knock that opened its door.
    pub(super) fn open(&mut self, whose: Whose, start: String, stop: Option<String>, wait: Nanos) {
        let id = self.next;
        self.next += 1;
        self.jobs.insert(id, Job { whose, start, stop, wait, phase: Phase::Waiting });
        self.starts.push_back(id);
    }

    /// How many start commands wait.
    pub(super) fn waiting(&self) -> usize {
        self.starts.len()
    }

    /// When something is next due, and whether that is a command's end, and at which door.
    pub(super) fn next_due(&self) -> Option<(Nanos, u8, usize)> {
        self.due.first().map(|(at, class, door, _)| (*at, *class, *door))
    }

    /// Does what is due first, at `now`.
    pub(super) fn fire(&mut self, now: Nanos) -> Deeds {
        let Some((_, _, _, id)) = self.due.pop_first() else { return Vec::new() };
        let Some(job) = self.jobs.get_mut(&id) else { return Vec::new() };
        match job.phase {
            Phase::Waiting => Vec::new(),
            Phase::Starting | Phase::Stopping => self.ended(id, now),
            Phase::Open => {
                let whose = job.whose.clone();
                self.stops.push_back(id);
                let mut deeds = vec![(whose, What::CommandTimeout)];
                deeds.extend(self.run(now));
                deeds
            }
        }
    }

    /// Runs what may run at `now`.
    pub(super) fn run(&mut self, now: Nanos) -> Deeds {
        let mut deeds = Vec::new();
        let most = if self.is.on(D::CommandsOneByOne) { 1 } else { RUNNING };
        while self.running < most {
            let (first, then) = match self.is.on(D::StartsBeforeStops) {
                false => (&mut self.stops, &mut self.starts),
                true => (&mut self.starts, &mut self.stops),
            };
            let next = first.pop_front().or_else(|| then.pop_front());
            let Some((id, job)) = next.and_then(|id| self.jobs.get_mut(&id).map(|job| (id, job))) else { break };
            let is_start = job.phase == Phase::Waiting;
            let mut text = if is_start { job.start.clone() } else { job.stop.clone().unwrap_or_default() };
            if text.len() >= TOO_LONG {
                deeds.push((job.whose.clone(), What::Refused));
                self.jobs.remove(&id);
                continue;
            }
            if text.len() > 4095 && self.is.on(D::CommandCut) {
                text.truncate(4095);
            }
            self.running += 1;
            job.phase = if is_start { Phase::Starting } else { Phase::Stopping };
            let takes = behaviour(&self.behaviour, &text).takes;
            self.due.insert((now.after(takes), 0, job.whose.index, id));
            deeds.push((job.whose.clone(), if is_start { What::Start(text) } else { What::Stop(text) }));
            let twice = !is_start && self.is.on(D::StopRunsTwice) || is_start && self.is.on(D::StartRunsTwice);
            if twice && let Some(again) = deeds.last().cloned() {
                deeds.push(again);
            }
        }
        deeds
    }

    /// A command has ended.
    fn ended(&mut self, id: u64, now: Nanos) -> Deeds {
        self.running -= 1;
        let mut deeds = Vec::new();
        let Some(job) = self.jobs.get_mut(&id) else { return deeds };
        let started = job.phase == Phase::Starting;
        let text = if started { &job.start } else { job.stop.as_ref().unwrap_or(&job.start) };
        let behaviour = behaviour(&self.behaviour, text);
        if behaviour.status != 0 && !self.is.on(D::FailureNotLogged) {
            deeds.push((job.whose.clone(), What::Failed(behaviour.status)));
        }
        let goes_on = started
            && job.stop.is_some()
            && !self.is.on(D::NoStopCommand)
            && !(behaviour.status != 0 && self.is.on(D::NoStopAfterFailure));
        if goes_on && self.closing {
            self.stops.push_back(id);
        } else if goes_on {
            job.phase = Phase::Open;
            let wait = if self.is.on(D::NoDelayBeforeStop) { Nanos(0) } else { job.wait };
            let from = if self.is.on(D::DelayFromTheStart) { now.before(behaviour.takes) } else { now };
            self.due.insert((from.after(wait).max(now), 1, job.whose.index, id));
        } else {
            self.jobs.remove(&id);
        }
        deeds.extend(self.run(now));
        deeds
    }

    /// The daemon ends in order: what is open is closed now, and what would be closed at once is not opened.
    pub(super) fn close(&mut self, now: Nanos) -> Deeds {
        self.closing = true;
        let open: Vec<Due> = self.due.iter().filter(|due| self.is_open(due.3)).copied().collect();
        for due in open {
            self.due.remove(&due);
            self.stops.push_back(due.3);
        }
        let jobs = &mut self.jobs;
        self.starts.retain(|id| {
            let undone = jobs.get(id).is_some_and(|job| job.stop.is_some());
            if undone {
                jobs.remove(id);
            }
            !undone
        });
        self.run(now)
    }

    /// A daemon that has ended is followed by another one, which keeps no count of what runs.
    pub(super) fn forget_open(&mut self) {
        let open: Vec<Due> = self.due.iter().filter(|due| self.is_open(due.3)).copied().collect();
        for due in open {
            self.due.remove(&due);
            self.jobs.remove(&due.3);
        }
    }

    fn is_open(&self, id: u64) -> bool {
        self.jobs.get(&id).is_some_and(|job| job.phase == Phase::Open)
    }
}

/// The longest text that one argument of a program can have on Linux, its end included.
const TOO_LONG: usize = 131_072;

fn behaviour(behaviour: &BTreeMap<String, Command>, text: &str) -> Command {
    let word = text.split_whitespace().next().unwrap_or_default();
    behaviour.get(word).copied().unwrap_or_default()
}

/// A command for a source (CMD-1).
pub(super) fn fill(template: &str, source: IpAddr, is: Deviations) -> String {
    let address = if is.on(D::MappedAddressIsIpv4) { source.to_canonical() } else { source }.to_string();
    if is.on(D::IpReplacedOnce) {
        template.replacen("%IP%", &address, 1)
    } else if is.on(D::IpNotReplaced) {
        template.to_owned()
    } else {
        template.replace("%IP%", &address)
    }
}

/// Seconds as a span.
pub(super) fn seconds(seconds: u64) -> Nanos {
    Nanos(seconds.saturating_mul(SECOND.0))
}
