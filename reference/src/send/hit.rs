//! One packet a hit, each from a port of its own.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::port::Protocol;

/// A datagram's data: one byte, as 0.8 sends, since some firewalls take an empty datagram for a fault.
const DATAGRAM: [u8; 1] = [0];
/// How many ports are asked for until one is new; with that many hits of one knock ports may recur.
const ENOUGH: usize = 64;

/// Sends hits, and knows from which ports.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    used: BTreeSet<u16>,
}

impl Sockets {
    /// Sends the one packet and closes its socket.
    pub(super) fn hit(&mut self, to: SocketAddr, protocol: Protocol) -> io::Result<()> {
        let socket = self.socket(to, protocol)?;
        match protocol {
            Protocol::Udp => socket.send_to(&DATAGRAM, &to.into()).map(drop),
            Protocol::Tcp => {
                socket.set_nonblocking(true)?;
                // It closes with an RST if the answer comes before the end of this function.
                socket.set_linger(Some(Duration::ZERO))?;
                match socket.connect(&to.into()) {
                    Err(error) if !is_sent(&error) => Err(error),
                    Ok(()) | Err(_) => Ok(()),
                }
            }
        }
    }

    /// A socket on a port from which no hit has come yet. The kernel may give a port again that was closed a moment ago,
    /// and a second datagram from it would be a repeat of the first one (SEQ-5).
    fn socket(&mut self, to: SocketAddr, protocol: Protocol) -> io::Result<Socket> {
        let any: IpAddr = if to.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
        let kind = if protocol == Protocol::Tcp { Type::STREAM } else { Type::DGRAM };
        // While these are open the kernel gives other ports.
        let mut refused = Vec::new();
        loop {
            let socket = Socket::new(Domain::for_address(to), kind, None)?;
            socket.bind(&SockAddr::from(SocketAddr::new(any, 0)))?;
            let port = socket.local_addr()?.as_socket().map_or(0, |address| address.port());
            if self.used.insert(port) || refused.len() == ENOUGH {
                return Ok(socket);
            }
            refused.push(socket);
        }
    }
}

/// Whether the SYN is on its way: the connection is in progress, or was even answered already.
fn is_sent(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS)
        || matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset
        )
}
