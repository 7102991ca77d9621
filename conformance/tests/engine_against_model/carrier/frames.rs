//! What the model calls a packet, as bytes on an Ethernet.

use std::net::IpAddr;

use etherparse::{PacketBuilder, TcpHeader};

use knock_conformance::model::{Hit, Port, Protocol};

use crate::scenario::Packet;

/// The frame that carries `packet`.
pub(crate) fn frame(packet: &Packet) -> Vec<u8> {
    packet.hit.as_ref().map_or_else(arp, hit_frame)
}

/// A frame that carries no hit.
fn arp() -> Vec<u8> {
    let mut bytes = vec![0; 60];
    bytes[12..14].copy_from_slice(&[0x08, 0x06]);
    bytes
}

fn hit_frame(hit: &Hit) -> Vec<u8> {
    let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 9]);
    let ip = match (hit.source, hit.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => ethernet.ipv4(source.octets(), destination.octets(), 64),
        (IpAddr::V6(source), IpAddr::V6(destination)) => ethernet.ipv6(source.octets(), destination.octets(), 64),
        (source, destination) => panic!("no packet goes from {source} to {destination}"),
    };
    let Port(port, protocol) = hit.port;
    let mut bytes = Vec::new();
    match protocol {
        Protocol::Tcp => {
            let mut tcp = TcpHeader::new(hit.source_port, port, hit.sequence, 64240);
            [tcp.fin, tcp.syn, tcp.rst, tcp.psh, tcp.ack, tcp.urg, tcp.ece, tcp.cwr] =
                std::array::from_fn(|bit| hit.flags >> bit & 1 == 1);
            ip.tcp_header(tcp).write(&mut bytes, &[])
        }
        Protocol::Udp => ip.udp(hit.source_port, port).write(&mut bytes, b"knock"),
    }
    .expect("a vector takes every packet");
    bytes
}
