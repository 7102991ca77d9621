//! What holds of any capture, and of any file that is not quite one.

use std::io::{Cursor, Read};

use flate2::read::MultiGzDecoder;
use pcap_file::{
    pcap::PcapReader,
    pcapng::{Block, PcapNgReader},
};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::{
    files::{Order, block, gzip, header, interface, obsolete_packet, packet, record, section, simple_packet, tsoffset},
    seen::{Told, from_loaded, from_memory, from_stream},
};

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Little), Just(Order::Big)]
}

/// A capture, and where each of its records or blocks ends.
#[derive(Clone, Debug)]
struct File {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl File {
    fn new(parts: Vec<Vec<u8>>) -> Self {
        let mut ends = Vec::new();
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend(part);
            ends.push(bytes.len());
        }
        Self { bytes, ends }
    }
}

/// A packet's stamp, bytes, and how many more were on the wire.
fn frames() -> impl Strategy<Value = Vec<(u64, Vec<u8>, u32)>> {
    vec((0..1_u64 << 52, vec(any::<u8>(), 0..90), 0..3_u32), 0..8)
}

fn classic() -> impl Strategy<Value = (Order, bool, File)> {
    (order(), any::<bool>(), frames()).prop_map(|(order, nanos, frames)| {
        let mut parts = vec![header(order, nanos, 1)];
        for (stamp, bytes, more) in frames {
            let second = if nanos { 1_000_000_000 } else { 1_000_000 };
            let seconds = u32::try_from(stamp >> 20).expect("a small number");
            let fraction = u32::try_from(stamp % second).expect("a small number");
            parts.push(record(
                order,
                seconds,
                fraction,
                &bytes,
                u32::try_from(bytes.len()).expect("a small number") + more,
            ));
        }
        (order, nanos, File::new(parts))
    })
}

/// Sections of one to three interfaces with clocks of their own, and packets of all three kinds.
fn pcapng() -> impl Strategy<Value = File> {
    let resolution = prop_oneof![0..10_u8, 0x80..0x9e_u8];
    let clocks = vec((resolution, 0..1000_i64), 1..4);
    let part = (order(), clocks, vec((0..5_u8, any::<Index>()), 0..6), frames());
    vec(part, 1..3).prop_map(|sections| {
        let mut parts = Vec::new();
        for (order, clocks, kinds, frames) in sections {
            parts.push(section(order));
            for (resolution, offset) in &clocks {
                let offset = tsoffset(order, *offset);
                parts.push(interface(order, 1, 0, &[(2, b"eth0"), (9, &[*resolution]), (14, &offset)]));
            }
            for ((kind, at), (stamp, bytes, more)) in kinds.iter().zip(frames) {
                let number = at.index(clocks.len());
                let original = u32::try_from(bytes.len()).expect("a small number") + more;
                // A second has from 1 to 2^30 units: this keeps within 580 years of all of them.
                let ticks = stamp & 0xffff_ffff;
                parts.push(match kind {
                    0 => block(order, 0x0bad_cafe, &bytes),
                    1 => simple_packet(order, &bytes, u32::try_from(bytes.len()).expect("a small number")),
                    2 => {
                        obsolete_packet(order, u16::try_from(number).expect("a small number"), ticks, &bytes, original)
                    }
                    _ => packet(order, u32::try_from(number).expect("a small number"), ticks, &bytes, original),
                });
            }
        }
        File::new(parts)
    })
}

/// One change to a file.
#[derive(Clone, Debug)]
enum Change {
    Flip(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Word(Index, u32),
}

fn change() -> impl Strategy<Value = Change> {
    let edge =
        prop_oneof![Just(0), Just(11), Just(262_144), Just(262_145), Just(u32::MAX), Just(0x8000_0000), any::<u32>()];
    prop_oneof![
        (any::<Index>(), 1..=255_u8).prop_map(|(at, bits)| Change::Flip(at, bits)),
        any::<Index>().prop_map(Change::Cut),
        (any::<Index>(), vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (any::<Index>(), 1..9_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        (any::<Index>(), edge).prop_map(|(at, word)| Change::Word(at, word)),
    ]
}

/// Changes `bytes`, and says how many at the front are as they were.
fn changed(bytes: &[u8], change: &Change) -> (Vec<u8>, usize) {
    let mut after = bytes.to_vec();
    let at = match change {
        Change::Flip(at, _) | Change::Cut(at) | Change::Insert(at, _) | Change::Remove(at, _) | Change::Word(at, _) => {
            at.index(bytes.len())
        }
    };
    match change {
        Change::Flip(_, bits) => after[at] ^= bits,
        Change::Cut(_) => after.truncate(at),
        Change::Insert(_, inserted) => drop(after.splice(at..at, inserted.iter().copied())),
        Change::Remove(_, count) => drop(after.drain(at..bytes.len().min(at + count))),
        Change::Word(_, word) => {
            let end = bytes.len().min(at + 4);
            after[at..end].copy_from_slice(&word.to_le_bytes()[..end - at]);
        }
    }
    (after, at)
}

/// Every carrier tells of `bytes` what memory tells.
fn carried_alike(bytes: &[u8], pieces: &[usize]) -> Result<Told, TestCaseError> {
    let told = from_memory(bytes);
    prop_assert_eq!(&from_stream(bytes, pieces), &told, "streamed");
    prop_assert_eq!(&from_loaded(bytes, pieces), &told, "loaded");
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        let (records, fault) = from_stream(&gzip(bytes), pieces);
        prop_assert_eq!(&records, &told.0, "packed");
        let no_capture = |fault: &Option<String>| fault.as_ref().is_some_and(|fault| fault.contains("not a capture"));
        prop_assert!(fault == told.1 || no_capture(&fault) && no_capture(&told.1), "packed: {fault:?}, {:?}", told.1);
    }
    Ok(told)
}

/// A changed file is read without a panic, alike by every carrier, and tells of all that lies before the change what the
/// whole one does.
fn survives(file: &File, change: &Change, pieces: &[usize]) -> Result<(), TestCaseError> {
    let (before, fault) = from_memory(&file.bytes);
    prop_assert_eq!(fault, None);
    let (bytes, same) = changed(&file.bytes, change);
    let (after, _) = carried_alike(&bytes, pieces)?;
    // A record stands when all its bytes do: the next one begins where it ends.
    let whole = file.ends.iter().rev().find(|end| **end <= same).copied().unwrap_or(0) as u64;
    let standing: Vec<_> = before.iter().filter(|seen| seen.offset < whole).collect();
    prop_assert_eq!(after.iter().take(standing.len()).collect::<Vec<_>>(), standing);
    Ok(())
}

fn pieces() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![1..40_usize, Just(usize::MAX)], 1..4)
}

proptest! {
    #[test]
    fn a_classic_pcap_is_what_pcap_file_reads((_, nanos, file) in classic(), pieces in pieces()) {
        let (records, fault) = carried_alike(&file.bytes, &pieces)?;
        prop_assert_eq!(fault, None);
        // Its reader insists on a snapshot length.
        let mut oracle = file.bytes.clone();
        oracle[16..20].copy_from_slice(&[0, 0xff, 0xff, 0]);
        let mut oracle = PcapReader::new(Cursor::new(oracle)).expect("the oracle reads it");
        for seen in &records {
            let expected = oracle.next_packet().expect("as many").expect("the oracle reads it");
            prop_assert_eq!(u128::from(seen.nanos), expected.timestamp().as_nanos());
            prop_assert_eq!(&seen.bytes, expected.data());
            prop_assert_eq!(seen.original_len, expected.orig_len() as usize);
            prop_assert_eq!(seen.fine, nanos);
        }
        prop_assert!(oracle.next_packet().is_none());
        let ends: Vec<_> = records.iter().map(|seen| seen.offset + 16 + seen.bytes.len() as u64).collect();
        prop_assert_eq!(ends, file.ends[1..].iter().map(|end| *end as u64).collect::<Vec<_>>());
    }

    #[test]
    fn a_pcapng_is_what_pcap_file_reads(file in pcapng(), pieces in pieces()) {
        let (records, fault) = carried_alike(&file.bytes, &pieces)?;
        prop_assert_eq!(fault, None);
        let mut records = records.into_iter();
        let mut oracle = PcapNgReader::new(Cursor::new(&file.bytes)).expect("the oracle reads it");
        while let Some(block) = oracle.next_block() {
            let block = block.expect("the oracle reads it").0;
            let (at, data, original) = if let Block::EnhancedPacket(packet) = block {
                (packet.timestamp.as_nanos(), packet.data, packet.original_len)
            } else if let Block::Packet(packet) = block {
                (packet.timestamp.as_nanos(), packet.data, packet.original_len)
            } else if let Block::SimplePacket(packet) = block {
                (0, packet.data, packet.original_len)
            } else {
                continue;
            };
            let seen = records.next().expect("as many as the oracle has");
            prop_assert_eq!(u128::from(seen.nanos), at);
            prop_assert_eq!(&seen.bytes[..], &data[..]);
            prop_assert_eq!(seen.original_len, original as usize);
        }
        prop_assert_eq!(records.next(), None);
    }

    #[test]
    fn a_changed_classic_pcap_stands_up_to_the_change(
        (_, _, file) in classic(), change in change(), pieces in pieces(),
    ) {
        survives(&file, &change, &pieces)?;
    }

    #[test]
    fn a_changed_pcapng_stands_up_to_the_change(file in pcapng(), change in change(), pieces in pieces()) {
        survives(&file, &change, &pieces)?;
    }

    #[test]
    fn changed_gzip_gives_all_that_can_be_unpacked((_, _, file) in classic(), change in change(), pieces in pieces()) {
        let (packed, _) = changed(&gzip(&file.bytes), &change);
        prop_assume!(packed.starts_with(&[0x1f, 0x8b]));
        // Asked for a byte at a time, flate2's own decoder loses little at corrupt data, and nothing at a cut.
        let mut oracle = MultiGzDecoder::new(&packed[..]);
        let mut unpacked = Vec::new();
        let mut byte = [0];
        while let Ok(1) = oracle.read(&mut byte) {
            unpacked.extend(byte);
        }
        let expected = from_memory(&unpacked).0;
        let (mut records, _) = from_stream(&packed, &pieces);
        if !matches!(change, Change::Cut(_)) {
            records.truncate(expected.len());
        }
        prop_assert_eq!(records, expected);
        prop_assert_eq!(from_loaded(&packed, &pieces), from_memory(&packed));
    }

    #[test]
    fn any_bytes_are_a_capture_or_a_fault(bytes in vec(any::<u8>(), 0..200), pieces in pieces()) {
        carried_alike(&bytes, &pieces)?;
    }
}
