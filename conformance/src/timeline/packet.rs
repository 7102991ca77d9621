//! A packet as a case describes it.

use std::{fmt, net::IpAddr};

use crate::{names, time::Nanos};

/// TCP flags, as on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

const FLAG_NAMES: [&str; 8] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];

impl Flags {
    /// Reads names with commas, or `none`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "none" {
            return Some(Self(0));
        }
        text.split(',').try_fold(Self(0), |Self(flags), name| {
            let bit = FLAG_NAMES.iter().position(|known| *known == name)?;
            Some(Self(flags | 1 << bit))
        })
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = (0..8).filter(|bit| self.0 >> bit & 1 == 1).map(|bit| FLAG_NAMES[bit]).collect();
        f.write_str(if names.is_empty() { "none".to_owned() } else { names.join(",") }.as_str())
    }
}

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Whose address it bears.
    pub source: IpAddr,
    /// Where it goes.
    pub destination: IpAddr,
    /// What it carries.
    pub payload: Payload,
    /// How it differs from a plain packet.
    pub shape: Shape,
    /// Its stamp, if that is not when it comes.
    pub stamp: Option<Nanos>,
}

/// What a packet carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A TCP segment.
    Tcp {
        /// Source port.
        from: u16,
        /// Destination port.
        port: u16,
        /// Flags.
        flags: Flags,
        /// Sequence number.
        sequence: u32,
        /// Bytes of data.
        data: usize,
    },
    /// A UDP datagram.
    Udp {
        /// Source port.
        from: u16,
        /// Destination port.
        port: u16,
        /// Bytes of data.
        data: usize,
    },
    /// An ICMP echo request.
    Icmp,
    /// An ICMP error that quotes a TCP segment to the server.
    Quoting {
        /// The segment's destination port.
        port: u16,
        /// Its flags.
        flags: Flags,
    },
    /// Twenty bytes of another protocol.
    Protocol(u8),
    /// A whole frame, link header included; the packet's addresses mean nothing.
    Frame(Vec<u8>),
}

/// How a packet differs from a plain one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// VLAN ids, outermost first.
    pub vlan: Vec<u16>,
    /// How many bytes of the frame were captured.
    pub cut: Option<usize>,
    /// Bytes that follow the packet in the frame.
    pub trailer: usize,
    /// A fragment: its offset in bytes, and whether more follow.
    pub fragment: Option<(u16, bool)>,
    /// IPv4 options.
    pub options: Vec<u8>,
    /// IPv6 extension headers, in order.
    pub extensions: Vec<Extension>,
    /// A false IPv4 header length, in words.
    pub ihl: Option<u8>,
    /// A false IPv4 total length.
    pub total: Option<u16>,
    /// A false IPv6 payload length.
    pub payload: Option<u16>,
    /// A false TCP data offset, in words.
    pub data_offset: Option<u8>,
    /// A false UDP length.
    pub length: Option<u16>,
    /// Whether the checksums are wrong.
    pub bad_sums: bool,
}

/// An IPv6 extension header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// Hop-by-hop options.
    Hop,
    /// Destination options.
    Destination,
    /// Routing, with no segments left.
    Route0,
    /// Routing, with one segment left.
    Route1,
    /// Authentication.
    Authentication,
    /// Mobility.
    Mobility,
    /// Host identity protocol.
    Hip,
    /// Shim6.
    Shim6,
    /// No next header.
    NoNext,
}

impl Extension {
    /// Reads its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "hop" => Self::Hop,
            "dst" => Self::Destination,
            "route0" => Self::Route0,
            "route1" => Self::Route1,
            "ah" => Self::Authentication,
            "mobility" => Self::Mobility,
            "hip" => Self::Hip,
            "shim6" => Self::Shim6,
            "none" => Self::NoNext,
            _ => return None,
        })
    }

    /// Its protocol number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Hop => 0,
            Self::Destination => 60,
            Self::Route0 | Self::Route1 => 43,
            Self::Authentication => 51,
            Self::Mobility => 135,
            Self::Hip => 139,
            Self::Shim6 => 140,
            Self::NoNext => 59,
        }
    }
}

/// In the words of a timeline, as far as a person needs them.
impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = names::name(self.source);
        match &self.payload {
            Payload::Tcp { port, flags, .. } => write!(f, "{who} > tcp {port} {flags}")?,
            Payload::Udp { port, .. } => write!(f, "{who} > udp {port}")?,
            Payload::Icmp => write!(f, "{who} > icmp")?,
            Payload::Quoting { port, flags } => write!(f, "{who} > icmp quoting tcp {port} {flags}")?,
            Payload::Protocol(number) => write!(f, "{who} > proto {number}")?,
            Payload::Frame(bytes) => return write!(f, "frame of {} bytes", bytes.len()),
        }
        let to = names::name(self.destination);
        if !matches!(to.as_str(), "server" | "server6") {
            write!(f, " to {to}")?;
        }
        self.shape.fmt(f)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.vlan.is_empty() {
            write!(f, " vlan {}", self.vlan.iter().map(u16::to_string).collect::<Vec<_>>().join(","))?;
        }
        if let Some((offset, more)) = self.fragment {
            write!(f, " fragment {offset}{}", if more { " more" } else { "" })?;
        }
        if !self.options.is_empty() {
            f.write_str(" options")?;
        }
        if !self.extensions.is_empty() {
            let names: Vec<_> = self.extensions.iter().map(|extension| extension.number().to_string()).collect();
            write!(f, " ext {}", names.join(","))?;
        }
        let numbers = [
            ("cut", self.cut),
            ("trailer", (self.trailer != 0).then_some(self.trailer)),
            ("ihl", self.ihl.map(usize::from)),
            ("total", self.total.map(usize::from)),
            ("payload", self.payload.map(usize::from)),
            ("doff", self.data_offset.map(usize::from)),
            ("length", self.length.map(usize::from)),
        ];
        for (word, number) in numbers {
            if let Some(number) = number {
                write!(f, " {word} {number}")?;
            }
        }
        f.write_str(if self.bad_sums { " badsum" } else { "" })
    }
}
