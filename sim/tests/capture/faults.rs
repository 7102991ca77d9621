//! Each fault, in the words that a person reads.

use std::path::Path;

use knocksim::capture::{Fault, Problem, Reader};

use crate::{
    files::{Order, block, gzip, header, interface, packet, record, section, simple_packet},
    seen::{from_loaded, from_memory, from_stream, read},
};

const LE: Order = Order::Little;

/// Reads `bytes` in every way, expects `count` packets and then a fault in the words `expected`.
#[track_caller]
fn fault(bytes: &[u8], count: usize, expected: &str) {
    let (records, fault) = from_memory(bytes);
    assert_eq!((records.len(), fault.as_deref()), (count, Some(expected)));
    for pieces in [&[usize::MAX][..], &[1], &[24, 5]] {
        assert_eq!(from_stream(bytes, pieces), (records.clone(), fault.clone()), "in pieces {pieces:?}");
        assert_eq!(from_loaded(bytes, pieces), (records.clone(), fault.clone()), "loaded in pieces {pieces:?}");
    }
}

fn classic(records: &[Vec<u8>]) -> Vec<u8> {
    [header(LE, false, 1), records.concat()].concat()
}

/// A pcapng of one Ethernet interface and one packet of four bytes (100 bytes long), and then `block`.
fn pcapng(block: &[u8]) -> Vec<u8> {
    [&section(LE)[..], &interface(LE, 1, 0, &[]), &packet(LE, 0, 1, &[1; 4], 4), block].concat()
}

#[test]
fn files_that_cannot_be_opened() {
    let missing = Reader::open(Path::new("no-such-folder/x.pcap")).expect_err("a fault");
    assert_eq!(missing.to_string(), "no-such-folder/x.pcap: cannot be read: No such file or directory (os error 2)");
    assert!(std::error::Error::source(&missing).is_some());
    let folder = tempfile::tempdir().expect("a folder");
    let (_, fault) = read(Reader::open(folder.path()));
    assert!(fault.expect("a fault").ends_with(": cannot be read: Is a directory (os error 21)"));
}

#[test]
fn files_that_are_no_captures() {
    fault(b"", 0, "x: the file is empty");
    let what = "x: not a capture (pcap, pcapng, or gzip of one)";
    fault(b"[options]\n logfile = /var/log/knockd.log\n", 0, &format!("{what}: it looks like text"));
    fault(b"BZh91AY&SY", 0, &format!("{what}: it looks like bzip2"));
    fault(&[0x28, 0xb5, 0x2f, 0xfd, 0, 0], 0, &format!("{what}: it looks like zstd"));
    fault(&[0xd4, 0xc3, 0xb2], 0, &format!("{what}: it begins with the bytes d4 c3 b2"));
    fault(&[0, 1, 2, 3, 4, 5], 0, &format!("{what}: it begins with the bytes 00 01 02 03"));
    fault(&gzip(b"hello"), 0, &format!("{what}: it is gzip, and inside it looks like text"));
    fault(&gzip(&gzip(&classic(&[]))), 0, &format!("{what}: it is gzip, and inside it looks like gzip"));
    fault(&gzip(b""), 0, "x: the file is empty");
    let patched = [&0xa1b2_cd34_u32.to_be_bytes()[..], &[0; 20]].concat();
    fault(
        &patched,
        0,
        &format!("{what}: it looks like a pcap of the patched libpcap with 24-byte records, which is not read"),
    );
}

#[test]
fn classic_file_headers() {
    fault(&classic(&[])[..23], 0, "x: the file header needs 24 bytes, 23 are left in the file");
    let links = "supported are Ethernet (1), raw IP (12, 14, 101, 228, 229), NULL and LOOP (0, 108), \
                 Linux cooked (113) and Linux cooked v2 (276)";
    fault(&header(LE, false, 127), 0, &format!("x: unknown link type 127; {links}"));
    let mut old = classic(&[]);
    old[6] = 2;
    fault(&old, 0, "x: unknown pcap version 2.2");
}

#[test]
fn classic_records() {
    let good = record(LE, 1, 2, &[9; 60], 60);
    let long = [LE.u32(1), LE.u32(2), LE.u32(262_145), LE.u32(262_145)].concat();
    fault(
        &classic(&[good.clone(), long]),
        1,
        "x: packet 2 at byte 100: the record says 262145 bytes, at most 262144 are read",
    );
    let says = [LE.u32(1), LE.u32(2), LE.u32(70_000), LE.u32(70_000), [0; 4], [0; 4], [0; 4]].concat();
    fault(
        &classic(&[good.clone(), says]),
        1,
        "x: packet 2 at byte 100: the record says 70000 bytes, 12 are left in the file",
    );
    fault(
        &classic(&[good.clone(), good.clone(), vec![0; 15]]),
        2,
        "x: packet 3 at byte 176: the record header needs 16 bytes, 15 are left in the file",
    );
    fault(
        &classic(&[vec![0; 1]]),
        0,
        "x: packet 1 at byte 24: the record header needs 16 bytes, 1 are left in the file",
    );
}

#[test]
fn pcapng_blocks() {
    assert_eq!(pcapng(&[]).len(), 84);
    let good = packet(LE, 0, 2, &[1; 8], 8);
    fault(&pcapng(&good[..11]), 1, "x: packet 2 at byte 84: the block header needs 12 bytes, 11 are left in the file");
    fault(&pcapng(&good[..39]), 1, "x: packet 2 at byte 84: the block says 40 bytes, 39 are left in the file");
    for says in [8, 41] {
        let mut bad = good.clone();
        bad[4] = says;
        let words = format!("the block says {says} bytes, which is less than 12 or no multiple of 4");
        fault(&pcapng(&bad), 1, &format!("x: packet 2 at byte 84: {words}"));
    }
    let mut bad = good.clone();
    bad[36] = 44;
    fault(&pcapng(&bad), 1, "x: packet 2 at byte 84: the block says 40 bytes at its beginning and 44 at its end");
    let mut bad = good;
    bad[7] = 1;
    fault(&pcapng(&bad), 1, "x: packet 2 at byte 84: the block says 16777256 bytes, at most 16777216 are read");
}

#[test]
fn pcapng_sections() {
    let mut bad = section(LE);
    bad[8..12].copy_from_slice(&[1, 2, 3, 4]);
    fault(&bad, 0, "x: packet 1 at byte 0: the section header's byte-order magic is 01020304");
    let mut bad = section(LE);
    bad[12] = 2;
    fault(&pcapng(&bad), 1, "x: packet 2 at byte 84: unknown pcapng version 2.0");
    let bad = block(LE, 0x0a0d_0d0a, &LE.u32(0x1a2b_3c4d));
    fault(&bad, 0, "x: packet 1 at byte 0: the block's fields need 8 bytes, 4 are left in its block");
}

#[test]
fn pcapng_interfaces() {
    let at = "x: packet 2 at byte 84";
    let cases: [(&[u8], &str); 5] = [
        (&[20], "interface 1 has an unusable if_tsresol: 14"),
        (&[0x80 | 64], "interface 1 has an unusable if_tsresol: c0"),
        (&[], "interface 1 has an unusable if_tsresol:"),
        (&[6, 0], "interface 1 has an unusable if_tsresol: 06 00"),
        (&[6, 1, 2], "interface 1 has an unusable if_tsresol: 06 01 02"),
    ];
    for (value, words) in cases {
        fault(&pcapng(&interface(LE, 1, 0, &[(9, value)])), 1, &format!("{at}: {words}"));
    }
    let bad = interface(LE, 1, 0, &[(14, &[1, 2])]);
    fault(&pcapng(&bad), 1, &format!("{at}: interface 1 has an unusable if_tsoffset: 01 02"));
    let bad = block(LE, 1, &[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 9, 0, b'e', b't', b'h', b'0']);
    fault(&pcapng(&bad), 1, &format!("{at}: an interface's option says 9 bytes, 4 are left in its block"));
    fault(
        &pcapng(&block(LE, 1, &[1, 0, 0, 0])),
        1,
        &format!("{at}: the block's fields need 8 bytes, 4 are left in its block"),
    );
    // An unknown link type matters only when a packet has it.
    let odd = interface(LE, 127, 0, &[]);
    let (records, none) = from_memory(&pcapng(&[odd.clone(), packet(LE, 0, 1, &[], 0)].concat()));
    assert_eq!((records.len(), none), (2, None));
    let (records, told) = from_memory(&pcapng(&[odd, packet(LE, 1, 1, &[], 0)].concat()));
    assert_eq!(records.len(), 1);
    assert!(
        told.expect("a fault")
            .starts_with("x: packet 2 at byte 104: unknown link type 127 of interface 1; supported are ")
    );
}

#[test]
fn pcapng_packets() {
    let at = "x: packet 2 at byte 84";
    fault(
        &pcapng(&packet(LE, 7, 1, &[], 0)),
        1,
        &format!("{at}: the packet names interface 7, the section has described 1"),
    );
    fault(
        &[section(LE), simple_packet(LE, &[1], 1)].concat(),
        0,
        "x: packet 1 at byte 28: the packet names interface 0, the section has described 0",
    );
    fault(&pcapng(&simple_packet(LE, &[1], 5)), 1, &format!("{at}: the packet says 5 bytes, 4 are left in its block"));
    fault(
        &pcapng(&packet(LE, 0, 1, &vec![0; 262_145], 0)),
        1,
        &format!("{at}: the packet says 262145 bytes, at most 262144 are read"),
    );
    fault(
        &pcapng(&block(LE, 6, &[0; 16])),
        1,
        &format!("{at}: the block's fields need 20 bytes, 16 are left in its block"),
    );
    fault(
        &pcapng(&packet(LE, 0, u64::MAX, &[], 0)),
        1,
        &format!("{at}: the packet's time, 18446744073709551615 on interface 0's clock, is before 1970 or after 2262"),
    );
    let early = [interface(LE, 1, 0, &[(14, &(-2_i64).to_le_bytes())]), packet(LE, 1, 1_999_999, &[], 0)].concat();
    let words = "the packet's time, 1999999 on interface 1's clock, is before 1970 or after 2262";
    fault(&pcapng(&early), 1, &format!("x: packet 2 at byte 120: {words}"));
}

#[test]
fn gzip_that_breaks_gives_every_packet_before() {
    let file = classic(&vec![record(LE, 1, 2, &[9; 60], 60); 10]);
    let packed = gzip(&file);
    let mut checksum = packed.clone();
    let at = checksum.len() - 8;
    checksum[at] ^= 1;
    fault(&checksum, 10, "x: packet 11 at byte 784: the gzip data is corrupt: its checksum differs");
    fault(&packed[..packed.len() - 1], 10, "x: packet 11 at byte 784: the gzip data is cut short");
    let trailing = [&packed[..], b"and so on, and so on"].concat();
    fault(&trailing, 10, "x: packet 11 at byte 784: the gzip data is corrupt: other data follows it");
    fault(&packed[..12], 0, "x: the gzip data is cut short");
    let mut odd = packed;
    odd[2] = 7;
    fault(&odd, 0, "x: the gzip data is corrupt: its header is of an unknown kind");
}

#[test]
fn a_fault_says_what_it_says_as_data_too() {
    let bytes = classic(&[vec![0; 3]]);
    let fault: Fault = Reader::from_bytes("x", bytes)
        .expect("a capture")
        .read(&mut crate::seen::Keep::default())
        .expect_err("a fault");
    assert_eq!((fault.packet, fault.offset), (Some(1), Some(24)));
    assert!(matches!(fault.problem, Problem::Cut { says: 16, left: 3, .. }));
}
