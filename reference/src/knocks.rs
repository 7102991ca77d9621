//! All knocks in progress, found by source, by age and by stage without a scan (SEQ-10, TIME-3).
//!
//! A knock is a slot of 72 bytes in a slab; everything that finds it is a four-byte index. A hash table leads from a
//! source to its knocks, one at a door at most, chained in the doors' order. Two doubly linked lists run through the
//! slots: the knocks of each door by age, whose head is the next to time out (all knocks of a door have the same time),
//! and all knocks at stage 1 by age, whose head makes room for a newcomer.

use std::{cell::Cell, hash::BuildHasher, net::IpAddr};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::{port::Protocol, summary::Summary, time::Instant, wire::Hit};

/// No slot.
const NONE: u32 = u32::MAX;

/// The list of a door's knocks by age.
const BY_DOOR: usize = 0;
/// The list of the knocks at stage 1 by age.
const AT_STAGE_1: usize = 1;

/// A knock's place in the slab, valid until the knock ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnockId(u32);

/// What identifies a counted hit's packet (SEQ-5), with the time of the hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) at: Instant,
    pub(crate) sequence: u32,
    pub(crate) source_port: u16,
    pub(crate) port: u16,
    pub(crate) protocol: Protocol,
}

impl Counted {
    pub(crate) fn new(hit: &Hit, at: Instant) -> Self {
        Self { at, sequence: hit.sequence, source_port: hit.source_port, port: hit.port, protocol: hit.protocol }
    }

    /// Whether `hit` is the same packet again.
    pub(crate) fn is_repeated_by(&self, hit: &Hit) -> bool {
        self.sequence == hit.sequence
            && self.source_port == hit.source_port
            && self.port == hit.port
            && self.protocol == hit.protocol
    }
}

#[derive(Clone, Copy, Debug)]
struct Links {
    previous: u32,
    next: u32,
}

const UNLINKED: Links = Links { previous: NONE, next: NONE };

#[derive(Clone, Copy, Debug)]
struct List {
    head: u32,
    tail: u32,
}

const EMPTY: List = List { head: NONE, tail: NONE };

/// One knock. The first hit's identity stands in the slot, because most knocks never get further.
#[derive(Debug)]
struct Slot {
    begun: Instant,
    number: u64,
    links: [Links; 2],
    first_sequence: u32,
    /// The later counted hits, last first, in `Knocks::later`.
    later: u32,
    door: u32,
    /// The same source's knock at a later door; in a free slot, the next free one.
    chained: u32,
    first_source_port: u16,
    first_port: u16,
    first_protocol: Protocol,
    source: IpAddr,
    stage: u8,
}

const _: () = assert!(size_of::<Slot>() == 72, "a million knocks fit in 100 MiB only if a slot stays this small");

#[derive(Debug)]
struct Later {
    counted: Counted,
    next: u32,
}

/// A knock, as it is seen from outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) source: IpAddr,
    pub(crate) door: u32,
    pub(crate) number: u64,
    pub(crate) stage: u8,
}

/// The knocks in progress at all doors.
#[derive(Debug)]
pub(crate) struct Knocks {
    slots: Vec<Slot>,
    free: u32,
    live: usize,
    /// For each source that has a knock, the slot of its knock at the first such door.
    sources: HashTable<u32>,
    summary: Summary,
    hasher: FixedState,
    by_door: Vec<List>,
    at_stage_1: List,
    later: Vec<Later>,
    free_later: u32,
    touched: Cell<u64>,
}

impl Knocks {
    /// No knocks at `doors` doors; `seed` keys the hash, so that nobody can choose addresses that collide.
    pub(crate) fn new(doors: usize, seed: u64) -> Self {
        Self {
            slots: Vec::new(),
            free: NONE,
            live: 0,
            sources: HashTable::new(),
            summary: Summary::new(seed),
            hasher: FixedState::with_seed(seed),
            by_door: vec![EMPTY; doors],
            at_stage_1: EMPTY,
            later: Vec::new(),
            free_later: NONE,
            touched: Cell::new(0),
        }
    }

    /// How many knocks are in progress.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// How many slots were looked at so far: the work done, for tests that hold it flat.
    pub(crate) fn touched(&self) -> u64 {
        self.touched.get()
    }

    /// Whether `source` has a knock at any door.
    pub(crate) fn any_of(&self, source: &IpAddr) -> bool {
        self.may_be_of(source) && self.head(source).is_some()
    }

    /// Whether `source` may have a knock: quickly asked of every packet, and "yes" is a few times in a hundred wrong.
    #[inline(always)]
    pub(crate) fn may_be_of(&self, source: &IpAddr) -> bool {
        self.live != 0 && self.summary.may_hold(key(source))
    }

    /// The knocks of `source`, in the doors' order.
    pub(crate) fn of_source(&self, source: &IpAddr) -> impl Iterator<Item = KnockId> + '_ {
        let head = if self.may_be_of(source) { self.head(source) } else { None };
        std::iter::successors(head, |id| {
            let next = self.slot(*id).chained;
            (next != NONE).then_some(KnockId(next))
        })
    }

    /// The knock of `source` at `door`.
    pub(crate) fn find(&self, source: &IpAddr, door: u32) -> Option<KnockId> {
        self.of_source(source).find(|id| self.slot(*id).door == door)
    }

    /// The knocks at `door`, oldest first.
    pub(crate) fn of_door(&self, door: u32) -> impl Iterator<Item = KnockId> + '_ {
        let at = |slot: u32| (slot != NONE).then_some(KnockId(slot));
        std::iter::successors(at(self.by_door[door as usize].head), move |id| at(self.slot(*id).links[BY_DOOR].next))
    }

    /// When the oldest knock at `door` began, and which it is.
    pub(crate) fn oldest_at(&self, door: u32) -> Option<(Instant, KnockId)> {
        let id = self.of_door(door).next()?;
        Some((self.slot(id).begun, id))
    }

    /// The oldest of all knocks at stage 1.
    pub(crate) fn oldest_at_stage_1(&self) -> Option<KnockId> {
        (self.at_stage_1.head != NONE).then_some(KnockId(self.at_stage_1.head))
    }

    /// What can be said of a knock.
    pub(crate) fn seen(&self, id: KnockId) -> Seen {
        let slot = self.slot(id);
        Seen { source: slot.source, door: slot.door, number: slot.number, stage: slot.stage }
    }

    /// Whether `hit` repeats one that this knock counted.
    pub(crate) fn repeats(&self, id: KnockId, hit: &Hit) -> bool {
        let slot = self.slot(id);
        slot.first().is_repeated_by(hit)
            || self.later_of(slot).any(|counted| {
                self.touch();
                counted.is_repeated_by(hit)
            })
    }

    /// Begins a knock at stage 1. The source must have none at this door, and `counted.at` must not be earlier than
    /// that of any knock before it.
    pub(crate) fn begin(&mut self, source: IpAddr, door: u32, number: u64, counted: Counted) -> KnockId {
        let slot = Slot {
            begun: counted.at,
            number,
            links: [UNLINKED; 2],
            first_sequence: counted.sequence,
            later: NONE,
            door,
            chained: NONE,
            first_source_port: counted.source_port,
            first_port: counted.port,
            first_protocol: counted.protocol,
            source,
            stage: 1,
        };
        let id = self.store(slot);
        self.chain(id);
        push_back(&mut self.slots, BY_DOOR, &mut self.by_door[door as usize], id);
        push_back(&mut self.slots, AT_STAGE_1, &mut self.at_stage_1, id);
        self.live += 1;
        KnockId(id)
    }

    /// Takes a knock one stage further; gives the stage reached.
    pub(crate) fn advance(&mut self, id: KnockId, counted: Counted) -> u8 {
        self.touch();
        if self.slots[id.0 as usize].stage == 1 {
            unlink(&mut self.slots, AT_STAGE_1, &mut self.at_stage_1, id.0);
        }
        let slot = &mut self.slots[id.0 as usize];
        let node = Later { counted, next: slot.later };
        slot.later = if self.free_later == NONE {
            self.later.push(node);
            index(self.later.len() - 1)
        } else {
            let place = self.free_later;
            self.free_later = std::mem::replace(&mut self.later[place as usize], node).next;
            place
        };
        slot.stage += 1;
        slot.stage
    }

    /// Ends a knock and hands the hits that it counted to `remember`, in the order in which they were counted.
    pub(crate) fn end(&mut self, id: KnockId, mut remember: impl FnMut(Counted)) -> Seen {
        let seen = self.seen(id);
        remember(self.slots[id.0 as usize].first());
        // The chain runs from the last hit to the second; a sequence has at most 32.
        let mut places = [NONE; crate::sequence::MAX_PORTS];
        let mut count = 0;
        let mut place = self.slots[id.0 as usize].later;
        while place != NONE {
            self.touch();
            places[count] = place;
            count += 1;
            place = self.later[place as usize].next;
        }
        for &place in places[..count].iter().rev() {
            remember(self.later[place as usize].counted);
            self.later[place as usize].next = self.free_later;
            self.free_later = place;
        }
        unlink(&mut self.slots, BY_DOOR, &mut self.by_door[seen.door as usize], id.0);
        if seen.stage == 1 {
            unlink(&mut self.slots, AT_STAGE_1, &mut self.at_stage_1, id.0);
        }
        self.unchain(id.0);
        self.slots[id.0 as usize].chained = self.free;
        self.free = id.0;
        self.live -= 1;
        seen
    }

    /// Gives the doors new numbers: `place[old]` is a door's new one. Every knock at a door without one must have
    /// ended. The order among doors may change, so chains and lists are made again, oldest knock first.
    pub(crate) fn renumber(&mut self, place: &[Option<u32>], doors: usize) {
        let mut ids: Vec<u32> = (0..index(self.by_door.len())).flat_map(|d| self.of_door(d)).map(|id| id.0).collect();
        ids.sort_unstable_by_key(|id| self.slots[*id as usize].number);
        self.sources.clear();
        self.summary.refill(std::iter::empty());
        self.by_door = vec![EMPTY; doors];
        for id in ids {
            let slot = &mut self.slots[id as usize];
            slot.links[BY_DOOR] = UNLINKED;
            slot.chained = NONE;
            if let Some(door) = place[slot.door as usize] {
                slot.door = door;
            }
            let door = slot.door;
            self.chain(id);
            push_back(&mut self.slots, BY_DOOR, &mut self.by_door[door as usize], id);
        }
    }

    fn touch(&self) {
        self.touched.set(self.touched.get() + 1);
    }

    fn slot(&self, id: KnockId) -> &Slot {
        self.touch();
        &self.slots[id.0 as usize]
    }

    fn head(&self, source: &IpAddr) -> Option<KnockId> {
        let same = |id: &u32| {
            self.touch();
            self.slots[*id as usize].source == *source
        };
        self.sources.find(self.hasher.hash_one(key(source)), same).map(|id| KnockId(*id))
    }

    fn later_of(&self, slot: &Slot) -> impl Iterator<Item = &Counted> + '_ {
        let at = |place: u32| self.later.get(place as usize);
        std::iter::successors(at(slot.later), move |later| at(later.next)).map(|later| &later.counted)
    }

    fn store(&mut self, slot: Slot) -> u32 {
        self.touch();
        if self.free == NONE {
            self.slots.push(slot);
            return index(self.slots.len() - 1);
        }
        let id = self.free;
        self.free = std::mem::replace(&mut self.slots[id as usize], slot).chained;
        id
    }

    /// Puts a slot into its source's chain, in the doors' order.
    #[expect(
        clippy::disallowed_methods,
        reason = "the summary counts the sources, in whatever order it is told of them"
    )]
    fn chain(&mut self, id: u32) {
        let Self { slots, sources, summary, hasher, .. } = self;
        let (source, door) = (slots[id as usize].source, slots[id as usize].door);
        let hash = hasher.hash_one(key(&source));
        let Some(head) = sources.find_mut(hash, |other| slots[*other as usize].source == source) else {
            sources.insert_unique(hash, id, |other| hasher.hash_one(key(&slots[*other as usize].source)));
            if summary.add(key(&source)) {
                summary.refill(sources.iter().map(|head| key(&slots[*head as usize].source)));
            }
            return;
        };
        if slots[*head as usize].door > door {
            slots[id as usize].chained = *head;
            *head = id;
            return;
        }
        let mut before = *head;
        loop {
            self.touched.set(self.touched.get() + 1);
            let next = slots[before as usize].chained;
            if next == NONE || slots[next as usize].door > door {
                slots[id as usize].chained = next;
                slots[before as usize].chained = id;
                return;
            }
            before = next;
        }
    }

    fn unchain(&mut self, id: u32) {
        let Self { slots, sources, summary, hasher, touched, .. } = self;
        let hash = hasher.hash_one(key(&slots[id as usize].source));
        let source = slots[id as usize].source;
        let Ok(mut head) = sources.find_entry(hash, |other| slots[*other as usize].source == source) else { return };
        let after = slots[id as usize].chained;
        if *head.get() == id {
            if after == NONE {
                head.remove();
                summary.remove(key(&source));
            } else {
                *head.get_mut() = after;
            }
            return;
        }
        let mut before = *head.get();
        while before != NONE {
            touched.set(touched.get() + 1);
            let next = slots[before as usize].chained;
            if next == id {
                slots[before as usize].chained = after;
                return;
            }
            before = next;
        }
    }
}

impl Slot {
    fn first(&self) -> Counted {
        Counted {
            at: self.begun,
            sequence: self.first_sequence,
            source_port: self.first_source_port,
            port: self.first_port,
            protocol: self.first_protocol,
        }
    }
}

/// What is hashed of a source: cheaper than its derived `Hash`, and the families stay apart.
#[inline(always)]
pub(crate) fn key(source: &IpAddr) -> (u64, u64) {
    match source {
        IpAddr::V4(v4) => (u64::from(v4.to_bits()), 4),
        IpAddr::V6(v6) => {
            let bits = v6.to_bits();
            #[expect(clippy::cast_possible_truncation, reason = "the two halves of the address")]
            (bits as u64, (bits >> 64) as u64)
        }
    }
}

/// A slab's length as an index; past four thousand million slots the bound on knocks has long dropped some.
fn index(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(NONE)
}

fn push_back(slots: &mut [Slot], lane: usize, list: &mut List, id: u32) {
    slots[id as usize].links[lane] = Links { previous: list.tail, next: NONE };
    if list.tail == NONE {
        list.head = id;
    } else {
        slots[list.tail as usize].links[lane].next = id;
    }
    list.tail = id;
}

fn unlink(slots: &mut [Slot], lane: usize, list: &mut List, id: u32) {
    let Links { previous, next } = std::mem::replace(&mut slots[id as usize].links[lane], UNLINKED);
    if previous == NONE {
        list.head = next;
    } else {
        slots[previous as usize].links[lane].next = next;
    }
    if next == NONE {
        list.tail = previous;
    } else {
        slots[next as usize].links[lane].previous = previous;
    }
}

#[cfg(test)]
mod tests;
