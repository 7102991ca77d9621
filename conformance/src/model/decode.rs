//! A captured frame -> the hit that it carries, byte by byte (LISTEN-4, LISTEN-6, LISTEN-7).

use std::net::IpAddr;

use super::{
    deviation::{Deviation as D, Deviations},
    words::{
        Hit, Port,
        Protocol::{Tcp, Udp},
    },
};
use crate::case::Link;

/// A frame as its headers are read: what was captured of it, and where it ends on the wire.
struct Frame<'a> {
    bytes: &'a [u8],
    end: usize,
    is: Deviations,
}

/// The hit that a frame carries, and whether the frame shows that it was seen on a loopback interface (LISTEN-9).
pub(super) fn decode(bytes: &[u8], original: usize, link: Link, is: Deviations) -> Option<(Hit, bool)> {
    let end = if is.on(D::CapturedLengthIsTheFrame) { bytes.len() } else { original };
    let mut frame = Frame { bytes, end, is };
    let (at, version) = frame.link(link)?;
    let loopback = match link {
        Link::Null | Link::Loop => true,
        Link::Sll => frame.word(2)? == LOOPBACK,
        Link::Sll2 => frame.word(8)? == LOOPBACK,
        Link::Ethernet | Link::Raw => false,
    };
    let hit = match (frame.byte(at)? >> 4, version) {
        (4, None | Some(4)) => frame.v4(at),
        (6, None | Some(6)) if !(is.on(D::NoIpv6OnRaw) && link != Link::Ethernet) => frame.v6(at),
        _ => None,
    };
    hit.map(|hit| (hit, loopback))
}

/// Linux's hardware type of a loopback interface.
const LOOPBACK: u16 = 772;

impl Frame<'_> {
    /// A byte of the frame, if it was captured.
    fn byte(&self, at: usize) -> Option<u8> {
        if at < self.end { self.bytes.get(at).copied() } else { None }
    }

    fn word(&self, at: usize) -> Option<u16> {
        Some(u16::from_be_bytes([self.byte(at)?, self.byte(at + 1)?]))
    }

    fn address<const N: usize>(&self, at: usize) -> Option<IpAddr>
    where
        IpAddr: From<[u8; N]>,
    {
        let mut octets = [0; N];
        for (place, octet) in octets.iter_mut().enumerate() {
            *octet = self.byte(at + place)?;
        }
        Some(octets.into())
    }

    /// Where the IP packet begins, and which version the link header announces.
    fn link(&self, link: Link) -> Option<(usize, Option<u8>)> {
        match link {
            Link::Ethernet => self.tagged(self.word(12)?, 14),
            Link::Sll => self.tagged(self.word(14)?, 16),
            Link::Sll2 if self.is.on(D::NoSll2) => None,
            Link::Sll2 => self.tagged(self.word(0)?, 20),
            Link::Raw => Some((0, None)),
            Link::Null | Link::Loop if self.is.on(D::NoLoopbackLink) => None,
            Link::Null | Link::Loop => {
                let family = [self.byte(0)?, self.byte(1)?, self.byte(2)?, self.byte(3)?];
                let (big, little) = (u32::from_be_bytes(family), u32::from_le_bytes(family));
                // In the order of the host that captured: only one reading is small.
                let family = if self.is.on(D::LoopbackInHostOrderOnly) { little } else { big.min(little) };
                match family {
                    2 => Some((4, Some(4))),
                    10 | 24 | 28 | 30 => Some((4, Some(6))),
                    _ => None,
                }
            }
        }
    }

    /// Behind at most two VLAN tags.
    fn tagged(&self, mut ether_type: u16, mut at: usize) -> Option<(usize, Option<u8>)> {
        let tags = if self.is.on(D::NoVlan) {
            0
        } else if self.is.on(D::OneVlanTag) {
            1
        } else {
            2
        };
        for _ in 0..tags {
            if matches!(ether_type, 0x8100 | 0x88a8 | 0x9100) {
                ether_type = self.word(at + 2)?;
                at += 4;
            }
        }
        match ether_type {
            0x0800 => Some((at, Some(4))),
            0x86dd => Some((at, Some(6))),
            _ if self.is.on(D::VlanReadAsIp) => Some((at, None)),
            _ => None,
        }
    }

    fn v4(&mut self, at: usize) -> Option<Hit> {
        self.byte(at + 19)?;
        let mut header = usize::from(self.byte(at)? & 15) * 4;
        let total = usize::from(self.word(at + 2)?);
        if header < 20 && !self.is.on(D::ShortHeaderAccepted) {
            return None;
        }
        if self.is.on(D::IhlIgnored) || header < 20 {
            header = 20;
        }
        if total < header && !self.is.on(D::TotalLengthUnchecked) {
            return None;
        }
        if at + total > self.end && !self.is.on(D::TotalLengthUnchecked) {
            return None;
        }
        // What lies beyond is padding.
        if !self.is.on(D::TotalLengthUnchecked) && !self.is.on(D::PaddingIsThePacket) {
            self.end = at + total;
        }
        let fragment = self.word(at + 6)?;
        let (offset, more) = (fragment & 0x1fff, fragment & 0x2000 != 0);
        if offset != 0 && !self.is.on(D::FragmentReadAsHeader) || more && self.is.on(D::FirstFragmentDropped) {
            return None;
        }
        if self.is.on(D::ChecksumVerified) && sum(self.bytes.get(at..at + header)?) != 0xffff {
            return None;
        }
        let (source, destination) = (self.address::<4>(at + 12)?, self.address::<4>(at + 16)?);
        self.transport(at + header, self.byte(at + 9)?, more || offset != 0, source, destination)
    }

    fn v6(&mut self, at: usize) -> Option<Hit> {
        self.byte(at + 39)?;
        let length = usize::from(self.word(at + 4)?);
        if at + 40 + length > self.end && !self.is.on(D::PayloadLengthUnchecked) {
            return None;
        }
        if !self.is.on(D::PayloadLengthUnchecked) {
            self.end = at + 40 + length;
        }
        let (source, destination) = (self.address::<16>(at + 8)?, self.address::<16>(at + 24)?);
        let mut next = self.byte(at + 6)?;
        let mut at = at + 40;
        let mut more = false;
        while matches!(next, 0 | 43 | 44 | 51 | 60 | 135 | 139 | 140) && !self.is.on(D::ExtensionsNotWalked) {
            if next == 51 && self.is.on(D::AuthenticationNotWalked) {
                return None;
            }
            let size = usize::from(self.byte(at + 1)?);
            self.byte(at + 7)?;
            let size = match next {
                44 => {
                    let fragment = self.word(at + 2)?;
                    more = fragment & 1 != 0;
                    if fragment & !7 != 0 && !self.is.on(D::FragmentReadAsHeader)
                        || more && self.is.on(D::FirstFragmentDropped)
                    {
                        return None;
                    }
                    8
                }
                43 if self.byte(at + 3)? != 0 && !self.is.on(D::SegmentsLeftAccepted) => return None,
                51 => (size + 2) * 4,
                _ => (size + 1) * 8,
            };
            next = self.byte(at)?;
            at += size;
        }
        self.transport(at, next, more, source, destination)
    }

    /// The transport header, of a whole packet or of its first fragment.
    fn transport(&self, at: usize, number: u8, more: bool, source: IpAddr, destination: IpAddr) -> Option<Hit> {
        let number = if number != 6 && number != 17 && self.is.on(D::AnyProtocolHits) { 6 } else { number };
        if matches!(number, 1 | 58) && self.is.on(D::QuotedPacketHits) {
            return self.quoted(at + 8, source, destination);
        }
        let ends = if self.is.on(D::SourcePortTaken) { (at + 2, at) } else { (at, at + 2) };
        match number {
            6 => {
                self.byte(at + if self.is.on(D::FourBytesSuffice) { 3 } else { 19 })?;
                let words = usize::from(self.byte(at + 12).unwrap_or(0x50) >> 4);
                if (words < 5 || at + words * 4 > self.end) && !self.is.on(D::DataOffsetUnchecked) {
                    return None;
                }
                let sequence = [self.word(at + 4).unwrap_or(0), self.word(at + 6).unwrap_or(0)];
                Some(Hit {
                    source,
                    source_port: self.word(ends.0)?,
                    destination,
                    port: Port(self.word(ends.1)?, Tcp),
                    flags: self.byte(at + 13).unwrap_or(0),
                    sequence: u32::from(sequence[0]) << 16 | u32::from(sequence[1]),
                })
            }
            17 => {
                self.byte(at + if self.is.on(D::FourBytesSuffice) { 3 } else { 7 })?;
                let length = usize::from(self.word(at + 4).unwrap_or(8));
                if (length < 8 || !more && at + length > self.end) && !self.is.on(D::UdpLengthUnchecked) {
                    return None;
                }
                let port = self.word(ends.1)?;
                let port = if self.is.on(D::UdpPortByteOrder) { port.swap_bytes() } else { port };
                Some(Hit {
                    source,
                    source_port: self.word(ends.0)?,
                    destination,
                    port: Port(port, Udp),
                    flags: 0,
                    sequence: 0,
                })
            }
            _ => None,
        }
    }

    /// The segment that an ICMP error quotes, taken for one that came (LISTEN-7 says that it is none).
    fn quoted(&self, at: usize, source: IpAddr, destination: IpAddr) -> Option<Hit> {
        let at = at + if self.byte(at)? >> 4 == 4 { 20 } else { 40 };
        let flags = self.byte(at + 13)?;
        Some(Hit {
            source,
            source_port: self.word(at)?,
            destination,
            port: Port(self.word(at + 2)?, Tcp),
            flags,
            sequence: 1,
        })
    }
}

/// The internet checksum's sum, which is all ones when it is right.
fn sum(header: &[u8]) -> u16 {
    let sum: u32 =
        header.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or(0)
}
