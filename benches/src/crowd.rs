//! An engine with many half-finished knocks at stage 1, half of them IPv6, and packets for it.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use clap::ValueEnum;
use knockd::{
    config::Config,
    engine::{Doors, Engine, Input, Limits, Local, Locals, Setup},
    time::Instant,
    wire::{Frame, Link},
};
use rand_pcg::{
    Pcg64Mcg,
    rand_core::{RngCore, SeedableRng},
};

use crate::{
    doors::{ONE_DOOR, SEQUENCE},
    measure::Times,
    traffic::{LOCAL, LOCAL_6, START, dull_port, syn, syn6},
};

/// What meets the crowd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Load {
    /// Wrong ports from sources that have no knock: nothing comes of them.
    Unrelated,
    /// Wrong ports from random knockers: each ends a knock.
    Wrong,
    /// First hits of new sources, with room for all of them.
    First,
    /// First hits of new sources, each of which drops the oldest knock.
    FirstAtBound,
    /// Second hits of random knockers.
    Advance,
    /// First hits of random knockers, which begin again.
    Restart,
}

impl Load {
    /// All loads.
    pub const ALL: [Self; 6] =
        [Self::Unrelated, Self::Wrong, Self::First, Self::FirstAtBound, Self::Advance, Self::Restart];

    /// What it is, in a few words.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Unrelated => "packets of sources without a knock",
            Self::Wrong => "wrong hits, which end knocks",
            Self::First => "first hits of new sources",
            Self::FirstAtBound => "the same at the bound: each drops the oldest knock",
            Self::Advance => "second hits",
            Self::Restart => "first hits of sources that have a knock: it begins again",
        }
    }
}

/// An engine among whose half-finished knocks packets are timed.
#[derive(Debug)]
pub struct Crowd {
    engine: Engine,
    load: Load,
    foresight: bool,
    random: Pcg64Mcg,
    /// Sources so far: the n-th is always the same address.
    sources: u32,
    /// The sources that have a knock, unless that is nobody's business ([`Load::FirstAtBound`]).
    knockers: Vec<u32>,
    now: u64,
    times: Times,
    packets: u64,
    looked_at: u64,
}

impl Crowd {
    /// Timed packets of one round.
    pub const PACKETS: usize = 200_000;

    /// Packets that are timed together, and foretold together: what a daemon may find in a capture ring.
    const BATCH: usize = 64;

    /// An engine with `knocks` knocks, which is also its bound; with `foresight` each batch is foretold.
    ///
    /// # Errors
    ///
    /// The configuration is wrong, which the tests rule out.
    pub fn new(knocks: usize, load: Load, foresight: bool, seed: u64) -> Result<Self, Box<dyn Error>> {
        let (config, _) = Config::parse(ONE_DOOR.as_bytes()).map_err(|_| "the configuration has errors")?;
        let doors = Doors::load(config, |_| Err("no file")).map_err(|_| "the door has no file")?;
        let local = |address| Local { address, prefix: None };
        let setup = Setup {
            doors,
            locals: Locals::These(vec![local(LOCAL.into()), local(LOCAL_6.into())]),
            limits: Limits { knocks, ..Limits::default() },
            only_v4: false,
            seed,
        };
        let mut crowd = Self {
            engine: Engine::start(setup).0,
            load,
            foresight,
            random: Pcg64Mcg::seed_from_u64(seed),
            sources: 0,
            knockers: Vec::new(),
            now: START * 1_000_000_000,
            times: Times::default(),
            packets: 0,
            looked_at: 0,
        };
        let firsts: Vec<_> = (0..knocks).map(|_| crowd.newcomer()).collect();
        crowd.feed(&firsts);
        crowd.round();
        crowd.times = Times::default();
        Ok(crowd)
    }

    /// Times one round of packets.
    pub fn round(&mut self) -> Duration {
        let batches = self.batches();
        let mut took = Duration::ZERO;
        for Batch { before, timed, after } in &batches {
            self.feed(before);
            let work = self.engine.work();
            let mut times = Times::default();
            took += times.time(|| self.feed(timed));
            self.looked_at += self.engine.work() - work;
            self.packets += timed.len() as u64;
            self.feed(after);
        }
        self.times.add(took);
        took
    }

    /// The median of the rounds.
    #[must_use]
    pub fn nanos_per_packet(&self) -> f64 {
        self.times.nanos_per(Self::PACKETS as u64)
    }

    /// Stored knocks that were looked at, by packet.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn looked_at(&self) -> f64 {
        self.looked_at as f64 / self.packets.max(1) as f64
    }

    /// The knocks in progress.
    #[must_use]
    pub fn knocks(&self) -> usize {
        self.engine.knocks()
    }

    /// A round's packets; batches are never larger than the crowd, so that no knocker is in one twice.
    fn batches(&mut self) -> Vec<Batch> {
        let most = if self.load == Load::FirstAtBound { usize::MAX } else { self.knockers.len() };
        let most = most.min(Self::BATCH);
        let mut left = Self::PACKETS;
        let mut batches = Vec::with_capacity(left / most + 1);
        while left > 0 {
            let count = most.min(left);
            batches.push(self.batch(count));
            left -= count;
        }
        batches
    }

    fn batch(&mut self, count: usize) -> Batch {
        let none = Vec::new;
        match self.load {
            Load::Unrelated => {
                let timed = (0..count).map(|_| self.unrelated()).collect();
                Batch { before: none(), timed, after: none() }
            }
            Load::FirstAtBound => {
                let timed = (0..count).map(|_| self.newcomer()).collect();
                self.knockers.clear();
                Batch { before: none(), timed, after: none() }
            }
            Load::Wrong | Load::First => {
                let leavers = self.draw(count);
                let wrong = leavers.into_iter().map(|source| self.dull(source)).collect();
                let firsts = (0..count).map(|_| self.newcomer()).collect();
                if self.load == Load::Wrong {
                    Batch { before: none(), timed: wrong, after: firsts }
                } else {
                    Batch { before: wrong, timed: firsts, after: none() }
                }
            }
            Load::Advance | Load::Restart => {
                let sources = self.draw(count);
                let mut hits = |port| sources.iter().map(|source| self.packet(*source, port)).collect();
                let (seconds, firsts) = (hits(SEQUENCE[1]), hits(SEQUENCE[0]));
                self.knockers.extend(sources);
                if self.load == Load::Advance {
                    Batch { before: none(), timed: seconds, after: firsts }
                } else {
                    Batch { before: none(), timed: firsts, after: none() }
                }
            }
        }
    }

    /// Takes random knockers out.
    fn draw(&mut self, count: usize) -> Vec<u32> {
        let mut drawn = Vec::with_capacity(count);
        for _ in 0..count {
            let place = self.random.next_u32() as usize % self.knockers.len();
            drawn.push(self.knockers.swap_remove(place));
        }
        drawn
    }

    /// The first hit of a source that was never seen before.
    fn newcomer(&mut self) -> Packet {
        let number = self.sources;
        self.sources += 1;
        self.knockers.push(number);
        self.packet(number, SEQUENCE[0])
    }

    /// A wrong hit of a source that never knocks.
    fn unrelated(&mut self) -> Packet {
        // Those who knock are counted from 0, and never get this far; from 2^30 on, addresses come again.
        let number = self.random.next_u32() >> 3 | 1 << 29;
        self.dull(number)
    }

    fn dull(&mut self, source: u32) -> Packet {
        let port = dull_port(&mut self.random);
        self.packet(source, port)
    }

    fn packet(&mut self, source: u32, port: u16) -> Packet {
        match address(source) {
            IpAddr::V4(v4) => Packet::new(&syn(v4, port, &mut self.random)),
            IpAddr::V6(v6) => Packet::new(&syn6(v6, port, &mut self.random)),
        }
    }

    fn feed(&mut self, packets: &[Packet]) {
        for batch in packets.chunks(Self::BATCH) {
            if self.foresight {
                self.engine.foresee(batch.iter().map(Packet::frame));
            }
            for packet in batch {
                self.now += 1;
                let input = Input::Frame { frame: packet.frame(), loopback: false };
                self.engine.handle(Instant::from_nanos(self.now), input).for_each(drop);
            }
        }
    }
}

/// Packets that are timed together, and what puts the crowd right before and after them.
#[derive(Debug)]
struct Batch {
    before: Vec<Packet>,
    timed: Vec<Packet>,
    after: Vec<Packet>,
}

#[derive(Clone, Copy, Debug)]
struct Packet {
    len: usize,
    bytes: [u8; crate::traffic::FRAME_6],
}

impl Packet {
    fn new(frame: &[u8]) -> Self {
        let mut bytes = [0; crate::traffic::FRAME_6];
        bytes[..frame.len()].copy_from_slice(frame);
        Self { len: frame.len(), bytes }
    }

    fn frame(&self) -> Frame<'_> {
        Frame { link: Link::Ethernet, bytes: &self.bytes[..self.len], original_len: self.len }
    }
}

/// The `number`-th source: IPv4 for even numbers, IPv6 for odd ones, scattered as strangers are. An odd factor permutes
/// the residues of a power of two, so no two sources share an address before there are 2^30.
fn address(number: u32) -> IpAddr {
    if number.is_multiple_of(2) {
        Ipv4Addr::from_bits(0x2000_0000 | (number / 2).wrapping_mul(0x9e37_79b1) & 0x1fff_ffff).into()
    } else {
        let scattered = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(scattered)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_stays_as_large_as_it_is() {
        for load in Load::ALL {
            for (knocks, foresight) in [(10, true), (2_000, false), (2_000, true)] {
                let mut crowd = Crowd::new(knocks, load, foresight, 1).expect("the configuration is right");
                assert_eq!(crowd.knocks(), knocks, "{load:?}");
                crowd.round();
                assert_eq!(crowd.knocks(), knocks, "{load:?}");
                let works = crowd.looked_at() > 1.0;
                assert_eq!(works, load != Load::Unrelated, "{load:?}: {}", crowd.looked_at());
            }
        }
    }
}
