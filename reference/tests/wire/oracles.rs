//! Two decoders by others, told what the contract wants of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{
    EtherType, IpNumber, Ipv6ExtensionSlice, LinkExtSlice, NetSlice, SlicedPacket, TcpSlice, TransportSlice,
    UdpHeaderSlice,
    err::{ip_auth, ipv6_exts, packet::SliceError},
};
use knockd::{flags::TcpFlags, port::Protocol, wire::Hit};
use smoltcp::wire::{
    EthernetFrame, Ipv4Packet, Ipv6ExtHeader, Ipv6FragmentHeader, Ipv6Packet, Ipv6RoutingHeader, TcpPacket, UdpPacket,
};

/// The hit of an Ethernet frame that was captured whole, header by header with smoltcp's types. They check the lengths
/// (`new_checked`); which header follows which is LISTEN-4 and LISTEN-6 in plain words.
pub(crate) fn smoltcp_hit(bytes: &[u8]) -> Option<Hit> {
    let frame = EthernetFrame::new_checked(bytes).ok()?;
    let (mut ethertype, mut payload) = (u16::from(frame.ethertype()), frame.payload());
    // smoltcp knows no tags.
    for _ in 0..2 {
        if [0x8100, 0x88a8, 0x9100].contains(&ethertype) {
            let (tag, rest) = payload.split_at_checked(4)?;
            ethertype = u16::from_be_bytes([tag[2], tag[3]]);
            payload = rest;
        }
    }
    match ethertype {
        0x0800 => smoltcp_v4(payload),
        0x86dd => smoltcp_v6(payload),
        _ => None,
    }
}

fn smoltcp_v4(bytes: &[u8]) -> Option<Hit> {
    let packet = Ipv4Packet::new_checked(bytes).ok()?;
    if packet.version() != 4 || packet.frag_offset() != 0 {
        return None;
    }
    let ends = (packet.src_addr().into(), packet.dst_addr().into());
    smoltcp_transport(packet.next_header().into(), packet.payload(), packet.more_frags(), ends)
}

fn smoltcp_v6(bytes: &[u8]) -> Option<Hit> {
    let packet = Ipv6Packet::new_checked(bytes).ok()?;
    if packet.version() != 6 {
        return None;
    }
    let mut next = u8::from(packet.next_header());
    let mut payload = packet.payload();
    let mut more_fragments = false;
    loop {
        let size = match next {
            44 => {
                let fragment = Ipv6FragmentHeader::new_checked(payload.get(2..8)?).ok()?;
                if fragment.frag_offset() != 0 {
                    return None;
                }
                more_fragments |= fragment.more_frags();
                8
            }
            // smoltcp has AH behind a feature; RFC 4302 counts words of 4 bytes, less 2.
            51 => (usize::from(*payload.get(1)?) + 2) * 4,
            0 | 43 | 60 | 135 | 139 | 140 => {
                let header = Ipv6ExtHeader::new_checked(payload).ok()?;
                if next == 43 && Ipv6RoutingHeader::new_unchecked(header.payload()).segments_left() != 0 {
                    return None;
                }
                (usize::from(header.header_len()) + 1) * 8
            }
            _ => break,
        };
        next = *payload.first()?;
        payload = payload.get(size..)?;
    }
    smoltcp_transport(next, payload, more_fragments, (packet.src_addr().into(), packet.dst_addr().into()))
}

fn smoltcp_transport(number: u8, bytes: &[u8], more_fragments: bool, ends: (IpAddr, IpAddr)) -> Option<Hit> {
    match number {
        6 => {
            let tcp = TcpPacket::new_checked(bytes).ok()?;
            let bits = [tcp.fin(), tcp.syn(), tcp.rst(), tcp.psh(), tcp.ack(), tcp.urg(), tcp.ece(), tcp.cwr()];
            let flags = bits.iter().rev().fold(0, |flags, bit| flags << 1 | u8::from(*bit));
            let sequence = u32::from_ne_bytes(tcp.seq_number().0.to_ne_bytes());
            Some(hit(ends, (tcp.src_port(), tcp.dst_port()), Protocol::Tcp, flags, sequence))
        }
        17 => {
            let udp = if more_fragments {
                // A datagram in fragments is longer than the first of them.
                Some(UdpPacket::new_unchecked(bytes)).filter(|udp| bytes.len() >= 8 && udp.len() >= 8)?
            } else {
                UdpPacket::new_checked(bytes).ok()?
            };
            Some(hit(ends, (udp.src_port(), udp.dst_port()), Protocol::Udp, 0, 0))
        }
        _ => None,
    }
}

/// What etherparse cannot be asked about, because it stops where the contract goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Silent {
    /// Hop-by-hop options that are not first.
    HopByHopLater,
    /// An AH header that says 0 for its length, so is 8 bytes long.
    ShortestAh,
    /// Mobility, host identity and shim6 headers.
    UnknownExtension,
}

/// The hit of an Ethernet frame that was captured whole, by etherparse's strict slices. Its rules differ from the
/// contract's where a comment says so; there the contract's answer is given from what etherparse read.
pub(crate) fn etherparse_hit(bytes: &[u8]) -> Result<Option<Hit>, Silent> {
    let packet = match SlicedPacket::from_ethernet(bytes) {
        Ok(packet) => packet,
        Err(SliceError::Ipv6Exts(ipv6_exts::HeaderError::HopByHopNotAtStart)) => return Err(Silent::HopByHopLater),
        Err(SliceError::Ipv6Exts(ipv6_exts::HeaderError::IpAuth(ip_auth::HeaderError::ZeroPayloadLen))) => {
            return Err(Silent::ShortestAh);
        }
        Err(_) => return Ok(None),
    };
    // It takes three tags and MACsec; the contract takes two tags.
    let mut ethertype = match &packet.link {
        Some(etherparse::LinkSlice::Ethernet2(ethernet)) => ethernet.ether_type(),
        _ => return Ok(None),
    };
    for extension in &packet.link_exts {
        match extension {
            LinkExtSlice::Vlan(tag) => ethertype = tag.ether_type(),
            LinkExtSlice::Macsec(_) => return Ok(None),
        }
    }
    if packet.link_exts.len() > 2 {
        return Ok(None);
    }
    let (ends, payload) = match &packet.net {
        Some(NetSlice::Ipv4(ip)) => {
            let header = ip.header();
            // It takes either version under either ethertype, and walks AH in IPv4.
            if ethertype != EtherType::IPV4 || ip.extensions().auth.is_some() || header.fragments_offset().value() != 0
            {
                return Ok(None);
            }
            let ends = (Ipv4Addr::from(header.source()).into(), Ipv4Addr::from(header.destination()).into());
            (ends, ip.payload())
        }
        Some(NetSlice::Ipv6(ip)) => {
            let header = ip.header();
            // It takes a payload length of 0 for a jumbogram's.
            if ethertype != EtherType::IPV6 || header.payload_length() == 0 {
                return Ok(None);
            }
            for extension in ip.extensions().clone() {
                let foreign = match extension {
                    Ipv6ExtensionSlice::Fragment(fragment) => fragment.fragment_offset().value() != 0,
                    // It does not look at the segments left.
                    Ipv6ExtensionSlice::Routing(routing) => routing.slice()[3] != 0,
                    Ipv6ExtensionSlice::HopByHop(_)
                    | Ipv6ExtensionSlice::DestinationOptions(_)
                    | Ipv6ExtensionSlice::Authentication(_) => false,
                };
                if foreign {
                    return Ok(None);
                }
            }
            let ends = (Ipv6Addr::from(header.source()).into(), Ipv6Addr::from(header.destination()).into());
            (ends, ip.payload())
        }
        Some(NetSlice::Arp(_)) | None => return Ok(None),
    };
    if ethertype == EtherType::IPV6 && [135, 139, 140].contains(&payload.ip_number.0) {
        return Err(Silent::UnknownExtension);
    }
    if payload.fragmented {
        // It leaves every fragment alone; the contract takes a first one with whole headers.
        return Ok(match payload.ip_number {
            IpNumber::TCP => TcpSlice::from_slice(payload.payload).ok().map(|tcp| tcp_hit(ends, &tcp)),
            IpNumber::UDP => UdpHeaderSlice::from_slice(payload.payload)
                .ok()
                .filter(|udp| udp.length() >= 8)
                .map(|udp| hit(ends, (udp.source_port(), udp.destination_port()), Protocol::Udp, 0, 0)),
            _ => None,
        });
    }
    Ok(match &packet.transport {
        Some(TransportSlice::Tcp(tcp)) => Some(tcp_hit(ends, tcp)),
        // It takes a length of 0 for "as long as there is".
        Some(TransportSlice::Udp(udp)) if udp.length() == 0 => None,
        Some(TransportSlice::Udp(udp)) => {
            Some(hit(ends, (udp.source_port(), udp.destination_port()), Protocol::Udp, 0, 0))
        }
        Some(TransportSlice::Icmpv4(_) | TransportSlice::Icmpv6(_) | TransportSlice::Igmp(_)) | None => None,
    })
}

fn tcp_hit(ends: (IpAddr, IpAddr), tcp: &TcpSlice<'_>) -> Hit {
    let bits = [tcp.fin(), tcp.syn(), tcp.rst(), tcp.psh(), tcp.ack(), tcp.urg(), tcp.ece(), tcp.cwr()];
    let flags = bits.iter().rev().fold(0, |flags, bit| flags << 1 | u8::from(*bit));
    hit(ends, (tcp.source_port(), tcp.destination_port()), Protocol::Tcp, flags, tcp.sequence_number())
}

fn hit(
    (source, destination): (IpAddr, IpAddr),
    (source_port, port): (u16, u16),
    protocol: Protocol,
    flags: u8,
    sequence: u32,
) -> Hit {
    Hit { source, destination, source_port, port, protocol, flags: TcpFlags(flags), sequence }
}
