//! The daemon: what it knows, and how packets and time come to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::{
    deviation::{Deviation as D, Deviations},
    disk::Disk,
    jobs::{self, Jobs},
    life::faults,
    memory::Memory,
    once::Line,
    words::{Door, Event, Hit, Port, What, Whose},
};
use crate::{case::Command, time::Nanos};

/// A burst is over when nothing like it happened for so long.
pub(super) const BURST: Nanos = Nanos(10_000_000_000);

/// What surrounds a daemon.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The interface's addresses, each with the length of its prefix; `None`: any unicast address is ours, and of no
    /// source is it known that it is our own.
    pub locals: Option<Vec<(IpAddr, u8)>>,
    /// Whether IPv6 is ignored (LISTEN-5).
    pub only_v4: bool,
    /// How many knocks may be half finished, over all doors (SEQ-10).
    pub max_knocks: usize,
    /// How commands behave, by their first words.
    pub commands: BTreeMap<String, Command>,
    /// How this daemon deviates from the contract.
    pub deviations: Deviations,
}

/// A knock in progress; its stage is the number of its hits.
#[derive(Clone, Debug)]
pub(super) struct Knock {
    pub(super) number: u64,
    pub(super) door: usize,
    pub(super) source: IpAddr,
    pub(super) begun: Nanos,
    pub(super) due: Nanos,
    pub(super) hits: Vec<(Nanos, Hit)>,
}

/// A door at work.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) door: Door,
    /// Of a one-time file: its text as it was read, and the line in use.
    pub(super) text: std::sync::Arc<Vec<u8>>,
    pub(super) line: Option<Line>,
    /// The sequence that it had at first.
    pub(super) first: Option<Vec<Port>>,
}

/// A daemon in its world.
#[derive(Debug)]
pub struct Daemon {
    pub(super) around: Surroundings,
    pub(super) is: Deviations,
    pub(super) disk: Disk,
    pub(super) posts: Vec<Post>,
    pub(super) now: Nanos,
    pub(super) packet: Option<usize>,
    pub(super) packets: usize,
    pub(super) begun: u64,
    /// By number: in the order in which they began.
    pub(super) knocks: BTreeMap<u64, Knock>,
    /// The number of each source's knock at each door.
    pub(super) at: BTreeMap<(usize, IpAddr), u64>,
    pub(super) timeouts: BTreeSet<(Nanos, usize, u64)>,
    pub(super) memory: Memory,
    pub(super) jobs: Jobs,
    /// Knocks of [`D::OneListOfKnocks`] that have ended and still stand in the list.
    pub(super) over: BTreeSet<u64>,
    /// The addresses at the start.
    pub(super) first_locals: Option<Vec<(IpAddr, u8)>>,
    pub(super) crowded: Option<Nanos>,
    pub(super) busy: Option<Nanos>,
    pub(super) ended: bool,
    pub(super) events: Vec<Event>,
}

impl Daemon {
    /// A daemon at the start of time.
    ///
    /// # Errors
    ///
    /// One-time files that are missing, or that two doors share (ONCE-7, ONCE-11).
    pub fn new(doors: Vec<Door>, around: Surroundings, disk: Disk) -> Result<Self, Vec<String>> {
        Self::start(doors, around, disk, Nanos(0), None).map_err(|(_, faults)| faults)
    }

    /// A daemon at `now`; `jobs` are those that a killed one left.
    ///
    /// # Errors
    ///
    /// One-time files that are missing, or that two doors share.
    pub(super) fn start(
        doors: Vec<Door>,
        around: Surroundings,
        disk: Disk,
        now: Nanos,
        jobs: Option<Jobs>,
    ) -> Result<Self, (Disk, Vec<String>)> {
        let is = around.deviations;
        let faults = faults(&doors, &disk, around.only_v4, is);
        if !faults.is_empty() {
            return Err((disk, faults));
        }
        let mut daemon = Self {
            jobs: jobs.unwrap_or_else(|| Jobs::new(around.commands.clone(), is)),
            memory: Memory::new(around.max_knocks),
            first_locals: around.locals.clone(),
            around,
            is,
            disk,
            posts: Vec::new(),
            now,
            packet: None,
            packets: 0,
            begun: 0,
            knocks: BTreeMap::new(),
            at: BTreeMap::new(),
            timeouts: BTreeSet::new(),
            over: BTreeSet::new(),
            crowded: None,
            busy: None,
            ended: false,
            events: Vec::new(),
        };
        daemon.take_posts(doors);
        Ok(daemon)
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// What time it is to it.
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// Everything decided since this was last asked.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// A packet comes: a hit, or one that only shows what time it is. `loopback`: it was seen on an interface where a host
    /// may knock on itself.
    pub fn packet(&mut self, stamp: Nanos, hit: Option<&Hit>, loopback: bool) {
        self.advance(stamp);
        if self.is.on(D::ClockGoesBack) {
            self.now = stamp;
        }
        while let Some((_, _, number)) = self.timeouts.first().copied().filter(|due| due.0 <= self.now)
            && self.is.on(D::TimeoutWaitsForPacket)
        {
            self.time_out(number);
        }
        self.packets += 1;
        self.packet = Some(self.packets);
        if let Some(hit) = hit.filter(|hit| self.can_be_client(hit.source, loopback)) {
            for door in 0..self.posts.len() {
                if self.is.on(D::OneListOfKnocks) {
                    self.meet_as_of_old(hit);
                    break;
                }
                self.meet(door, hit); // SEQ-6: each door judges by itself
                if self.is.on(D::OneDoorBegins)
                    && self.knocks.values().any(|knock| knock.begun == self.now && knock.source == hit.source)
                {
                    break;
                }
            }
        }
        self.packet = None;
        self.advance(self.now);
    }

    /// Lets time pass, up to and with `until` (TIME-2, TIME-3): first what is due first, of that command ends, then by
    /// door, timeouts before stop commands, the oldest first. A moment earlier than the latest counts as the latest.
    pub fn advance(&mut self, until: Nanos) {
        self.fire(until);
        self.now = self.now.max(until);
    }

    /// Does what is due by `until`, and goes no further in time than to the last of it.
    pub(super) fn fire(&mut self, until: Nanos) {
        loop {
            let timeout = self.timeouts.first().copied().map(|(at, door, _)| (at, 1, door, 0)).filter(|_| !self.ended);
            let job = self.jobs.next_due().map(|(at, class, door)| (at, class, door, 1));
            let timeout = timeout.filter(|_| !self.is.on(D::TimeoutWaitsForPacket));
            let first = timeout.into_iter().chain(job).min().filter(|due| self.is_due(due.0, until, due.3 == 0));
            let Some((at, _, _, of_job)) = first else { break };
            self.now = self.now.max(at);
            if of_job == 1 {
                let deeds = self.jobs.fire(self.now);
                self.tell(deeds);
            } else if let Some((_, _, number)) = self.timeouts.first().copied() {
                self.time_out(number);
            }
        }
    }

    /// What is due at T comes before a packet at T (TIME-2).
    fn is_due(&self, at: Nanos, until: Nanos, is_timeout: bool) -> bool {
        if is_timeout && self.is.on(D::LimitIsInTime) { at < until } else { at <= until }
    }

    fn time_out(&mut self, number: u64) {
        let knock = self.end(number, false);
        self.say(&knock, What::Timeout { stage: knock.hits.len() });
        if self.is.on(D::AllLostWhenOldestEnds) {
            self.forget_all();
        }
    }

    pub(super) fn whose(&self, knock: &Knock) -> Whose {
        let name = self.posts[knock.door].door.name.clone();
        Whose { index: knock.door, name, knock: Some((knock.source, knock.number)) }
    }

    pub(super) fn say(&mut self, knock: &Knock, what: What) {
        let door = Some(self.whose(knock));
        self.events.push(Event { time: self.now, packet: self.packet, door, what });
    }

    pub(super) fn say_of(&mut self, door: usize, knock: Option<(IpAddr, u64)>, what: What) {
        let name = self.posts[door].door.name.clone();
        let door = Some(Whose { index: door, name, knock });
        self.events.push(Event { time: self.now, packet: self.packet, door, what });
    }

    pub(super) fn say_alone(&mut self, what: What) {
        self.events.push(Event { time: self.now, packet: self.packet, door: None, what });
    }

    pub(super) fn tell(&mut self, deeds: jobs::Deeds) {
        for (whose, what) in deeds {
            self.events.push(Event { time: self.now, packet: self.packet, door: Some(whose), what });
        }
    }
}
