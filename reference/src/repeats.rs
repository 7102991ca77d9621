//! The hits of knocks that have ended, kept for as long as a packet may come again (SEQ-5).
//!
//! A network repeats a TCP segment for about a minute (RFC 9293's user would give up later, but a knock client does
//! not wait), and a datagram at once or not at all. Each kind is a queue by the order in which knocks ended, with a hash
//! table into it; both are bounded by the bound on knocks (SEQ-10), and what falls out is the oldest.

use std::{collections::VecDeque, hash::BuildHasher, net::IpAddr, time::Duration};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::{knocks::Counted, knocks::key, port::Protocol, time::Instant, wire::Hit};

/// How long after the hit a TCP segment counts as a repeat of it.
pub const TCP_MEMORY: Duration = Duration::from_secs(64);
/// How long after the trigger a UDP datagram counts as a repeat of one of its hits.
pub const UDP_MEMORY: Duration = Duration::from_secs(1);

/// What a knock that ended leaves behind.
#[derive(Debug)]
pub(crate) struct Repeats {
    tcp: Memory,
    udp: Memory,
}

impl Repeats {
    /// Empty, for at most `bound` hits of either protocol.
    pub(crate) fn new(bound: usize, seed: u64) -> Self {
        Self { tcp: Memory::new(bound, seed), udp: Memory::new(bound, seed) }
    }

    /// Remembers a hit that a knock of `source` at `door` counted; `triggered` is when that knock opened the door,
    /// `None` if it was discarded or timed out: then its datagrams are forgotten.
    pub(crate) fn remember(
        &mut self,
        source: IpAddr,
        door: u32,
        counted: Counted,
        triggered: Option<Instant>,
        now: Instant,
    ) {
        match (counted.protocol, triggered) {
            (Protocol::Tcp, _) => {
                self.tcp.push(Ended { source, door, counted, until: counted.at.after(TCP_MEMORY) }, now)
            }
            (Protocol::Udp, Some(at)) => {
                self.udp.push(Ended { source, door, counted, until: at.after(UDP_MEMORY) }, now)
            }
            (Protocol::Udp, None) => {}
        }
    }

    /// Whether `hit` repeats, at `door`, one of a knock that ended.
    pub(crate) fn knows(&self, door: u32, hit: &Hit, now: Instant) -> bool {
        match hit.protocol {
            Protocol::Tcp => self.tcp.knows(door, hit, now),
            Protocol::Udp => self.udp.knows(door, hit, now),
        }
    }

    /// Gives the doors new numbers; what belongs to a door that has none is forgotten.
    pub(crate) fn renumber(&mut self, place: &[Option<u32>]) {
        self.tcp.renumber(place);
        self.udp.renumber(place);
    }
}

#[derive(Debug)]
struct Ended {
    source: IpAddr,
    door: u32,
    counted: Counted,
    until: Instant,
}

#[derive(Debug)]
struct Memory {
    bound: usize,
    queue: VecDeque<Ended>,
    /// The ticket of the queue's front: the n-th hit ever pushed has ticket n, so its place is a subtraction away.
    front: u64,
    tickets: HashTable<u64>,
    hasher: FixedState,
}

impl Memory {
    fn new(bound: usize, seed: u64) -> Self {
        let hasher = FixedState::with_seed(seed);
        Self { bound, queue: VecDeque::new(), front: 0, tickets: HashTable::new(), hasher }
    }

    fn push(&mut self, ended: Ended, now: Instant) {
        if self.bound == 0 {
            return;
        }
        // Two for one, so that the queue shrinks again after a flood without ever being scanned.
        for _ in 0..2 {
            if self.queue.front().is_some_and(|oldest| oldest.until <= now) {
                self.pop();
            }
        }
        if self.queue.len() >= self.bound {
            self.pop();
        }
        let ticket = self.front + self.queue.len() as u64;
        let hash = self.hash(&ended.source, ended.door, &ended.counted);
        self.queue.push_back(ended);
        let Self { queue, tickets, front, hasher, .. } = self;
        tickets.insert_unique(hash, ticket, |ticket| {
            let at = &queue[place(*front, *ticket)];
            hash_of(hasher, &at.source, at.door, &at.counted)
        });
    }

    fn pop(&mut self) {
        let Some(oldest) = self.queue.front() else { return };
        let hash = self.hash(&oldest.source, oldest.door, &oldest.counted);
        if let Ok(entry) = self.tickets.find_entry(hash, |ticket| *ticket == self.front) {
            entry.remove();
        }
        self.queue.pop_front();
        self.front += 1;
    }

    fn knows(&self, door: u32, hit: &Hit, now: Instant) -> bool {
        if self.queue.is_empty() {
            return false;
        }
        let hash = self.hash(&hit.source, door, &Counted::new(hit, now));
        let same = |ticket: &u64| {
            let ended = &self.queue[place(self.front, *ticket)];
            now < ended.until && ended.door == door && ended.source == hit.source && ended.counted.is_repeated_by(hit)
        };
        self.tickets.find(hash, same).is_some()
    }

    fn renumber(&mut self, places: &[Option<u32>]) {
        let queue = std::mem::take(&mut self.queue);
        self.tickets.clear();
        for mut ended in queue {
            if let Some(door) = places.get(ended.door as usize).copied().flatten() {
                ended.door = door;
                // Nothing is due at the origin of time, so nothing is dropped for its age here.
                self.push(ended, Instant::default());
            }
        }
    }

    fn hash(&self, source: &IpAddr, door: u32, counted: &Counted) -> u64 {
        hash_of(&self.hasher, source, door, counted)
    }
}

fn hash_of(hasher: &FixedState, source: &IpAddr, door: u32, counted: &Counted) -> u64 {
    let ports = u64::from(counted.source_port) << 16 | u64::from(counted.port);
    hasher.hash_one((key(source), ports, u64::from(door) << 32 | u64::from(counted.sequence)))
}

/// Where a ticket's hit stands in the queue; the queue is in memory, so the difference fits.
#[expect(clippy::cast_possible_truncation, reason = "a queue's length is a usize")]
fn place(front: u64, ticket: u64) -> usize {
    (ticket - front) as usize
}
