//! Ports and protocols: what one hit of a sequence names.

use std::{fmt, num::NonZeroU16};

/// The transport of a hit. Only these two concern a door (LISTEN-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// A TCP segment (RFC 9293).
    Tcp,
    /// A UDP datagram (RFC 768).
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// One element of a sequence: a port from 1 to 65535 and its protocol (SEQ-2, CONF-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// The port's number; port 0 cannot be knocked on.
    pub number: NonZeroU16,
    /// The protocol, TCP unless the text says otherwise.
    pub protocol: Protocol,
}

/// As in a configuration: `7000` for TCP, `7000:udp` for UDP.
impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Protocol::Tcp => write!(f, "{}", self.number),
            Protocol::Udp => write!(f, "{}:udp", self.number),
        }
    }
}
