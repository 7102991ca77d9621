//! Hits of knocks that have ended, ignored if they come again (SEQ-5).

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
};

use super::{
    deviation::{Deviation as D, Deviations},
    words::{Hit, Protocol},
};
use crate::time::{Nanos, SECOND};

/// How long a TCP hit is remembered, in seconds.
const TCP: u64 = 64;
/// How long a UDP hit is remembered after the trigger, in seconds.
const UDP: u64 = 1;

/// One hit, remembered until then.
#[derive(Clone, Copy, Debug)]
struct Remembered {
    hit: Hit,
    until: Nanos,
}

type Key = (usize, IpAddr, u64);

/// What is remembered of each source at each door, bounded as knocks are (SEQ-10).
#[derive(Clone, Debug)]
pub(super) struct Memory {
    most: usize,
    hits: BTreeMap<Key, Remembered>,
    tcp: VecDeque<Key>,
    udp: VecDeque<Key>,
    count: u64,
}

impl Memory {
    pub(super) fn new(most: usize) -> Self {
        Self { most, hits: BTreeMap::new(), tcp: VecDeque::new(), udp: VecDeque::new(), count: 0 }
    }

    /// Remembers a hit that was counted `at` a moment; `opened` is when its knock opened the door, if it did.
    pub(super) fn remember(&mut self, door: usize, at: Nanos, hit: Hit, opened: Option<Nanos>, is: Deviations) {
        let forget = |from: Nanos, span: u64| from.after(Nanos(span * SECOND.0));
        let (until, order) = match (hit.port.1, opened) {
            (Protocol::Tcp, _) if is.on(D::TcpForgottenSoon) => (forget(at, 30), &mut self.tcp),
            (Protocol::Tcp, _) if is.on(D::TcpRememberedLong) => (forget(at, 3600), &mut self.tcp),
            (Protocol::Tcp, _) => (forget(at, TCP), &mut self.tcp),
            (Protocol::Udp, Some(opened)) if is.on(D::UdpRememberedLong) => (forget(opened, 64), &mut self.udp),
            (Protocol::Udp, Some(opened)) => (forget(opened, UDP), &mut self.udp),
            (Protocol::Udp, None) => return,
        };
        let key = (door, hit.source, self.count);
        self.count += 1;
        self.hits.insert(key, Remembered { hit, until });
        order.push_back(key);
        if order.len() > self.most
            && let Some(oldest) = order.pop_front()
        {
            self.hits.remove(&oldest);
        }
    }

    /// Whether a hit of this source at this door is remembered that is the `same`.
    pub(super) fn any(&self, door: usize, source: IpAddr, now: Nanos, same: impl Fn(&Hit) -> bool) -> bool {
        self.of(door, source).any(|remembered| now < remembered.until && same(&remembered.hit))
    }

    /// The hit of this source at this door that was remembered last.
    pub(super) fn last(&self, door: usize, source: IpAddr) -> Option<Hit> {
        self.of(door, source).last().map(|remembered| remembered.hit)
    }

    /// Doors have new places; those that changed are forgotten.
    pub(super) fn renumber(&mut self, places: &[Option<usize>]) {
        let place = |key: &Key| places.get(key.0).copied().flatten().map(|door| (door, key.1, key.2));
        self.hits = self.hits.iter().filter_map(|(key, hit)| place(key).map(|key| (key, *hit))).collect();
        for order in [&mut self.tcp, &mut self.udp] {
            *order = order.iter().filter_map(place).collect();
        }
    }

    fn of(&self, door: usize, source: IpAddr) -> impl Iterator<Item = &Remembered> {
        self.hits.range((door, source, 0)..=(door, source, u64::MAX)).map(|(_, remembered)| remembered)
    }
}
