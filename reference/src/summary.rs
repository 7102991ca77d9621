//! Which sources may have a knock: the answer "none" for most packets, from a table that stays in the cache.
//!
//! The index of knocks has the truth, but a look into it misses the cache once there are many. A source is hashed to two
//! places of one word; a place's bit is set while any source is there (a Bloom filter, whose two looks are one load). A
//! count beside each bit, which is touched only when a source gets its first knock or loses its last, tells when to clear
//! it. The counts of a word fill a cache line, so that changing both is one load, too.

use prefetch_index::prefetch_index;

/// The fewest places.
const LEAST: usize = 1 << 12;
/// The most places: their bits, 512 KiB, are what a core's own cache has room for beside everything else.
const MOST: usize = 1 << 22;
/// Places for each source, at least, up to the most: one stranger in a hundred is then taken for a source, and looked up
/// in vain.
const PLACES: usize = 16;

/// A set of sources that may answer "perhaps" for one that is not in it, but never "no" for one that is.
#[derive(Debug)]
pub(crate) struct Summary {
    bits: Box<[u64]>,
    /// For each place the number of sources there; the highest number stays for ever.
    counts: Box<[u8]>,
    sources: usize,
    factors: [u64; 2],
    /// The highest word's number, all of whose bits are set.
    last_word: usize,
}

impl Summary {
    /// Without sources; `seed` settles which of them share a place.
    pub(crate) fn new(seed: u64) -> Self {
        // The factors must be odd, and nobody outside may know them; their other bits come from splitmix64's constants.
        let factors = [seed ^ 0x9e37_79b9_7f4a_7c15 | 1, seed.rotate_left(32) ^ 0xbf58_476d_1ce4_e5b9 | 1];
        let mut summary = Self { bits: Box::new([]), counts: Box::new([]), sources: 0, factors, last_word: 0 };
        summary.clear(LEAST);
        summary
    }

    /// Whether the source with this key may be here.
    #[inline(always)]
    pub(crate) fn may_hold(&self, key: (u64, u64)) -> bool {
        let (word, [a, b]) = self.places(key);
        let bits = self.bits[word];
        bits >> a & bits >> b & 1 != 0
    }

    /// Asks for what adding or removing this source needs.
    #[inline]
    pub(crate) fn foresee(&self, key: (u64, u64)) {
        let (word, [place, _]) = self.places(key);
        prefetch_index(&self.counts, word << 6 | place);
    }

    /// Adds a source that is not here; says whether there are now too many for the places, so that
    /// [`Summary::refill`] is due.
    #[must_use]
    pub(crate) fn add(&mut self, key: (u64, u64)) -> bool {
        let (word, places) = self.places(key);
        for place in places {
            self.bits[word] |= 1 << place;
            let count = &mut self.counts[word << 6 | place];
            *count = count.saturating_add(1);
        }
        self.sources += 1;
        self.counts.len() < MOST && self.sources > self.counts.len() / PLACES
    }

    /// Removes a source that is here.
    pub(crate) fn remove(&mut self, key: (u64, u64)) {
        let (word, places) = self.places(key);
        for place in places {
            let count = &mut self.counts[word << 6 | place];
            match *count {
                // Nobody knows how many there really are.
                u8::MAX => {}
                1 => {
                    *count = 0;
                    self.bits[word] &= !(1 << place);
                }
                _ => *count -= 1,
            }
        }
        self.sources -= 1;
    }

    /// How many sources are here.
    pub(crate) fn len(&self) -> usize {
        self.sources
    }

    /// Takes exactly these sources, so many, and as many places as they need.
    pub(crate) fn refill(&mut self, sources: usize, keys: impl Iterator<Item = (u64, u64)>) {
        self.clear((2 * sources * PLACES).next_power_of_two().clamp(LEAST, MOST));
        for key in keys {
            // There is room for twice as many, or there are as many places as there ever will be.
            let _enough = self.add(key);
        }
    }

    fn clear(&mut self, places: usize) {
        self.bits = vec![0; places / 64].into();
        self.counts = vec![0; places].into();
        self.sources = 0;
        self.last_word = places / 64 - 1;
    }

    /// A source's word, and its two places there. Multiplying by an odd secret spreads keys over the upper bits: 16 of
    /// them number the word, of which there may be fewer, and six each the places below.
    #[inline(always)]
    fn places(&self, key: (u64, u64)) -> (usize, [usize; 2]) {
        const { assert!(MOST / 64 <= 1 << 16) };
        let hash = key.0.wrapping_mul(self.factors[0]).wrapping_add(key.1.wrapping_mul(self.factors[1]));
        #[expect(clippy::cast_possible_truncation, reason = "at most 16 bits are left")]
        let bits = |from: u32, count: u32| (hash >> from) as usize & ((1 << count) - 1);
        (bits(48, 16) & self.last_word, [bits(42, 6), bits(36, 6)])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whoever_is_here_is_never_denied(steps in prop::collection::vec((any::<bool>(), 0_u64..2_000), 0..4_000)) {
            let (mut summary, mut here) = (Summary::new(1), BTreeSet::new());
            for (add, key) in steps {
                if add && here.insert(key) {
                    if summary.add((key, 4)) {
                        summary.refill(here.len(), here.iter().map(|key| (*key, 4)));
                    }
                } else if !add && here.remove(&key) {
                    summary.remove((key, 4));
                }
            }
            prop_assert!(here.iter().all(|key| summary.may_hold((*key, 4))));
            for key in here {
                summary.remove((key, 4));
            }
            prop_assert!((0..2_000).all(|key| !summary.may_hold((key, 4))), "empty again, and all bits clear");
        }
    }

    #[test]
    fn strangers_are_mostly_denied() {
        let mut summary = Summary::new(7);
        summary.refill(100_000, (0..100_000).map(|key| (key * 2, 4)));
        let mistaken = (0..100_000).filter(|key| summary.may_hold((key * 2 + 1, 4))).count();
        assert!(mistaken < 2_000, "{mistaken} of 100000 strangers are looked up");
    }

    #[test]
    fn a_crowded_place_is_never_emptied() {
        let mut summary = Summary::new(1);
        for _ in 0..300 {
            let _enough = summary.add((1, 4));
        }
        for _ in 0..299 {
            summary.remove((1, 4));
        }
        assert!(summary.may_hold((1, 4)));
    }
}
