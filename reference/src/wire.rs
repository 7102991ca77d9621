//! A captured frame -> the hit that it carries, or why it carries none (LISTEN-4, LISTEN-6, LISTEN-7).

use std::net::IpAddr;

use crate::{clause::Clause, flags::TcpFlags, port::Protocol};

/// The link layer of a captured frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// Ethernet II, with up to two VLAN tags.
    Ethernet,
    /// Linux cooked capture.
    Sll,
    /// Linux cooked capture, version 2.
    Sll2,
    /// An IP packet without a link header.
    Raw,
    /// BSD loopback: a four-byte address family, in either byte order.
    Null,
}

/// One frame as it was captured.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Its link layer.
    pub link: Link,
    /// The bytes that were captured.
    pub bytes: &'a [u8],
    /// The frame's length in bytes on the wire, at least `bytes.len()`.
    pub original_len: usize,
}

/// A TCP segment or UDP datagram, as far as doors care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The sender's address.
    pub source: IpAddr,
    /// The address that was hit.
    pub destination: IpAddr,
    /// The sender's port.
    pub source_port: u16,
    /// The port that was hit.
    pub port: u16,
    /// The transport.
    pub protocol: Protocol,
    /// TCP's control bits; none for UDP.
    pub flags: TcpFlags,
    /// TCP's sequence number; 0 for UDP.
    pub sequence: u32,
}

/// Why a frame carries no hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoHit {
    /// Placeholder until the decoder is written.
    NotIp,
}

impl NoHit {
    /// The clause that makes the frame no hit.
    #[must_use]
    pub fn clause(self) -> Clause {
        Clause::Listen7
    }
}

/// The hit that `frame` carries.
///
/// # Errors
///
/// Why it carries none.
pub fn decode(_frame: Frame<'_>) -> Result<Hit, NoHit> {
    Err(NoHit::NotIp)
}
