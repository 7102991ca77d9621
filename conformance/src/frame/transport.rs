//! What an IP packet carries, with its checksum.

use std::net::IpAddr;

use crate::{
    names::{SERVER, SERVER_6},
    timeline::{Flags, Packet, Payload, Shape},
};

/// The protocol's number and its bytes.
pub(super) fn payload(packet: &Packet) -> (u8, Vec<u8>) {
    let is_v4 = packet.source.is_ipv4();
    let (number, mut bytes, sum) = match &packet.payload {
        Payload::Tcp { from, port, flags, sequence, data } => {
            (6, tcp(*from, *port, *flags, *sequence, *data, &packet.shape), Some(16))
        }
        Payload::Udp { from, port, data } => (17, udp(*from, *port, *data, &packet.shape), Some(6)),
        Payload::Icmp if is_v4 => (1, vec![8, 0, 0, 0, 0, 1, 0, 1], Some(2)),
        Payload::Icmp => (58, vec![128, 0, 0, 0, 0, 1, 0, 1], Some(2)),
        Payload::Quoting { port, flags } => (if is_v4 { 1 } else { 58 }, quoting(*port, *flags, packet), Some(2)),
        Payload::Protocol(number) => (*number, vec![0; 20], None),
        // A frame is whole already; nobody asks what it carries.
        Payload::Frame(_) => (255, Vec::new(), None),
    };
    if let Some(place) = sum {
        let pseudo = if number == 1 { Vec::new() } else { pseudo_header(packet, number, bytes.len()) };
        let sum = checksum(&[&pseudo, &bytes]) ^ if packet.shape.bad_sums { 0x5555 } else { 0 };
        // Zero would say that a datagram has no checksum, RFC 768.
        let sum = if number == 17 && sum == 0 { 0xffff } else { sum };
        bytes[place..place + 2].copy_from_slice(&sum.to_be_bytes());
    }
    (number, bytes)
}

/// RFC 9293.
fn tcp(from: u16, port: u16, flags: Flags, sequence: u32, data: usize, shape: &Shape) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(20 + data);
    bytes.extend(from.to_be_bytes());
    bytes.extend(port.to_be_bytes());
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend([shape.data_offset.unwrap_or(5) << 4, flags.0]);
    bytes.extend([0x04, 0x00, 0, 0, 0, 0]);
    bytes.resize(20 + data, b'x');
    bytes
}

/// RFC 768.
#[expect(clippy::cast_possible_truncation, reason = "a case's packets are far shorter than 64 KiB")]
fn udp(from: u16, port: u16, data: usize, shape: &Shape) -> Vec<u8> {
    let length = shape.length.unwrap_or((8 + data) as u16);
    let mut bytes = [from, port, length, 0].map(u16::to_be_bytes).concat();
    bytes.resize(8 + data, b'x');
    bytes
}

/// "Port unreachable", about a segment that the packet's source claims to have got from the server.
fn quoting(port: u16, flags: Flags, packet: &Packet) -> Vec<u8> {
    let is_v4 = packet.source.is_ipv4();
    let quoted = Packet {
        source: if is_v4 { SERVER.into() } else { SERVER_6.into() },
        destination: packet.source,
        payload: Payload::Tcp { from: port, port, flags, sequence: 1, data: 0 },
        shape: Shape::default(),
        stamp: None,
    };
    let mut bytes = if is_v4 { vec![3, 3, 0, 0, 0, 0, 0, 0] } else { vec![1, 4, 0, 0, 0, 0, 0, 0] };
    bytes.extend(super::ip::packet(&quoted));
    bytes
}

#[expect(clippy::cast_possible_truncation, reason = "a case's packets are far shorter than 64 KiB")]
fn pseudo_header(packet: &Packet, number: u8, length: usize) -> Vec<u8> {
    let mut header = Vec::new();
    for address in [packet.source, packet.destination] {
        match address {
            IpAddr::V4(address) => header.extend(address.octets()),
            IpAddr::V6(address) => header.extend(address.octets()),
        }
    }
    header.extend([0, number]);
    header.extend((length as u16).to_be_bytes());
    header
}

/// RFC 1071.
pub(super) fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u64 = words.map(|word| u64::from(word[0]) << 8 | u64::from(word.get(1).copied().unwrap_or(0))).sum();
    let folded = (0..4).fold(sum, |sum, _| (sum & 0xffff) + (sum >> 16));
    !u16::try_from(folded).unwrap_or(u16::MAX)
}
