//! One hand-made frame for each rule: what it is, and the answer to it.

use std::net::IpAddr;

use knockd::{
    clause::Clause,
    flags::TcpFlags,
    port::Protocol,
    wire::{Field, Frame, Header, Hit, Limit, Link, NoHit, decode},
};

use crate::frames::{
    Extension, IPV4, IPV6, LINKS, TCP, UDP, decode_whole, ethernet, linked, tcp, udp, v4, v6, v6_extended,
};

/// The hit of [`tcp`] or [`udp`] in [`v4`] or [`v6`].
fn hit(ethertype: u16, protocol: Protocol) -> Hit {
    let [source, destination]: [IpAddr; 2] =
        if ethertype == IPV4 { ["192.0.2.1", "198.51.100.2"] } else { ["2001:db8::1", "2001:db8::2"] }
            .map(|address| address.parse().expect("an address"));
    let (flags, sequence) = if protocol == Protocol::Tcp { (0x02, 0x0102_0304) } else { (0, 0) };
    Hit { source, destination, source_port: 40000, port: 7000, protocol, flags: TcpFlags(flags), sequence }
}

#[track_caller]
fn takes(rule: &str, link: Link, bytes: &[u8], ethertype: u16, protocol: Protocol) {
    assert_eq!(decode_whole(link, bytes), Ok(hit(ethertype, protocol)), "{rule}");
}

#[track_caller]
fn refuses(rule: &str, link: Link, bytes: &[u8], refusal: NoHit) {
    assert_eq!(decode_whole(link, bytes), Err(refusal), "{rule}");
}

/// `bytes` with those at `at` replaced.
fn with(bytes: &[u8], at: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

#[test]
fn both_transports_over_both_versions_on_every_link() {
    for link in LINKS {
        takes("tcp, ipv4", link, &linked(link, IPV4, &v4(TCP, 0, 0, &tcp(0))), IPV4, Protocol::Tcp);
        takes("udp, ipv4", link, &linked(link, IPV4, &v4(UDP, 0, 0, &udp(3))), IPV4, Protocol::Udp);
        takes("tcp, ipv6", link, &linked(link, IPV6, &v6(TCP, &tcp(0))), IPV6, Protocol::Tcp);
        takes("udp, ipv6", link, &linked(link, IPV6, &v6(UDP, &udp(3))), IPV6, Protocol::Udp);
    }
}

#[test]
fn link_types() {
    let known = [(1, Link::Ethernet), (113, Link::Sll), (276, Link::Sll2), (0, Link::Null), (108, Link::Null)];
    for (number, link) in known.into_iter().chain([12, 14, 101, 228, 229].map(|number| (number, Link::Raw))) {
        assert_eq!(Link::from_linktype(number), Some(link), "{number}");
    }
    let count = (0..=u16::MAX).filter(|number| Link::from_linktype(*number).is_some()).count();
    assert_eq!(count, 10);
}

#[test]
fn vlan_tags() {
    let packet = v4(TCP, 0, 0, &tcp(0));
    for tags in [&[0x8100][..], &[0x88a8], &[0x9100], &[0x88a8, 0x8100], &[0x8100, 0x8100]] {
        takes("up to two tags", Link::Ethernet, &ethernet(tags, IPV4, &packet), IPV4, Protocol::Tcp);
    }
    refuses("a third tag", Link::Ethernet, &ethernet(&[0x8100; 3], IPV4, &packet), NoHit::Tags);

    // What follows a tag type in the protocol field: the VLAN, and the real ethertype.
    let tail = [&[0, 7, 0x08, 0x00][..], &packet].concat();
    for link in [Link::Sll, Link::Sll2] {
        takes("a tag behind the protocol field", link, &linked(link, 0x8100, &tail), IPV4, Protocol::Tcp);
    }
    let short = NoHit::Short { header: Header::Vlan, needed: 4, left: 3, limit: Limit::Frame };
    refuses("a tag cut short", Link::Ethernet, &ethernet(&[], 0x8100, &[0, 7, 8]), short);
}

#[test]
fn what_is_not_ip() {
    let packet = v4(TCP, 0, 0, &tcp(0));
    for link in [Link::Ethernet, Link::Sll, Link::Sll2] {
        refuses("arp", link, &linked(link, 0x0806, &packet), NoHit::NotIp { ethertype: 0x0806 });
        refuses("802.3 length", link, &linked(link, 40, &packet), NoHit::NotIp { ethertype: 40 });
    }
    let tagged = ethernet(&[0x8100], 0x0806, &packet);
    refuses("arp behind a tag", Link::Ethernet, &tagged, NoHit::NotIp { ethertype: 0x0806 });
    for (ethertype, found, announced) in [(IPV6, 4, Some(6)), (IPV4, 6, Some(4))] {
        let packet = if found == 4 { packet.clone() } else { v6(TCP, &tcp(0)) };
        for link in [Link::Ethernet, Link::Sll, Link::Sll2, Link::Null] {
            refuses("other version", link, &linked(link, ethertype, &packet), NoHit::Version { found, announced });
        }
    }
    let five = with(&packet, 0, &[0x55]);
    refuses("version 5", Link::Raw, &five, NoHit::Version { found: 5, announced: None });
    let nothing = NoHit::Short { header: Header::Ip, needed: 1, left: 0, limit: Limit::Frame };
    refuses("nothing at all", Link::Raw, &[], nothing);
}

#[test]
fn loopback_families() {
    for (family, ethertype) in [(2, IPV4), (10, IPV6), (24, IPV6), (28, IPV6), (30, IPV6)] {
        let packet = if ethertype == IPV4 { v4(UDP, 0, 0, &udp(0)) } else { v6(UDP, &udp(0)) };
        for family in [u32::to_le_bytes(family), u32::to_be_bytes(family)] {
            takes("either order", Link::Null, &[&family[..], &packet].concat(), ethertype, Protocol::Udp);
        }
    }
    refuses("family 7", Link::Null, &[7, 0, 0, 0, 0x45], NoHit::Family(7));
    refuses("family 2 in no order", Link::Null, &[0, 2, 0, 0, 0x45], NoHit::Family(0x200));
}

#[test]
fn link_headers_cut_short() {
    for (link, header, needed) in [
        (Link::Ethernet, Header::Ethernet, 14),
        (Link::Sll, Header::Sll, 16),
        (Link::Sll2, Header::Sll2, 20),
        (Link::Null, Header::Null, 4),
    ] {
        let bytes = vec![0; usize::from(needed) - 1];
        let left = needed - 1;
        refuses("by the frame", link, &bytes, NoHit::Short { header, needed, left, limit: Limit::Frame });
        let frame = Frame { link, bytes: &bytes, original_len: 60 };
        assert_eq!(decode(frame), Err(NoHit::Short { header, needed, left, limit: Limit::Captured }));
    }
}

#[test]
fn ipv4_lengths() {
    let right = v4(TCP, 0, 0, &tcp(0));
    takes("ten words of options", Link::Raw, &v4(TCP, 10, 0, &tcp(0)), IPV4, Protocol::Tcp);

    let below = NoHit::Below { field: Field::Ipv4HeaderLength, value: 16, least: 20 };
    refuses("ihl 4", Link::Raw, &with(&right, 0, &[0x44]), below);
    let below = NoHit::Below { field: Field::Ipv4TotalLength, value: 23, least: 24 };
    refuses("total length below its headers", Link::Raw, &with(&v4(TCP, 1, 0, &[]), 2, &[0, 23]), below);
    let beyond = NoHit::Beyond { field: Field::Ipv4TotalLength, value: 41, left: 40, limit: Limit::Frame };
    refuses("total length beyond the frame", Link::Raw, &with(&right, 2, &[0, 41]), beyond);
    let short = NoHit::Short { header: Header::Tcp, needed: 20, left: 19, limit: Limit::Ipv4TotalLength };
    refuses("total length below tcp's header", Link::Raw, &with(&right, 2, &[0, 39]), short);
    let short = NoHit::Short { header: Header::Ipv4, needed: 20, left: 19, limit: Limit::Frame };
    refuses("the header cut short", Link::Raw, &right[..19], short);

    let options = v4(TCP, 2, 0, &[]);
    let short = NoHit::Short { header: Header::Tcp, needed: 20, left: 0, limit: Limit::Ipv4TotalLength };
    refuses("options up to the end", Link::Raw, &options, short);
}

#[test]
fn the_frame_is_its_original_length() {
    let right = ethernet(&[], IPV4, &v4(TCP, 2, 0, &[tcp(3), vec![0; 100]].concat()));
    let (end_of_tcp, whole) = (14 + 28 + 20, right.len());
    let cut =
        |captured: usize, original_len| decode(Frame { link: Link::Ethernet, bytes: &right[..captured], original_len });
    assert_eq!(cut(end_of_tcp, whole), Ok(hit(IPV4, Protocol::Tcp)), "options and data need not be captured");
    let short = NoHit::Short { header: Header::Tcp, needed: 20, left: 19, limit: Limit::Captured };
    assert_eq!(cut(end_of_tcp - 1, whole), Err(short), "the fixed header must be");
    let beyond = NoHit::Beyond { field: Field::Ipv4TotalLength, value: 160, left: 159, limit: Limit::Frame };
    assert_eq!(cut(end_of_tcp, whole - 1), Err(beyond), "the packet must end in the frame");
    assert_eq!(cut(whole, whole - 1), Err(beyond), "whatever the capture holds");
    assert_eq!(cut(whole, whole + 9), Ok(hit(IPV4, Protocol::Tcp)), "padding is fine");
}

#[test]
fn ipv4_fragments() {
    let first = NoHit::Fragment { offset: 8 };
    for flags in [0x0000, 0x2000, 0x4000] {
        refuses("a later fragment", Link::Raw, &v4(TCP, 0, flags | 1, &tcp(0)), first);
    }
    refuses("the last possible", Link::Raw, &v4(UDP, 0, 0x1fff, &udp(0)), NoHit::Fragment { offset: 65528 });
    takes("may not be fragmented", Link::Raw, &v4(TCP, 0, 0x4000, &tcp(0)), IPV4, Protocol::Tcp);
    takes("a first fragment", Link::Raw, &v4(TCP, 0, 0x2000, &tcp(1)), IPV4, Protocol::Tcp);
    let beyond = NoHit::Beyond { field: Field::TcpDataOffset, value: 24, left: 20, limit: Limit::Ipv4TotalLength };
    refuses("its tcp header not whole", Link::Raw, &v4(TCP, 0, 0x2000, &tcp(1)[..20]), beyond);
    let long = with(&udp(8), 4, &[0xff, 0xff]);
    takes("its datagram is longer", Link::Raw, &v4(UDP, 0, 0x2000, &long), IPV4, Protocol::Udp);
    let below = NoHit::Below { field: Field::UdpLength, value: 7, least: 8 };
    refuses("but not shorter", Link::Raw, &v4(UDP, 0, 0x2000, &with(&udp(8), 4, &[0, 7])), below);
}

#[test]
fn ipv6_lengths() {
    let right = v6(UDP, &udp(0));
    let beyond = NoHit::Beyond { field: Field::Ipv6PayloadLength, value: 9, left: 8, limit: Limit::Frame };
    refuses("payload length beyond the frame", Link::Raw, &with(&right, 4, &[0, 9]), beyond);
    let short = NoHit::Short { header: Header::Udp, needed: 8, left: 7, limit: Limit::Ipv6PayloadLength };
    refuses("payload length below udp's header", Link::Raw, &with(&right, 4, &[0, 7]), short);
    let short = NoHit::Short { header: Header::Udp, needed: 8, left: 0, limit: Limit::Ipv6PayloadLength };
    refuses("a jumbogram's 0", Link::Raw, &with(&right, 4, &[0, 0]), short);
    let short = NoHit::Short { header: Header::Ipv6, needed: 40, left: 39, limit: Limit::Frame };
    refuses("the header cut short", Link::Raw, &right[..39], short);
}

#[test]
fn ipv6_extension_headers() {
    let takes = |rule: &str, extensions: &[Extension]| {
        takes(rule, Link::Raw, &v6_extended(extensions, TCP, &tcp(0)), IPV6, Protocol::Tcp);
    };
    for number in [0, 43, 44, 51, 60, 135, 139, 140] {
        takes("alone", &[Extension::plain(number)]);
        takes("longer", &[Extension { more: 3, ..Extension::plain(number) }]);
        takes("anywhere, hop-by-hop options too", &[Extension::plain(60), Extension::plain(number)]);
    }
    takes("any number", &[Extension::plain(60); 40]);

    let over = with(&v6_extended(&[Extension::plain(60)], TCP, &tcp(0)), 41, &[3]);
    let short = NoHit::Short { header: Header::Extension(60), needed: 32, left: 28, limit: Limit::Ipv6PayloadLength };
    refuses("one that goes on behind the payload", Link::Raw, &over, short);
    let short = NoHit::Short { header: Header::Extension(0), needed: 8, left: 7, limit: Limit::Ipv6PayloadLength };
    refuses("one cut short", Link::Raw, &v6(0, &[6, 0, 0, 0, 0, 0, 0]), short);
    let cut = v6_extended(&[Extension::plain(60)], TCP, &tcp(0));
    let short = NoHit::Short { header: Header::Extension(60), needed: 8, left: 7, limit: Limit::Captured };
    let frame = Frame { link: Link::Raw, bytes: &cut[..47], original_len: cut.len() };
    assert_eq!(decode(frame), Err(short), "one that was not captured whole");

    for number in [50, 59, 253] {
        let packet = v6_extended(&[Extension::plain(60)], number, &tcp(0));
        refuses("not walked", Link::Raw, &packet, NoHit::Protocol(number));
    }
}

#[test]
fn ipv6_routing_headers() {
    let routing = |left| v6_extended(&[Extension { detail: [0, left], ..Extension::plain(43) }], TCP, &tcp(0));
    takes("at its end", Link::Raw, &routing(0), IPV6, Protocol::Tcp);
    refuses("on its way", Link::Raw, &routing(1), NoHit::SegmentsLeft(1));
    let other = v6_extended(&[Extension { detail: [9, 9], ..Extension::plain(60) }], TCP, &tcp(0));
    takes("no other header has segments", Link::Raw, &other, IPV6, Protocol::Tcp);
}

#[test]
fn ipv6_fragments() {
    let fragment = |field: u16, number, payload: &[u8]| {
        let extension = Extension { detail: field.to_be_bytes(), ..Extension::plain(44) };
        v6_extended(&[extension, Extension::plain(60)], number, payload)
    };
    refuses("a later fragment", Link::Raw, &fragment(8, TCP, &tcp(0)), NoHit::Fragment { offset: 8 });
    refuses("and more follow", Link::Raw, &fragment(17, TCP, &tcp(0)), NoHit::Fragment { offset: 16 });
    takes("the only one", Link::Raw, &fragment(0, TCP, &tcp(0)), IPV6, Protocol::Tcp);
    takes("reserved bits", Link::Raw, &fragment(6, TCP, &tcp(0)), IPV6, Protocol::Tcp);
    takes("the first", Link::Raw, &fragment(1, TCP, &tcp(0)), IPV6, Protocol::Tcp);
    let long = with(&udp(8), 4, &[0xff, 0xff]);
    takes("its datagram is longer", Link::Raw, &fragment(1, UDP, &long), IPV6, Protocol::Udp);
    let beyond = NoHit::Beyond { field: Field::UdpLength, value: 65535, left: 16, limit: Limit::Ipv6PayloadLength };
    refuses("not of the only one", Link::Raw, &fragment(0, UDP, &long), beyond);
    let short = NoHit::Short { header: Header::Tcp, needed: 20, left: 19, limit: Limit::Ipv6PayloadLength };
    refuses("its tcp header not whole", Link::Raw, &fragment(1, TCP, &tcp(0)[..19]), short);
    let odd = with(&fragment(0, TCP, &tcp(0)), 41, &[77]);
    takes("its second byte is reserved, not a length", Link::Raw, &odd, IPV6, Protocol::Tcp);
}

#[test]
fn tcp_data_offset() {
    let below = NoHit::Below { field: Field::TcpDataOffset, value: 16, least: 20 };
    let beyond = NoHit::Beyond { field: Field::TcpDataOffset, value: 24, left: 20, limit: Limit::Ipv4TotalLength };
    for link in [Link::Ethernet, Link::Raw] {
        let segment = |offset: u8| linked(link, IPV4, &v4(TCP, 0, 0, &with(&tcp(0), 12, &[offset << 4])));
        refuses("below 5", link, &segment(4), below);
        refuses("beyond the packet", link, &segment(6), beyond);
        let padded = [segment(6), vec![0; 20]].concat();
        refuses("even if there is padding", link, &padded, beyond);
        takes("all options", link, &linked(link, IPV4, &v4(TCP, 0, 0, &tcp(10))), IPV4, Protocol::Tcp);
    }
}

#[test]
fn udp_length() {
    let below = NoHit::Below { field: Field::UdpLength, value: 7, least: 8 };
    let beyond = NoHit::Beyond { field: Field::UdpLength, value: 21, left: 20, limit: Limit::Ipv4TotalLength };
    for link in [Link::Ethernet, Link::Raw] {
        let datagram = |length| linked(link, IPV4, &v4(UDP, 0, 0, &with(&udp(12), 4, &[0, length])));
        refuses("below 8", link, &datagram(7), below);
        refuses("beyond the packet", link, &datagram(21), beyond);
        takes("shorter than the packet", link, &datagram(8), IPV4, Protocol::Udp);
        let short = NoHit::Short { header: Header::Udp, needed: 8, left: 7, limit: Limit::Ipv4TotalLength };
        refuses("the header cut short", link, &linked(link, IPV4, &v4(UDP, 0, 0, &udp(0)[..7])), short);
    }
}

#[test]
fn other_protocols() {
    for number in [1, 2, 4, 41, 47, 51, 58, 132] {
        // In an ICMP error a quoted packet follows, which is not looked at.
        refuses("ipv4", Link::Raw, &v4(number, 0, 0, &v4(TCP, 0, 0, &tcp(0))), NoHit::Protocol(number));
    }
    refuses("icmpv6", Link::Raw, &v6(58, &tcp(0)), NoHit::Protocol(58));
}

#[test]
fn all_flags_and_no_checksum() {
    let segment = with(&tcp(0), 13, &[0xff, 0, 0, 0xba, 0xad]);
    let expected = Hit { flags: TcpFlags(0xff), ..hit(IPV4, Protocol::Tcp) };
    for link in LINKS {
        let bytes = linked(link, IPV4, &with(&v4(TCP, 0, 0, &segment), 10, &[0xba, 0xad]));
        assert_eq!(decode_whole(link, &bytes), Ok(expected));
    }
}

#[test]
fn refusals_say_why_and_by_which_clause() {
    let short = |header, limit| NoHit::Short { header, needed: 20, left: 12, limit };
    for (refusal, clause, text) in [
        (
            short(Header::Tcp, Limit::Captured),
            Clause::Listen6,
            "tcp header cut short: needs 20 bytes, 12 left of what was captured",
        ),
        (
            short(Header::Extension(43), Limit::Ipv6PayloadLength),
            Clause::Listen6,
            "ipv6 extension 43 header cut short: needs 20 bytes, 12 left of the ipv6 payload length",
        ),
        (
            NoHit::Below { field: Field::Ipv4HeaderLength, value: 0, least: 20 },
            Clause::Listen6,
            "ipv4 header length is 0 bytes, must be at least 20",
        ),
        (
            NoHit::Beyond { field: Field::UdpLength, value: 30, left: 20, limit: Limit::Ipv4TotalLength },
            Clause::Listen6,
            "udp length is 30 bytes, 20 left of the ipv4 total length",
        ),
        (NoHit::Fragment { offset: 1480 }, Clause::Listen6, "fragment at byte 1480 of its packet has no ports"),
        (NoHit::SegmentsLeft(2), Clause::Listen6, "routing header has segments left: 2"),
        (NoHit::Tags, Clause::Listen4, "more than two vlan tags"),
        (NoHit::NotIp { ethertype: 0x0806 }, Clause::Listen7, "ethertype 0x0806 (arp) is not ip"),
        (NoHit::NotIp { ethertype: 0x1234 }, Clause::Listen7, "ethertype 0x1234 is not ip"),
        (NoHit::NotIp { ethertype: 38 }, Clause::Listen7, "link type field 38 is no ethertype, so not ip"),
        (NoHit::Family(7), Clause::Listen7, "loopback address family 7 is not ip"),
        (NoHit::Version { found: 4, announced: Some(6) }, Clause::Listen7, "ip version is 4, the link layer says 6"),
        (NoHit::Version { found: 5, announced: None }, Clause::Listen7, "ip version is 5, neither 4 nor 6"),
        (NoHit::Protocol(1), Clause::Listen7, "protocol 1 (icmp) is neither tcp nor udp"),
        (NoHit::Protocol(200), Clause::Listen7, "protocol 200 is neither tcp nor udp"),
    ] {
        assert_eq!((refusal.clause(), refusal.to_string().as_str()), (clause, text));
    }
}

/// On `any` every packet tells of its own interface, so a host that knocks on itself is heard there, too (LISTEN-9).
#[test]
fn cooked_headers_tell_of_loopback() {
    let tells = |link, at: usize, kind: u16| {
        let mut bytes = [0; 20];
        bytes[at..at + 2].copy_from_slice(&kind.to_be_bytes());
        Frame { link, bytes: &bytes, original_len: 20 }.tells_loopback()
    };
    assert!(tells(Link::Sll, 2, 772) && tells(Link::Sll2, 8, 772) && tells(Link::Null, 0, 2));
    assert!(!tells(Link::Sll, 2, 1) && !tells(Link::Sll2, 8, 1) && !tells(Link::Ethernet, 12, 0x0800));
    assert!(!Frame { link: Link::Sll, bytes: &[0, 0, 3], original_len: 3 }.tells_loopback(), "cut within the field");
}
