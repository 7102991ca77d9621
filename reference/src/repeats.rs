//! The hits of knocks that have ended, kept for as long as a packet may come again (SEQ-5).
//!
//! A network repeats a TCP segment for about a minute (RFC 9293's user would give up later, but a knock client does
//! not wait), and a datagram at once or not at all. Each kind is a queue by the order in which knocks ended, with hash
//! buckets into it; both are bounded by the bound on knocks (SEQ-10), and what falls out is the oldest.

use std::{collections::VecDeque, hash::BuildHasher, net::IpAddr, time::Duration};

use foldhash::fast::FixedState;
use prefetch_index::prefetch_index;

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
        let packet = Packet::of(&counted);
        match (counted.protocol, triggered) {
            (Protocol::Tcp, _) => {
                self.tcp.push(Ended { source, door, packet, until: counted.at.after(TCP_MEMORY), older: 0 }, now)
            }
            (Protocol::Udp, Some(at)) => {
                self.udp.push(Ended { source, door, packet, until: at.after(UDP_MEMORY), older: 0 }, now)
            }
            (Protocol::Udp, None) => {}
        }
    }

    /// Whether `hit` repeats, at `door`, one of a knock that ended.
    pub(crate) fn knows(&self, door: u32, hit: &Hit, now: Instant) -> bool {
        self.of(hit.protocol).knows(door, hit, now)
    }

    /// Asks for the bucket that leads to the repeats of a hit, and gives its number.
    #[inline]
    pub(crate) fn foresee(&self, source: &IpAddr, door: u32, counted: &Counted) -> usize {
        let memory = self.of(counted.protocol);
        let bucket = memory.bucket(source, door, &Packet::of(counted));
        prefetch_index(&memory.buckets, bucket);
        bucket
    }

    /// Asks for the newest hit in a bucket that has come.
    #[inline]
    pub(crate) fn foresee_newest(&self, protocol: Protocol, bucket: usize) {
        let memory = self.of(protocol);
        let ticket = memory.buckets[bucket];
        let age = memory.next.wrapping_sub(ticket) as usize;
        let Some(place) = memory.queue.len().checked_sub(age) else { return };
        let (older, younger) = memory.queue.as_slices();
        let (half, place) = place.checked_sub(older.len()).map_or((older, place), |place| (younger, place));
        // It may lie across two cache lines; where the next one begins is in the second.
        prefetch_index(half, place);
        prefetch_index(half, place + 1);
    }

    fn of(&self, protocol: Protocol) -> &Memory {
        match protocol {
            Protocol::Tcp => &self.tcp,
            Protocol::Udp => &self.udp,
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
    packet: Packet,
    until: Instant,
    /// The ticket of the hit before it in its bucket.
    older: u32,
}

/// What tells a packet from others of its source and protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packet {
    sequence: u32,
    source_port: u16,
    port: u16,
}

impl Packet {
    fn of(counted: &Counted) -> Self {
        Self { sequence: counted.sequence, source_port: counted.source_port, port: counted.port }
    }
}

const _: () = assert!(size_of::<Ended>() == 48, "what ended is remembered in as many places as are in progress");

/// A queue of hits, and buckets that lead to them.
///
/// The n-th hit ever pushed has ticket n, so its place is a subtraction away. A bucket holds the ticket of its newest hit
/// and each hit that of the one before it, so a chain runs from new to old, and everything behind the first ticket that
/// has left the queue has left it, too: nothing need be taken out of a bucket. Tickets wrap; one that is four thousand
/// million pushes old may seem to be in the queue again, leads to a hit of another bucket, and is passed over there.
#[derive(Debug)]
struct Memory {
    bound: usize,
    queue: VecDeque<Ended>,
    /// The ticket of the next hit.
    next: u32,
    /// A power of two of them, at least twice as many as there are hits.
    buckets: Box<[u32]>,
    hasher: FixedState,
}

impl Memory {
    fn new(bound: usize, seed: u64) -> Self {
        let buckets = vec![0; 64].into();
        Self { bound, queue: VecDeque::new(), next: 1, buckets, hasher: FixedState::with_seed(seed) }
    }

    fn push(&mut self, ended: Ended, now: Instant) {
        if self.bound == 0 {
            return;
        }
        // Two for one, so that the queue shrinks again after a flood without ever being scanned.
        for _ in 0..2 {
            if self.queue.front().is_some_and(|oldest| oldest.until <= now) {
                self.queue.pop_front();
            }
        }
        if self.queue.len() >= self.bound {
            self.queue.pop_front();
        }
        if self.queue.len() >= self.buckets.len() / 2 {
            self.grow();
        }
        self.link(ended);
    }

    fn link(&mut self, mut ended: Ended) {
        let bucket = self.bucket(&ended.source, ended.door, &ended.packet);
        ended.older = std::mem::replace(&mut self.buckets[bucket], self.next);
        self.queue.push_back(ended);
        self.next = self.next.wrapping_add(1);
    }

    #[cold]
    fn grow(&mut self) {
        self.buckets = vec![0; self.buckets.len() * 2].into();
        self.next = 1;
        for place in 0..self.queue.len() {
            let Ended { source, door, packet, .. } = &self.queue[place];
            let bucket = self.bucket(source, *door, packet);
            self.queue[place].older = std::mem::replace(&mut self.buckets[bucket], self.next);
            self.next = self.next.wrapping_add(1);
        }
    }

    fn knows(&self, door: u32, hit: &Hit, now: Instant) -> bool {
        let packet = Packet::of(&Counted::new(hit, now));
        let mut ticket = self.buckets[self.bucket(&hit.source, door, &packet)];
        let mut younger = 0;
        // Each must be longer ago than the one that led to it.
        while let Some((age, ended)) = self.at(ticket).filter(|(age, _)| *age > younger) {
            if now < ended.until && ended.door == door && ended.source == hit.source && ended.packet == packet {
                return true;
            }
            (ticket, younger) = (ended.older, age);
        }
        false
    }

    /// How many pushes ago a ticket's hit came, and the hit, unless it has left the queue.
    fn at(&self, ticket: u32) -> Option<(usize, &Ended)> {
        let age = self.next.wrapping_sub(ticket) as usize;
        Some((age, self.queue.get(self.queue.len().checked_sub(age)?)?))
    }

    fn renumber(&mut self, places: &[Option<u32>]) {
        self.buckets.fill(0);
        self.next = 1;
        for mut ended in std::mem::take(&mut self.queue) {
            if let Some(door) = places.get(ended.door as usize).copied().flatten() {
                ended.door = door;
                self.link(ended);
            }
        }
    }

    /// The buckets of one packet at all doors lie side by side, so that they come with one load from memory.
    #[expect(clippy::cast_possible_truncation, reason = "only the lower bits count")]
    fn bucket(&self, source: &IpAddr, door: u32, packet: &Packet) -> usize {
        let ports = u64::from(packet.source_port) << 16 | u64::from(packet.port);
        let hash = self.hasher.hash_one((key(source), ports, u64::from(packet.sequence)));
        (hash as usize ^ door as usize) & (self.buckets.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;
    use crate::flags::TcpFlags;

    fn hit(number: u16) -> Hit {
        Hit {
            source: Ipv4Addr::from(u32::from(number)).into(),
            destination: Ipv4Addr::LOCALHOST.into(),
            source_port: 40_000,
            port: 7000,
            protocol: Protocol::Tcp,
            flags: TcpFlags::default(),
            sequence: 1,
        }
    }

    proptest! {
        /// Against a list that is searched from end to end: hits are pushed and asked for as time goes on.
        #[test]
        fn what_is_remembered_is_what_a_list_would_remember(
            bound in 0_usize..300,
            steps in prop::collection::vec((any::<bool>(), 0_u16..400, 0_u64..300_000_000), 0..2_000),
            start in prop_oneof![Just(1_u32), Just(u32::MAX - 500)],
        ) {
            let (mut memory, mut list) = (Memory::new(bound, 1), Vec::<(u16, Instant)>::new());
            memory.next = start;
            let mut nanos = 0;
            for (push, number, pause) in steps {
                nanos += pause;
                let now = Instant::from_nanos(nanos);
                let (hit, until) = (hit(number), now.after(UDP_MEMORY));
                if push {
                    let packet = Packet::of(&Counted::new(&hit, now));
                    memory.push(Ended { source: hit.source, door: 0, packet, until, older: 0 }, now);
                    list.push((number, until));
                    list = list.split_off(list.len().saturating_sub(bound));
                }
                let known = list.iter().any(|(other, until)| *other == number && now < *until);
                prop_assert_eq!(memory.knows(0, &hit, now), known);
                prop_assert!(!memory.knows(1, &hit, now), "another door's");
            }
        }
    }
}
