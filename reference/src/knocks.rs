//! All knocks in progress, found by source, by age and by stage without a scan (SEQ-10, TIME-3).
//!
//! A knock is a slot of one cache line in a slab; everything that finds it is a four-byte index. A hash bucket leads from
//! a source to its knocks, one at a door at most: they stand one behind the other in the bucket's chain, in the doors'
//! order. Two doubly linked lists run through the slots: the knocks of each door by age, whose head is the next to time
//! out (all knocks of a door have the same time), and all knocks at stage 1 by age, whose head makes room for a newcomer.
//!
//! A packet that meets a million knocks waits for memory and for little else, so what counts is how many places it
//! touches one after the other: a bucket and a slot here, where a table of its own would be one more. What is called
//! `foresee...` asks for such a place before it is needed, and waits for nothing.

mod by_source;
mod slot;

use std::{cell::Cell, net::IpAddr};

use foldhash::fast::FixedState;

use self::slot::{AT_STAGE_1, BY_DOOR, List, NONE, Slot};
pub(crate) use self::{by_source::key, slot::NUMBERS};
use crate::{port::Protocol, summary::Summary, time::Instant, wire::Hit};

/// For how many slots there is room from the start: 64 MiB of address space.
const MOST_RESERVED: usize = 1 << 20;

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
    /// A power of two of them, at least twice as many as there are knocks: each has the first slot of its chain.
    buckets: Box<[u32]>,
    summary: Summary,
    hasher: FixedState,
    by_door: Vec<List>,
    at_stage_1: List,
    later: Vec<Later>,
    free_later: u32,
    touched: Cell<u64>,
}

impl Knocks {
    /// No knocks at `doors` doors; about `bound` of them are to be expected at most; `seed` keys the hash, so that nobody
    /// can choose addresses that collide.
    pub(crate) fn new(doors: usize, bound: usize, seed: u64) -> Self {
        let mut slots = Vec::new();
        // Room that is not used takes no memory, and what has room is never copied. Without it, slots grow as they come.
        let _room = slots.try_reserve_exact(bound.saturating_add(1).min(MOST_RESERVED));
        Self {
            slots,
            free: NONE,
            live: 0,
            buckets: vec![NONE; 64].into(),
            summary: Summary::new(seed),
            hasher: FixedState::with_seed(seed),
            by_door: vec![List::EMPTY; doors],
            at_stage_1: List::EMPTY,
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
            let slot = self.slot(*id);
            slot.is_followed().then_some(KnockId(slot.in_bucket))
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
        Some((self.slot(id).begun(), id))
    }

    /// The oldest of all knocks at stage 1.
    pub(crate) fn oldest_at_stage_1(&self) -> Option<KnockId> {
        (self.at_stage_1.head != NONE).then_some(KnockId(self.at_stage_1.head))
    }

    /// What can be said of a knock.
    pub(crate) fn seen(&self, id: KnockId) -> Seen {
        self.slot(id).seen()
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
    /// that of any knock before it; `number` is below [`NUMBERS`].
    pub(crate) fn begin(&mut self, source: IpAddr, door: u32, number: u64, counted: Counted) -> KnockId {
        if self.live == self.buckets.len() / 2 {
            self.add_buckets();
        }
        let id = self.store(Slot::new(source, door, number, counted));
        self.chain(id);
        self.push_back(id);
        self.live += 1;
        KnockId(id)
    }

    /// Ends a knock and begins another of the same source at the same door, which takes its place: [`Knocks::end`] and
    /// [`Knocks::begin`] in one, but what leads from the source to its knock is not touched.
    pub(crate) fn begin_again(
        &mut self,
        id: KnockId,
        number: u64,
        counted: Counted,
        remember: impl FnMut(&Seen, Counted),
    ) -> Seen {
        let seen = self.leave(id, remember);
        self.slots[id.0 as usize].replace(number, counted);
        self.push_back(id.0);
        seen
    }

    /// Takes a knock one stage further; gives the stage reached.
    pub(crate) fn advance(&mut self, id: KnockId, counted: Counted) -> u8 {
        self.touch();
        if self.slots[id.0 as usize].stage() == 1 {
            self.at_stage_1.unlink(&mut self.slots, AT_STAGE_1, id.0);
        }
        let slot = &mut self.slots[id.0 as usize];
        let node = Later { counted, next: slot.links[AT_STAGE_1].next };
        slot.links[AT_STAGE_1].next = if self.free_later == NONE {
            self.later.push(node);
            index(self.later.len() - 1)
        } else {
            let place = self.free_later;
            self.free_later = std::mem::replace(&mut self.later[place as usize], node).next;
            place
        };
        slot.advance()
    }

    /// Ends a knock and hands the hits that it counted to `remember`, in the order in which they were counted.
    pub(crate) fn end(&mut self, id: KnockId, remember: impl FnMut(&Seen, Counted)) -> Seen {
        let seen = self.leave(id, remember);
        self.unchain(id.0);
        self.slots[id.0 as usize].free(self.free);
        self.free = id.0;
        self.live -= 1;
        seen
    }

    /// Gives the doors new numbers: `place[old]` is a door's new one. Every knock at a door without one must have
    /// ended. The order among doors may change, so chains and lists are made again, oldest knock first.
    pub(crate) fn renumber(&mut self, place: &[Option<u32>], doors: usize) {
        let mut ids: Vec<u32> = (0..index(self.by_door.len())).flat_map(|d| self.of_door(d)).map(|id| id.0).collect();
        ids.sort_unstable_by_key(|id| {
            let slot = &self.slots[*id as usize];
            (slot.begun(), slot.number())
        });
        self.buckets.fill(NONE);
        self.summary.refill(0, std::iter::empty());
        self.by_door = vec![List::EMPTY; doors];
        for id in ids {
            let slot = &mut self.slots[id as usize];
            slot.set_followed(false);
            if let Some(door) = place[slot.door as usize] {
                slot.door = door;
            }
            let door = slot.door;
            self.chain(id);
            self.by_door[door as usize].push_back(&mut self.slots, BY_DOOR, id);
        }
    }

    /// Puts a knock at stage 1 to the ends of its lists.
    fn push_back(&mut self, id: u32) {
        let door = self.slots[id as usize].door;
        self.by_door[door as usize].push_back(&mut self.slots, BY_DOOR, id);
        self.at_stage_1.push_back(&mut self.slots, AT_STAGE_1, id);
    }

    /// Takes a knock out of its lists, and hands its hits over.
    fn leave(&mut self, id: KnockId, mut remember: impl FnMut(&Seen, Counted)) -> Seen {
        let slot = self.slot(id);
        let (seen, first, mut place) = (slot.seen(), slot.first(), slot.later());
        remember(&seen, first);
        // The chain runs from the last hit to the second; a sequence has at most 32.
        let mut places = [NONE; crate::sequence::MAX_PORTS];
        let mut count = 0;
        while place != NONE {
            self.touch();
            places[count] = place;
            count += 1;
            place = self.later[place as usize].next;
        }
        for &place in places[..count].iter().rev() {
            remember(&seen, self.later[place as usize].counted);
            self.later[place as usize].next = self.free_later;
            self.free_later = place;
        }
        self.by_door[seen.door as usize].unlink(&mut self.slots, BY_DOOR, id.0);
        if seen.stage == 1 {
            self.at_stage_1.unlink(&mut self.slots, AT_STAGE_1, id.0);
        }
        seen
    }

    fn touch(&self) {
        self.touched.set(self.touched.get() + 1);
    }

    fn slot(&self, id: KnockId) -> &Slot {
        self.touch();
        &self.slots[id.0 as usize]
    }

    fn later_of(&self, slot: &Slot) -> impl Iterator<Item = &Counted> + '_ {
        let at = |place: u32| self.later.get(place as usize);
        std::iter::successors(at(slot.later()), move |later| at(later.next)).map(|later| &later.counted)
    }

    fn store(&mut self, slot: Slot) -> u32 {
        self.touch();
        if self.free == NONE {
            self.slots.push(slot);
            return index(self.slots.len() - 1);
        }
        let id = self.free;
        self.free = std::mem::replace(&mut self.slots[id as usize], slot).in_bucket;
        id
    }
}

/// A slab's length as an index; past four thousand million slots the bound on knocks has long dropped some.
fn index(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(NONE)
}

#[cfg(test)]
mod tests;
