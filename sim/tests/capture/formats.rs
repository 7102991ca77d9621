//! Each format, made by hand.

use std::{fs, io::Write};

use knockd::{time::Instant, wire::Link};
use knocksim::capture::{PcapWriter, Reader};

use crate::{
    files::{Order, block, gzip, header, interface, obsolete_packet, packet, record, section, simple_packet, tsoffset},
    seen::{Seen, from_memory, read},
};

const ORDERS: [Order; 2] = [Order::Little, Order::Big];

/// The records of a capture that has no fault.
fn records(bytes: &[u8]) -> Vec<Seen> {
    let (records, fault) = from_memory(bytes);
    assert_eq!(fault, None);
    records
}

#[test]
fn a_classic_pcap_in_both_orders_and_both_resolutions() {
    for order in ORDERS {
        for (nanos, fraction, unit) in [(false, 999_999, 1000), (true, 999_999_999, 1)] {
            let file = [
                header(order, nanos, 1),
                record(order, 1_700_000_000, fraction, &[1, 2, 3], 60),
                record(order, u32::MAX, 0, &[], 0),
            ]
            .concat();
            let expected = [
                Seen {
                    number: 1,
                    offset: 24,
                    nanos: 1_700_000_000_000_000_000 + u64::from(fraction) * unit,
                    link: Link::Ethernet,
                    bytes: vec![1, 2, 3],
                    original_len: 60,
                    loopback: false,
                    fine: nanos,
                },
                Seen {
                    number: 2,
                    offset: 43,
                    nanos: 4_294_967_295_000_000_000,
                    link: Link::Ethernet,
                    bytes: vec![],
                    original_len: 0,
                    loopback: false,
                    fine: nanos,
                },
            ];
            assert_eq!(records(&file), expected, "{order:?}, nanoseconds: {nanos}");
            assert_eq!(Reader::from_bytes("x", file).expect("no fault").fine(), nanos);
        }
    }
}

#[test]
fn what_libpcap_takes_is_taken() {
    let order = Order::Little;
    // The header's snapshot length is 0, and this packet is as long as one may be.
    let longest = vec![7; 262_144];
    let file = [
        header(order, false, 1),
        record(order, 5, 2_000_001, &longest, 262_144),
        // The original length is below the captured one.
        record(order, 5, u32::MAX, &[1, 2, 3, 4], 2),
    ]
    .concat();
    let seen = records(&file);
    assert_eq!(seen[0].nanos, 7_000_001_000, "two seconds of microseconds carry");
    assert_eq!(seen[0].bytes, longest);
    assert_eq!(seen[1].nanos, 4_299_967_295_000);
    assert_eq!((seen[1].bytes.len(), seen[1].original_len), (4, 2), "the frame ends at its original length (LISTEN-6)");
}

#[test]
fn every_link_type_that_the_contract_names() {
    let expected = [
        (0, Link::Null, true),
        (1, Link::Ethernet, false),
        (12, Link::Raw, false),
        (14, Link::Raw, false),
        (101, Link::Raw, false),
        (108, Link::Null, true),
        (113, Link::Sll, false),
        (228, Link::Raw, false),
        (229, Link::Raw, false),
        (276, Link::Sll2, false),
        // With the bits that tell of a four-byte frame check sequence.
        (0x4400_0001, Link::Ethernet, false),
    ];
    for (network, link, loopback) in expected {
        for order in ORDERS {
            let seen = records(&[header(order, false, network), record(order, 0, 0, &[1], 1)].concat());
            assert_eq!((seen[0].link, seen[0].loopback), (link, loopback), "link type {network}");
        }
    }
}

#[test]
fn a_file_header_alone_is_a_capture_of_nothing() {
    assert_eq!(records(&header(Order::Big, true, 113)), []);
    assert_eq!(records(&section(Order::Big)), []);
    assert_eq!(records(&gzip(&header(Order::Little, false, 1))), []);
}

#[test]
fn every_packet_block_of_pcapng() {
    for order in ORDERS {
        let file = [
            section(order),
            interface(order, 1, 0, &[]),
            packet(order, 0, 1_700_000_000_000_001, &[1, 2, 3], 60),
            // Not known, so skipped.
            block(order, 0x0bad_cafe, &[9; 5]),
            obsolete_packet(order, 0, 1_700_000_000_000_002, &[4, 5, 6, 7], 4),
            simple_packet(order, &[8], 1),
        ]
        .concat();
        let seen = records(&file);
        let told: Vec<_> = seen
            .iter()
            .map(|seen| (seen.number, seen.offset, seen.nanos, seen.bytes.as_slice(), seen.original_len))
            .collect();
        let expected: [(u64, u64, u64, &[u8], usize); 3] = [
            (1, 48, 1_700_000_000_000_001_000, &[1, 2, 3], 60),
            (2, 104, 1_700_000_000_000_002_000, &[4, 5, 6, 7], 4),
            (3, 140, 0, &[8], 1),
        ];
        assert_eq!(told, expected, "{order:?}");
        assert!(seen.iter().all(|seen| seen.link == Link::Ethernet && !seen.loopback && !seen.fine));
    }
}

#[test]
fn a_simple_packet_is_cut_by_the_snapshot_length_of_interface_0() {
    let order = Order::Little;
    let file = [section(order), interface(order, 1, 3, &[]), simple_packet(order, &[1, 2, 3], 1500)].concat();
    assert_eq!(records(&file)[0].bytes, [1, 2, 3]);
    assert_eq!(records(&file)[0].original_len, 1500);
}

#[test]
fn interfaces_have_clocks_of_their_own() {
    const IF_TSRESOL: u16 = 9;
    const IF_TSOFFSET: u16 = 14;
    // The clock's unit, its offset in seconds, a stamp, and its nanoseconds since the epoch.
    let clocks: [(u8, i64, u64, u64); 9] = [
        (0, 0, 3, 3_000_000_000),
        (3, 0, 1_700_000_000_123, 1_700_000_000_123_000_000),
        (6, 10, 1_500_000, 11_500_000_000),
        (9, -1, 1_000_000_001, 1),
        (12, 0, 1_999, 1),
        (19, 0, u64::MAX, 1_844_674_407),
        (0x80, 0, 7, 7_000_000_000),
        (0x80 | 10, 0, 1536, 1_500_000_000),
        (0x80 | 63, 0, u64::MAX, 1_999_999_999),
    ];
    for order in ORDERS {
        for (resolution, offset, ticks, nanos) in clocks {
            let options: [(u16, &[u8]); 2] = [(IF_TSOFFSET, &tsoffset(order, offset)), (IF_TSRESOL, &[resolution])];
            let file = [
                section(order),
                interface(order, 1, 0, &[]),
                interface(order, 1, 0, &options),
                packet(order, 1, ticks, &[], 0),
            ]
            .concat();
            let seen = records(&file);
            assert_eq!(seen[0].nanos, nanos, "resolution {resolution:#x}, offset {offset}");
            let finer = matches!(resolution, 7..=19 | 0x94..=0xbf);
            assert_eq!(seen[0].fine, finer, "resolution {resolution:#x}");
        }
    }
}

#[test]
fn finer_stamps_are_told_from_the_interface_on_that_has_them() {
    let order = Order::Little;
    let file = [
        section(order),
        interface(order, 1, 0, &[]),
        packet(order, 0, 1, &[], 0),
        interface(order, 1, 0, &[(9, &[9])]),
        packet(order, 0, 1, &[], 0),
        packet(order, 1, 1, &[], 0),
    ]
    .concat();
    let fine: Vec<_> = records(&file).iter().map(|seen| seen.fine).collect();
    assert_eq!(fine, [false, true, true]);
}

#[test]
fn loopback_interfaces_are_known_by_their_name() {
    let order = Order::Big;
    for (name, loopback) in
        [("lo", true), ("lo0", true), ("lo\0", true), ("lo1", false), ("local0", false), ("eth0", false), ("", false)]
    {
        let file =
            [section(order), interface(order, 1, 0, &[(2, name.as_bytes())]), packet(order, 0, 0, &[], 0)].concat();
        assert_eq!(records(&file)[0].loopback, loopback, "{name:?}");
    }
}

#[test]
fn sections_have_their_own_order_and_interfaces() {
    let file = [
        section(Order::Little),
        interface(Order::Little, 1, 0, &[]),
        packet(Order::Little, 0, 1, &[1], 1),
        section(Order::Big),
        interface(Order::Big, 101, 0, &[(2, b"lo")]),
        packet(Order::Big, 0, 2, &[2], 1),
        section(Order::Little),
        interface(Order::Little, 113, 0, &[]),
        packet(Order::Little, 0, 3, &[3], 1),
    ]
    .concat();
    let told: Vec<_> = records(&file).iter().map(|seen| (seen.number, seen.nanos, seen.link, seen.loopback)).collect();
    assert_eq!(
        told,
        [(1, 1000, Link::Ethernet, false), (2, 2000, Link::Raw, true), (3, 3000, Link::Sll, false)],
        "numbers go on from section to section"
    );
}

#[test]
fn an_interface_may_hold_what_nothing_here_depends_on() {
    let order = Order::Little;
    // A comment cut inside a character, an address of the wrong length, and no end of options.
    let mut body = [order.u16(1), [0xff, 0xff]].concat();
    body.extend(order.u32(0));
    body.extend([1, 0, 1, 0, 0xc3, 0, 0, 0]);
    body.extend([4, 0, 2, 0, 10, 0, 0, 0]);
    let file = [section(order), block(order, 1, &body), packet(order, 0, 1, &[1], 1)].concat();
    assert_eq!(records(&file)[0].original_len, 1);
}

#[test]
fn gzip_with_every_field_and_several_members() {
    let file = [header(Order::Little, false, 1), record(Order::Little, 1, 2, &[3; 100], 100)].concat();
    let (head, tail) = file.split_at(50);
    let mut packed = flate2::GzBuilder::new()
        .filename("knock.pcap")
        .comment("two members")
        .extra(vec![1, 2, 3])
        .write(Vec::new(), flate2::Compression::best());
    packed.write_all(head).expect("no fault");
    let packed = [packed.finish().expect("no fault"), gzip(tail), vec![0; 100]].concat();
    assert_eq!(records(&packed), records(&file));
}

#[test]
fn files_are_read_by_their_content_not_their_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = [header(Order::Little, false, 1), record(Order::Little, 1, 2, &[3; 100], 100)].concat();
    for (name, content) in [("plain.gz", file.clone()), ("packed.pcap", gzip(&file))] {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("no fault");
        assert_eq!(read(Reader::open(&path)), (records(&file), None), "{name}");
        let mut keep = crate::seen::Keep::default();
        Reader::open(&path).expect("no fault").into_memory().read(&mut keep).expect("no fault");
        assert_eq!(keep.records, records(&file), "{name}, loaded");
    }
}

#[test]
fn the_writer_writes_what_is_read() {
    for nanos in [false, true] {
        let mut writer = PcapWriter::new(Vec::new(), 276, nanos).expect("no fault");
        writer.record(Instant::from_nanos(1_700_000_000_123_456_789), &[1, 2, 3], 90).expect("no fault");
        let file = writer.finish().expect("no fault");
        let seen = records(&file);
        assert_eq!(seen[0].nanos, if nanos { 1_700_000_000_123_456_789 } else { 1_700_000_000_123_456_000 });
        assert_eq!((seen[0].link, seen[0].bytes.as_slice(), seen[0].original_len), (Link::Sll2, &[1, 2, 3][..], 90));
        let mut writer = PcapWriter::new(Vec::new(), 1, nanos).expect("no fault");
        writer.record(Instant::MAX, &[], 0).expect_err("a classic pcap has 32 bits of seconds");
    }
}
