//! A captured frame -> the hit that it carries, or why it carries none (LISTEN-4, LISTEN-6, LISTEN-7).
//!
//! [`decode`] answers the commonest frame (Ethernet, IPv4 without options, TCP) inline after one length check, and leaves
//! everything else to a general path that gives the same answer to that frame too, only later. Neither allocates, and
//! neither can panic: bytes are only reached through `first_chunk` and `get`.

mod ip;
mod link;
mod no_hit;
mod rest;

use std::net::{IpAddr, Ipv4Addr};

use crate::{
    flags::TcpFlags,
    port::{Port, Protocol},
};
pub use no_hit::{Field, Header, Limit, NoHit};
use rest::Rest;

/// The link layer of a captured frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// Ethernet II, with up to two VLAN tags.
    Ethernet,
    /// Linux cooked capture.
    Sll,
    /// Linux cooked capture, version 2.
    Sll2,
    /// An IP packet without a link header.
    Raw,
    /// BSD loopback: a four-byte address family, in either byte order.
    Null,
}

impl Link {
    /// The link layer of a capture file's link type, its FCS bits masked off; `None` if none of its frames can be read
    /// (LISTEN-4). Raw IP has many numbers: 101 is the link type, 12 and 14 are what systems call it (`DLT_RAW`),
    /// 228 and 229 promise IPv4 and IPv6.
    #[must_use]
    pub const fn from_linktype(linktype: u16) -> Option<Self> {
        match linktype {
            1 => Some(Self::Ethernet),
            113 => Some(Self::Sll),
            276 => Some(Self::Sll2),
            12 | 14 | 101 | 228 | 229 => Some(Self::Raw),
            0 | 108 => Some(Self::Null),
            _ => None,
        }
    }
}

/// One frame as it was captured.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Its link layer.
    pub link: Link,
    /// The bytes that were captured.
    pub bytes: &'a [u8],
    /// The frame's length in bytes on the wire; bytes captured beyond it are not looked at.
    pub original_len: usize,
}

/// A TCP segment or UDP datagram, as far as doors care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The sender's address.
    pub source: IpAddr,
    /// The address that was hit.
    pub destination: IpAddr,
    /// The sender's port.
    pub source_port: u16,
    /// The port that was hit.
    pub port: u16,
    /// The transport.
    pub protocol: Protocol,
    /// TCP's control bits; none for UDP.
    pub flags: TcpFlags,
    /// TCP's sequence number; 0 for UDP.
    pub sequence: u32,
}

impl Hit {
    /// Whether this is a hit on `port`: number and protocol (SEQ-2).
    #[must_use]
    #[inline]
    pub fn is_on(&self, port: Port) -> bool {
        self.port == port.number.get() && self.protocol == port.protocol
    }
}

/// The hit that `frame` carries.
///
/// What counts is what a kernel would take (LISTEN-6): every length must fit the one around it, up to the frame's
/// original length, and what names the ports must have been captured. Trailing bytes are padding. Whether the addresses
/// are plausible is not asked here.
///
/// # Errors
///
/// Why it carries none; [`NoHit::clause`] says which clause of the contract decides so.
#[inline]
pub fn decode(frame: Frame<'_>) -> Result<Hit, NoHit> {
    match plain(frame) {
        Some(hit) => Ok(hit),
        None => general(frame),
    }
}

/// As much of a common frame's hit as tells that it interests nobody: where it is from and what it hits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glance {
    pub(crate) source: Ipv4Addr,
    pub(crate) port: u16,
    pub(crate) protocol: Protocol,
}

/// A look at a common frame that [`decode`] takes for a hit; `None` says nothing. Always inline: a replay spends most of
/// its time here and right after, and three fields fit in registers where a [`Hit`] is written to memory.
#[inline(always)]
pub(crate) fn glance(frame: Frame<'_>) -> Option<Glance> {
    let (head, protocol) = common(frame)?;
    let source = Ipv4Addr::new(head[26], head[27], head[28], head[29]);
    Some(Glance { source, port: u16::from_be_bytes([head[36], head[37]]), protocol })
}

/// The hit of a common frame. `None` says nothing about the frame but that [`general`] must look.
#[inline]
fn plain(frame: Frame<'_>) -> Option<Hit> {
    let (head, protocol) = common(frame)?;
    let address_at = |at: usize| IpAddr::V4(Ipv4Addr::new(head[at], head[at + 1], head[at + 2], head[at + 3]));
    let (flags, sequence) = match protocol {
        Protocol::Tcp => (TcpFlags(head[47]), u32::from_be_bytes([head[38], head[39], head[40], head[41]])),
        Protocol::Udp => (TcpFlags::default(), 0),
    };
    Some(Hit {
        source: address_at(26),
        destination: address_at(30),
        source_port: u16::from_be_bytes([head[34], head[35]]),
        port: u16::from_be_bytes([head[36], head[37]]),
        protocol,
        flags,
        sequence,
    })
}

/// The headers of an untagged Ethernet frame with IPv4 without options, no fragment, and TCP or UDP, if every length in
/// it is right: what knocks and floods are made of.
#[inline(always)]
fn common(frame: Frame<'_>) -> Option<(&[u8; 54], Protocol)> {
    const ETHERNET: usize = 14;
    const IPV4: u32 = 20;
    /// Ethertype, version and header length; not the type of service.
    const IPV4_WITHOUT_OPTIONS: u32 = 0x0800_4500;
    /// Neither more fragments nor an offset; not the time to live; the protocol.
    const NO_FRAGMENT: u32 = 0x3fff_00ff;
    const TCP: u32 = ip::TCP as u32;
    const UDP: u32 = ip::UDP as u32;
    if frame.link != Link::Ethernet {
        return None;
    }
    // One check for all reads below: the indices are constants, so that none of them is checked again.
    let head: &[u8; 54] = frame.bytes.first_chunk()?;
    let u32_at = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let total_length = u16::from_be_bytes([head[16], head[17]]);
    if u32_at(12) & 0xffff_ff00 != IPV4_WITHOUT_OPTIONS || frame.original_len < ETHERNET + usize::from(total_length) {
        return None;
    }
    // What the transport claims of the packet's length, and the least that it may claim.
    let (protocol, claimed, least) = match u32_at(20) & NO_FRAGMENT {
        TCP => (Protocol::Tcp, u32::from(head[46] >> 4) * 4, 20),
        UDP => (Protocol::Udp, u32::from(u16::from_be_bytes([head[38], head[39]])), 8),
        _ => return None,
    };
    (claimed >= least && u32::from(total_length) >= IPV4 + claimed).then_some((head, protocol))
}

/// The answer for any frame.
#[inline(never)]
fn general(frame: Frame<'_>) -> Result<Hit, NoHit> {
    let (packet, announced) = link::strip(frame.link, Rest::of_frame(frame))?;
    ip::decode(packet, announced)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A common frame of 60 bytes to port 7000, the last of them padding.
    const fn common(transport: u8) -> [u8; 60] {
        let mut bytes = [0; 60];
        bytes[12] = 0x08;
        bytes[14] = 0x45;
        bytes[17] = 44;
        bytes[23] = transport;
        bytes[36] = 0x1b;
        bytes[37] = 0x58;
        bytes[39] = 20;
        bytes[46] = 0x60;
        bytes[47] = 0x02;
        bytes
    }

    #[test]
    fn common_frames_take_the_short_way() {
        for (transport, protocol) in [(ip::TCP, Protocol::Tcp), (ip::UDP, Protocol::Udp)] {
            let frame = Frame { link: Link::Ethernet, bytes: &common(transport), original_len: 60 };
            assert_eq!(plain(frame).map(|hit| (hit.port, hit.protocol)), Some((7000, protocol)));
        }
    }

    #[test]
    fn results_are_small() {
        assert_eq!(size_of::<NoHit>(), 8);
        assert_eq!(size_of::<Result<Hit, NoHit>>(), size_of::<Hit>());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8192))]

        /// Bytes that the short way looks at are changed, whole or by a bit, the frame is cut and its length shifted.
        #[test]
        fn the_short_way_and_the_general_one_agree(
            transport in prop::sample::select(&[ip::TCP, ip::UDP]),
            noise in prop::collection::vec((prop::sample::select(&CHECKED), any::<u8>()), 0..3),
            bits in prop::collection::vec((prop::sample::select(&CHECKED), 0_u32..8), 0..3),
            captured in prop_oneof![3 => Just(60_usize), 1 => 0_usize..60],
            difference in -20_isize..20,
        ) {
            let mut bytes = common(transport);
            for (at, byte) in noise {
                bytes[at] = byte;
            }
            for (at, bit) in bits {
                bytes[at] ^= 1 << bit;
            }
            let original_len = 60_usize.saturating_add_signed(difference);
            let frame = Frame { link: Link::Ethernet, bytes: &bytes[..captured], original_len };
            match (plain(frame), general(frame)) {
                (Some(hit), answer) => prop_assert_eq!(Ok(hit), answer),
                // What the general way alone takes: options, first fragments, and UDP that ends before TCP would.
                (None, Ok(_)) => prop_assert!(bytes[14] != 0x45 || bytes[20] & 0x20 != 0 || captured < 54),
                (None, Err(_)) => {}
            }
        }
    }

    /// Where the short way looks before it answers.
    const CHECKED: [usize; 12] = [12, 13, 14, 16, 17, 20, 21, 23, 38, 39, 46, 47];
}
