"""The two hosts, the cable between them, and the frames that are sent more than once."""

import os

from recorder.lab import wait_for

from .rows import CROWD, FLOODERS
from .wire import Frames, Sender, frame

# The taps come before this hook, so that the daemons see what the host then need not answer.
# The first two lines make it new if it is there already, without the interface that it was for.
DEAF = """table netdev deaf
delete table netdev deaf
table netdev deaf {
    chain ingress {
        type filter hook ingress device eth0 priority 0; policy drop;
    }
}
"""
FLOOD = 65536


class World:
    def __init__(self, lab, ipv6=False):
        self.lab, self.folder = lab, lab.dir
        self.server, self.client = lab.host("server", ipv6), lab.host("client", ipv6)
        self.sender = None
        self.plug()
        self.slots = []
        self._flood = self._crowd = None

    def plug(self):
        """Puts the cable in, with one address at the server's end."""
        self.lab.cable(self.server, "eth0", self.client, "eth0")
        self.server.address("eth0", "10.77.0.1/24")
        self.server.up("eth0")
        self.client.up("eth0")
        self.server.nft(DEAF)
        wait_for("the cable", lambda: self.state() == "up")
        self.sender = Sender(self.client)

    def state(self):
        return self._of_the_interface("operstate")

    def received(self):
        """How many packets the server's end of the cable has received so far."""
        return int(self._of_the_interface("statistics/rx_packets"))

    def _of_the_interface(self, name):
        """A namespace's interfaces are where its own sysfs is mounted, which `ip netns exec` does."""
        return self.server.run(["cat", os.path.join("/sys/class/net/eth0", name)], status=0).strip()

    def flood_frames(self, knocks):
        """A first hit of each of the sources, and between them, in even steps, the places of `knocks` whole knocks."""
        if self._flood is None or len(self.slots) != 3 * knocks:
            step = (FLOOD + 3 * knocks) // max(1, 3 * knocks)
            self.slots = [number * step + step // 2 for number in range(3 * knocks)]
            taken, sources = set(self.slots), iter(range(FLOODERS, FLOODERS + FLOOD))
            self._flood = Frames([frame(0 if place in taken else next(sources), 7000)
                                  for place in range(FLOOD + 3 * knocks)])
        return self._flood

    def crowd_frames(self, sources):
        """A first hit of each of `sources` addresses."""
        if self._crowd is None or self._crowd.count != sources:
            self._crowd = Frames([frame(CROWD + number, 7000, 30000, number) for number in range(sources)])
        return self._crowd
