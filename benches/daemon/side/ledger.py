"""What was knocked, what the commands say that they did, and whether the one follows from the other.

Each command appends one line to the record: what it is, its door, the source and the time since the boot. Each knock
comes from an address of its own, so that door and source name it.
"""

import ipaddress
import os
import time

# Seconds by which a command may be late. A machine that is so slow makes the run broken, not failed.
TOLERANCE = 3.0
# /proc/uptime, by which the commands tell the time, has hundredths of a second.
GRAIN = 0.05
# Around a kill, what was under way may be at any point of its way.
AROUND = 1.0


def now():
    """Seconds since the boot, as the commands tell them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Fault(Exception):
    """The daemon did what it must not, or did not do what it must."""


class Knock:
    """A knock that was sent, or is being sent. `must` says what becomes of it: True, it opens; False, it does not;
    None, either will do."""

    def __init__(self, door, source, must, first, stop=None, line=None):
        self.door, self.source, self.must = door, str(source), must
        self.first, self.last = first, None  # the times of its hits
        self.stop = stop  # (the least, the most) seconds until the door is closed
        self.line = line  # of the one-time file
        self.destination = None  # where that matters
        self.starts, self.stops = [], []
        self.settled = False

    def __str__(self):
        when = f"{self.first:.2f} to " + (f"{self.last:.2f}" if self.last else "?")
        line = "" if self.line is None else f", line {self.line + 1}"
        return f"{self.source} at {self.door} ({when}{line}; opened {self.starts}, closed {self.stops})"


class Cut:
    """A moment at which processes of the daemon were made to end, and that at which what remains was whole again."""

    def __init__(self, what, keeper):
        self.what, self.keeper = what, keeper  # whether the doorkeeper was among them
        self.begin, self.end = now(), None


class Ledger:
    def __init__(self, folder):
        self.path = os.path.join(folder, "record")
        with open(self.path, "wb"):
            pass
        self._read, self._rest = open(self.path, "rb"), b""
        self.acts = open(os.path.join(folder, "acts"), "w", encoding="ascii")
        self.knocks, self.open = {}, {}
        self.cuts = []

    def command(self, what, door):
        """A command that notes what it is."""
        return f'read up idle </proc/uptime; echo "{what} {door} %IP% $up" >>{self.path}'

    def act(self, text):
        """Notes what this program does, for whoever looks for the reason of a fault."""
        self.acts.write(f"{now():.3f} {text}\n")
        self.acts.flush()

    def add(self, knock):
        key = (knock.door, knock.source)
        self.knocks[key] = self.open[key] = knock
        return knock

    def read(self):
        """Takes what the commands have noted since."""
        *lines, self._rest = (self._rest + self._read.read()).split(b"\n")
        for line in lines:
            what, door, source, at = line.decode().split()
            knock = self.knocks.get((door, str(ipaddress.ip_address(source))))
            if knock is None:
                raise Fault(f"a command ran for a knock that was not: {line.decode()}")
            (knock.starts if what == "start" else knock.stops).append(float(at))
            if knock.must is False:
                raise Fault(f"a door was opened that must stay shut: {knock}")
            if len(knock.starts) > 1:
                raise Fault(f"a knock opened twice: {knock}")

    def cut(self, what, keeper):
        """Processes are about to end: what is under way may be lost, but for the closing of what is open."""
        self.read()
        for knock in self.open.values():
            if knock.must and not knock.starts:
                knock.must = None
        self.cuts.append(Cut(what, keeper))
        self.act(f"cut: {what}")
        return self.cuts[-1]

    def whole(self):
        """What remains of the daemon does all its work again."""
        if self.cuts[-1].end is None:
            self.cuts[-1].end = now()
            self.act("whole")

    def check(self, last=False):
        """Looks at what should have happened by now; with `last`, at everything once more."""
        self.read()
        for key, knock in list(self.open.items()):
            if knock.last is not None and self._is_settled(knock):
                del self.open[key]
        if last:
            for knock in self.knocks.values():
                self._is_settled(knock)

    def waits(self):
        """Whether something is still to happen."""
        self.check()
        return bool(self.open)

    def _is_settled(self, knock):
        """Whether nothing is to come of this knock; a fault if it is too late for what was to come."""
        late = now() - knock.last > TOLERANCE
        if not knock.starts:
            if knock.must and late:
                raise Fault(f"a knock did not open: {knock}")
            if knock.stops and not self._between(knock.first - AROUND, knock.stops[0] + AROUND):
                raise Fault(f"a door was closed that was not opened: {knock}")
            return late and (not knock.must)
        if knock.stop is None:
            return late
        start, (least, most) = knock.starts[0], knock.stop
        cuts = self._between(start - AROUND, (knock.stops or [now()])[-1] + AROUND)
        if not knock.stops:
            if now() > self._deadline(start, most):
                raise Fault(f"a door was not closed: {knock}")
            return False
        if len(knock.stops) > 1 + len(cuts):
            raise Fault(f"a door was closed more than once: {knock}")
        if knock.stops[0] < start + least - GRAIN and not cuts:
            raise Fault(f"a door was closed too early: {knock}")
        if knock.stops[0] > self._deadline(start, most):
            raise Fault(f"a door was closed too late: {knock}")
        return True

    def _between(self, begin, end):
        return [cut for cut in self.cuts if cut.begin <= end and (cut.end or end) >= begin]

    def _deadline(self, start, most):
        """When a door that was opened at `start` must be closed. Without a doorkeeper that can only be once there is
        one again; one that does not know when the start command ended begins to count anew."""
        deadline = start + most + TOLERANCE
        for cut in self.cuts:
            if cut.keeper and start - AROUND <= cut.begin <= deadline:
                again = most if cut.begin < start + AROUND else 0
                deadline = max(deadline, (cut.end or now()) + again + TOLERANCE)
        return deadline

    def closed(self):
        """The daemon has ended in order: every door that was opened must be closed."""
        self.read()
        for knock in self.knocks.values():
            if knock.starts and knock.stop and not knock.stops:
                raise Fault(f"the daemon has ended, and a door is still open: {knock}")

    def count(self):
        """(knocks, doors opened, doors closed)"""
        all_knocks = self.knocks.values()
        return len(all_knocks), sum(len(one.starts) for one in all_knocks), sum(len(one.stops) for one in all_knocks)


class OneTime:
    """A one-time file, and what may have become of it."""

    def __init__(self, folder, lines):
        self.path = os.path.join(folder, "once")
        ports = [(20000 + number, 30000 + number % 1000, 40000 + number % 7000) for number in range(lines)]
        self.lines = [f"{one},{two},{three}" + ("\r\n" if number % 5 == 0 else "\n")
                      for number, (one, two, three) in enumerate(ports)]
        self.ports = ports
        self.tried, self.opened = set(), {}  # the lines that were knocked whole; who opened with which
        with open(self.path, "w", encoding="ascii", newline="") as file:
            file.write("# used from the top\n\n" + "".join(self.lines))
        os.chmod(self.path, 0o600)
        self._head = len("# used from the top\n\n")

    def used(self):
        """The numbers of the lines that are marked; a fault if anything else has changed."""
        with open(self.path, encoding="ascii", newline="") as file:
            text = file.read()
        if len(text) != self._head + sum(map(len, self.lines)):
            raise Fault(f"the one-time file is now {len(text)} bytes long")
        marked, at = [], self._head
        for number, line in enumerate(self.lines):
            found = text[at:at + len(line)]
            at += len(line)
            if found == "#" + line[1:]:
                marked.append(number)
            elif found != line:
                raise Fault(f"line {number + 1} of the one-time file was {line!r} and is {found!r}")
        if wrong := set(marked) - self.tried:
            raise Fault(f"marked, and never knocked: {sorted(wrong)}")
        return marked

    def next(self, marked):
        left = set(range(len(self.lines))) - set(marked)
        return min(left, default=None)

    def check(self, ledger):
        """No line has opened twice, and each that has opened is marked."""
        marked = set(self.used())
        opened = {}
        for knock in ledger.knocks.values():
            if knock.line is not None and knock.starts:
                opened.setdefault(knock.line, []).append(knock)
        for line, knocks in opened.items():
            if len(knocks) > 1:
                raise Fault("a line opened twice: " + "; ".join(map(str, knocks)))
            if line not in marked:
                raise Fault(f"a line opened and is not marked: {knocks[0]}")
        return marked
