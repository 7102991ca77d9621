"""The first two acts: reloads under a flood, and addresses that change."""

import ipaddress
import signal
import time

from recorder.lab import LabError

from . import doors
from .ground import HOME
from .ledger import TOLERANCE, Fault, Knock, now
from .rows import KNOCKERS, good_knocks

EACH = 5  # pieces of one pass of the flood
# Seconds. Where a shell that does nothing takes longer, the daemon may have missed what the ring cannot hold.
BUSY = 0.1
PACE = 0.03  # seconds between two changes, at most
SETTLED = 0.5  # seconds after which a change of addresses has been noticed
MORE_MEMORY = 2048  # kilobytes by which a process may be larger than after its first load


class Steady:
    """A daemon that goes on under a load must be as large after it as after the first part of it."""

    def __init__(self, subject):
        self.subject = subject
        self.descriptors = self.rss = None

    def first(self):
        """The load has begun; what it takes at most has been taken."""
        vitals = self.subject.vitals()
        self.descriptors = {name: count for name, (count, _) in vitals.items()}
        self.rss = {name: rss for name, (_, rss) in vitals.items()}

    def still(self):
        """Compares; a file that is just being read again is closed soon."""
        deadline = time.monotonic() + TOLERANCE
        while True:
            vitals = self.subject.vitals()
            if all(count == self.descriptors[name] for name, (count, _) in vitals.items()):
                break
            if time.monotonic() > deadline:
                raise Fault(f"descriptors: {self.descriptors}, and then, with RSS: {vitals}")
            time.sleep(0.05)
        for name, (_, rss) in vitals.items():
            if rss > self.rss[name] + MORE_MEMORY:
                raise Fault(f"the RSS of the {name} grew from {self.rss[name]} to {rss} kB")
        return ", ".join(f"{name} {self.rss[name] / 1024:.1f} to {rss / 1024:.1f} MB"
                         for name, (_, rss) in vitals.items())


def alive(subject):
    if not subject.is_alive():
        raise Fault(f"it has ended, and nobody has told it to: {subject.said()}")


def settle(subject, ledger, patience=20):
    """Waits until nothing is to come of what was knocked."""
    deadline = time.monotonic() + patience
    while ledger.waits():
        alive(subject)
        subject.log.read()
        if time.monotonic() > deadline:
            raise Fault("knocks are not settled: " + "; ".join(map(str, list(ledger.open.values())[:5])))
        time.sleep(0.02)


def flood(ground, subject, ledger, once, load, signals, say):
    """First hits of 65,536 sources at the sender's top rate, again and again, in pieces, each with a SIGHUP and a good
    knock. The next piece begins when the knock has opened, so that the capture ring has room for all that the daemon,
    given no time by a busy machine, has not seen yet."""
    steady, passes = Steady(subject), -(-signals // EACH)
    frames = ground.flood_frames(EACH)
    began, first_line, busy, dropped = now(), len(subject.log.lines), 0, 0
    for number in range(passes):
        say(f"flood: pass {number + 1} of {passes}")
        frames.renew(number)
        for place, made in enumerate(good_knocks(number, EACH)):
            frames.put(ground.slots[place], made)
        for part in range(EACH):
            knock = ledger.add(Knock("plain", ipaddress.ip_address(KNOCKERS + 1 + number * EACH + part), True, now()))
            # The door that is knocked at is the same in all configurations.
            subject.write(doors.config(ledger, once, number * EACH + part))
            subject.signal(signal.SIGHUP)
            sent = time.monotonic()
            ground.sender.all(frames, frames.count * part // EACH, frames.count * (part + 1) // EACH)
            busy += time.monotonic() - sent
            knock.last = now()
            dropped += _wait(subject, ledger, knock, load, began)
        subject.log.read()
        if number == passes // 2:
            steady.first()
    settle(subject, ledger)
    size = steady.still()
    readings = sum("re-reading config file" in line for line in subject.log.lines[first_line:])
    if readings < passes:
        raise Fault(f"the configuration was read again {readings} times after {passes * EACH} signals")
    return (f"{passes * EACH} SIGHUPs ({readings} readings), {passes * EACH} knocks opened under {passes} x 65,536"
            f" first hits at {frames.count * passes / busy / 1e6:.2f} million a second,"
            f" {dropped} packets dropped; {size}")


def _wait(subject, ledger, knock, load, began):
    """Waits until a knock of the flood has opened; gives the number of packets for which the kernel had no room."""
    try:
        while not knock.starts:
            ledger.check()
            alive(subject)
            time.sleep(0.001)
    except Fault as fault:
        dropped, late = subject.dropped(), load.longest(began)
        if dropped and late > BUSY:
            raise LabError(f"{dropped} packets dropped: a shell that does nothing took {late:.1f} s") from fault
        raise Fault(f"{fault}; the kernel had no room for {dropped} packets") from fault
    return subject.dropped()


class Addresses:
    """1,000 changes, and knocks at what has been there for a while or gone for a while."""

    def __init__(self, ground, subject, ledger, maker, random):
        self.ground, self.subject, self.ledger = ground, subject, ledger
        self.maker, self.random = maker, random
        pool = [ipaddress.ip_address("10.77.0.10") + number for number in range(30)]
        pool += [ipaddress.ip_address("fd77::10") + number for number in range(30)]
        self.there, self.gone = {}, {address: 0.0 for address in pool}  # each since when
        self.home = now()

    def run(self, changes, say):
        steady = Steady(self.subject)
        made = links = knocks = 0
        while made < changes:
            say(f"addresses: change {made} of {changes}")
            kind = self.random.random()
            if kind < 0.015:
                made += self._link(self.ground.recreate, lost=lambda _: True)
                links += 1
            elif kind < 0.03:
                pause = self.random.uniform(0, 0.1)
                made += self._link(lambda: (self.ground.down(), time.sleep(pause), self.ground.up()),
                                   lost=lambda address: address.version == 6)
                links += 1
            elif self.random.random() < len(self.there) / (len(self.there) + len(self.gone)):
                made += self._remove()
            else:
                self._move(self.random.choice(list(self.gone)), self.gone, self.there, self.ground.add)
                made += 1
            time.sleep(self.random.uniform(0, PACE))
            knocks += self._knock()
            self.ledger.check()
            alive(self.subject)
            self.subject.log.read()
            if steady.rss is None and made > changes / 4:
                steady.first()
        settle(self.subject, self.ledger)
        if knocks < changes / 4:
            raise LabError(f"only {knocks} knocks in {changes} changes of addresses")
        return (f"{made} changes of addresses and links, {links} times a link that went and came,"
                f" {knocks} knocks opened; {steady.still()}")

    def _move(self, address, here, there, change):
        change(address)
        del here[address]
        there[address] = now()
        self.ledger.act(f"{'added' if there is self.there else 'removed'} {address}")

    def _remove(self):
        """An address to which nobody is knocking right now."""
        busy = {knock.destination for knock in self.ledger.open.values() if knock.must}
        free = [address for address in self.there if address not in busy]
        if not free:
            return 0
        self._move(self.random.choice(free), self.there, self.gone, self.ground.remove)
        return 1

    def _link(self, change, lost):
        """The interface goes and comes back. What is being knocked would be lost with it, and is waited for."""
        while any(knock.must and not knock.starts for knock in self.ledger.open.values()):
            self.ledger.check()
            alive(self.subject)
            time.sleep(0.002)
        since = self.subject.log.read()
        self.ledger.act("the link goes")
        change()
        if not self.subject.log.wait("eth0 is back: listening", since, TOLERANCE):
            raise Fault("the interface is back, and the daemon does not notice")
        self.ledger.act("the link is back")
        for address in [address for address in self.there if lost(address)]:
            self.gone[address] = self.there.pop(address)
        self.home = now()
        for addresses in (self.there, self.gone):
            for address in addresses:
                addresses[address] = self.home
        time.sleep(SETTLED)
        return 2

    def _knock(self):
        """At an address that has been there for long enough to be known, and now and then at one that is not there.
        Says whether a door is to open."""
        since = now() - SETTLED
        known = [address for address, at in self.there.items() if at < since]
        known += HOME if self.home < since else []
        if known:
            destination = self.random.choice(known)
            name = self.random.choice(("plain", "second", "datagrams", "six"))
            sent = self.maker.plain(name, destination=destination)
            sent.knock.destination = destination
            sent.all(self.ground)
        away = [address for address, at in self.gone.items() if at < since]
        if away and self.random.random() < 0.2:
            destination = self.random.choice(away)
            sent = self.maker.plain("plain", destination=destination, must=False)
            sent.knock.destination = destination
            sent.all(self.ground)
        return bool(known)
