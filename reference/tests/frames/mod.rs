//! A hit as the frame that carries it.

use etherparse::{PacketBuilder, PacketBuilderStep, TcpHeader};
use knockd::{
    port::Protocol,
    wire::{Frame, Hit, Link},
};
use std::net::IpAddr;

/// The IP packet of `hit`, without a link header; its checksums are good.
pub(crate) fn packet(hit: &Hit) -> Vec<u8> {
    let ip = match (hit.source, hit.destination) {
        (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), 64),
        (IpAddr::V6(from), IpAddr::V6(to)) => PacketBuilder::ipv6(from.octets(), to.octets(), 64),
        (from, to) => panic!("{from} and {to} are of different families"),
    };
    let mut bytes = Vec::with_capacity(60);
    let written = match hit.protocol {
        Protocol::Tcp => tcp(ip, hit).write(&mut bytes, &[]),
        Protocol::Udp => ip.udp(hit.source_port, hit.port).write(&mut bytes, &[]),
    };
    written.expect("a vector takes every byte");
    bytes
}

/// A whole packet, captured without a link header.
pub(crate) fn raw(packet: &[u8]) -> Frame<'_> {
    Frame { link: Link::Raw, bytes: packet, original_len: packet.len() }
}

fn tcp(ip: PacketBuilderStep<etherparse::IpHeaders>, hit: &Hit) -> PacketBuilderStep<TcpHeader> {
    let mut header = TcpHeader::new(hit.source_port, hit.port, hit.sequence, 64_240);
    let bit = |bit: u8| hit.flags.0 & bit != 0;
    (header.fin, header.syn, header.rst) = (bit(0x01), bit(0x02), bit(0x04));
    (header.psh, header.ack, header.urg) = (bit(0x08), bit(0x10), bit(0x20));
    ip.tcp_header(header)
}
