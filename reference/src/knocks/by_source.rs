//! From a source to its knocks: hash buckets that run through the slots.

use std::{hash::BuildHasher, net::IpAddr};

use prefetch_index::prefetch_index;

use super::{
    Counted, KnockId, Knocks,
    slot::{AT_STAGE_1, Links, NONE},
};

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
        for Links { previous, next } in &slot.links {
            // What is no slot lies outside, where asking does no harm.
            prefetch_index(&self.slots, *previous as usize);
            prefetch_index(&self.slots, *next as usize);
        }
        (slot.source, slot.door, slot.first())
    }

    /// The knock at stage 1 that is the next younger than `id`, which is at stage 1.
    #[inline]
    pub(crate) fn younger_at_stage_1(&self, id: KnockId) -> Option<KnockId> {
        self.foresee_slot(self.slots[id.0 as usize].links[AT_STAGE_1].next)
    }

    #[inline]
    fn foresee_slot(&self, id: u32) -> Option<KnockId> {
        if id == NONE {
            return None;
        }
        prefetch_index(&self.slots, id as usize);
        Some(KnockId(id))
    }

    /// The source's knock at the first door where it has one.
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

    /// Puts a slot into its source's bucket: among the source's other knocks, in the doors' order, or to the front.
    pub(super) fn chain(&mut self, id: u32) {
        let (source, door) = (self.slots[id as usize].source, self.slots[id as usize].door);
        let bucket = self.bucket(&source);
        let known = self.summary.may_hold(key(&source));
        let (mut before, mut at) = (NONE, if known { self.buckets[bucket] } else { NONE });
        while at != NONE && self.slots[at as usize].source != source {
            self.touch();
            (before, at) = (at, self.slots[at as usize].in_bucket);
        }
        if at == NONE {
            self.set_next(bucket, NONE, id);
            return self.add_source(&source);
        }
        while self.slots[at as usize].door < door {
            self.touch();
            let slot = &mut self.slots[at as usize];
            (before, at) = (at, slot.in_bucket);
            if !slot.is_followed() {
                slot.set_followed(true);
                return self.set_next(bucket, before, id);
            }
        }
        self.slots[id as usize].set_followed(true);
        self.set_next(bucket, before, id);
    }

    /// Puts a slot behind `before` in a bucket, or to its front.
    fn set_next(&mut self, bucket: usize, before: u32, id: u32) {
        let place = self.slots.get_mut(before as usize).map_or(&mut self.buckets[bucket], |slot| &mut slot.in_bucket);
        let next = std::mem::replace(place, id);
        self.slots[id as usize].in_bucket = next;
    }

    /// Takes a slot out of its source's bucket.
    pub(super) fn unchain(&mut self, id: u32) {
        let slot = &self.slots[id as usize];
        let (source, next, is_followed) = (slot.source, slot.in_bucket, slot.is_followed());
        let bucket = self.bucket(&source);
        let (mut before, mut at) = (NONE, self.buckets[bucket]);
        while at != id && at != NONE {
            self.touch();
            (before, at) = (at, self.slots[at as usize].in_bucket);
        }
        let follows = match self.slots.get_mut(before as usize) {
            Some(slot) => {
                slot.in_bucket = next;
                let follows = slot.is_followed();
                slot.set_followed(follows && is_followed);
                follows
            }
            None => {
                self.buckets[bucket] = next;
                false
            }
        };
        if !follows && !is_followed {
            self.summary.remove(key(&source));
        }
    }

    fn add_source(&mut self, source: &IpAddr) {
        if self.summary.add(key(source)) {
            let Self { summary, slots, .. } = self;
            let last_ones = slots.iter().filter(|slot| !slot.is_free() && !slot.is_followed());
            summary.refill(summary.len(), last_ones.map(|slot| key(&slot.source)));
        }
    }

    /// Twice as many buckets; the knocks of a source move together.
    #[cold]
    pub(super) fn add_buckets(&mut self) {
        let more = vec![NONE; self.buckets.len() * 2].into();
        for mut first in std::mem::replace(&mut self.buckets, more) {
            while first != NONE {
                let mut last = first;
                while self.slots[last as usize].is_followed() {
                    last = self.slots[last as usize].in_bucket;
                }
                let bucket = self.bucket(&self.slots[first as usize].source);
                let others = std::mem::replace(&mut self.buckets[bucket], first);
                first = std::mem::replace(&mut self.slots[last as usize].in_bucket, others);
            }
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
