//! A case's packet as the bytes of a frame, right or wrong in exactly the ways that the case names.

mod ip;
mod transport;

use crate::{
    case::Link,
    timeline::{Packet, Payload},
};

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What was captured of it.
    pub bytes: Vec<u8>,
    /// How long it was.
    pub original: usize,
}

/// Hardware addresses of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hardware {
    /// Whose interface it comes to.
    pub to: [u8; 6],
    /// Whose it comes from.
    pub from: [u8; 6],
}

/// Hardware addresses for a capture, where nobody has any.
pub const NOBODY: Hardware = Hardware { to: [2, 0, 0, 0, 0, 1], from: [2, 0, 0, 0, 0, 2] };

/// The frame of a packet on a link.
#[must_use]
pub fn frame(packet: &Packet, link: Link, hardware: Hardware) -> Frame {
    let shape = &packet.shape;
    let mut bytes = match &packet.payload {
        Payload::Frame(bytes) => bytes.clone(),
        Payload::Tcp { .. } | Payload::Udp { .. } | Payload::Icmp | Payload::Quoting { .. } | Payload::Protocol(_) => {
            let mut bytes = link_header(packet, link, hardware);
            bytes.extend(ip::packet(packet));
            bytes
        }
    };
    bytes.resize(bytes.len() + shape.trailer, 0);
    let original = bytes.len();
    bytes.truncate(shape.cut.unwrap_or(original));
    Frame { bytes, original }
}

fn link_header(packet: &Packet, link: Link, hardware: Hardware) -> Vec<u8> {
    let ether_type: [u8; 2] = if packet.source.is_ipv4() { [0x08, 0x00] } else { [0x86, 0xdd] };
    match link {
        Link::Ethernet => {
            let mut header = [hardware.to, hardware.from].concat();
            for (depth, id) in packet.shape.vlan.iter().enumerate() {
                // The outer one of two tags is a service tag, IEEE 802.1ad.
                let is_service = depth + 1 < packet.shape.vlan.len();
                header.extend(if is_service { [0x88, 0xa8] } else { [0x81, 0x00] });
                header.extend(id.to_be_bytes());
            }
            header.extend(ether_type);
            header
        }
        Link::Sll => {
            // Packet type 0, to us; hardware type 1, Ethernet; six bytes of address in a field of eight.
            let mut header = vec![0, 0, 0, 1, 0, 6];
            header.extend(hardware.from);
            header.extend([0, 0]);
            header.extend(ether_type);
            header
        }
        Link::Sll2 => {
            // Protocol, reserved, interface 2, hardware type 1, packet type 0, six bytes of address.
            let mut header = ether_type.to_vec();
            header.extend([0, 0, 0, 0, 0, 2, 0, 1, 0, 6]);
            header.extend(hardware.from);
            header.extend([0, 0]);
            header
        }
        Link::Raw => Vec::new(),
        Link::Null => family(packet).to_le_bytes().to_vec(),
        Link::Loop => family(packet).to_be_bytes().to_vec(),
    }
}

/// `AF_INET`, and `AF_INET6` as the BSDs that write such captures number it.
fn family(packet: &Packet) -> u32 {
    if packet.source.is_ipv4() { 2 } else { 30 }
}
