//! Every host of a plan looked up and found reachable, before anything is sent (KNOCK-3).

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket},
};

use super::SendError;
use crate::client::{Family, Host, Plan, lacks_zone};

/// A host and the address at which it is knocked on.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) host: &'a Host,
    /// Its port means nothing.
    pub(super) address: SocketAddr,
}

/// The hosts of `plan` in their order.
pub(super) fn all(plan: &Plan, family: Family) -> Result<Vec<Found<'_>>, SendError> {
    plan.calls().iter().map(|call| find(&call.host, family)).collect()
}

fn find(host: &Host, family: Family) -> Result<Found<'_>, SendError> {
    let name = || host.name().to_owned();
    let has: Vec<SocketAddr> = (host.name(), 0)
        .to_socket_addrs()
        .map_err(|reason| SendError::NotFound { host: name(), reason })?
        .map(plain)
        .collect();
    let Some(address) = family.choose(&has) else {
        let family = if family == Family::V4 { "IPv4" } else { "IPv6" };
        return Err(SendError::NoSuchFamily { host: name(), family, has });
    };
    if lacks_zone(&address) {
        return Err(SendError::NoZone(address));
    }
    route(address).map_err(|reason| SendError::NoRoute { host: name(), address, reason })?;
    Ok(Found { host, address })
}

/// An IPv4 address that is written as an IPv6 one is sent to as IPv4, so it counts as that.
fn plain(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

/// Asks the kernel for a way to the address. A datagram socket that is connected sends nothing.
fn route(mut address: SocketAddr) -> io::Result<()> {
    // Port 9 is the discard service's; any would do but 0.
    address.set_port(9);
    let any: IpAddr = if address.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
    UdpSocket::bind((any, 0))?.connect(address)
}
