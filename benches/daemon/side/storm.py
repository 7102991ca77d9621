"""The third act: knocks of all kinds, reloads, rotations, kills and ends, in no order."""

import heapq
import itertools
import os
import signal
import time

from recorder.lab import wait_for

from . import doors
from .acts import Steady, alive, settle
from .ledger import TOLERANCE, Fault, now
from .subject import state_of

BETWEEN = 1.5  # seconds after which a reload is over
KNOCKS = 25  # a second
FAULTS = ("order", "between", "short", "protocol", "flags", "elsewhere")
CALM = (("reload", 5), ("bad", 3), ("rotate", 2))
WILD = CALM + (("watcher", 4), ("keeper", 3), ("both", 4), ("end", 3))
MOST_DEATHS = 4  # of doorkeepers, or respawned watchers, in a minute: a daemon that loses more than that gives up


class Storm:
    def __init__(self, ground, subject, ledger, once, maker, random):
        self.ground, self.subject, self.ledger = ground, subject, ledger
        self.once, self.maker, self.random = once, maker, random
        self.generation = 0
        self.queue, self.order = [], itertools.count()  # what is to be sent, and when
        self.changed = 0.0  # when the configuration last changed
        self.using = None  # the knock at the one-time door that is under way
        self.stale = False  # the one-time door may be disabled until a reload
        self.deaths, self.zombies = [], set()
        self.done = {}

    def run(self, seconds, say):
        """A third of the time without kills, so that one daemon grows old; then with them."""
        self.reload()
        steady, began = Steady(self.subject), now()
        self._go_on(began + seconds / 9, CALM, "calm", say)
        settle(self.subject, self.ledger)
        steady.first()
        self._go_on(began + seconds / 3, CALM, "calm", say)
        settle(self.subject, self.ledger)
        size = steady.still()
        self._go_on(began + seconds, WILD, "wild", say)
        acts = ", ".join(f"{count} {name}" for name, count in sorted(self.done.items()))
        return f"{acts}; {size}"

    def finish(self):
        """The end in order: nothing is left over, and the next daemon finds nothing to close."""
        self.end()
        used = self.once.check(self.ledger)
        self.ledger.check(last=True)
        since = self.subject.log.read()
        self._start(background=False, respawn=False)
        if any("were left open by an earlier" in line for line in self.subject.log.lines[since:]):
            raise Fault("the journal knows doors that have been closed")
        self.end(kind="watcher alone")
        if self.once.check(self.ledger) != used:
            raise Fault("a line was marked and nobody knocked")
        left = sorted(name for name in os.listdir(self.subject.state) if not name.endswith(".journal"))
        if left:
            raise Fault(f"left in the folder of the journal: {left}")
        knocks, opened, closed = self.ledger.count()
        return f"{knocks} knocks, {opened} doors opened, {closed} closed, {len(used)} one-time lines used"

    def _go_on(self, until, acts, name, say):
        names, weights = zip(*acts)
        # Each of them once, so that a short run has all; then by their weights.
        first = self.random.sample(names, len(names))
        act_at = now() + 0.5
        knock_at = check_at = now()
        while (at := now()) < until:
            if at >= check_at:
                say(f"{name}: {until - at:.0f} s left, {len(self.ledger.knocks)} knocks")
                self._check()
                check_at = at + 0.5
            if at >= knock_at:
                self._knock()
                knock_at = at + self.random.expovariate(KNOCKS)
            while self.queue and self.queue[0][0] <= at:
                self._send(heapq.heappop(self.queue)[2])
            if at >= act_at:
                self._act(first.pop() if first else self.random.choices(names, weights)[0])
                act_at = now() + self.random.uniform(BETWEEN, 2 * BETWEEN)
            due = min([knock_at, check_at, act_at, until] + [entry[0] for entry in self.queue[:1]])
            time.sleep(max(0, due - now()))
        while self.queue:
            self._send(heapq.heappop(self.queue)[2])

    def _check(self):
        alive(self.subject)
        self.subject.log.read()
        self.subject.reap()
        self.ledger.check()
        self.once.used()
        still = self.zombies & (found := self.subject.zombies())
        if still:
            raise Fault(f"it takes no notice of the end of {sorted(still)}")
        self.zombies = found
        if self.using and (self.using.starts or now() - self.using.last > TOLERANCE):
            self.using = None

    # Knocks.

    def _knock(self):
        kind = self.random.random()
        if kind < 0.12:
            self._one_time()
        elif kind < 0.22:
            self._moving()
        else:
            fault = self.random.choice(FAULTS) if kind < 0.45 else None
            self._queue(self.maker.plain(self.random.choice(list(doors.DOORS)), fault=fault))

    def _queue(self, sent, at=None):
        """At once, or its hits some time after each other."""
        if sent.knock.line is None and self.random.random() < 0.5:
            sent.all(self.ground)
        else:
            heapq.heappush(self.queue, (at or now(), next(self.order), sent))

    def _send(self, sent):
        if sent.knock.must and now() - sent.knock.first > 10:
            sent.knock.must = None  # This program was kept waiting, and the knock may have run out of time.
        if not sent.step(self.ground):
            heapq.heappush(self.queue, (now() + self.random.uniform(0, 0.2), next(self.order), sent))

    def _moving(self):
        """At the door that each configuration has elsewhere."""
        sent = self.maker.knock("moving", doors.hits_of(doors.ports(self.generation)), stop=(doors.LEAST, doors.MOST),
                                must=True if now() - self.changed > BETWEEN else None)
        sent.all(self.ground)

    def _one_time(self):
        """The next line, one that is used up, or two sources with one line."""
        used = self.once.used()
        number = self.once.next(used)
        if used and self.random.random() < 0.3:
            self._queue(self.maker.line(self.random.choice(used), must=False))
        elif self.using is None and number is not None and not (self.stale and now() - self.changed < BETWEEN):
            sent = self.maker.line(number, must=None if self.stale else True)
            self.using = sent.knock
            if self.random.random() < 0.3:
                # The line is used up when the other one has its last hit.
                other = self.maker.line(number, must=False)
                last = other.frames.pop()
                other.all(self.ground)
                sent.all(self.ground)
                other.frames.append(last)
                other.all(self.ground)
            else:
                sent.all(self.ground)

    # What is done to the daemon.

    def _act(self, name):
        if name == "keeper" and self._died_lately() >= MOST_DEATHS:
            name = "end"
        self.done[name] = self.done.get(name, 0) + 1
        self.ledger.act(name)
        {"reload": self.reload, "bad": self.bad, "rotate": self.rotate, "watcher": self.kill_watcher,
         "keeper": self.kill_keeper, "both": self.kill_both, "end": self.end_and_start}[name]()

    def _died_lately(self):
        self.deaths = [at for at in self.deaths if now() - at < 65]
        return len(self.deaths)

    def _spare_moving(self):
        """What is under way at the door that is about to change may be lost, or open."""
        self.ledger.read()
        for knock in self.ledger.open.values():
            if knock.door == "moving" and knock.must:
                knock.must = None

    def _write(self):
        self._spare_moving()
        self.generation += 1
        self.subject.write(doors.config(self.ledger, self.once, self.generation))
        self.changed = now()
        self.stale = False

    def reload(self):
        self._write()
        self._hang_up("re-reading config file")

    def _hang_up(self, words):
        since = self.subject.log.read()
        self.subject.signal(signal.SIGHUP)
        if not self.subject.log.wait(words, since):
            raise Fault(f"SIGHUP, and the log does not say: {words}")

    def bad(self):
        """A bad configuration: the one that runs stays."""
        with open(self.subject.config, encoding="ascii") as file:
            good = file.read()
        self.subject.write(self.random.choice(doors.BAD))
        self._hang_up("the running configuration stays")
        self.subject.write(good)

    def rotate(self):
        self.subject.log.rotate()
        # The configuration may still be the one that it has.
        self._hang_up("re-reading config file")
        deadline = time.monotonic() + TOLERANCE
        while not os.path.exists(self.subject.log.path):
            if time.monotonic() > deadline:
                raise Fault("there is no new log file")
            time.sleep(0.005)
        self.changed = now()

    def _burst(self):
        """Knocks right before a kill, so that it comes while they are worked on."""
        if self.random.random() < 0.7:
            for _ in range(self.random.randrange(1, 6)):
                self.maker.plain(self.random.choice(("second", "third", "six", "slow"))).all(self.ground)
            if not self.using:
                self._one_time()
            time.sleep(self.random.uniform(0, 0.015))

    def kill_watcher(self):
        self._burst()
        with_respawn = self.subject.respawns and self._died_lately() < MOST_DEATHS
        if self.subject.respawns and not with_respawn:
            return self.end_and_start()
        since = self.subject.log.read()
        self.ledger.cut("watcher", keeper=False)
        pid, keeper = self.subject.watcher, self.subject.keeper
        self.subject.signal(signal.SIGKILL, pid)
        # Until it has ended it is the daemon that runs, and another one is refused.
        wait_for("the end of a process that was killed", lambda: state_of(pid) in (None, "Z"))
        self.stale = True
        if with_respawn:
            self.deaths.append(now())
            if not self.subject.log.wait("starting up, listening", since, 6 + 2 * TOLERANCE):
                raise Fault("no daemon was started in the place of the one that died")
            self._await_found()
        elif self.random.random() < 0.3:
            self._await_orphan(keeper)
            self._start()
        else:
            time.sleep(self.random.uniform(0, 2.5) if self.random.random() < 0.7 else 0)
            self._start()
        self.ledger.whole()
        return None

    def _await_found(self):
        self.subject.find()
        self.subject.reap()
        self.stale = False

    def _await_orphan(self, keeper):
        """Left alone, the doorkeeper ends once it has closed what was open."""
        deadline = time.monotonic() + doors.MOST + 1 + TOLERANCE
        while keeper in self.subject.processes()[1]:
            self.subject.log.read()
            self.subject.reap()
            if time.monotonic() > deadline:
                raise Fault("a doorkeeper whose watcher has died does not end")
            time.sleep(0.02)

    def kill_keeper(self):
        self._burst()
        since = self.subject.log.read()
        self.ledger.cut("doorkeeper", keeper=True)
        self.deaths.append(now())
        self.subject.signal(signal.SIGKILL, self.subject.keeper)
        if not self.subject.log.wait("another takes over what is in its journal", since):
            raise Fault("no doorkeeper was started in the place of the one that died")
        self._await_found()
        self.ledger.whole()
        # A mark that nobody could tell of disables its door.
        self.reload()

    def kill_both(self):
        self._burst()
        self.ledger.cut("both", keeper=True)
        self.subject.kill_all()
        time.sleep(self.random.uniform(0, 2) if self.random.random() < 0.7 else 0)
        self._start()
        self.ledger.whole()

    def end_and_start(self):
        self._burst()
        self.end()
        self._start()
        self.ledger.whole()

    def end(self, kind=None):
        """SIGTERM: to the watcher, to both, or to all processes, as service managers and people do."""
        kind = kind or self.random.choice(("watcher alone", "both", "all processes"))
        subject = self.subject
        self.ledger.cut(f"end, {kind}", keeper=True)
        pids = {"watcher alone": [subject.watcher], "both": [subject.watcher, subject.keeper],
                "all processes": [subject.watcher, subject.keeper, *subject.commands()]}[kind]
        self.random.shuffle(pids)
        subject.signal(signal.SIGTERM, *pids)
        status = subject.wait_for_the_end(10 + TOLERANCE)
        if status is None:
            raise Fault("it was told to end, and does not")
        if status != 0:
            raise Fault(f"it was told to end, and its exit status was {status}: {subject.said()}")
        self.using = None
        subject.log.read()
        self.ledger.closed()
        self.once.check(self.ledger)

    def _start(self, background=None, respawn=None):
        self._write()
        pick = self.random.random
        self.subject.start(pick() < 0.5 if background is None else background,
                           pick() < 0.4 if respawn is None else respawn)
        self.using, self.stale = None, False
        self.deaths.clear()
        self.subject.reap()
