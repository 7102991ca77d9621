//! Frames made by hand, byte by byte, and strategies for random ones.

use knockd::wire::{Frame, Hit, Link, NoHit, decode};
use proptest::{collection::vec, prelude::*, sample::select};

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const LINKS: [Link; 5] = [Link::Ethernet, Link::Sll, Link::Sll2, Link::Raw, Link::Null];

/// The answer to a frame that was captured whole.
pub(crate) fn decode_whole(link: Link, bytes: &[u8]) -> Result<Hit, NoHit> {
    decode(Frame { link, bytes, original_len: bytes.len() })
}

/// A SYN from port 40000 to 7000 with `options` words of options, and no data.
pub(crate) fn tcp(options: u8) -> Vec<u8> {
    let mut bytes =
        vec![0x9c, 0x40, 0x1b, 0x58, 1, 2, 3, 4, 0, 0, 0, 0, (5 + options) << 4, 0x02, 0xff, 0xff, 0, 0, 0, 0];
    bytes.resize(20 + usize::from(options) * 4, 1);
    bytes
}

/// A datagram from port 40000 to 7000 with `data` bytes of data.
pub(crate) fn udp(data: u8) -> Vec<u8> {
    let mut bytes = vec![0x9c, 0x40, 0x1b, 0x58, 0, 8 + data, 0, 0];
    bytes.resize(8 + usize::from(data), 0xda);
    bytes
}

/// An IPv4 packet from 192.0.2.1 to 198.51.100.2; `fragment` is the field of the flags and the offset.
pub(crate) fn v4(protocol: u8, options: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let header = 20 + usize::from(options) * 4;
    let total = u16::try_from(header + payload.len()).expect("a packet fits its length field").to_be_bytes();
    let fragment = fragment.to_be_bytes();
    let mut bytes = vec![0x45 + options, 0, total[0], total[1], 0, 1, fragment[0], fragment[1], 64, protocol, 0, 0];
    bytes.extend([192, 0, 2, 1, 198, 51, 100, 2]);
    bytes.resize(header, 1);
    bytes.extend(payload);
    bytes
}

/// An IPv6 packet from 2001:db8::1 to 2001:db8::2.
pub(crate) fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("a payload fits its length field").to_be_bytes();
    let mut bytes = vec![0x60, 0, 0, 0, length[0], length[1], next, 64];
    for host in [1, 2] {
        bytes.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host]);
    }
    bytes.extend(payload);
    bytes
}

/// An IPv6 extension header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extension {
    pub(crate) number: u8,
    /// How many times 8 bytes it has beyond the first; a fragment header has none.
    pub(crate) more: u8,
    /// Its third and fourth byte.
    pub(crate) detail: [u8; 2],
}

impl Extension {
    pub(crate) fn plain(number: u8) -> Self {
        Self { number, more: 0, detail: [0, 0] }
    }
}

/// An IPv6 packet with extension headers.
pub(crate) fn v6_extended(extensions: &[Extension], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let numbers: Vec<u8> = extensions.iter().map(|extension| extension.number).chain([protocol]).collect();
    let mut bytes = Vec::new();
    for (extension, next) in extensions.iter().zip(&numbers[1..]) {
        let more = if extension.number == 44 { 0 } else { extension.more };
        // AH counts its length in words of 4 bytes, less 2.
        let length = if extension.number == 51 { more * 2 } else { more };
        bytes.extend([*next, length, extension.detail[0], extension.detail[1]]);
        bytes.resize(bytes.len() + 4 + usize::from(more) * 8, 0);
    }
    bytes.extend(payload);
    v6(numbers[0], &bytes)
}

/// The packet as the payload of an Ethernet frame with these tags.
pub(crate) fn ethernet(tags: &[u16], ethertype: u16, packet: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x02; 12];
    bytes.extend(tagged(tags, ethertype));
    bytes.extend(packet);
    bytes
}

/// The packet behind `link`'s header. Raw IP has none to put an ethertype in.
pub(crate) fn linked(link: Link, ethertype: u16, packet: &[u8]) -> Vec<u8> {
    let [high, low] = ethertype.to_be_bytes();
    let mut bytes = match link {
        Link::Ethernet => return ethernet(&[], ethertype, packet),
        Link::Sll => vec![0, 0, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0, high, low],
        Link::Sll2 => vec![high, low, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0],
        Link::Raw => vec![],
        Link::Null => vec![if ethertype == IPV4 { 2 } else { 30 }, 0, 0, 0],
    };
    bytes.extend(packet);
    bytes
}

/// Each tag's type and VLAN, then the ethertype.
fn tagged(tags: &[u16], ethertype: u16) -> Vec<u8> {
    tags.iter().flat_map(|tag| [tag.to_be_bytes(), [0, 7]].concat()).chain(ethertype.to_be_bytes()).collect()
}

/// An IP packet and its ethertype; every length in it is right.
pub(crate) fn any_packet() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let fragment = prop_oneof![6 => Just(0_u16), 2 => Just(0x4000), 2 => Just(0x2000), 1 => 1..0x4000_u16];
    prop_oneof![
        (0..=10_u8, fragment, any_transport())
            .prop_map(|(options, fragment, (number, payload))| (IPV4, v4(number, options, fragment, &payload))),
        (vec(any_extension(), 0..5), any_transport())
            .prop_map(|(extensions, (number, payload))| (IPV6, v6_extended(&extensions, number, &payload))),
    ]
}

/// An Ethernet frame with tags, an IP packet and padding; every length in it is right.
pub(crate) fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let tags = prop_oneof![
        4 => Just(vec![]),
        4 => vec(select(&[0x8100_u16, 0x88a8, 0x9100]), 1..=2),
        1 => vec(Just(0x8100), 3..=4),
    ];
    (tags, any_packet(), vec(any::<u8>(), 0..20)).prop_map(|(tags, (ethertype, packet), padding)| {
        let mut bytes = ethernet(&tags, ethertype, &packet);
        bytes.extend(padding);
        bytes
    })
}

/// The same with one to four bytes changed: by a little (which hits lengths), in one bit, or to anything.
pub(crate) fn mutated_frame() -> impl Strategy<Value = Vec<u8>> {
    let change = prop_oneof![
        select(&[1_u8, 2, 4, 8, 20, 0xff, 0xfe, 0xfc, 0xf8, 0xec]).prop_map(Change::Add),
        (0..8_u32).prop_map(|bit| Change::Flip(1 << bit)),
        any::<u8>().prop_map(Change::Set),
    ];
    let changes = vec((any::<prop::sample::Index>(), change), 1..=4);
    (any_frame(), changes).prop_map(|(mut bytes, changes)| {
        for (at, change) in changes {
            // The addresses before the ethertype decide nothing.
            let at = 12 + at.index(bytes.len() - 12);
            bytes[at] = match change {
                Change::Add(step) => bytes[at].wrapping_add(step),
                Change::Flip(bits) => bytes[at] ^ bits,
                Change::Set(new) => new,
            };
        }
        bytes
    })
}

/// What is done to a byte.
#[derive(Clone, Copy, Debug)]
enum Change {
    Add(u8),
    Flip(u8),
    Set(u8),
}

fn any_extension() -> impl Strategy<Value = Extension> {
    let number = prop_oneof![4 => select(&[43_u8, 44, 51, 60]), 1 => select(&[0_u8, 135, 139, 140])];
    let detail = prop_oneof![4 => Just([0, 0]), 1 => Just([0, 1]), 1 => Just([0, 6]), 1 => any::<[u8; 2]>()];
    (number, 0..3_u8, detail).prop_map(|(number, more, detail)| Extension { number, more, detail })
}

fn any_transport() -> impl Strategy<Value = (u8, Vec<u8>)> {
    prop_oneof![
        4 => (any_port_pair(), any::<u32>(), any::<u8>(), 0..=10_u8, vec(any::<u8>(), 0..20)).prop_map(
            |(ports, sequence, flags, options, data)| {
                let mut bytes = tcp(options);
                bytes[..4].copy_from_slice(&ports);
                bytes[4..8].copy_from_slice(&sequence.to_be_bytes());
                bytes[13] = flags;
                bytes.extend(data);
                (TCP, bytes)
            }
        ),
        // The data behind the datagram's end is odd, but the packet's lengths are right.
        4 => (any_port_pair(), 0..20_u8, vec(any::<u8>(), 0..4)).prop_map(|(ports, data, behind)| {
            let mut bytes = udp(data);
            bytes[..4].copy_from_slice(&ports);
            bytes.extend(behind);
            (UDP, bytes)
        }),
        1 => (select(&[1_u8, 2, 47, 50, 51, 58, 59, 132]), vec(any::<u8>(), 0..40)),
    ]
}

fn any_port_pair() -> impl Strategy<Value = [u8; 4]> {
    any::<[u8; 4]>()
}
