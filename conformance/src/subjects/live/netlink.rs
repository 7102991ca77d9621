//! Interfaces, addresses and neighbours of the namespace that the process is in, made through netlink.

use std::{fs::File, io, net::IpAddr, os::fd::AsRawFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage},
    link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
    neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState},
    route::{RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::net::if_::if_nametoindex;

/// A netlink socket; it belongs to the namespace in which it was opened, wherever the process goes.
pub(super) struct Netlink(Socket);

/// One end of a pair of interfaces.
pub(super) struct End<'a> {
    /// The interface's name.
    pub(super) name: &'a str,
    /// Its hardware address.
    pub(super) hardware: [u8; 6],
}

/// As large as a frame may be: a case may send more data than an Ethernet carries.
const MTU: u32 = 65_535;

impl Netlink {
    /// Opens a socket in the namespace that the process is in.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self(socket))
    }

    /// Makes a pair of interfaces, one here and one in the namespace `there`.
    pub(super) fn add_pair(&self, here: &End<'_>, far: &End<'_>, there: &File) -> io::Result<()> {
        let mut peer = described(far);
        peer.attributes.push(LinkAttribute::NetNsFd(there.as_raw_fd()));
        let mut link = described(here);
        link.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]));
        self.ask(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Deletes an interface, and with it the other end of its pair.
    pub(super) fn delete(&self, name: &str) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index(name)?;
        self.ask(RouteNetlinkMessage::DelLink(link), 0)
    }

    /// Brings an interface up or down.
    pub(super) fn set_up(&self, name: &str, up: bool) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index(name)?;
        link.header.change_mask = LinkFlags::Up;
        link.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        self.ask(RouteNetlinkMessage::SetLink(link), 0)
    }

    /// Gives an interface an address that can be used at once, or takes it away.
    pub(super) fn address(&self, name: &str, (address, prefix): (IpAddr, u8), added: bool) -> io::Result<()> {
        let mut message = AddressMessage::default();
        message.header.family = family(address);
        message.header.prefix_len = prefix;
        message.header.index = index(name)?;
        message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
        if !added {
            return self.ask(RouteNetlinkMessage::DelAddress(message), 0);
        }
        // Nobody else is on the wire, so nothing is learnt by waiting for duplicates.
        message.header.flags = AddressHeaderFlags::Nodad;
        message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        self.ask(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// Says for ever whose hardware address belongs to `address`.
    pub(super) fn neighbour(&self, name: &str, address: IpAddr, hardware: [u8; 6]) -> io::Result<()> {
        let mut message = NeighbourMessage::default();
        message.header.family = family(address);
        message.header.ifindex = index(name)?;
        message.header.state = NeighbourState::Permanent;
        message.attributes = vec![
            NeighbourAttribute::Destination(match address {
                IpAddr::V4(address) => NeighbourAddress::Inet(address),
                IpAddr::V6(address) => NeighbourAddress::Inet6(address),
            }),
            NeighbourAttribute::LinkLayerAddress(hardware.to_vec()),
        ];
        self.ask(RouteNetlinkMessage::NewNeighbour(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// Says that `address` is behind an interface, whatever network it is in.
    pub(super) fn route(&self, name: &str, address: IpAddr) -> io::Result<()> {
        let mut message = RouteMessage::default();
        message.header.address_family = family(address);
        message.header.destination_prefix_length = if address.is_ipv4() { 32 } else { 128 };
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.protocol = RouteProtocol::Static;
        message.header.scope = RouteScope::Link;
        message.header.kind = RouteType::Unicast;
        message.attributes = vec![RouteAttribute::Destination(address.into()), RouteAttribute::Oif(index(name)?)];
        self.ask(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// Sends a request and waits for the kernel's answer.
    fn ask(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::from(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.0.send(&bytes, 0)?;
        let (answer, _) = self.0.recv_from_full()?;
        let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer).map_err(io::Error::other)?;
        // An acknowledgement is an error with no code.
        let NetlinkPayload::Error(error) = answer.payload else {
            return Err(io::Error::other(format!("the kernel answered {:?} to a request", answer.payload)));
        };
        if error.code.is_some() { Err(error.to_io()) } else { Ok(()) }
    }
}

/// The index of an interface of this namespace.
fn index(name: &str) -> io::Result<u32> {
    if_nametoindex(name).map_err(io::Error::from)
}

fn described(end: &End<'_>) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.attributes = vec![
        LinkAttribute::IfName(end.name.to_owned()),
        LinkAttribute::Address(end.hardware.to_vec()),
        LinkAttribute::Mtu(MTU),
    ];
    link
}

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}
