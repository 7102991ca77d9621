//! Why a frame carries no hit, in as many words as someone needs who looks at the bytes.

use std::{error, fmt};

use crate::clause::Clause;

/// Why a frame carries no hit. All lengths are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoHit {
    /// A header is cut short: it needs more than is left.
    Short {
        /// The header.
        header: Header,
        /// What it needs.
        needed: u16,
        /// What is left from its first byte on.
        left: u16,
        /// Who says that no more is left.
        limit: Limit,
    },
    /// A length field says less than the headers that it includes.
    Below {
        /// The field.
        field: Field,
        /// What it says.
        value: u16,
        /// What those headers take.
        least: u16,
    },
    /// A length field says more than is left.
    Beyond {
        /// The field.
        field: Field,
        /// What it says.
        value: u16,
        /// What is left for it.
        left: u16,
        /// Who says that no more is left.
        limit: Limit,
    },
    /// A fragment that is not the first, so without ports.
    Fragment {
        /// Where it belongs in its packet.
        offset: u16,
    },
    /// An IPv6 routing header with this many segments left: the packet is on its way to somewhere else.
    SegmentsLeft(u8),
    /// More than two VLAN tags.
    Tags,
    /// The link layer carries something other than IP.
    NotIp {
        /// What it carries: an ethertype, or below 0x600 an IEEE 802.3 length or a number of Linux's own.
        ethertype: u16,
    },
    /// The address family of a loopback header is not one of IP's.
    Family(u32),
    /// The packet does not have the version of IP that it should have.
    Version {
        /// The version in its first four bits.
        found: u8,
        /// What the link layer says; `None` if it does not, and 4 or 6 were good.
        announced: Option<u8>,
    },
    /// An IP packet with another protocol than TCP and UDP, by its number.
    Protocol(u8),
}

/// A header on the way to the ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Header {
    /// Ethernet II: 14 bytes.
    Ethernet,
    /// Linux cooked: 16 bytes.
    Sll,
    /// Linux cooked, version 2: 20 bytes.
    Sll2,
    /// BSD loopback: 4 bytes.
    Null,
    /// An IEEE 802.1Q tag: 4 bytes.
    Vlan,
    /// IP before its version is known: 1 byte.
    Ip,
    /// IPv4 (RFC 791): 20 bytes without options.
    Ipv4,
    /// IPv6 (RFC 8200): 40 bytes.
    Ipv6,
    /// An IPv6 extension header, by its number (RFC 8200, section 4): 8 bytes or more.
    Extension(u8),
    /// TCP (RFC 9293): 20 bytes without options.
    Tcp,
    /// UDP (RFC 768): 8 bytes.
    Udp,
}

/// A field that tells a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// IPv4's IHL, in bytes.
    Ipv4HeaderLength,
    /// IPv4's total length, header included.
    Ipv4TotalLength,
    /// IPv6's payload length, extension headers included.
    Ipv6PayloadLength,
    /// TCP's data offset, in bytes.
    TcpDataOffset,
    /// UDP's length, header included.
    UdpLength,
}

/// Who says where the bytes end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// The capture: the frame goes on, its bytes were not kept.
    Captured,
    /// The frame's original length.
    Frame,
    /// IPv4's total length.
    Ipv4TotalLength,
    /// IPv6's payload length.
    Ipv6PayloadLength,
}

impl NoHit {
    /// The clause that makes the frame no hit: LISTEN-6 for lengths, fragments and routing headers, LISTEN-4 for tags
    /// beyond the second, LISTEN-7 for everything that is neither TCP nor UDP.
    #[must_use]
    pub const fn clause(self) -> Clause {
        match self {
            Self::Short { .. }
            | Self::Below { .. }
            | Self::Beyond { .. }
            | Self::Fragment { .. }
            | Self::SegmentsLeft(_) => Clause::Listen6,
            Self::Tags => Clause::Listen4,
            Self::NotIp { .. } | Self::Family(_) | Self::Version { .. } | Self::Protocol(_) => Clause::Listen7,
        }
    }
}

impl error::Error for NoHit {}

impl fmt::Display for NoHit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Short { header, needed, left, limit } => {
                write!(f, "{header} header cut short: needs {needed} bytes, {left} left of {limit}")
            }
            Self::Below { field, value, least } => write!(f, "{field} is {value} bytes, must be at least {least}"),
            Self::Beyond { field, value, left, limit } => {
                write!(f, "{field} is {value} bytes, {left} left of {limit}")
            }
            Self::Fragment { offset } => write!(f, "fragment at byte {offset} of its packet has no ports"),
            Self::SegmentsLeft(count) => write!(f, "routing header has segments left: {count}"),
            Self::Tags => f.write_str("more than two vlan tags"),
            Self::NotIp { ethertype } if ethertype < 0x0600 => {
                write!(f, "link type field {ethertype} is no ethertype, so not ip")
            }
            Self::NotIp { ethertype } => {
                write!(f, "ethertype {ethertype:#06x}{} is not ip", Name(ethertype_name(ethertype)))
            }
            Self::Family(family) => write!(f, "loopback address family {family} is not ip"),
            Self::Version { found, announced: Some(announced) } => {
                write!(f, "ip version is {found}, the link layer says {announced}")
            }
            Self::Version { found, announced: None } => write!(f, "ip version is {found}, neither 4 nor 6"),
            Self::Protocol(number) => {
                write!(f, "protocol {number}{} is neither tcp nor udp", Name(protocol_name(number)))
            }
        }
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ethernet => "ethernet",
            Self::Sll => "sll",
            Self::Sll2 => "sll2",
            Self::Null => "loopback",
            Self::Vlan => "vlan",
            Self::Ip => "ip",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Extension(number) => return write!(f, "ipv6 extension {number}"),
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4HeaderLength => "ipv4 header length",
            Self::Ipv4TotalLength => "ipv4 total length",
            Self::Ipv6PayloadLength => "ipv6 payload length",
            Self::TcpDataOffset => "tcp data offset",
            Self::UdpLength => "udp length",
        })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Captured => "what was captured",
            Self::Frame => "the frame",
            Self::Ipv4TotalLength => "the ipv4 total length",
            Self::Ipv6PayloadLength => "the ipv6 payload length",
        })
    }
}

/// A name in brackets after its number, or nothing.
struct Name(&'static str);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", self.0) }
    }
}

/// IANA's names of the ethertypes that a look at a capture commonly meets.
fn ethertype_name(ethertype: u16) -> &'static str {
    match ethertype {
        0x0806 => "arp",
        0x8035 => "rarp",
        0x8847 | 0x8848 => "mpls",
        0x8863 | 0x8864 => "pppoe",
        0x888e => "eapol",
        0x88cc => "lldp",
        0x88e5 => "macsec",
        _ => "",
    }
}

/// IANA's names of the protocols that a look at a capture commonly meets.
fn protocol_name(number: u8) -> &'static str {
    match number {
        1 => "icmp",
        2 => "igmp",
        4 => "ipv4",
        41 => "ipv6",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        58 => "icmpv6",
        59 => "no next header",
        89 => "ospf",
        103 => "pim",
        112 => "vrrp",
        132 => "sctp",
        136 => "udplite",
        _ => "",
    }
}
