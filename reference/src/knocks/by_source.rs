//! From a source to its knocks: hash buckets through the slots, and a chain for each source.

use std::{hash::BuildHasher, mem::offset_of, net::IpAddr, slice::from_ref};

use prefetch_index::prefetch_index;

use super::{AT_STAGE_1, Counted, KnockId, Knocks, Links, NONE, Slot, key};

impl Knocks {
    /// Asks for the bucket that leads to the knocks of `source`, and gives its number.
    #[inline]
    pub(crate) fn foresee(&self, source: &IpAddr) -> usize {
        self.summary.foresee(key(source));
        let bucket = self.bucket(source);
        prefetch_index(&self.buckets, bucket);
        bucket
    }

    /// Asks for the first knock in a bucket that has come.
    #[inline]
    pub(crate) fn foresee_head(&self, bucket: usize) -> Option<KnockId> {
        self.foresee_slot(self.buckets[bucket])
    }

    /// Asks for the knock after one that has come, in its bucket.
    #[inline]
    pub(crate) fn foresee_following(&self, id: KnockId) -> Option<KnockId> {
        self.foresee_slot(self.slots[id.0 as usize].in_bucket)
    }

    /// Whether a knock that has come is of `source`.
    #[inline]
    pub(crate) fn is_of(&self, id: KnockId, source: &IpAddr) -> bool {
        self.slots[id.0 as usize].source == *source
    }

    /// Asks for what the end of a knock needs that has come; gives its source, its door and its first hit.
    #[inline]
    pub(crate) fn foresee_end(&self, id: KnockId) -> (IpAddr, u32, Counted) {
        let slot = &self.slots[id.0 as usize];
        for (lane, Links { previous, next }) in slot.links.iter().enumerate() {
            for neighbour in [*previous, *next] {
                if let Some(neighbour) = self.slots.get(neighbour as usize) {
                    prefetch_index(neighbour.links.as_slice(), lane);
                }
            }
        }
        (slot.source, slot.door, slot.first())
    }

    /// The knock at stage 1 that is the next younger than `id`, which is at stage 1.
    #[inline]
    pub(crate) fn younger_at_stage_1(&self, id: KnockId) -> Option<KnockId> {
        let next = self.slots[id.0 as usize].links[AT_STAGE_1].next;
        (next != NONE).then_some(KnockId(next))
    }

    /// Asks for a slot: its first and its last byte, which lie in two cache lines.
    #[inline]
    fn foresee_slot(&self, id: u32) -> Option<KnockId> {
        const { assert!(offset_of!(Slot, begun) < 8 && offset_of!(Slot, stage) >= 64) };
        let slot = self.slots.get(id as usize)?;
        prefetch_index(from_ref(&slot.begun), 0);
        prefetch_index(from_ref(&slot.stage), 0);
        Some(KnockId(id))
    }

    pub(super) fn head(&self, source: &IpAddr) -> Option<KnockId> {
        let mut id = self.buckets[self.bucket(source)];
        while id != NONE {
            self.touch();
            let slot = &self.slots[id as usize];
            if slot.source == *source {
                return Some(KnockId(id));
            }
            id = slot.in_bucket;
        }
        None
    }

    #[expect(clippy::cast_possible_truncation, reason = "only the lower bits count")]
    fn bucket(&self, source: &IpAddr) -> usize {
        self.hasher.hash_one(key(source)) as usize & (self.buckets.len() - 1)
    }

    /// Puts a slot into its source's chain, in the doors' order.
    pub(super) fn chain(&mut self, id: u32) {
        let (source, door) = (self.slots[id as usize].source, self.slots[id as usize].door);
        let Some(KnockId(head)) = self.head(&source) else { return self.add_source(id, &source) };
        if self.slots[head as usize].door > door {
            self.slots[id as usize].chained = head;
            return self.replace_head(head, id);
        }
        let slots = &mut self.slots;
        let mut before = head;
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

    pub(super) fn unchain(&mut self, id: u32) {
        let Slot { source, chained: after, .. } = self.slots[id as usize];
        let Some(KnockId(head)) = self.head(&source) else { return };
        if head == id {
            self.replace_head(id, after);
            if after == NONE {
                self.sources -= 1;
                self.summary.remove(key(&source));
            }
            return;
        }
        let mut before = head;
        while before != NONE {
            self.touched.set(self.touched.get() + 1);
            let next = self.slots[before as usize].chained;
            if next == id {
                self.slots[before as usize].chained = after;
                return;
            }
            before = next;
        }
    }

    fn add_source(&mut self, id: u32, source: &IpAddr) {
        if self.sources == self.buckets.len() / 2 {
            let heads = self.heads();
            self.buckets = vec![NONE; self.buckets.len() * 2].into();
            heads.into_iter().for_each(|id| self.add_to_bucket(id));
        }
        self.sources += 1;
        self.add_to_bucket(id);
        if self.summary.add(key(source)) {
            let heads = self.heads();
            self.summary.refill(heads.len(), heads.iter().map(|id| key(&self.slots[*id as usize].source)));
        }
    }

    fn add_to_bucket(&mut self, id: u32) {
        let bucket = self.bucket(&self.slots[id as usize].source);
        self.slots[id as usize].in_bucket = std::mem::replace(&mut self.buckets[bucket], id);
    }

    /// Puts `id`, or if that is none what follows, in the place of `head` in its bucket.
    fn replace_head(&mut self, head: u32, id: u32) {
        let bucket = self.bucket(&self.slots[head as usize].source);
        let following = self.slots[head as usize].in_bucket;
        if let Some(slot) = self.slots.get_mut(id as usize) {
            slot.in_bucket = following;
        }
        let replacement = if id == NONE { following } else { id };
        let mut at = self.buckets[bucket];
        if at == head {
            self.buckets[bucket] = replacement;
            return;
        }
        while at != NONE {
            self.touch();
            let next = self.slots[at as usize].in_bucket;
            if next == head {
                self.slots[at as usize].in_bucket = replacement;
                return;
            }
            at = next;
        }
    }

    /// For every source its knock at the first door.
    pub(super) fn heads(&self) -> Vec<u32> {
        let mut heads = Vec::with_capacity(self.sources);
        for mut id in self.buckets.iter().copied() {
            while id != NONE {
                heads.push(id);
                id = self.slots[id as usize].in_bucket;
            }
        }
        heads
    }
}
