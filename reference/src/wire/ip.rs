//! IP and the transport headers (LISTEN-6, LISTEN-7): RFC 791, RFC 8200, RFC 9293, RFC 768.

use std::net::IpAddr;

use super::{Field, Header, Hit, Limit, NoHit, rest::Rest};
use crate::{flags::TcpFlags, port::Protocol};

/// IPv4's flag of every fragment but the last.
pub(super) const MORE_FRAGMENTS: u16 = 0x2000;
/// The bits of IPv4's fragment offset, which counts in units of 8 bytes.
pub(super) const FRAGMENT_OFFSET: u16 = 0x1fff;

pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;

/// IPv6's extension headers by their number (RFC 8200, section 4; RFC 4302, 6275, 7401, 5533).
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM6: u8 = 140;

/// What a transport header tells.
struct Segment {
    source_port: u16,
    port: u16,
    protocol: Protocol,
    flags: TcpFlags,
    sequence: u32,
}

impl Segment {
    #[inline]
    fn between(self, source: IpAddr, destination: IpAddr) -> Hit {
        let Self { source_port, port, protocol, flags, sequence } = self;
        Hit { source, destination, source_port, port, protocol, flags, sequence }
    }
}

/// The hit in an IP packet of the version that the link layer `announced`, or of either if it said nothing.
#[inline]
pub(super) fn decode(packet: Rest<'_>, announced: Option<u8>) -> Result<Hit, NoHit> {
    let [first] = *packet.head(Header::Ip)?;
    match (first >> 4, announced) {
        (4, None | Some(4)) => v4(packet),
        (6, None | Some(6)) => v6(packet),
        (found, announced) => Err(NoHit::Version { found, announced }),
    }
}

#[inline]
fn v4(packet: Rest<'_>) -> Result<Hit, NoHit> {
    let head: &[u8; 20] = packet.head(Header::Ipv4)?;
    let header_length = at_least(Field::Ipv4HeaderLength, u16::from(head[0] & 0x0f) * 4, 20)?;
    let total_length = at_least(Field::Ipv4TotalLength, u16::from_be_bytes([head[2], head[3]]), header_length)?;
    let packet = packet.narrow(Field::Ipv4TotalLength, total_length, Limit::Ipv4TotalLength)?;

    let fragment = u16::from_be_bytes([head[6], head[7]]);
    if fragment & FRAGMENT_OFFSET != 0 {
        return Err(NoHit::Fragment { offset: (fragment & FRAGMENT_OFFSET) * 8 });
    }
    let payload = packet.after(Header::Ipv4, usize::from(header_length))?;
    let segment = transport(head[9], payload, fragment & MORE_FRAGMENTS != 0)?;
    let [.., s0, s1, s2, s3, d0, d1, d2, d3] = *head;
    Ok(segment.between(IpAddr::from([s0, s1, s2, s3]), IpAddr::from([d0, d1, d2, d3])))
}

#[inline]
fn v6(packet: Rest<'_>) -> Result<Hit, NoHit> {
    let head: &[u8; 40] = packet.head(Header::Ipv6)?;
    let mut rest = packet.after(Header::Ipv6, 40)?.narrow(
        Field::Ipv6PayloadLength,
        u16::from_be_bytes([head[4], head[5]]),
        Limit::Ipv6PayloadLength,
    )?;
    let mut next = head[6];
    let mut first_fragment = false;
    // Ends because each header takes 8 bytes or more of the payload.
    while is_extension(next) {
        let header = Header::Extension(next);
        let [following, length, third, fourth, ..] = *rest.head::<8>(header)?;
        let length = usize::from(length);
        let size = match next {
            FRAGMENT => {
                let fragment = u16::from_be_bytes([third, fourth]);
                if fragment & !7 != 0 {
                    return Err(NoHit::Fragment { offset: fragment & !7 });
                }
                first_fragment |= fragment & 1 != 0;
                8
            }
            ROUTING if fourth != 0 => return Err(NoHit::SegmentsLeft(fourth)),
            AUTHENTICATION => (length + 2) * 4,
            _ => (length + 1) * 8,
        };
        rest = rest.after(header, size)?;
        next = following;
    }
    let segment = transport(next, rest, first_fragment)?;
    let (mut source, mut destination) = ([0; 16], [0; 16]);
    source.copy_from_slice(&head[8..24]);
    destination.copy_from_slice(&head[24..]);
    Ok(segment.between(source.into(), destination.into()))
}

#[inline]
fn is_extension(number: u8) -> bool {
    matches!(
        number,
        HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION_OPTIONS | MOBILITY | HOST_IDENTITY | SHIM6
    )
}

/// The transport header of an IP payload, which may be only the first of its fragments. Always inline: a result passed through
/// memory doubles the time of both callers.
#[inline(always)]
fn transport(number: u8, payload: Rest<'_>, first_fragment: bool) -> Result<Segment, NoHit> {
    match number {
        TCP => {
            let head: &[u8; 20] = payload.head(Header::Tcp)?;
            let data_offset = at_least(Field::TcpDataOffset, u16::from(head[12] >> 4) * 4, 20)?;
            payload.holds(Field::TcpDataOffset, data_offset)?;
            Ok(Segment {
                source_port: u16::from_be_bytes([head[0], head[1]]),
                port: u16::from_be_bytes([head[2], head[3]]),
                protocol: Protocol::Tcp,
                flags: TcpFlags(head[13]),
                sequence: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            })
        }
        UDP => {
            let head: &[u8; 8] = payload.head(Header::Udp)?;
            let length = at_least(Field::UdpLength, u16::from_be_bytes([head[4], head[5]]), 8)?;
            // A datagram in fragments is longer than the first of them.
            if !first_fragment {
                payload.holds(Field::UdpLength, length)?;
            }
            Ok(Segment {
                source_port: u16::from_be_bytes([head[0], head[1]]),
                port: u16::from_be_bytes([head[2], head[3]]),
                protocol: Protocol::Udp,
                flags: TcpFlags::default(),
                sequence: 0,
            })
        }
        _ => Err(NoHit::Protocol(number)),
    }
}

/// `value` again, unless `field` must not be that small.
#[inline]
fn at_least(field: Field, value: u16, least: u16) -> Result<u16, NoHit> {
    if value < least { Err(NoHit::Below { field, value, least }) } else { Ok(value) }
}
