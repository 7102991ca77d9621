//! What holds for every frame.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{LaxSlicedPacket, PacketBuilder, TransportSlice, VlanId};
use knockd::{
    flags::TcpFlags,
    port::Protocol,
    wire::{Frame, Header, Hit, Limit, Link, NoHit, decode},
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    frames::{IPV4, LINKS, any_frame, any_packet, decode_whole, linked, mutated_frame},
    oracles::{etherparse_hit, smoltcp_hit},
};

/// Where a link header ends in an ethertype or a family, and where IP begins.
const BEGINNINGS: &[&[u8]] =
    &[&[], &[0x45], &[0x60], &[2, 0, 0, 0, 0x45], &[0, 0, 0, 30, 0x60], &[8, 0, 0x45], &[0x86, 0xdd, 0x60], &[0x81, 0]];

/// The same answer comes from both oracles, as far as they can be asked.
fn oracles_agree(bytes: &[u8]) -> Result<(), TestCaseError> {
    let hit = decode_whole(Link::Ethernet, bytes).ok();
    prop_assert_eq!(hit, smoltcp_hit(bytes), "smoltcp");
    if let Ok(theirs) = etherparse_hit(bytes) {
        prop_assert_eq!(hit, theirs, "etherparse");
    }
    Ok(())
}

/// The ports and the protocol that etherparse's lax slices find.
fn lax_ports(bytes: &[u8]) -> Option<(u16, u16, Protocol)> {
    match LaxSlicedPacket::from_ethernet(bytes).ok()?.transport? {
        TransportSlice::Tcp(tcp) => Some((tcp.source_port(), tcp.destination_port(), Protocol::Tcp)),
        TransportSlice::Udp(udp) => Some((udp.source_port(), udp.destination_port(), Protocol::Udp)),
        TransportSlice::Icmpv4(_) | TransportSlice::Icmpv6(_) | TransportSlice::Igmp(_) => None,
    }
}

/// What any answer must look like, and the clauses it may name.
fn check_refusal(refusal: NoHit) -> Result<(), TestCaseError> {
    let text = refusal.to_string();
    prop_assert!(!text.is_empty() && text == text.to_lowercase(), "{}", text);
    prop_assert!(["LISTEN-4", "LISTEN-6", "LISTEN-7"].contains(&refusal.clause().id()));
    match refusal {
        NoHit::Short { needed, left, .. } => prop_assert!(left < needed, "{}", text),
        NoHit::Below { value, least, .. } => prop_assert!(value < least, "{}", text),
        NoHit::Beyond { value, left, .. } => prop_assert!(left < value, "{}", text),
        NoHit::Fragment { offset } => prop_assert!(offset > 0 && offset % 8 == 0, "{}", text),
        NoHit::SegmentsLeft(count) => prop_assert!(count > 0, "{}", text),
        NoHit::Tags | NoHit::NotIp { .. } | NoHit::Family(_) | NoHit::Version { .. } | NoHit::Protocol(_) => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn oracles_agree_on_right_frames(bytes in any_frame()) {
        oracles_agree(&bytes)?;
    }

    #[test]
    fn every_link_carries_the_same_hit((ethertype, packet) in any_packet()) {
        let on_ethernet = decode_whole(Link::Ethernet, &linked(Link::Ethernet, ethertype, &packet));
        for link in LINKS {
            prop_assert_eq!(decode_whole(link, &linked(link, ethertype, &packet)), on_ethernet, "{:?}", link);
        }
    }

    /// Cut where it may, a frame gives the answer of the whole one or says that the capture ends too early; and it gives
    /// that of the whole one if the fixed headers are there. Every frame that etherparse can place the transport in says
    /// where they end.
    #[test]
    fn a_cut_frame_answers_alike_or_not_at_all(bytes in any_frame(), at in any::<prop::sample::Index>()) {
        let captured = at.index(bytes.len());
        let whole = decode_whole(Link::Ethernet, &bytes);
        let cut = decode(Frame { link: Link::Ethernet, bytes: &bytes[..captured], original_len: bytes.len() });
        if cut != whole {
            let early = matches!(cut, Err(NoHit::Short { limit: Limit::Captured, .. }));
            prop_assert!(early, "{:?} of {:?}", cut, whole);
        }
        if let (Ok(_), Ok(packet)) = (whole, LaxSlicedPacket::from_ethernet(&bytes)) {
            let fixed = match &packet.transport {
                Some(TransportSlice::Tcp(tcp)) => Some((tcp.slice(), 20)),
                Some(TransportSlice::Udp(udp)) => Some((udp.slice(), 8)),
                _ => None,
            };
            if let Some((slice, length)) = fixed {
                let end = slice.as_ptr().addr() - bytes.as_ptr().addr() + length;
                prop_assert_eq!(cut.is_ok(), captured >= end, "the headers end at {}", end);
            }
        }
        if let (Ok(hit), Some(theirs)) = (cut, lax_ports(&bytes[..captured])) {
            prop_assert_eq!((hit.source_port, hit.port, hit.protocol), theirs);
        }
    }

    /// Padding is no part of the packet, whether it was captured or not.
    #[test]
    fn a_lengthened_frame_answers_alike(bytes in any_frame(), padding in vec(any::<u8>(), 1..40), lost in 0..2000_usize) {
        let whole = decode_whole(Link::Ethernet, &bytes);
        let padded = [bytes.as_slice(), &padding].concat();
        if whole.is_ok() {
            prop_assert_eq!(decode_whole(Link::Ethernet, &padded), whole);
            let frame = Frame { link: Link::Ethernet, bytes: &padded, original_len: padded.len() + lost };
            prop_assert_eq!(decode(frame), whole);
        }
    }

    /// A frame that ends on the wire before its packet does is refused, all the more if the capture goes on.
    #[test]
    fn a_packet_beyond_its_frame_is_none((ethertype, packet) in any_packet(), at in any::<prop::sample::Index>()) {
        for link in LINKS {
            let bytes = linked(link, ethertype, &packet);
            let original_len = at.index(bytes.len());
            for bytes in [&bytes[..], &bytes[..original_len]] {
                let answer = decode(Frame { link, bytes, original_len });
                prop_assert!(answer.is_err(), "{:?}", answer);
            }
        }
    }

    /// etherparse builds the frames here, so that nothing of ours says what is in them.
    #[test]
    fn frames_that_etherparse_builds_are_read_back(
        (source, destination) in any::<([u8; 4], [u8; 4])>(),
        (source_6, destination_6) in any::<([u8; 16], [u8; 16])>(),
        (source_port, port, sequence) in any::<(u16, u16, u32)>(),
        (v6, is_udp, syn, ack) in any::<(bool, bool, bool, bool)>(),
        tags in 0..=2,
        data in vec(any::<u8>(), 0..40),
    ) {
        let ethernet = PacketBuilder::ethernet2([2; 6], [4; 6]);
        let vlan = VlanId::try_new(7).expect("a VLAN below 4096");
        let ip = match (tags, v6) {
            (0, false) => ethernet.ipv4(source, destination, 64),
            (0, true) => ethernet.ipv6(source_6, destination_6, 64),
            (1, false) => ethernet.single_vlan(vlan).ipv4(source, destination, 64),
            (1, true) => ethernet.single_vlan(vlan).ipv6(source_6, destination_6, 64),
            (_, false) => ethernet.double_vlan(vlan, vlan).ipv4(source, destination, 64),
            (_, true) => ethernet.double_vlan(vlan, vlan).ipv6(source_6, destination_6, 64),
        };
        let mut bytes = Vec::new();
        let flags = if is_udp {
            ip.udp(source_port, port).write(&mut bytes, &data).expect("a vector takes everything");
            0
        } else {
            let mut tcp = ip.tcp(source_port, port, sequence, 1024);
            tcp = if syn { tcp.syn() } else { tcp };
            tcp = if ack { tcp.ack(1) } else { tcp };
            tcp.write(&mut bytes, &data).expect("a vector takes everything");
            u8::from(syn) << 1 | u8::from(ack) << 4
        };
        let expected = Hit {
            source: if v6 { Ipv6Addr::from(source_6).into() } else { Ipv4Addr::from(source).into() },
            destination: if v6 { Ipv6Addr::from(destination_6).into() } else { Ipv4Addr::from(destination).into() },
            source_port,
            port,
            protocol: if is_udp { Protocol::Udp } else { Protocol::Tcp },
            flags: TcpFlags(flags),
            sequence: if is_udp { 0 } else { sequence },
        };
        prop_assert_eq!(decode_whole(Link::Ethernet, &bytes), Ok(expected));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16384))]

    #[test]
    fn oracles_agree_on_mutated_frames(bytes in mutated_frame()) {
        oracles_agree(&bytes)?;
    }

    #[test]
    fn refusals_make_sense(bytes in mutated_frame(), at in any::<prop::sample::Index>(), lost in 0..100_usize) {
        let captured = at.index(bytes.len() + 1);
        let frame = Frame { link: Link::Ethernet, bytes: &bytes[..captured], original_len: captured + lost };
        if let Err(refusal) = decode(frame) {
            check_refusal(refusal)?;
        }
    }

    /// Arbitrary bytes of any claimed length never panic, on any link.
    #[test]
    fn nothing_panics(
        mut bytes in vec(any::<u8>(), 0..120),
        original_len in prop_oneof![0..200_usize, Just(usize::MAX)],
        begin in select(BEGINNINGS),
        at in select(&[0_usize, 12, 14, 16, 20]),
    ) {
        for (byte, new) in bytes.iter_mut().skip(at).zip(begin) {
            *byte = *new;
        }
        for link in LINKS {
            if let Err(refusal) = decode(Frame { link, bytes: &bytes, original_len }) {
                check_refusal(refusal)?;
            }
        }
    }

    /// What lies in memory behind the capture, or in the capture behind the frame's end, does not matter.
    #[test]
    fn what_lies_beyond_does_not_matter(
        bytes in mutated_frame(),
        at in any::<prop::sample::Index>(),
        garbage in vec(any::<u8>(), 1..80),
        lost in 0..100_usize,
    ) {
        let end = at.index(bytes.len() + 1);
        let exact = bytes[..end].to_vec();
        let followed = [&exact[..], &garbage].concat();
        for link in LINKS {
            let cut = decode(Frame { link, bytes: &exact, original_len: end + lost });
            prop_assert_eq!(decode(Frame { link, bytes: &followed[..end], original_len: end + lost }), cut);
            let ended = decode(Frame { link, bytes: &exact, original_len: end });
            prop_assert_eq!(decode(Frame { link, bytes: &followed, original_len: end }), ended);
        }
    }
}

/// The longest walk that a payload allows ends, and ends at the payload's end.
#[test]
fn the_longest_chain_of_extensions_ends() {
    let mut packet = crate::frames::v6(60, &vec![0; 65_528]);
    for at in (40..packet.len()).step_by(8) {
        packet[at] = 60;
    }
    let refusal = NoHit::Short { header: Header::Extension(60), needed: 8, left: 0, limit: Limit::Ipv6PayloadLength };
    assert_eq!(decode_whole(Link::Raw, &packet), Err(refusal));
    assert_eq!(
        decode_whole(Link::Ethernet, &linked(Link::Ethernet, IPV4, &packet)).map_err(|e| e.to_string()),
        Err("ip version is 6, the link layer says 4".to_owned())
    );
}
