"""A scenario: the world it happens in, what the clients do there, and how it becomes files."""

import dataclasses
import gzip
import os
import shutil
import time
from collections.abc import Callable

from . import frames
from .lab import CLIENT_MAC, SERVER_MAC, Lab
from .programs import Knockd, Tcpdump

SCENARIOS = {}
# What stands beside a capture, by ending; one-time files end in `.sequences`.
BESIDE = (".conf", ".toml", ".expected", ".sequences")


@dataclasses.dataclass
class Scenario:
    name: str
    tools: tuple
    act: Callable
    ending: str = ".pcap"
    world: Callable = None
    ipv6: bool = False
    clients: int = 1
    prepare: Callable = None
    # Whether knockd 0.8 can read the configuration at all; if not there is no log.
    daemon: bool = True
    interface: str = "eth0"
    # The interface knockd listens on, where that is not tcpdump's.
    daemon_interface: str = None
    tcpdump: dict = dataclasses.field(default_factory=dict)

    @property
    def capture(self):
        return self.name + self.ending


def scenario(name, *tools, **how):
    """Declares the function below as the scenario `name`, played by `tools`."""

    def declare(act):
        SCENARIOS[name] = Scenario(name, tools, act, **how)
        return act

    return declare


@dataclasses.dataclass
class World:
    lab: Lab
    server: object
    clients: list
    knockd: object = None
    recording: object = None

    @property
    def client(self):
        return self.clients[0]

    def knock(self, ports, host="10.77.0.1", client=None, options=""):
        """The C `knock` client, from the first client host unless told otherwise."""
        (client or self.client).run(f"knock {options} {host} {ports}", status=0)

    @staticmethod
    def pause(seconds):
        """Time that passes because the scenario is about time."""
        time.sleep(seconds)

    @staticmethod
    def until(start, seconds):
        """Sleeps until `seconds` after `start`, a reading of the wall clock."""
        time.sleep(max(0.0, start + seconds - time.time()))

    @staticmethod
    def at_fraction(fraction):
        """Sleeps until the wall clock's second is `fraction` old, and returns that time."""
        now = time.time()
        target = int(now) + fraction
        target += 1 if target <= now else 0
        time.sleep(target - now)
        return target


def veth(lab, told):
    """Server and client at the two ends of one veth pair; or behind a bridge when there are more clients."""
    server = lab.host("server", told.ipv6)
    clients = [lab.host(f"client{number}", told.ipv6) for number in range(told.clients)]
    if len(clients) == 1:
        lab.cable(server, "eth0", clients[0], "eth0")
    else:
        switch(lab, server, clients)
    for host, last in [(server, 1), *((client, number) for number, client in enumerate(clients, 2))]:
        host.address("eth0", f"10.77.0.{last}/24")
        if told.ipv6:
            host.address("eth0", f"fd77::{last:x}/64")
        host.up("eth0")
    return World(lab, server, clients)


def switch(lab, server, clients):
    middle = lab.host("switch")
    middle.ip("link add bridge type bridge mcast_snooping 0")
    middle.up("bridge")
    for number, host in enumerate([server, *clients], 1):
        address = SERVER_MAC if number == 1 else CLIENT_MAC.format(number)
        lab.cable(host, "eth0", middle, f"port{number}", (address, CLIENT_MAC.format(0xA0 + number)))
        middle.ip(f"link set port{number} master bridge up")


def play(told, folder, into):
    """Plays a scenario whose configuration is in `folder`; its capture and log go to `into`."""
    with Lab(told.name) as lab:
        world = (told.world or veth)(lab, told)
        if told.prepare:
            told.prepare(world)
        if told.daemon:
            place = lab.path("knockd")
            os.mkdir(place)
            # knockd 0.8 writes into one-time files, so it gets copies.
            for name in beside(folder, told.name):
                shutil.copy(os.path.join(folder, name), place)
            os.rename(os.path.join(place, told.name + ".conf"), os.path.join(place, "knockd.conf"))
            world.knockd = Knockd(world.server, place, told.daemon_interface or told.interface)
        recording = Tcpdump(world.server, lab.path("recorded.pcap"), told.interface, **told.tcpdump)
        world.recording = recording
        told.act(world)
        recording.stop()
        if told.daemon:
            write(os.path.join(into, told.name + ".knockd-0.8.log"), world.knockd.stop().encode())
        keep(recording.path, os.path.join(into, told.capture), told.ending)


def beside(folder, name):
    """The files in `folder` that belong to the capture `name`, the recording and its log apart."""
    return sorted(file for file in os.listdir(folder) if file.partition(".")[0] == name and file.endswith(BESIDE))


def keep(recorded, path, ending):
    if ending == ".pcapng":
        frames.to_pcapng(recorded, path)
        os.chmod(path, 0o644)
        return
    with open(recorded, "rb") as file:
        data = file.read()
    write(path, gzip.compress(data, mtime=0) if ending.endswith(".gz") else data)


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, 0o644)
