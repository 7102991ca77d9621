//! IPv4 and IPv6 headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::transport::{self, checksum};
use crate::timeline::{Extension, Packet, Shape};

/// The IP packet. A packet whose addresses are of two families gets a destination of its source's.
pub(super) fn packet(packet: &Packet) -> Vec<u8> {
    let (protocol, payload) = transport::payload(packet);
    let shape = &packet.shape;
    match (packet.source, packet.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => v4(source, destination, protocol, &payload, shape),
        (IpAddr::V4(source), IpAddr::V6(_)) => v4(source, Ipv4Addr::UNSPECIFIED, protocol, &payload, shape),
        (IpAddr::V6(source), IpAddr::V6(destination)) => v6(source, destination, protocol, &payload, shape),
        (IpAddr::V6(source), IpAddr::V4(_)) => v6(source, Ipv6Addr::UNSPECIFIED, protocol, &payload, shape),
    }
}

/// RFC 791.
fn v4(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, payload: &[u8], shape: &Shape) -> Vec<u8> {
    let words = 5 + shape.options.len() / 4;
    let length = 4 * words + payload.len();
    let (offset, more) = shape.fragment.unwrap_or((0, false));
    let fragment = (offset / 8) | if more { 0x2000 } else { 0 };
    let mut header = vec![0x40 | shape.ihl.unwrap_or(low_byte(words)), 0];
    header.extend(shape.total.unwrap_or(low_word(length)).to_be_bytes());
    header.extend([0x12, 0x34]);
    header.extend(fragment.to_be_bytes());
    header.extend([64, protocol, 0, 0]);
    header.extend(source.octets());
    header.extend(destination.octets());
    header.extend(&shape.options);
    let sum = checksum(&[&header]) ^ if shape.bad_sums { 0x5555 } else { 0 };
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    header.extend(payload);
    header
}

/// RFC 8200.
fn v6(source: Ipv6Addr, destination: Ipv6Addr, protocol: u8, payload: &[u8], shape: &Shape) -> Vec<u8> {
    let mut numbers: Vec<u8> = shape.extensions.iter().map(|extension| extension.number()).collect();
    numbers.extend(shape.fragment.map(|_| 44));
    numbers.push(protocol);
    let mut rest = Vec::new();
    for (place, extension) in shape.extensions.iter().enumerate() {
        rest.extend(extension_header(*extension, numbers[place + 1]));
    }
    if let Some((offset, more)) = shape.fragment {
        rest.extend([protocol, 0]);
        rest.extend((offset | u16::from(more)).to_be_bytes());
        rest.extend([0, 0, 0x12, 0x34]);
    }
    rest.extend(payload);
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend(shape.payload.unwrap_or(low_word(rest.len())).to_be_bytes());
    packet.extend([numbers[0], 64]);
    packet.extend(source.octets());
    packet.extend(destination.octets());
    packet.extend(rest);
    packet
}

fn extension_header(extension: Extension, next: u8) -> Vec<u8> {
    match extension {
        // One option, PadN, that fills eight bytes.
        Extension::Hop | Extension::Destination => vec![next, 0, 1, 4, 0, 0, 0, 0],
        Extension::Route0 => vec![next, 0, 4, 0, 0, 0, 0, 0],
        // Segment routing needs at least one segment: sixteen more bytes.
        Extension::Route1 => [vec![next, 2, 4, 1, 0, 0, 0, 0], vec![0; 16]].concat(),
        // The length counts words of four bytes beyond the first two: twelve bytes are 1.
        Extension::Authentication => vec![next, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1],
        Extension::Mobility | Extension::Hip | Extension::Shim6 => vec![next, 0, 0, 0, 0, 0, 0, 0],
        // The rest of the packet is there, but nobody may read it.
        Extension::NoNext => Vec::new(),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a header has at most fifteen words")]
fn low_byte(words: usize) -> u8 {
    words as u8
}

#[expect(clippy::cast_possible_truncation, reason = "a case's packets are far shorter than 64 KiB")]
fn low_word(length: usize) -> u16 {
    length as u16
}
