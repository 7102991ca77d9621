"""The daemon under fire: its two processes, its log, and what it must never say."""

import contextlib
import os
import re
import signal
import struct
import subprocess
import time

from recorder.lab import LabError

from .daemons import PACKET_STATISTICS, SOL_PACKET, capture_sockets, family, memory
from .ledger import TOLERANCE, Fault

LISTENS = "starting up, listening on "
TAKEN_OVER = "another takes over what is in its journal"
WRONG = re.compile(r"panicked|internal|cannot go on|cannot be written|is lost|refuses|again and again|no journal|"
                   r"too often|another knockd is running|commands have not ended|could not be run")


class Log:
    """The daemon's log file, read as it grows, also when it is renamed and another takes its place."""

    def __init__(self, path):
        self.path, self.lines = path, []
        self._files = []  # each with what is not a whole line yet
        self._known = set()
        self._rotations = 0

    def read(self):
        """Takes what was written since, and gives the number of lines so far."""
        with contextlib.suppress(FileNotFoundError):
            about = os.stat(self.path)
            if about.st_ino not in self._known:
                self._known.add(about.st_ino)
                self._files.append([open(self.path, "rb"), b""])
        for entry in self._files:
            *whole, entry[1] = (entry[1] + entry[0].read()).split(b"\n")
            for line in whole:
                text = line.decode().partition("] ")[2]
                self.lines.append(text)
                if WRONG.search(text):
                    raise Fault(f"the log says: {text}")
        return len(self.lines)

    def rotate(self):
        """What logrotate does before it sends the signal."""
        self.read()
        self._rotations += 1
        os.rename(self.path, f"{self.path}.{self._rotations}")

    def wait(self, words, since, patience=TOLERANCE, alive=lambda: True):
        """Waits for a line with these words after the first `since` lines; says whether it came."""
        deadline = time.monotonic() + patience
        while True:
            living = alive()
            self.read()
            if any(words in line for line in self.lines[since:]):
                return True
            if not living or time.monotonic() > deadline:
                return False
            time.sleep(0.005)


class Subject:
    """The daemon: at most one watcher and one doorkeeper."""

    def __init__(self, program, server, folder):
        self.program, self.server, self.folder = os.path.realpath(program), server, folder
        self.config = os.path.join(folder, "knockd.conf")
        self.state = os.path.join(folder, "state")
        self.log = Log(os.path.join(folder, "log"))
        self.errors = os.path.join(folder, "errors")
        self.watcher = self.keeper = None
        self.respawns = False
        self._started = None

    def write(self, text):
        """The configuration, whole at every moment."""
        with open(self.config + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.rename(self.config + ".new", self.config)

    def start(self, background=False, respawn=False, more=()):
        """Starts it and waits until it listens."""
        words = [self.program, "-i", "eth0", "-c", self.config, "--state", self.state, "-p",
                 os.path.join(self.folder, "pid"), *(["-d"] if background else []), *(["--respawn"] if respawn else []),
                 *more]
        since = self.log.read()
        with self.server.inside(), open(self.errors, "ab") as errors:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                                       start_new_session=True)
        self.respawns, self._started = respawn, process
        if background:
            if process.wait(30) != 0:
                raise Fault(f"with -d it returned {process.returncode}: {self.said()}")
        if not self.log.wait(LISTENS, since, 30, lambda: background or process.poll() is None):
            raise Fault(f"it does not listen: {self.said()}")
        self.find()

    def said(self):
        """What it wrote to standard error."""
        with open(self.errors, encoding="utf-8", errors="replace") as file:
            return file.read().strip() or "nothing was said"

    def find(self, patience=TOLERANCE):
        """Waits until there are one watcher and one doorkeeper, and nothing else of it."""
        deadline = time.monotonic() + patience
        while True:
            watchers, keepers = self.processes()
            if len(watchers) == 1 and len(keepers) == 1:
                self.watcher, self.keeper = watchers[0], keepers[0]
                return
            if time.monotonic() > deadline:
                raise Fault(f"its watchers are {watchers}, its doorkeepers {keepers}")
            time.sleep(0.01)

    def processes(self):
        """(watchers, doorkeepers). A child that is about to run a command is neither."""
        mine = {}
        for pid, parent, state in family(os.getpid()):
            with contextlib.suppress(OSError):
                if state != "Z" and os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)") == self.program:
                    with open(f"/proc/{pid}/cmdline", "rb") as file:
                        mine[pid] = (parent, b"--doorkeeper" in file.read().split(b"\0"))
        watchers = [pid for pid, (parent, is_keeper) in mine.items() if not is_keeper and parent not in mine]
        keepers = [pid for pid, (parent, is_keeper) in mine.items()
                   if is_keeper and (parent not in mine or not mine[parent][1])]
        # One that is about to become a daemon, or a doorkeeper, is a copy of who starts it for a moment.
        return watchers, keepers

    def signal(self, number, *pids):
        for pid in pids or [self.watcher]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill_all(self):
        """SIGKILL to all of it, whatever it starts meanwhile."""
        for _ in range(200):
            pids = sum(self.processes(), [])
            if not pids:
                break
            self.signal(signal.SIGKILL, *pids)
            time.sleep(0.002)
        else:
            raise LabError("the daemon cannot be killed")
        self.watcher = self.keeper = None
        self.reap()

    def wait_for_the_end(self, patience):
        """The exit status of the watcher, once all of it is gone; `None` if that does not come."""
        pid, status, deadline = self.watcher, None, time.monotonic() + patience
        while time.monotonic() < deadline:
            if status is None:
                status = self._status(pid)
            if status is not None and not any(self.processes()):
                self.watcher = self.keeper = None
                return status
            time.sleep(0.005)
        return None

    def _status(self, pid):
        if self._started and self._started.pid == pid:
            return self._started.poll()
        try:
            ended, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return -1
        return os.waitstatus_to_exitcode(status) if ended else None

    def is_alive(self):
        """Whether the watcher and the doorkeeper are those that they were."""
        return all(state_of(pid) not in (None, "Z") for pid in (self.watcher, self.keeper))

    def reap(self):
        """Takes the status of what became this process's child when its parent ended."""
        for pid, parent, state in family(os.getpid()):
            if state == "Z" and parent == os.getpid() and not (self._started and self._started.pid == pid):
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def zombies(self):
        """Its children that have ended and that it takes no notice of."""
        ours = (self.watcher, self.keeper)
        return {pid for pid, parent, state in family(os.getpid()) if state == "Z" and parent in ours}

    def commands(self):
        """The processes that are not of the daemon's program, but started by it."""
        below = family(self.keeper) if self.keeper else []
        return [pid for pid, _, state in below if state != "Z"]

    def dropped(self):
        """How many packets the kernel had no room for since this was asked last."""
        lost = 0
        for capture in capture_sockets(self.watcher):
            with capture:
                lost += struct.unpack("II", capture.getsockopt(SOL_PACKET, PACKET_STATISTICS, 12)[:8])[1]
        return lost

    def vitals(self):
        """How many descriptors each process has, and its RSS in kilobytes without the capture ring."""
        return {name: (len(os.listdir(f"/proc/{pid}/fd")), memory(pid)["rss"])
                for name, pid in (("watcher", self.watcher), ("doorkeeper", self.keeper))}


def state_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return None
