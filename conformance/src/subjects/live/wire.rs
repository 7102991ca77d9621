//! Frames onto a wire and off it, as they are.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use nix::{
    errno::Errno,
    ifaddrs::getifaddrs,
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, bind, recv, send, socket},
};

/// A packet socket at one interface.
pub(super) struct Wire(OwnedFd);

impl Wire {
    /// Opens a socket that only sends, at an interface of the namespace that the process is in.
    pub(super) fn sender(interface: &str) -> io::Result<Self> {
        Self::open(interface, None)
    }

    /// Opens a socket that also sees everything that comes and goes.
    pub(super) fn listener(interface: &str) -> io::Result<Self> {
        Self::open(interface, Some(SockProtocol::EthAll))
    }

    fn open(interface: &str, protocol: Option<SockProtocol>) -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let descriptor = socket(AddressFamily::Packet, SockType::Raw, flags, protocol)?;
        // Every interface has such an address, which says its index; its protocol of 0 leaves the socket's own.
        let address = getifaddrs()?
            .filter(|found| found.interface_name == interface)
            .find_map(|found| found.address?.as_link_addr().copied())
            .ok_or_else(|| io::Error::other(format!("there is no interface {interface}")))?;
        bind(descriptor.as_raw_fd(), &address)?;
        Ok(Self(descriptor))
    }

    /// Sends a frame, link header included. A wire that is down loses it, as wires do.
    pub(super) fn send(&self, frame: &[u8]) -> io::Result<()> {
        match send(self.0.as_raw_fd(), frame, MsgFlags::empty()) {
            Ok(_) | Err(Errno::ENETDOWN | Errno::ENXIO | Errno::ENODEV) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The next frame that was seen, if there is one.
    pub(super) fn receive(&self) -> io::Result<Option<Vec<u8>>> {
        let mut frame = vec![0; 65_536];
        match recv(self.0.as_raw_fd(), &mut frame, MsgFlags::empty()) {
            Ok(length) => {
                frame.truncate(length);
                Ok(Some(frame))
            }
            Err(Errno::EAGAIN | Errno::ENETDOWN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
