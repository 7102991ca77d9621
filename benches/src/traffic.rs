//! Captures of 60-byte SYNs, a packet a microsecond: the same ones for the same seed.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    net::{Ipv4Addr, Ipv6Addr},
};

use clap::ValueEnum;
use knockd::time::Instant;
use knocksim::capture::PcapWriter;
use rand_pcg::{
    Pcg64Mcg,
    rand_core::{RngCore, SeedableRng},
};

use crate::doors::SEQUENCE;

/// A frame's length in bytes: headers, and padding up to Ethernet's least.
pub const FRAME: usize = 60;

/// The length in bytes of a frame with IPv6.
pub const FRAME_6: usize = 74;

/// What a packet takes in a capture file, in bytes.
pub const RECORD: usize = 16 + FRAME;

/// The host that is knocked at.
pub const LOCAL: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// The same host.
pub const LOCAL_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

/// The first packet's time in seconds since the Unix epoch.
pub const START: u64 = 1_700_000_000;

/// How many sources the knocks come from.
const SOURCES: usize = 100_000;

/// One packet in so many is a first hit.
const RARE: u32 = 100;

/// What traffic is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// SYNs from random sources to ports that no door uses
    Quiet,
    /// The same, but 1 % are first hits from 100,000 other sources
    Strangers,
    /// 1 % first hits, and all packets are from the same 100,000 sources: the others spoil knocks
    Spoiling,
    /// Every packet is a first hit, from 100,000 sources
    FirstHits,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Quiet, Self::Strangers, Self::Spoiling, Self::FirstHits];

    /// What it is, in a few words.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Quiet => "no interesting port",
            Self::Strangers => "1 % first hits from 100,000 sources, the rest from others",
            Self::Spoiling => "1 % first hits from 100,000 sources, the rest from the same",
            Self::FirstHits => "every packet a first hit, from 100,000 sources",
        }
    }
}

/// One packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When it was captured.
    pub at: Instant,
    /// Its bytes.
    pub frame: [u8; FRAME],
}

/// An endless row of packets.
#[derive(Debug)]
pub struct Traffic {
    random: Pcg64Mcg,
    kind: Kind,
    sources: Vec<Ipv4Addr>,
    nanos: u64,
}

impl Traffic {
    /// Packets of `kind`, the same for the same `seed`.
    #[must_use]
    pub fn new(kind: Kind, seed: u64) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut sources = BTreeSet::new();
        while sources.len() < SOURCES {
            sources.insert(knocker(&mut random));
        }
        Self { random, kind, sources: sources.into_iter().collect(), nanos: START * 1_000_000_000 }
    }

    /// The next packet.
    pub fn packet(&mut self) -> Packet {
        let random = &mut self.random;
        let is_first = match self.kind {
            Kind::Quiet => false,
            Kind::Strangers | Kind::Spoiling => random.next_u32().is_multiple_of(RARE),
            Kind::FirstHits => true,
        };
        let source = if is_first || self.kind == Kind::Spoiling {
            self.sources[random.next_u32() as usize % self.sources.len()]
        } else {
            stranger(random)
        };
        let port = if is_first { SEQUENCE[0] } else { dull_port(random) };
        let frame = syn(source, port, random);
        self.nanos += 1_000;
        Packet { at: Instant::from_nanos(self.nanos), frame }
    }
}

/// Writes a capture of `packets` packets.
///
/// # Errors
///
/// What `write` says, or that so many microseconds do not fit in a capture.
pub fn write(kind: Kind, packets: u64, seed: u64, write: impl Write) -> io::Result<()> {
    let mut traffic = Traffic::new(kind, seed);
    let mut capture = PcapWriter::new(write, 1, false)?;
    for _ in 0..packets {
        let Packet { at, frame } = traffic.packet();
        capture.record(at, &frame, FRAME)?;
    }
    capture.finish().map(drop)
}

/// A SYN from `source` to `port` of [`LOCAL`], with a random source port and sequence number.
#[must_use]
pub fn syn(source: Ipv4Addr, port: u16, random: &mut Pcg64Mcg) -> [u8; FRAME] {
    let mut frame = [0; FRAME];
    frame[..12].copy_from_slice(&MACS);
    frame[12..24].copy_from_slice(&[0x08, 0, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6]);
    frame[26..30].copy_from_slice(&source.octets());
    frame[30..34].copy_from_slice(&LOCAL.octets());
    frame[34..54].copy_from_slice(&segment(port, random));
    frame
}

/// The same over IPv6, to [`LOCAL_6`].
#[must_use]
pub fn syn6(source: Ipv6Addr, port: u16, random: &mut Pcg64Mcg) -> [u8; FRAME_6] {
    let mut frame = [0; FRAME_6];
    frame[..12].copy_from_slice(&MACS);
    frame[12..22].copy_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64]);
    frame[22..38].copy_from_slice(&source.octets());
    frame[38..54].copy_from_slice(&LOCAL_6.octets());
    frame[54..].copy_from_slice(&segment(port, random));
    frame
}

/// A TCP header of 20 bytes with SYN and a window.
fn segment(port: u16, random: &mut Pcg64Mcg) -> [u8; 20] {
    let [s0, s1, ..] = random.next_u32().to_be_bytes();
    let [n0, n1, n2, n3] = random.next_u32().to_be_bytes();
    let [p0, p1] = port.to_be_bytes();
    [s0 | 0x80, s1, p0, p1, n0, n1, n2, n3, 0, 0, 0, 0, 0x50, 0x02, 0xfa, 0xf0, 0, 0, 0, 0]
}

/// An address of 32.0.0.0/3, where no address is special.
fn knocker(random: &mut Pcg64Mcg) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x2000_0000 | random.next_u32() >> 3)
}

/// An address of 128.0.0.0/3, where no knocker is.
fn stranger(random: &mut Pcg64Mcg) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x8000_0000 | random.next_u32() >> 3)
}

/// Any port but those of the door.
#[must_use]
pub fn dull_port(random: &mut Pcg64Mcg) -> u16 {
    loop {
        let [high, low, ..] = random.next_u32().to_be_bytes();
        let port = u16::from_be_bytes([high, low]);
        if !SEQUENCE.contains(&port) {
            return port;
        }
    }
}

#[cfg(test)]
mod tests {
    use knockd::wire::{Frame, Link, decode};

    use super::*;

    #[test]
    fn frames_are_the_hits_that_their_kind_promises() {
        for kind in Kind::ALL {
            let mut traffic = Traffic::new(kind, 1);
            let mut firsts = 0;
            for _ in 0..10_000 {
                let frame = traffic.packet().frame;
                let hit = decode(Frame { link: Link::Ethernet, bytes: &frame, original_len: FRAME }).expect("a hit");
                assert_eq!(hit.destination, LOCAL);
                firsts += u32::from(hit.port == SEQUENCE[0]);
            }
            match kind {
                Kind::Quiet => assert_eq!(firsts, 0),
                Kind::Strangers | Kind::Spoiling => assert!((50..200).contains(&firsts), "{firsts}"),
                Kind::FirstHits => assert_eq!(firsts, 10_000),
            }
        }
    }

    #[test]
    fn frames_of_ipv6_are_hits_too() {
        let mut random = Pcg64Mcg::seed_from_u64(1);
        let frame = syn6(Ipv6Addr::LOCALHOST, 7000, &mut random);
        let hit = decode(Frame { link: Link::Ethernet, bytes: &frame, original_len: FRAME_6 }).expect("a hit");
        assert_eq!((hit.source, hit.destination, hit.port), (Ipv6Addr::LOCALHOST.into(), LOCAL_6.into(), 7000));
    }

    #[test]
    fn a_seed_settles_every_byte() {
        let capture = |seed| {
            let mut bytes = Vec::new();
            write(Kind::Spoiling, 1_000, seed, &mut bytes).expect("a vector takes every byte");
            bytes
        };
        assert_eq!(capture(1), capture(1));
        assert_ne!(capture(1), capture(2));
        assert_eq!(capture(1).len(), 24 + 1_000 * RECORD);
    }
}
