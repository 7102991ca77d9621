"""Scenarios about how a hit looks on the wire: link types, tags, extension headers, fragments, nonsense."""

import os
import socket
import struct

from . import frames
from .frames import ethernet, ipv4, tcp, udp
from .lab import CLIENT_MAC, SERVER_MAC
from .scenario import World, scenario

PADDING = bytes([1, 4, 0, 0, 0, 0])  # PadN, so that an options header is 8 bytes long.


@scenario("any-sll", "knock", ipv6=True, interface="any", daemon_interface="eth0", tcpdump={"link": "LINUX_SLL"})
def any_sll(world):
    world.knock("7000 8000 9000")
    world.knock("7000 8000 9000", host="fd77::1", options="-6")


@scenario("any-sll2", "knock", ipv6=True, interface="any", daemon_interface="any", tcpdump={"link": "LINUX_SLL2"})
def any_sll2(world):
    world.knock("7000 8000 9000")
    world.knock("7000 8000 9000", host="fd77::1", options="-6")


def tunnel(lab, told):
    """Two tun devices; this process is the cable between them, and nothing on it has a link-layer header."""
    server, client = lab.host("server", told.ipv6), lab.host("client", told.ipv6)
    one, other = (frames.device(host, "tun0", frames.IFF_TUN) for host in (server, client))
    for host, last in ((server, 1), (client, 2)):
        host.address("tun0", f"10.77.0.{last}/24")
        host.address("tun0", f"fd77::{last}/64")
        host.up("tun0")
    frames.carry({one: lambda packet: os.write(other, packet), other: lambda packet: os.write(one, packet)})
    return World(lab, server, [client])


@scenario("raw-ip-tun", "knock", ipv6=True, world=tunnel, interface="tun0")
def raw_ip(world):
    world.knock("7000 8000:udp 9000")
    world.knock("7000 8000:udp 9000", host="fd77::1", options="-6")


def tagging(*tags):
    """The client's device is a tap; its frames leave through eth0 with VLAN `tags` put in."""

    def world(lab, told):
        server, client = lab.host("server"), lab.host("client")
        lab.cable(server, "eth0", client, "eth0", (SERVER_MAC, CLIENT_MAC.format(0xEE)))
        server.address("eth0", "10.77.0.1/24")
        tap = frames.device(client, "tap0", frames.IFF_TAP)
        client.ip(f"link set tap0 address {CLIENT_MAC.format(2)}")
        client.address("tap0", "10.77.0.2/24")
        for host, interface in ((server, "eth0"), (client, "eth0"), (client, "tap0")):
            host.up(interface)
        client.ip(f"neigh add 10.77.0.1 lladdr {SERVER_MAC} dev tap0 nud permanent")
        wire = frames.Wire(client)
        frames.carry({tap: lambda frame: wire.send(frames.tagged(frame, *tags))})
        return World(lab, server, [client])

    return world


@scenario("vlan-one-tag", "knock", "python", world=tagging((frames.ETH_VLAN, 42)))
def one_tag(world):
    world.knock("7000 8000:udp 9000")


@scenario("vlan-two-tags", "knock", "python", world=tagging((frames.ETH_QINQ, 7), (frames.ETH_VLAN, 42)))
def two_tags(world):
    world.knock("7000 8000:udp 9000")


@scenario("ipv6-extension-headers", "python", ipv6=True)
def extension_headers(world):
    syn(world, 7000, destination=True)
    datagram(world, 8000, hop=True, destination=True)
    syn(world, 9000, hop=True, destination=True)
    # A wrong hit counts behind extension headers too.
    syn(world, 7000)
    syn(world, 7777, destination=True)
    for port in (8000, 9000):
        syn(world, port)


@scenario("ipv6-routing-header", "python", ipv6=True)
def routing_header(world):
    world.client.sysctl("net.ipv6.conf.all.seg6_enabled", 1)
    datagram(world, 7000)
    # On its way to fd77::99 by way of the server: here it is no hit, so no mistake either.
    datagram(world, 8500, host="fd77::99", by_way_of="fd77::1")
    datagram(world, 8000)
    datagram(world, 9000)


def syn(world, port, **headers):
    """One SYN from a TCP socket with extension headers."""
    with world.client.inside():
        client = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    with client:
        for option, value in extensions(**headers):
            client.setsockopt(socket.IPPROTO_IPV6, option, value)
        client.settimeout(2)
        client.connect_ex(("fd77::1", port))


def datagram(world, port, host="fd77::1", size=1, **headers):
    with world.client.inside():
        client = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    with client:
        for option, value in extensions(**headers):
            client.setsockopt(socket.IPPROTO_IPV6, option, value)
        client.sendto(bytes(size), (host, port))


def extensions(hop=False, destination=False, by_way_of=None):
    """The headers asked for, as pairs of socket option and its value."""
    if hop:
        yield socket.IPV6_HOPOPTS, bytes([0, 0]) + PADDING
    if destination:
        yield socket.IPV6_DSTOPTS, bytes([0, 0]) + PADDING
    if by_way_of:
        # A segment routing header (RFC 8754), the last segment first; the kernel fills in the final destination.
        way = socket.inet_pton(socket.AF_INET6, "::") + socket.inet_pton(socket.AF_INET6, by_way_of)
        yield socket.IPV6_RTHDR, struct.pack("!BBBBBBH", 0, 4, 4, 1, 1, 0, 0) + way


def narrow(world):
    for host in (world.server, *world.clients):
        host.ip("link set eth0 mtu 1280")


@scenario("fragments", "knock", "hping3", "python", ipv6=True, prepare=narrow)
def fragments(world):
    # Datagrams over the MTU: the first fragment has the ports, the others have none.
    with world.client.inside():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with client:
        # Every two bytes of the data are port 8500's, for those who read ports out of any fragment.
        client.sendto(struct.pack("!H", 8500) * 1000, ("10.77.0.1", 7000))
    world.knock("8000")
    # A first fragment of 16 bytes cuts the TCP header short: no hit.
    world.client.run("hping3 -q -c 1 -S -f -d 24 -p 8500 10.77.0.1")
    world.knock("9000")
    datagram(world, 7000, size=2000)
    world.knock("8000 9000", host="fd77::1", options="-6")


@scenario("malformed-lengths", "knock", "python")
def malformed(world):
    wire = frames.Wire(world.client)
    wrong = tcp(8500)
    world.knock("7000")
    for packet in (
        ipv4(wrong, ihl=4),                                  # a header shorter than any
        ipv4(wrong, ihl=15),                                 # a header that ends beyond the packet
        ipv4(wrong, total=19),                               # shorter than its own header
        ipv4(wrong, total=200),                              # longer than the frame
        ipv4(wrong[:12]),                                    # a TCP header cut short
        ipv4(tcp(8500, offset=4)),                           # a TCP header shorter than any
        ipv4(tcp(8500, offset=15)),                          # one that ends beyond the packet
        ipv4(udp(8500, length=7, data=b"x" * 8), 17),        # UDP shorter than its header
        ipv4(udp(8500, length=64, data=b"x" * 8), 17),       # UDP beyond the packet
        ipv4(udp(8500)[:6], 17),                             # a UDP header cut short
    ):
        wire.send(ethernet(packet))
    world.knock("8000")
    # The right port in a broken packet does not advance the knock either.
    wire.send(ethernet(ipv4(tcp(9000, offset=4))))
    wire.send(ethernet(b"\x45\x00\x00"))
    world.knock("9000")
    world.knock("7000 8000")
    wire.send(ethernet(ipv4(tcp(9000, offset=4))))
    world.knock("1")


@scenario("malformed-headers-as-ports", "knock", "python")
def headers_as_ports(world):
    # With IHL 0 a careless reader takes the packet's first bytes for ports: here the total length, 7000 to 9000.
    wire = frames.Wire(world.client)
    for port in (7000, 8000, 9000):
        wire.send(ethernet(ipv4(tcp(1), ihl=0, total=port)))
    world.knock("7000 8000 9000")


@scenario("impossible-sources", "knock", "python")
def impossible_sources(world):
    wire = frames.Wire(world.client)
    for source in ("0.0.0.0", "255.255.255.255", "10.77.0.255", "224.0.0.5", "127.0.0.1", "10.77.0.1", "10.77.0.2"):
        for number, port in enumerate((7000, 8000, 9000)):
            wire.send(ethernet(ipv4(tcp(port, sequence=1000 + number), source=source)))
    # To the broadcast address: no local address, so neither a hit nor a mistake.
    world.knock("7000")
    wire.send(ethernet(ipv4(udp(8500, data=b"x"), 17, destination="10.77.0.255"), destination="ff:ff:ff:ff:ff:ff"))
    world.knock("8000 9000")
