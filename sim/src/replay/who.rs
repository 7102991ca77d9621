//! Who sent a packet that is no hit: only an explanation asks, so a library answers.

use std::net::IpAddr;

use etherparse::{LaxNetSlice, LaxSlicedPacket};
use knockd::wire::{Frame, Link};

/// The source and destination address of whatever IP packet the frame carries, however damaged it is behind them.
#[must_use]
pub(super) fn addresses(frame: &Frame<'_>) -> Option<(IpAddr, IpAddr)> {
    let behind = |header: usize| frame.bytes.get(header..).and_then(|packet| LaxSlicedPacket::from_ip(packet).ok());
    let packet = match frame.link {
        Link::Ethernet => LaxSlicedPacket::from_ethernet(frame.bytes).ok(),
        Link::Sll => behind(16),
        Link::Sll2 => behind(20),
        Link::Raw => behind(0),
        Link::Null => behind(4),
    };
    match packet?.net? {
        LaxNetSlice::Ipv4(ip) => Some((ip.header().source_addr().into(), ip.header().destination_addr().into())),
        LaxNetSlice::Ipv6(ip) => Some((ip.header().source_addr().into(), ip.header().destination_addr().into())),
        LaxNetSlice::Arp(_) => None,
    }
}
