//! An engine with many half-finished knocks at stage 1, half of them IPv6, and packets for it.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Wrong ports from sources that have no knock: nothing comes of them.
    Unrelated,
    /// A random source of the crowd hits a wrong port, which ends its knock, and then begins again.
    Wrong,
    /// First hits of new sources; the bound makes each of them drop the oldest knock.
    Newcomers,
}

impl Load {
    /// All loads.
    pub const ALL: [Self; 3] = [Self::Unrelated, Self::Wrong, Self::Newcomers];

    /// What it is, in a few words.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Unrelated => "packets of sources without a knock",
            Self::Wrong => "wrong hits of knockers, each followed by its first hit",
            Self::Newcomers => "first hits of new sources, each of which drops the oldest knock",
        }
    }
}

/// An engine among whose half-finished knocks packets are timed.
#[derive(Debug)]
pub struct Crowd {
    engine: Engine,
    load: Load,
    knocks: usize,
    random: Pcg64Mcg,
    /// Sources so far: the n-th is always the same address.
    sources: u32,
    now: u64,
    times: Times,
    packets: u64,
    looked_at: u64,
}

impl Crowd {
    /// Packets of one round.
    pub const PACKETS: usize = 200_000;

    /// An engine with `knocks` knocks, which is also its bound for [`Load::Newcomers`].
    ///
    /// # Errors
    ///
    /// The configuration is wrong, which the tests rule out.
    pub fn new(knocks: usize, load: Load, seed: u64) -> Result<Self, Box<dyn Error>> {
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
            knocks,
            random: Pcg64Mcg::seed_from_u64(seed),
            sources: 0,
            now: START * 1_000_000_000,
            times: Times::default(),
            packets: 0,
            looked_at: 0,
        };
        let firsts: Vec<_> = (0..knocks).map(|_| crowd.newcomer(SEQUENCE[0])).collect();
        crowd.feed(&firsts);
        crowd.warm();
        Ok(crowd)
    }

    /// Times one round of packets.
    pub fn round(&mut self) -> Duration {
        let packets = self.packets();
        let before = self.engine.work();
        let mut times = std::mem::take(&mut self.times);
        let took = times.time(|| self.feed(&packets));
        self.times = times;
        self.looked_at += self.engine.work() - before;
        self.packets += packets.len() as u64;
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

    fn warm(&mut self) {
        let packets = self.packets();
        self.feed(&packets);
    }

    fn packets(&mut self) -> Vec<Packet> {
        match self.load {
            Load::Unrelated => (0..Self::PACKETS)
                .map(|_| {
                    let port = dull_port(&mut self.random);
                    self.newcomer(port)
                })
                .collect(),
            Load::Newcomers => (0..Self::PACKETS).map(|_| self.newcomer(SEQUENCE[0])).collect(),
            Load::Wrong => (0..Self::PACKETS / 2)
                .flat_map(|_| {
                    let number = self.random.next_u32() % u32::try_from(self.knocks).unwrap_or(u32::MAX);
                    let port = dull_port(&mut self.random);
                    [self.packet(number, port), self.packet(number, SEQUENCE[0])]
                })
                .collect(),
        }
    }

    /// A packet of a source that was never seen before.
    fn newcomer(&mut self, port: u16) -> Packet {
        let number = self.sources;
        self.sources += 1;
        self.packet(number, port)
    }

    fn packet(&mut self, source: u32, port: u16) -> Packet {
        match address(source) {
            IpAddr::V4(v4) => Packet::new(&syn(v4, port, &mut self.random)),
            IpAddr::V6(v6) => Packet::new(&syn6(v6, port, &mut self.random)),
        }
    }

    fn feed(&mut self, packets: &[Packet]) {
        for packet in packets {
            self.now += 1;
            let bytes = &packet.bytes[..packet.len];
            let frame = Frame { link: Link::Ethernet, bytes, original_len: packet.len };
            let effects = self.engine.handle(Instant::from_nanos(self.now), Input::Frame { frame, loopback: false });
            effects.for_each(drop);
        }
    }
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
            let mut crowd = Crowd::new(1_000, load, 1).expect("the configuration is right");
            assert_eq!(crowd.knocks(), 1_000);
            crowd.round();
            assert_eq!(crowd.knocks(), 1_000);
        }
    }
}
