//! How the C program 0.8 judges a hit, as it was seen to do: one list of knocks for all doors and sources.
//!
//! A filter hides what no door's sequence names (SEQ-3). What has ended is swept out when the next packet comes
//! (TIME-3), and with the list's first knock the whole list is gone (SEQ-7). A source that has any knock begins no other
//! (SEQ-6), and a wrong hit begins nothing (SEQ-4).

use super::{
    daemon::{Daemon, Knock},
    words::{Door, Hit, Port, Protocol, What},
};
use crate::time::SECOND;

impl Daemon {
    /// What a packet means to all doors.
    pub(super) fn meet_as_of_old(&mut self, hit: &Hit) {
        if !(0..self.posts.len()).any(|door| self.filter_passes(door, hit)) {
            return;
        }
        self.sweep();
        let is_mine = |knock: &&Knock| {
            let target = self.posts[knock.door].door.target;
            knock.source == hit.source && self.goes_to(target, hit.destination)
        };
        let mine: Vec<u64> = self.knocks.values().filter(is_mine).map(|knock| knock.number).collect();
        for number in &mine {
            self.judge_as_of_old(*number, hit);
        }
        if mine.is_empty() {
            for door in 0..self.posts.len() {
                let sequence = self.sequence(door).unwrap_or_default();
                if !self.ended && sequence.first() == Some(&hit.port) && self.concerns(door, &sequence, hit) {
                    self.begin(door, hit, &sequence);
                }
            }
        }
    }

    fn judge_as_of_old(&mut self, number: u64, hit: &Hit) {
        let Some(knock) = self.knocks.get(&number) else { return };
        let (door, stage) = (knock.door, knock.hits.len());
        let sequence = self.sequence(door).unwrap_or_default();
        if self.ended || self.over.contains(&number) || !self.concerns(door, &sequence, hit) {
            return;
        }
        if sequence.get(stage) == Some(&hit.port) {
            self.count(number, hit, &sequence);
        } else {
            self.over.insert(number);
        }
    }

    /// The packet filter: a port of the door's sequence, with its flags. It has a half for each address family, and that
    /// for IPv6, which `-4` leaves out, keeps the first sequence of a one-time file (ONCE-8). A `Target` stands in both,
    /// but its flags never match in the half of the other family.
    fn filter_passes(&self, door: usize, hit: &Hit) -> bool {
        let post = &self.posts[door];
        let Door { target, flags, .. } = &post.door;
        let is_v6 = hit.source.is_ipv6();
        let needs_no_flags = flags.is_none() || hit.port.1 == Protocol::Udp;
        let now = self.sequence(door).filter(|_| !is_v6 || target.is_some() && needs_no_flags);
        let first = post.first.clone().filter(|_| is_v6 || target.is_some() && needs_no_flags);
        let first = first.filter(|_| !self.around.only_v4);
        let passes = |ports: Vec<Port>| ports.contains(&hit.port) && self.concerns(door, &ports, hit);
        now.is_some_and(passes) || first.is_some_and(passes)
    }

    /// Takes out what has ended or timed out.
    fn sweep(&mut self) {
        let now = self.now.0 / SECOND.0;
        let numbers: Vec<u64> = self.knocks.keys().copied().collect();
        let mut is_lost = false;
        for (place, number) in numbers.into_iter().enumerate() {
            let Some(knock) = self.knocks.get(&number).cloned() else { continue };
            let timeout = self.posts[knock.door].door.seq_timeout;
            let is_late = now - (knock.begun.0 / SECOND.0).min(now) >= timeout;
            // A completed knock whose door has taken a longer sequence goes on against that (ONCE-4).
            let length = self.sequence(knock.door).map_or(0, |ports| ports.len());
            let is_over = self.over.contains(&number) || knock.hits.len() >= length;
            if !is_over && !is_late {
                continue;
            }
            let knock = self.end(number, false);
            if !is_over {
                self.say(&knock, What::Timeout { stage: knock.hits.len() });
            }
            is_lost |= place == 0;
        }
        if is_lost {
            self.forget_all();
        }
        self.over.clear();
    }
}

/// With `-4`, whether the filter of this door, whose sequence is now `ports`, rejects every packet: TCP to an IPv6
/// `Target`, with flags.
pub(super) fn rejects_all(door: &Door, ports: &[Port]) -> bool {
    let is_tcp = ports.iter().all(|port| port.1 == Protocol::Tcp);
    is_tcp && door.flags.is_some() && door.target.is_some_and(|target| target.is_ipv6())
}
