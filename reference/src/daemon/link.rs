//! The host's interfaces and their addresses, and whatever tells that they change (LISTEN-8).
//!
//! The kernel's messages only say when to look again: what there is, is asked for anew. So a message that got lost, as
//! they do when there are many, does no harm.

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use nix::{
    errno::Errno,
    ifaddrs::getifaddrs,
    net::if_::InterfaceFlags,
    sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, recv, socket,
    },
};

use crate::engine::Local;

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    /// Its number, which another interface of the same name does not have.
    pub(super) index: usize,
    /// Whether it is up.
    pub(super) up: bool,
    /// Whether it is a loopback interface.
    pub(super) loopback: bool,
    /// Its addresses.
    pub(super) addresses: Vec<Local>,
}

/// The host's interfaces by name.
pub(super) type Links = BTreeMap<String, Link>;

/// The interfaces that there are now.
pub(super) fn links() -> io::Result<Links> {
    let mut links = Links::new();
    for entry in getifaddrs()? {
        // An IPv4 address may have a label of its own behind the interface's name.
        let name = entry.interface_name.split(':').next().unwrap_or_default();
        let link = links.entry(name.to_owned()).or_default();
        link.up = entry.flags.contains(InterfaceFlags::IFF_UP);
        link.loopback = entry.flags.contains(InterfaceFlags::IFF_LOOPBACK);
        let Some(address) = entry.address else { continue };
        if let Some(hardware) = address.as_link_addr() {
            link.index = hardware.ifindex();
        }
        let prefix = entry.netmask.as_ref().and_then(ip).map(prefix);
        link.addresses.extend(ip(&address).map(|address| Local { address, prefix }));
    }
    Ok(links)
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

/// The length of the prefix that a mask leaves.
fn prefix(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(mask) => mask.to_bits().leading_ones(),
        IpAddr::V6(mask) => mask.to_bits().leading_ones(),
    };
    u8::try_from(ones).unwrap_or(u8::MAX)
}

/// Becomes readable when a link or an address comes, goes or changes.
#[derive(Debug)]
pub(super) struct Changes(OwnedFd);

/// The kernel's groups of messages about links and about addresses of both families.
const GROUPS: u32 = 1 | 1 << 4 | 1 << 8;

impl Changes {
    /// Watches from now on.
    pub(super) fn watch() -> io::Result<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))?;
        Ok(Self(socket))
    }

    /// Forgets what made it readable; whoever asks then sees all of it.
    pub(super) fn clear(&self) -> io::Result<()> {
        let mut message = [0; 8192];
        loop {
            match recv(self.0.as_raw_fd(), &mut message, MsgFlags::empty()) {
                // What the socket could not hold is lost, and need not be read.
                Ok(_) | Err(Errno::ENOBUFS | Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Changes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
