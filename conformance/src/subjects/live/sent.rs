//! A frame that somebody sent, in the words of a case.

use std::net::IpAddr;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};

use crate::timeline::Flags;

/// A TCP segment or UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) from: u16,
    pub(super) port: u16,
    /// TCP's flags; none for UDP.
    pub(super) flags: Option<Flags>,
}

/// What a client sent: `tcp 7000 syn to 192.0.2.1`. Nothing if it is neither TCP nor UDP, as what a kernel says to its
/// neighbours.
pub(super) fn sent(frame: &[u8]) -> Option<String> {
    let Told { destination, port, flags, .. } = tell(frame)?;
    Some(match flags {
        Some(flags) => format!("tcp {port} {flags} to {destination}"),
        None => format!("udp {port} to {destination}"),
    })
}

/// The TCP segment or UDP datagram of an Ethernet frame.
pub(super) fn tell(frame: &[u8]) -> Option<Told> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let (source, destination) = match packet.net? {
        NetSlice::Ipv4(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        NetSlice::Ipv6(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        NetSlice::Arp(_) => return None,
    };
    let (from, port, flags) = match packet.transport? {
        TransportSlice::Tcp(tcp) => {
            // FIN to CWR are the header's fourteenth byte.
            (tcp.source_port(), tcp.destination_port(), Some(Flags(tcp.slice()[13])))
        }
        TransportSlice::Udp(udp) => (udp.source_port(), udp.destination_port(), None),
        TransportSlice::Icmpv4(_) | TransportSlice::Icmpv6(_) | TransportSlice::Igmp(_) => return None,
    };
    Some(Told { source, destination, from, port, flags })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::Link,
        frame::{NOBODY, frame},
        timeline,
    };

    #[test]
    fn what_is_sent_is_told_in_the_words_of_a_case() {
        let text = "0 alice > tcp 7000 syn,ack\nalice6 > udp 53 to other6\nalice > icmp\nnever run *\n";
        let timeline = timeline::parse(text).expect("a timeline");
        let told: Vec<_> =
            timeline.packets().map(|(_, packet)| sent(&frame(packet, Link::Ethernet, NOBODY).bytes)).collect();
        let wanted = [Some("tcp 7000 syn,ack to 192.0.2.1"), Some("udp 53 to 2001:db8::99"), None];
        assert_eq!(told.iter().map(Option::as_deref).collect::<Vec<_>>(), wanted);
        assert_eq!(sent(&[0; 20]), None);
    }
}
