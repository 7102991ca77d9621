//! The decoder against a floor (the sum of the same bytes) and against etherparse, in nanoseconds a packet.
//!
//! The frames lie one after the other behind 16-byte record headers as in a capture file, and are more than the caches
//! next to the core hold, so that memory has its part in the numbers as it has in a replay.

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, Throughput};
use etherparse::{LaxSlicedPacket, SlicedPacket};
use knockd::wire::{Frame, Link, decode};
use rand_pcg::{
    Pcg64Mcg,
    rand_core::{RngCore, SeedableRng},
};

const PACKETS: usize = 1_000_000;
const RECORD_HEADER: usize = 16;
const FRAME: u8 = 60;

/// What the frames of an input have in common.
#[derive(Clone, Copy)]
enum Kind {
    /// Ethernet, IPv4, TCP: a SYN with padding.
    Syn,
    /// Ethernet, IPv4, UDP.
    Udp,
    /// Ethernet with a VLAN tag, IPv4, TCP without options.
    TaggedSyn,
    /// Ethernet, IPv6, an ICMP echo request cut to the frame's size: no hit.
    Icmp6,
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    wire(&mut criterion);
    criterion.final_summary();
}

fn wire(c: &mut Criterion) {
    for (name, kind) in
        [("syn", Kind::Syn), ("udp", Kind::Udp), ("tagged-syn", Kind::TaggedSyn), ("icmp6", Kind::Icmp6)]
    {
        let capture = capture(kind);
        let interesting = ports();
        assert_eq!(count_hits(&capture), if matches!(kind, Kind::Icmp6) { 0 } else { PACKETS }, "{name}");
        let mut group = c.benchmark_group(format!("wire/{name}"));
        group.throughput(Throughput::Elements(PACKETS as u64));
        group.sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
        group.bench_function("sum", |b| b.iter(|| sum(black_box(&capture))));
        group.bench_function("decode, keep all", |b| b.iter(|| count_hits(black_box(&capture))));
        group.bench_function("walk, decode, bitmap", |b| b.iter(|| walk(black_box(&capture), &interesting)));
        group.bench_function("etherparse SlicedPacket", |b| {
            b.iter(|| {
                frames(black_box(&capture))
                    .filter(|frame| {
                        SlicedPacket::from_ethernet(frame).is_ok_and(|packet| black_box(packet).transport.is_some())
                    })
                    .count()
            });
        });
        group.bench_function("etherparse LaxSlicedPacket", |b| {
            b.iter(|| {
                frames(black_box(&capture))
                    .filter(|frame| {
                        LaxSlicedPacket::from_ethernet(frame).is_ok_and(|packet| black_box(packet).transport.is_some())
                    })
                    .count()
            });
        });
        group.finish();
    }
}

/// The floor: every byte is read once, as fast as the compiler knows to.
fn sum(capture: &[u8]) -> u64 {
    let (words, rest) = capture.as_chunks::<8>();
    let words = words.iter().fold(0_u64, |sum, word| sum.wrapping_add(u64::from_ne_bytes(*word)));
    rest.iter().fold(words, |sum, byte| sum.wrapping_add(u64::from(*byte)))
}

/// Decodes records whose length is known beforehand, and needs all of every hit.
fn count_hits(capture: &[u8]) -> usize {
    frames(capture)
        .filter(|bytes| black_box(decode(Frame { link: Link::Ethernet, bytes, original_len: bytes.len() })).is_ok())
        .count()
}

fn frames(capture: &[u8]) -> impl Iterator<Item = &[u8]> {
    capture.chunks_exact(RECORD_HEADER + usize::from(FRAME)).map(|record| &record[RECORD_HEADER..])
}

/// What a replay does with a packet that interests no door: walk to it, decode it, and look its port up.
fn walk(mut capture: &[u8], interesting: &[u64; 1024]) -> u64 {
    let mut hits = 0;
    while let Some((header, rest)) = capture.split_first_chunk::<RECORD_HEADER>() {
        let captured = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
        let original_len = u32::from_le_bytes([header[12], header[13], header[14], header[15]]) as usize;
        let Some((bytes, next)) = rest.split_at_checked(captured) else { break };
        capture = next;
        if let Ok(hit) = decode(Frame { link: Link::Ethernet, bytes, original_len })
            && interesting[usize::from(hit.port >> 6)] >> (hit.port & 63) & 1 != 0
        {
            hits += u64::from(black_box(hit).source_port);
        }
    }
    hits
}

/// Ports 7000, 8000 and 9000, which no frame hits.
fn ports() -> [u64; 1024] {
    let mut ports = [0; 1024];
    for port in [7000_usize, 8000, 9000] {
        ports[port >> 6] |= 1 << (port & 63);
    }
    ports
}

/// Frames from random sources to ports below 4096, always the same ones.
fn capture(kind: Kind) -> Vec<u8> {
    let mut random = Pcg64Mcg::seed_from_u64(1);
    let mut capture = Vec::with_capacity(PACKETS * (RECORD_HEADER + usize::from(FRAME)));
    for _ in 0..PACKETS {
        let mut frame = [0; FRAME as usize];
        random.fill_bytes(&mut frame);
        let at = if matches!(kind, Kind::TaggedSyn) { 18 } else { 14 };
        match kind {
            Kind::Syn | Kind::Udp => frame[12..14].copy_from_slice(&[0x08, 0x00]),
            Kind::TaggedSyn => frame[12..18].copy_from_slice(&[0x81, 0x00, 0x00, 0x07, 0x08, 0x00]),
            Kind::Icmp6 => {
                frame[12..14].copy_from_slice(&[0x86, 0xdd]);
                frame[14..21].copy_from_slice(&[0x60, 0, 0, 0, 0, 6, 58]);
            }
        }
        match kind {
            Kind::Syn | Kind::TaggedSyn => {
                frame[at..at + 10].copy_from_slice(&[0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6]);
                frame[at + 22] &= 0x0f;
                frame[at + 32] = 0x50;
                frame[at + 33] = 0x02;
            }
            Kind::Udp => {
                frame[at..at + 10].copy_from_slice(&[0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, 17]);
                frame[at + 22] &= 0x0f;
                frame[at + 24..at + 26].copy_from_slice(&[0, 8]);
            }
            Kind::Icmp6 => {}
        }
        capture.extend_from_slice(&[0; 8]);
        capture.extend_from_slice(&[FRAME, 0, 0, 0, FRAME, 0, 0, 0]);
        capture.extend_from_slice(&frame);
    }
    capture
}
