"""The interface under fire, with addresses of both families that come and go, and the frames that reach it."""

import ipaddress
import itertools
import os
import struct
import threading

from recorder.lab import wait_for

from .ledger import now
from .world import World

ETHERNET = bytes.fromhex("020000007701" "020000007702")
SYN, ACK = 2, 16
HOME = (ipaddress.ip_address("10.77.0.1"), ipaddress.ip_address("fd77::1"))


def hit(source, destination, port, udp=False, source_port=40000, sequence=1, flags=SYN):
    """A SYN or a datagram. Its checksums are not filled in: nobody looks at them."""
    if udp:
        body = struct.pack("!HHHH", source_port, port, 8, 0)
    else:
        body = struct.pack("!HHIIBBHHH", source_port, port, sequence, 0, 0x50, flags, 64240, 0, 0)
    protocol = 17 if udp else 6
    if source.version == 4:
        head = struct.pack("!HBBHHHBBH", 0x0800, 0x45, 0, 20 + len(body), 1, 0x4000, 64, protocol, 0)
    else:
        head = struct.pack("!HIHBB", 0x86DD, 6 << 28, len(body), protocol, 64)
    return ETHERNET + head + source.packed + destination.packed + body


def sources():
    """Addresses of which none comes twice: one of each family in turn."""
    for number in itertools.count(1):
        yield ipaddress.ip_address(0x0AC80000 + number)  # 10.200.0.0 and on
        yield ipaddress.ip_address((0xFD770001 << 96) + number)


class Ground(World):
    def __init__(self, lab):
        super().__init__(lab, ipv6=True)
        self.sources = sources()
        self.server.address("eth0", "fd77::1/64")

    def source(self, version):
        return next(source for source in self.sources if source.version == version)

    def send(self, frame):
        self.sender.one(frame)

    def add(self, address):
        self.server.ip(f"addr add {address}/{24 if address.version == 4 else 64} dev eth0")

    def remove(self, address):
        self.server.ip(f"addr del {address}/{24 if address.version == 4 else 64} dev eth0")

    def down(self):
        self.server.ip("link set eth0 down")

    def up(self):
        """The kernel has forgotten the addresses of IPv6 while it was down."""
        self.server.ip("link set eth0 up")
        self.server.address("eth0", "fd77::1/64")
        wait_for("the cable", lambda: self.state() == "up")

    def recreate(self):
        """Another interface of the same name."""
        self.sender.close()
        self.server.ip("link del eth0")
        self.plug()
        self.server.address("eth0", "fd77::1/64")


class Load:
    """How busy the machine is: every so often a shell is started that does nothing."""

    def __init__(self):
        self.taken = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while not self._ends.wait(0.1):
            began = now()
            pid = os.posix_spawn("/bin/sh", ["/bin/sh", "-c", ":"], {})
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass  # Somebody else has taken notice of its end.
            if now() - began > 0.05:
                self.taken.append((began, now() - began))

    def longest(self, since):
        """The longest time that a shell took which ended after `since`."""
        return max((took for began, took in self.taken if began + took >= since), default=0.0)

    def stop(self):
        self._ends.set()
        self._thread.join(10)
