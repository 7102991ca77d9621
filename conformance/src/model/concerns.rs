//! Whether a hit is anything to a door, right or wrong (LISTEN-3, LISTEN-9, FLAGS, SEQ-11).

use std::net::IpAddr;

use super::{
    daemon::Daemon,
    deviation::Deviation as D,
    words::{Door, Hit, Port, Protocol},
};

impl Daemon {
    /// Whether the hit is anything to the door, right or wrong.
    pub(super) fn concerns(&self, door: usize, sequence: &[Port], hit: &Hit) -> bool {
        let Door { target, flags, ignored, .. } = &self.posts[door].door;
        let is_ignored = ignored
            .iter()
            .any(|port| *port == hit.port || port.0 == hit.port.0 && self.is.on(D::IgnoredInBothProtocols));
        let comes_from = self.is.on(D::TargetIsSourceToo) && *target == Some(hit.source);
        (self.goes_to(*target, hit.destination) || comes_from)
            && self.passes(*flags, sequence, hit)
            && (!is_ignored || self.is.on(D::IgnoredPortsSpoil)) // SEQ-11
    }

    /// LISTEN-3.
    pub(super) fn goes_to(&self, target: Option<IpAddr>, destination: IpAddr) -> bool {
        let locals = self.around.locals.as_ref();
        let ours = match locals {
            _ if self.is.on(D::DestinationUnchecked) => true,
            Some(locals) if self.is.on(D::FirstAddressOnly) => {
                let first = |v4| locals.iter().map(|(own, _)| *own).find(|own| own.is_ipv4() == v4);
                first(destination.is_ipv4()) == Some(destination)
            }
            Some(locals) => locals.iter().any(|&(own, _)| own == destination),
            None => is_unicast(destination),
        };
        let no_v6 = self.is.on(D::NoIpv6Locals) || self.around.only_v4;
        let ours = ours && !(no_v6 && destination.is_ipv6());
        match target {
            None => ours,
            Some(_) if self.is.on(D::TargetIgnored) => ours,
            Some(target) => target == destination || ours && self.is.on(D::TargetIsOneMore),
        }
    }

    /// FLAGS.
    fn passes(&self, flags: Option<(u8, u8)>, sequence: &[Port], hit: &Hit) -> bool {
        let names_udp = sequence.iter().any(|port| port.1 == Protocol::Udp);
        match (hit.port.1, flags) {
            (Protocol::Tcp, None) => !self.is.on(D::OnlySynWithoutFlags) || hit.flags & 0x3f == 0x02,
            (Protocol::Udp, None) => names_udp || !self.is.on(D::UdpFilteredWithoutFlags),
            (Protocol::Tcp, Some(_)) if self.is.on(D::FlagsIgnored) => true,
            (Protocol::Tcp, Some((set, clear))) if self.is.on(D::AnyFlagSuffices) => {
                (set == 0 || hit.flags & set != 0) && hit.flags & clear == 0
            }
            (Protocol::Tcp, Some((set, _))) if self.is.on(D::OtherFlagsMustBeClear) => hit.flags & 0x3f == set,
            (Protocol::Tcp, Some((set, clear))) => hit.flags & set == set && hit.flags & clear == 0,
            (Protocol::Udp, Some(_)) if self.is.on(D::FlagsFilterUdp) => false,
            (Protocol::Udp, Some(_)) => names_udp || self.is.on(D::UdpSpoilsBehindFlags), // FLAGS-4
        }
    }

    /// LISTEN-9; LISTEN-5.
    pub(super) fn can_be_client(&self, source: IpAddr, loopback: bool) -> bool {
        let locals = self.around.locals.iter().flatten();
        let networks = if self.is.on(D::BroadcastsReadOnce) { &self.first_locals } else { &self.around.locals };
        let everyone = networks.iter().flatten().any(|&(own, length)| is_broadcast_of(own, length, source));
        let host = source.is_loopback() || locals.clone().any(|&(own, _)| own == source);
        let family = source.is_ipv4() || !self.around.only_v4 || self.is.on(D::OnlyV4SparesTargets);
        let may_be_host = loopback && !self.is.on(D::NoKnockOnLoopback) || self.is.on(D::OwnAddressKnocks);
        let host = host && !may_be_host;
        family && (is_unicast(source) && !everyone && !host || self.is.on(D::AnySourceKnocks))
    }
}

/// Whether an address can be that of one host, as far as it alone tells.
fn is_unicast(address: IpAddr) -> bool {
    let everyone = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(address.is_unspecified() || address.is_multicast() || everyone)
}

/// Whether `address` is the broadcast address of the IPv4 network of `own`: its last one, if it has one to spare.
fn is_broadcast_of(own: IpAddr, length: u8, address: IpAddr) -> bool {
    let (IpAddr::V4(own), IpAddr::V4(address)) = (own, address) else { return false };
    length <= 30 && address.to_bits() == own.to_bits() | (u32::MAX >> length)
}
