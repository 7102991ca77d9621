//! What a hit means to a door (SEQ, TIME-1).

use std::net::IpAddr;

use super::{
    daemon::{BURST, Daemon, Knock},
    deviation::Deviation as D,
    jobs::seconds,
    words::{Hit, Port, Protocol, What},
};
use crate::time::{Nanos, SECOND};

impl Daemon {
    /// What one hit means to one door.
    pub(super) fn meet(&mut self, door: usize, hit: &Hit) {
        let Some(sequence) = self.sequence(door) else { return }; // ONCE-7: the door is disabled
        if !self.concerns(door, &sequence, hit) {
            if self.is.on(D::FlagsMismatchSpoils)
                && hit.port.1 == Protocol::Tcp
                && let Some(mine) = self.mine(door, hit.source)
            {
                self.discard(mine, "FLAGS-3");
            }
            return;
        }
        let mine = self.mine(door, hit.source);
        let stage = mine.map_or(0, |mine| self.knocks[&mine].hits.len());
        let is_next = mine.is_some() && sequence.get(stage).is_some_and(|port| self.same_port(*port, hit.port));
        let udp_that_advances = hit.port.1 == Protocol::Udp && is_next && !self.is.on(D::UdpRepeatNeverAdvances);
        if self.is_repeat(door, mine, hit) && !udp_that_advances {
            return; // SEQ-5
        }
        match mine {
            Some(mine) if is_next => return self.count(mine, hit, &sequence), // SEQ-1
            Some(mine) => {
                if self.forgives(mine, hit, &sequence) {
                    return;
                }
                self.discard_by(mine, "SEQ-3", Some(hit.port));
                if self.is.on(D::WrongHitEndsEverywhere) {
                    self.knocks_of(hit.source).into_iter().for_each(|other| self.discard(other, "SEQ-3"));
                }
                if self.is.on(D::AllLostWhenOldestEnds) {
                    self.forget_all();
                }
                if self.is.on(D::RestartingHitSwallowed) {
                    return;
                }
                if self.is.on(D::LongestOverlapKept) && self.overlap(door, hit, &sequence) {
                    return;
                }
            }
            None => {}
        }
        if sequence.first().is_some_and(|first| self.same_port(*first, hit.port)) && self.may_begin(hit) {
            self.begin(door, hit, &sequence); // SEQ-4 if it has just discarded one
        }
    }

    fn same_port(&self, wanted: Port, hit: Port) -> bool {
        wanted == hit || wanted.0 == hit.0 && self.is.on(D::ProtocolIgnored)
    }

    /// Deviations that do not discard where SEQ-3 does.
    fn forgives(&self, mine: u64, hit: &Hit, sequence: &[Port]) -> bool {
        let anywhere = self
            .posts
            .iter()
            .enumerate()
            .any(|(other, _)| self.sequence(other).is_some_and(|ports| ports.contains(&hit.port)));
        let behind = self.knocks[&mine].hits.iter().any(|(_, counted)| counted.port == hit.port);
        self.is.on(D::WrongPortIgnored)
            || self.is.on(D::WrongPortOfNoDoorIgnored) && !anywhere
            || self.is.on(D::WrongPortOfOtherDoorIgnored) && !sequence.contains(&hit.port)
            || self.is.on(D::WrongUdpIgnored) && hit.port.1 == Protocol::Udp
            || self.is.on(D::WrongTcpIgnored)
                && hit.port.1 == Protocol::Tcp
                && sequence.iter().all(|port| port.1 == Protocol::Udp)
            || self.is.on(D::WrongProtocolIgnored)
                && sequence.iter().any(|port| port.0 == hit.port.0 && port.1 != hit.port.1)
            || self.is.on(D::EarlierPortsForgiven) && behind
    }

    /// A hit that is the end of a longer beginning of the sequence, kept as one: SEQ-4 says not to.
    fn overlap(&mut self, door: usize, hit: &Hit, sequence: &[Port]) -> bool {
        let Some(previous) = self.memory.last(door, hit.source) else { return false };
        if sequence.len() < 3 || sequence[0] != previous.port || sequence[1] != hit.port {
            return false;
        }
        self.begin(door, &previous, sequence);
        if let Some(mine) = self.mine(door, hit.source) {
            self.count(mine, hit, sequence);
        }
        true
    }

    /// Whether a first hit is seen (SEQ-6, SEQ-7).
    fn may_begin(&self, hit: &Hit) -> bool {
        let has_one = || self.knocks.values().any(|knock| knock.source == hit.source);
        let is_hidden =
            self.is.on(D::OneDoorASource) && has_one() || self.is.on(D::OneSourceAtATime) && !self.knocks.is_empty();
        !is_hidden
    }

    /// The number of this source's knock at this door.
    pub(super) fn mine(&self, door: usize, source: IpAddr) -> Option<u64> {
        if self.is.on(D::SourcesShareKnocks) {
            return self.knocks.values().find(|knock| knock.door == door).map(|knock| knock.number);
        }
        self.at.get(&(door, source)).copied()
    }

    fn knocks_of(&self, source: IpAddr) -> Vec<u64> {
        self.knocks.values().filter(|knock| knock.source == source).map(|knock| knock.number).collect()
    }

    /// SEQ-5: whether a knock of this source at this door has counted this very packet before.
    fn is_repeat(&self, door: usize, mine: Option<u64>, hit: &Hit) -> bool {
        let is = self.is;
        if is.on(D::RepeatIsAHit) || is.on(D::UdpNeverRepeats) && hit.port.1 == Protocol::Udp {
            return false;
        }
        let same = |earlier: &Hit| {
            earlier.source == hit.source
                && (earlier.port == hit.port || earlier.port.0 == hit.port.0 && is.on(D::ProtocolsShareRepeats))
                && (earlier.source_port == hit.source_port || is.on(D::AnySourcePortRepeats))
                && (earlier.sequence == hit.sequence || is.on(D::AnySequenceNumberRepeats))
                && (earlier.flags == hit.flags || !is.on(D::RepeatHasSameFlags))
                && (earlier.destination == hit.destination || !is.on(D::RepeatHasSameDestination))
        };
        mine.is_some_and(|mine| self.knocks[&mine].hits.iter().any(|(_, earlier)| same(earlier)))
            || !is.on(D::RepeatForgottenAtEnd) && self.memory.any(door, hit.source, self.now, same)
    }

    pub(super) fn begin(&mut self, door: usize, hit: &Hit, sequence: &[Port]) {
        self.begun += 1;
        let number = self.begun;
        let due = self.due(door, self.now);
        let knock = Knock { number, door, source: hit.source, begun: self.now, due, hits: Vec::new() };
        self.knocks.insert(number, knock);
        self.at.insert((door, hit.source), number);
        self.timeouts.insert((due, door, number));
        self.count(number, hit, sequence);
        if self.knocks.len() > self.around.max_knocks && !self.is.on(D::Unbounded) {
            self.drop_one();
        }
    }

    /// When a knock that began then at this door has had its time (TIME-1).
    pub(super) fn due(&self, door: usize, begun: Nanos) -> Nanos {
        if self.is.on(D::NoTimeout) {
            return Nanos(u64::MAX);
        }
        let begun = if self.is.on(D::WholeSeconds) { Nanos(begun.0 / SECOND.0 * SECOND.0) } else { begun };
        let timeout = seconds(self.posts[door].door.seq_timeout);
        let millis = timeout.0 / 1_000_000;
        let wraps = self.is.on(D::LongTimeoutWraps) && millis > u64::from(u32::MAX);
        begun.after(if wraps { Nanos(millis % (1 << 32) * 1_000_000) } else { timeout })
    }

    /// SEQ-10: the oldest of the lowest stage goes.
    fn drop_one(&mut self) {
        if self.crowded.is_none_or(|last| self.now >= last.after(BURST)) {
            self.say_alone(What::Crowded);
        }
        self.crowded = Some(self.now);
        let victim = if self.is.on(D::NewestDropped) {
            self.knocks.keys().next_back()
        } else if self.is.on(D::OldestDropped) {
            self.knocks.keys().next()
        } else {
            self.knocks.iter().min_by_key(|(_, knock)| knock.hits.len()).map(|(number, _)| number)
        };
        if let Some(victim) = victim.copied() {
            self.discard(victim, "SEQ-10");
        }
    }

    /// Counts the right hit, and opens the door if it was the last one.
    pub(super) fn count(&mut self, mine: u64, hit: &Hit, sequence: &[Port]) {
        let (now, is) = (self.now, self.is);
        let Some(knock) = self.knocks.get_mut(&mine) else { return };
        knock.hits.push((now, *hit));
        let (stage, door) = (knock.hits.len(), knock.door);
        let knock = knock.clone();
        if is.on(D::TimeoutRestartsAtEachStage) && stage > 1 {
            self.timeouts.remove(&(knock.due, door, mine));
            let due = self.due(door, now);
            self.timeouts.insert((due, door, mine));
            self.knocks.entry(mine).and_modify(|knock| knock.due = due);
        }
        if !(stage == sequence.len() && is.on(D::LastStageNotLogged)) {
            self.say(&knock, What::Stage(stage));
        }
        let opens_early = is.on(D::LastHitNotNeeded) && stage > 1 && stage + 1 == sequence.len();
        if stage >= sequence.len() || opens_early {
            self.complete(mine);
        }
    }

    pub(super) fn forget_all(&mut self) {
        let all: Vec<u64> = self.knocks.keys().copied().collect();
        all.into_iter().for_each(|knock| self.discard(knock, "SEQ-7"));
    }

    pub(super) fn discard(&mut self, knock: u64, clause: &'static str) {
        self.discard_by(knock, clause, None);
    }

    fn discard_by(&mut self, knock: u64, clause: &'static str, by: Option<Port>) {
        if self.knocks.contains_key(&knock) {
            let knock = self.end(knock, false);
            self.say(&knock, What::Discard { stage: knock.hits.len(), clause, by });
        }
    }

    /// Takes the knock out and remembers its hits: TCP's from when they came, UDP's only if they opened the door
    /// (SEQ-5).
    pub(super) fn end(&mut self, number: u64, opened: bool) -> Knock {
        // Whoever ends a knock has just found it.
        let knock = self.knocks.remove(&number).expect("the knock that ends is there");
        self.at.remove(&(knock.door, knock.source));
        self.timeouts.remove(&(knock.due, knock.door, number));
        for (at, hit) in &knock.hits {
            self.memory.remember(knock.door, *at, *hit, opened.then_some(self.now), self.is);
        }
        knock
    }
}
