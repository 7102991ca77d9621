//! Looking ahead: what frames that will come soon need from memory is asked for before they come.
//!
//! Among a million knocks a frame that changes something waits for half a dozen places in memory, each found only by what
//! stands in the one before: a bucket, a knock, its neighbours. One frame alone waits for one after the other. Whoever
//! holds the next frames already, as a daemon that drains a ring does, lets all of them wait at once.

use std::net::IpAddr;

use super::Engine;
use crate::{
    knocks::{Counted, KnockId},
    wire::{self, Frame, Glance, Hit},
};

/// How many knocks fit in the caches, so that there is nothing to wait for.
const CACHED: usize = 1_000;

/// How many frames wait together: enough that each step's wait is shared by many, and what they ask for is still in the
/// nearest caches when they come.
const TOGETHER: usize = 32;

/// A source whose knock will begin, move or end, and where the ways to it and to its repeats begin.
#[derive(Clone, Copy)]
struct Ahead {
    hit: Hit,
    /// Where its knock would be found, if it may have one.
    bucket: Option<usize>,
    repeats: usize,
    /// The knock in the bucket that was asked for last.
    asked: Option<KnockId>,
}

impl Engine {
    /// Says which frames will come next, in order, so that the engine can begin to load what they need. A few dozen at a
    /// time are right: what is loaded for frames further on is gone again before they come.
    ///
    /// This is a hint and decides nothing: no knock, no effect and nothing that [`Engine::work`] counts depends on it.
    /// Frames may be foretold and never come, or come without having been foretold. Among few knocks it returns at once.
    pub fn foresee<'a>(&self, frames: impl IntoIterator<Item = Frame<'a>>) {
        if self.knocks.len() < CACHED {
            return;
        }
        let mut hits = frames.into_iter().filter_map(|frame| self.foresee_hit(frame));
        let mut oldest = self.knocks.oldest_at_stage_1();
        let mut foretold = 0;
        loop {
            let mut ahead = [None; TOGETHER];
            let count = ahead.iter_mut().zip(&mut hits).map(|(place, hit)| *place = Some(hit)).count();
            if count == 0 {
                return self.foretold.set(foretold);
            }
            foretold += count;
            // Each newcomer past the bound will need one of the oldest knocks gone.
            let is_newcomer = |ahead: &&Ahead| self.first.contains(ahead.hit.port, ahead.hit.protocol);
            let newcomers = ahead.iter().flatten().filter(is_newcomer).count();
            let mut dropped = [0; TOGETHER];
            let mut drops = 0;
            for (bucket, _) in dropped.iter_mut().zip(self.limits.knocks..self.knocks.len() + newcomers) {
                let Some(id) = oldest else { break };
                *bucket = self.knocks.foresee(&self.foresee_end(id));
                oldest = self.knocks.younger_at_stage_1(id);
                drops += 1;
            }
            for ahead in ahead.iter_mut().flatten() {
                ahead.asked = ahead.bucket.and_then(|bucket| self.knocks.foresee_head(bucket));
                self.repeats.foresee_newest(ahead.hit.protocol, ahead.repeats);
            }
            for bucket in &dropped[..drops] {
                self.knocks.foresee_head(*bucket);
            }
            // Buckets are short: most that lead to a source's knock lead to it in one step, and nearly all in three.
            for _ in 0..3 {
                for ahead in ahead.iter_mut().flatten() {
                    let Some(id) = ahead.asked.take() else { continue };
                    if self.knocks.is_of(id, &ahead.hit.source) {
                        // Nearly every hit of a source that has a knock ends it: by completing, spoiling or restarting.
                        self.foresee_end(id);
                    } else {
                        ahead.asked = self.knocks.foresee_following(id);
                    }
                }
            }
        }
    }

    /// The same for one hit that is here and was not foretold: most of what it needs comes in two steps instead of one
    /// place after the other.
    #[inline]
    pub(super) fn fetch(&self, hit: &Hit) {
        let foretold = self.foretold.get();
        if foretold > 0 {
            return self.foretold.set(foretold - 1);
        }
        if self.knocks.len() < CACHED {
            return;
        }
        let bucket = self.knocks.foresee(&hit.source);
        let repeats = self.repeats.foresee(&hit.source, 0, &Counted::new(hit, self.now));
        self.knocks.foresee_head(bucket);
        self.repeats.foresee_newest(hit.protocol, repeats);
        if self.knocks.len() >= self.limits.knocks
            && let Some(oldest) = self.knocks.oldest_at_stage_1()
        {
            let bucket = self.knocks.foresee(&self.foresee_end(oldest));
            self.knocks.foresee_head(bucket);
        }
    }

    fn foresee_hit(&self, frame: Frame<'_>) -> Option<Ahead> {
        let matters = |source: &IpAddr, port, protocol| {
            let known = self.knocks.may_be_of(source);
            (known || self.first.contains(port, protocol)).then_some(known)
        };
        if let Some(Glance { source, port, protocol }) = wire::glance(frame) {
            matters(&source.into(), port, protocol)?;
        }
        let hit = wire::decode(frame).ok()?;
        let known = matters(&hit.source, hit.port, hit.protocol)?;
        let repeats = self.repeats.foresee(&hit.source, 0, &Counted::new(&hit, self.now));
        let bucket = self.knocks.foresee(&hit.source);
        // A newcomer goes to the front of its bucket, whoever stands there.
        Some(Ahead { hit, bucket: known.then_some(bucket), repeats, asked: None })
    }

    /// Asks for what the end of a knock needs, and gives its source.
    fn foresee_end(&self, id: KnockId) -> IpAddr {
        let (source, door, first) = self.knocks.foresee_end(id);
        self.repeats.foresee(&source, door, &first);
        source
    }
}
