//! Frames twice: as a capture gives them, and as the kernel's filter sees them before.
//!
//! The kernel takes the outermost VLAN tag off a received frame and keeps it beside the packet; the filter runs on what
//! is left, and libpcap puts the tag back afterwards. Not so on frames that the host itself sends, nor with the old type
//! 0x9100. On `any` the filter sees what follows the link header, and the protocol beside it; libpcap makes the header
//! later.

use std::net::IpAddr;

use knockd::wire::Link;
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    frames::{IPV4, IPV6, any_packet},
    world::addresses,
};

/// One frame.
#[derive(Clone, Debug)]
pub(crate) struct Capture {
    pub(crate) link: Link,
    /// What the engine gets.
    pub(crate) bytes: Vec<u8>,
    /// What the filter gets.
    pub(crate) kernel: Vec<u8>,
    /// The protocol that the kernel knows it by.
    pub(crate) protocol: u16,
    /// Tags, ethertype and IP packet.
    parts: (Vec<u16>, u16, Vec<u8>),
}

/// An IP packet, as far as a filter looks: read here without the decoder that the daemon uses.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) destination: IpAddr,
    pub(crate) protocol: u8,
    /// TCP's flags, if it is TCP.
    pub(crate) flags: u8,
}

impl Capture {
    fn new(link: Link, (tags, ethertype, packet): (Vec<u16>, u16, Vec<u8>), taken_off: bool) -> Self {
        let tags = if matches!(link, Link::Raw | Link::Null) { vec![] } else { tags };
        let off = usize::from(taken_off && tags.first().is_some_and(|tag| [0x8100, 0x88a8].contains(tag)));
        let (protocol, behind) = tagged(&tags[off..], ethertype, &packet);
        let kernel = match link {
            Link::Ethernet => [&[2; 12], &protocol.to_be_bytes()[..], &behind].concat(),
            Link::Sll | Link::Sll2 | Link::Raw => behind,
            Link::Null => with_family(ethertype, &packet),
        };
        // libpcap has no place for a tag in a header of the second version.
        let kept = if link == Link::Sll2 { off } else { 0 };
        let (field, behind) = tagged(&tags[kept..], ethertype, &packet);
        let [high, low] = field.to_be_bytes();
        let bytes = match link {
            Link::Ethernet => [&[2; 12], &[high, low][..], &behind].concat(),
            Link::Sll => [&[0, 0, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0, high, low][..], &behind].concat(),
            Link::Sll2 => [&[high, low, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0][..], &behind].concat(),
            Link::Raw => behind,
            Link::Null => with_family(ethertype, &packet),
        };
        Self { link, bytes, kernel, protocol, parts: (tags, ethertype, packet) }
    }

    /// The packet that a filter can know, if a filter can: IP, no later fragment, no third tag.
    pub(crate) fn packet(&self) -> Option<Packet> {
        let (tags, ethertype, packet) = &self.parts;
        if tags.len() > 2 || ![IPV4, IPV6].contains(ethertype) {
            return None;
        }
        let (destination, protocol, transport) = if *ethertype == IPV4 {
            let header = usize::from(packet[0] & 0x0f) * 4;
            if u16::from_be_bytes([packet[6], packet[7]]) & 0x1fff != 0 {
                return None;
            }
            (IpAddr::from(*packet[16..].first_chunk::<4>().expect("a header")), packet[9], header)
        } else {
            (IpAddr::from(*packet[24..].first_chunk::<16>().expect("a header")), packet[6], 40)
        };
        let flags = if protocol == 6 { packet[transport + 13] } else { 0 };
        Some(Packet { destination, protocol, flags })
    }
}

/// The first protocol field, and what follows it.
fn tagged(tags: &[u16], ethertype: u16, packet: &[u8]) -> (u16, Vec<u8>) {
    let types: Vec<_> = tags.iter().copied().chain([ethertype]).collect();
    let inner = types[1..].iter().flat_map(|next| [0, 7].into_iter().chain(next.to_be_bytes()));
    (types[0], inner.chain(packet.iter().copied()).collect())
}

fn with_family(ethertype: u16, packet: &[u8]) -> Vec<u8> {
    [&[if ethertype == IPV6 { 30 } else { 2 }, 0, 0, 0], packet].concat()
}

/// Frames whose lengths are right.
pub(crate) fn right_captures() -> impl Strategy<Value = Capture> {
    let tags = prop_oneof![
        4 => Just(vec![]),
        4 => vec(select(&[0x8100_u16, 0x88a8, 0x9100]), 1..=2),
    ];
    let ethertype = prop_oneof![20 => Just(None), 1 => select(&[0x0806_u16, 0x88cc, 40]).prop_map(Some)];
    let links = [Link::Ethernet, Link::Ethernet, Link::Sll, Link::Sll2, Link::Raw, Link::Null];
    let ends = (addresses(), addresses(), any::<bool>());
    (select(links.to_vec()), tags, any_packet(), ends, ethertype, any::<bool>()).prop_map(
        |(link, tags, (ip, mut packet), (from, to, is_wild), other, taken_off)| {
            // Else from and to where nobody is.
            if !is_wild {
                for (address, at_v4, at_v6) in [(from, 12, 8), (to, 16, 24)] {
                    match if ip == IPV4 { address.0.into() } else { IpAddr::from(address.1) } {
                        IpAddr::V4(address) => packet[at_v4..at_v4 + 4].copy_from_slice(&address.octets()),
                        IpAddr::V6(address) => packet[at_v6..at_v6 + 16].copy_from_slice(&address.octets()),
                    }
                }
            }
            let other = other.filter(|_| !matches!(link, Link::Raw | Link::Null));
            Capture::new(link, (tags, other.unwrap_or(ip), packet), taken_off)
        },
    )
}

/// The same, and frames with a third tag, and with some bytes of the packet changed.
pub(crate) fn captures() -> impl Strategy<Value = Capture> {
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (right_captures(), changes, any::<bool>(), prop_oneof![9 => Just(None), 1 => Just(Some(0x8100_u16))]).prop_map(
        |(capture, changes, taken_off, third)| {
            let (mut tags, ethertype, mut packet) = capture.parts;
            tags.extend(third);
            for (at, byte) in changes {
                let at = at.index(packet.len());
                packet[at] = byte;
            }
            Capture::new(capture.link, (tags, ethertype, packet), taken_off)
        },
    )
}
