//! One hit at every door that it concerns: the verdicts, and what becomes of the knocks.

use super::{Engine, Judged, Unseen, Watch, door_index};
use crate::{
    clause::Clause,
    event::Event,
    knock::Verdict,
    knocks::{Counted, KnockId, NUMBERS, Seen},
    time::Instant,
    wire::Hit,
};

impl Engine {
    pub(super) fn hit<W: Watch>(&mut self, hit: &Hit, loopback: bool, watch: &mut W) {
        if self.quitting {
            return;
        }
        if self.only_v4 && hit.source.is_ipv6() {
            return watch.no_hit(&Unseen::OnlyV4(*hit));
        }
        if let Some(why) = self.addresses.refuses(hit, loopback) {
            return watch.no_hit(&Unseen::Source(*hit, why));
        }
        let local = self.addresses.is_local(hit.destination);
        let mut candidates = std::mem::take(&mut self.candidates);
        self.find_candidates::<W>(hit, &mut candidates);
        for place in 0..candidates.len() {
            let (door, knock) = candidates[place];
            let before = knock.map_or((0, None), |id| standing(self.knocks.seen(id)));
            let (expected, ports) =
                if W::EVERY { self.doors[door as usize].rules.expects(before.0) } else { (None, 0) };
            let verdict = self.doors[door as usize].rules.judge(hit, local, before.0, || {
                knock.is_some_and(|id| self.knocks.repeats(id, hit)) || self.repeats.knows(door, hit, self.now)
            });
            self.apply(hit, door, knock, verdict, |dropped| {
                // A knock that made room for a newcomer may be one that this very hit has yet to reach.
                let gone = candidates.iter_mut().find(|candidate| candidate.1 == Some(dropped));
                if let Some(candidate) = gone {
                    candidate.1 = None;
                }
            });
            if W::EVERY {
                let after = self.knocks.find(&hit.source, door).map_or((0, None), |id| standing(self.knocks.seen(id)));
                let next = after.1.and_then(|_| self.doors[door as usize].rules.expects(after.0).0);
                watch.judged(&Judged { hit: *hit, door, verdict, before, after, expected, ports, next });
            }
        }
        candidates.clear();
        self.candidates = candidates;
        self.set_next_due();
    }

    /// The doors that this hit may change, in order: those where its source has a knock, and those that begin with it.
    fn find_candidates<W: Watch>(&self, hit: &Hit, candidates: &mut Vec<(u32, Option<KnockId>)>) {
        let mut knocks = self.knocks.of_source(&hit.source).map(|id| (self.knocks.seen(id).door, Some(id))).peekable();
        let others: &mut dyn Iterator<Item = u32> =
            if W::EVERY { &mut (0..door_index(self.doors.len())) } else { &mut self.first.doors(hit) };
        for door in others {
            while let Some(knock) = knocks.next_if(|knock| knock.0 < door) {
                candidates.push(knock);
            }
            candidates.push(knocks.next_if(|knock| knock.0 == door).unwrap_or((door, None)));
        }
        candidates.extend(knocks);
    }

    fn apply(&mut self, hit: &Hit, door: u32, knock: Option<KnockId>, verdict: Verdict, dropped: impl FnMut(KnockId)) {
        match (verdict, knock) {
            (Verdict::Begins, _) => self.begin(hit, door, dropped),
            (Verdict::Advances, Some(id)) => {
                self.knocks.advance(id, Counted::new(hit, self.now));
                self.log_stage(id);
            }
            (Verdict::Completes, _) => self.complete(hit, door, knock),
            (Verdict::Discards, Some(id)) => self.discard(id, Clause::Seq3, Some(*hit)),
            (Verdict::Restarts, Some(id)) => self.begin_again(id, hit),
            // Without a knock there is nothing to advance or to discard: the rules never say so.
            (Verdict::Advances | Verdict::Discards | Verdict::Restarts, None)
            | (
                Verdict::Elsewhere
                | Verdict::FlagsDiffer
                | Verdict::UdpNotCounted
                | Verdict::PortIgnored
                | Verdict::DoorDisabled(_)
                | Verdict::Repeats
                | Verdict::NothingToSpoil,
                _,
            ) => {}
        }
    }

    fn begin(&mut self, hit: &Hit, door: u32, mut dropped: impl FnMut(KnockId)) {
        let number = self.number_knock();
        let id = self.knocks.begin(hit.source, door, number, Counted::new(hit, self.now));
        self.set_deadline(door);
        self.log_stage(id);
        if self.knocks.len() <= self.limits.knocks {
            return;
        }
        if self.crowded.starts(self.now) {
            self.log(Event::Crowded { bound: self.limits.knocks });
        }
        // The newcomer itself is at stage 1, so there is one to drop: strangers never displace a knock that got further.
        if let Some(oldest) = self.knocks.oldest_at_stage_1() {
            dropped(oldest);
            self.discard(oldest, Clause::Seq10, None);
        }
    }

    /// A knock begins in the place of one that its first hit spoils, so that nobody else has to make room.
    fn begin_again(&mut self, id: KnockId, hit: &Hit) {
        let number = self.number_knock();
        let Self { knocks, repeats, now, .. } = self;
        let ended = knocks.begin_again(id, number, Counted::new(hit, *now), |seen, counted| {
            repeats.remember(seen.source, seen.door, counted, None, *now);
        });
        self.set_deadline(ended.door);
        self.log_discarded(ended, Clause::Seq3, Some(*hit));
        self.log_stage(id);
    }

    /// The last hit of a knock, which at a door of one port is also the first.
    fn complete(&mut self, hit: &Hit, door: u32, knock: Option<KnockId>) {
        let now = self.now;
        let last = Counted::new(hit, now);
        let (source, seen) = match knock {
            Some(id) => (hit.source, self.end(id, Some(now))),
            None => {
                let number = self.number_knock();
                (hit.source, Seen { source: hit.source, door, number, stage: 0 })
            }
        };
        self.repeats.remember(source, door, last, Some(now), now);
        let who = self.who(seen);
        self.log(Event::Stage { who: who.clone(), stage: seen.stage + 1 });
        let waiting = self.jobs.waiting_starts() + self.doors.iter().map(|door| door.triggers.len()).sum::<usize>();
        if waiting >= self.limits.waiting_starts {
            if self.busy.starts(now) {
                self.log(Event::Busy { bound: self.limits.waiting_starts });
            }
        } else if self.doors[door as usize].one_time.is_some() {
            self.trigger(who);
        } else {
            self.open(who);
        }
    }

    pub(super) fn discard_all(&mut self, door: u32, clause: Clause) {
        while let Some((_, id)) = self.knocks.oldest_at(door) {
            self.discard(id, clause, None);
        }
    }

    fn discard(&mut self, id: KnockId, clause: Clause, hit: Option<Hit>) {
        let seen = self.end(id, None);
        self.log_discarded(seen, clause, hit);
    }

    /// Ends a knock, which leaves its hits behind (SEQ-5).
    pub(super) fn end(&mut self, id: KnockId, triggered: Option<Instant>) -> Seen {
        let Self { knocks, repeats, now, .. } = self;
        let seen = knocks.end(id, |seen, counted| {
            repeats.remember(seen.source, seen.door, counted, triggered, *now);
        });
        self.set_deadline(seen.door);
        seen
    }

    fn number_knock(&mut self) -> u64 {
        let number = self.next_knock;
        self.next_knock = (self.next_knock + 1) % NUMBERS;
        number
    }

    fn log_stage(&mut self, id: KnockId) {
        let seen = self.knocks.seen(id);
        let who = self.who(seen);
        self.log(Event::Stage { who, stage: seen.stage });
    }

    fn log_discarded(&mut self, seen: Seen, clause: Clause, hit: Option<Hit>) {
        let who = self.who(seen);
        self.log(Event::Discarded { who, stage: seen.stage, clause, hit });
    }
}

fn standing(seen: Seen) -> (u8, Option<u64>) {
    (seen.stage, Some(seen.number))
}
