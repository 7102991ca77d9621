"""Bytes on the wire: frames written by hand, devices whose frames pass through here, and pcapng."""

import fcntl
import os
import select
import socket
import struct
import threading

from .lab import CLIENT_MAC, SERVER_MAC

ETH_IP, ETH_VLAN, ETH_QINQ = 0x0800, 0x8100, 0x88A8
SYN = 0x02
TUNSETIFF, IFF_TUN, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0001, 0x0002, 0x1000


class Wire:
    """A packet socket at a host's interface: sends frames that no kernel would make."""

    def __init__(self, host, interface="eth0"):
        with host.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.socket.bind((interface, 0))
        host.lab.closers.append(self.socket.close)

    def send(self, frame):
        self.socket.send(frame)


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ethernet(packet, kind=ETH_IP, source=CLIENT_MAC.format(2), destination=SERVER_MAC):
    return mac(destination) + mac(source) + struct.pack("!H", kind) + packet


def ipv4(payload, protocol=6, source="10.77.0.2", destination="10.77.0.1", total=None, ihl=5):
    """An IPv4 packet; `total` and `ihl` may lie."""
    total = 20 + len(payload) if total is None else total
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | ihl, 0, total, 0, 0x4000, 64, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(destination))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def tcp(port, flags=SYN, source=40000, sequence=1, offset=5, data=b""):
    """A TCP segment without options; `offset` may lie. Its checksum is left unfinished, as offload leaves it."""
    return struct.pack("!HHIIBBHHH", source, port, sequence, 0, offset << 4, flags, 1024, 0, 0) + data


def udp(port, source=40000, length=None, data=b""):
    return struct.pack("!HHHH", source, port, 8 + len(data) if length is None else length, 0) + data


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tagged(frame, *tags):
    """The frame with VLAN `tags`, pairs of (EtherType, number), the outer one first."""
    return frame[:12] + b"".join(struct.pack("!HH", kind, vlan) for kind, vlan in tags) + frame[12:]


def device(host, name, kind):
    """A tun or tap device in a host's namespace, and the descriptor at its other side."""
    with host.inside():
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH", name.encode(), kind | IFF_NO_PI))
    host.lab.closers.append(lambda: os.close(descriptor))
    return descriptor


def carry(ways):
    """Carries packets from now on, in a thread: `ways` maps a descriptor to what is done with a packet read there."""

    def forever():
        while True:
            try:
                for descriptor in select.select(list(ways), [], [])[0]:
                    ways[descriptor](os.read(descriptor, 65536))
            except OSError:
                return  # The lab has closed the devices.

    threading.Thread(target=forever, daemon=True).start()


def to_pcapng(pcap, pcapng):
    """Writes the packets of a classic microsecond pcap as pcapng, unchanged, times included."""
    with open(pcap, "rb") as file:
        data = file.read()
    magic, _, _, _, _, snaplen, link = struct.unpack_from("<IHHiIII", data)
    assert magic == 0xA1B2C3D4, "tcpdump writes its own byte order; little-endian machines record these"
    header = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    blocks = [block(0x0A0D0D0A, header), block(1, struct.pack("<HHI", link, 0, snaplen) + option(2, b"eth0") + option(0))]
    at = 24
    while at < len(data):
        seconds, micros, captured, length = struct.unpack_from("<IIII", data, at)
        stamp = seconds * 1_000_000 + micros
        packet = data[at + 16:at + 16 + captured]
        blocks.append(block(6, struct.pack("<IIIII", 0, stamp >> 32, stamp & 0xFFFFFFFF, captured, length) + padded(packet)))
        at += 16 + captured
    with open(pcapng, "wb") as file:
        file.write(b"".join(blocks))


def block(kind, body):
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length


def option(code, value=b""):
    return struct.pack("<HH", code, len(value)) + padded(value)


def padded(data):
    return data + bytes(-len(data) % 4)
