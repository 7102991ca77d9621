"""The two daemons: started on the same interface, and looked at from outside by way of /proc and the kernel's counters."""

import contextlib
import ctypes
import os
import re
import select
import signal
import socket
import struct
import subprocess
import time

from recorder.lab import LabError

SYS_PIDFD_GETFD = 438
PR_SET_CHILD_SUBREAPER = 36
PACKET_STATISTICS = 6
SOL_PACKET = 263
PATIENCE = 30  # seconds until a daemon listens

LIBC = ctypes.CDLL(None, use_errno=True)


def adopt_orphans():
    """What a daemon leaves behind becomes this process's child, so that it can be found and ended."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_all_children():
    """Ends every process that this one started, and theirs."""
    for _ in range(100):
        left = descendants(os.getpid())
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.02)


def built(root):
    """This project's daemon, built."""
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "-p", "knockd", "--features", "live"],
                   cwd=root, check=True)
    return os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(root, "target")), "release", "knockd")


def descendants(pid):
    """The processes below `pid`, those that have ended and wait to be noticed apart."""
    return [child for child, _, state in family(pid) if state != "Z"]


def family(pid):
    """The processes below `pid`: of each its number, its parent's, and its state."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
                children.setdefault(int(parent), []).append((int(entry), state))
    found, waiting = [], [pid]
    while waiting:
        parent = waiting.pop()
        for child, state in children.get(parent, []):
            waiting.append(child)
            found.append((child, parent, state))
    return found


class Kind:
    """A daemon's program, and how it is told what it needs. `ours` has options that 0.8 does not know."""

    def __init__(self, name, program, ours):
        self.name, self.program, self.ours = name, os.path.realpath(program), ours

    def arguments(self, folder, more):
        words = [self.program, "-v", "-i", "eth0", "-c", os.path.join(folder, "knockd.conf")]
        return words + (["--state", os.path.join(folder, "state"), *more] if self.ours else [])


class Daemon:
    """A running daemon; constructed, it is listening. `took` is how long that lasted, in milliseconds."""

    def __init__(self, kind, server, folder, doors, more=()):
        self.kind, self.folder = kind, folder
        self.log = os.path.join(folder, "log")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.log)
        os.makedirs(os.path.join(folder, "state"), mode=0o700, exist_ok=True)
        with open(os.path.join(folder, "knockd.conf"), "w", encoding="ascii") as file:
            file.write(f"[options]\nLogFile = {self.log}\n{doors}")
        words = kind.arguments(folder, more)
        self.drain = None
        with server.inside():
            began = time.monotonic_ns()
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=subprocess.PIPE, start_new_session=True)
        try:
            self.said = self._wait_until_it_listens()
            self.took = (time.monotonic_ns() - began) / 1e6
            # What it says from now on must not fill a pipe; the log has it, too.
            self.drain = subprocess.Popen(["cat"], stdin=self.process.stdout, stdout=subprocess.DEVNULL)
        except BaseException:
            self.stop()
            raise

    def _wait_until_it_listens(self):
        said = b""
        deadline = time.monotonic() + PATIENCE
        out = self.process.stdout.fileno()
        while b"listening on" not in said:
            ready, _, _ = select.select([out], [], [], max(0, deadline - time.monotonic()))
            more = os.read(out, 65536) if ready else b""
            if not more:
                self.process.kill()
                raise LabError(f"{self.kind.name} does not listen: {(said + self.process.stderr.read()).decode()}")
            said += more
        return said

    def processes(self):
        """The daemon's own processes: those that run its program, and not the commands."""
        found = []
        for pid in [self.process.pid, *descendants(self.process.pid)]:
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/exe") == self.kind.program:
                    found.append(pid)
        return found

    def cpu(self):
        """The CPU time of its own processes so far, in microseconds."""
        total = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                        total += int(file.read().split()[0]) / 1000
        return total

    def settle(self, patience=20, still=0.25):
        """Waits until it has done what there was to do: its CPU time stands still."""
        seen, since, deadline = self.cpu(), time.monotonic(), time.monotonic() + patience
        while time.monotonic() - since < still and time.monotonic() < deadline:
            time.sleep(0.05)
            # A wake-up now and then is no work.
            if (now := self.cpu()) - seen > 200:
                seen, since = now, time.monotonic()
        return self.cpu()

    def wake_ups(self):
        """How often its processes gave up the processor and came back."""
        total = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
                total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", file.read(), re.M)[1])
        return total

    def memory(self):
        """Kilobytes of all its processes: RSS and PSS without the capture ring, and the ring. The ring is what is mapped
        from a socket."""
        each = [memory(pid) for pid in self.processes()]
        return {key: sum(one[key] for one in each) for key in ("rss", "pss", "ring")}

    def counters(self):
        """(packets that passed its filter, those of them that the kernel dropped), since this was asked last."""
        packets = drops = 0
        for pid in self.processes():
            for capture in capture_sockets(pid):
                with capture:
                    got, lost = struct.unpack("II", capture.getsockopt(SOL_PACKET, PACKET_STATISTICS, 12)[:8])
                    packets, drops = packets + got, drops + lost
        return packets, drops

    def stop(self):
        """Ends it and all processes that run its program, also those that outlived it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for pid in descendants(os.getpid()):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/exe") == self.kind.program:
                    os.kill(pid, signal.SIGKILL)
        if self.drain:
            self.drain.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            pipe.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def memory(pid):
    """Kilobytes of one process: RSS and PSS without the capture ring, and the ring."""
    rss = pss = ring = 0
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as file:
        mapped = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", file.read())
    for one in mapped:
        sizes = {key: int(value) for key, value in re.findall(r"^(Rss|Pss):\s+(\d+) kB", one, re.M)}
        if "socket:[" in one.partition("\n")[0]:
            ring += sizes.get("Rss", 0)
        else:
            rss, pss = rss + sizes.get("Rss", 0), pss + sizes.get("Pss", 0)
    return {"rss": rss, "pss": pss, "ring": ring}


def capture_sockets(pid):
    """Copies of the packet sockets that the process `pid` has: their counters are the same ones."""
    try:
        with open(f"/proc/{pid}/net/packet", encoding="ascii") as table:
            known = {line.split()[-1] for line in table.readlines()[1:]}
        handle = os.pidfd_open(pid)
    except OSError:
        return
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{number}"))
                if found and found[1] in known:
                    copy = LIBC.syscall(SYS_PIDFD_GETFD, handle, int(number), 0)
                    if copy >= 0:
                        yield socket.socket(fileno=copy)
    finally:
        os.close(handle)
