"""What is measured: each function is one row, or one group of rows, of the table."""

import mmap
import os
import random
import select
import statistics
import time

from .daemons import Daemon
from .wire import Frames, frame, knock

FLOODERS = 0x0A400000  # 10.64.0.0 and the 65,535 after it
KNOCKERS = 0x0A4E0000  # 10.78.0.0
CROWD = 0x0A800000  # 10.128.0.0 and as many as there are
DOOR = "[door]\nSequence = 7000,8000,9000\nSeq_Timeout = {timeout}\nTCPFlags = syn\nCommand = {command}\n"


def door(command, timeout=600, stop=None):
    text = DOOR.format(command=command, timeout=timeout)
    return text + (f"Cmd_Timeout = 600\nStop_Command = {stop}\n" if stop else "")


class Bell:
    """A named pipe into which a command writes the time of its first action.

    The command is what an administrator's is, one line that names a program; the program is `date`, which tells the time
    as soon as it runs. So it does not matter when this process gets the processor to read it.
    """

    def __init__(self, folder):
        self.path = os.path.join(folder, "bell")
        if not os.path.exists(self.path):
            os.mkfifo(self.path)
        # Open for writing, too, so that no writer waits and no end of file comes.
        self.file = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        self.command = f"date +%s%N >{self.path}"

    def rung(self, patience=3):
        """The command's time in nanoseconds, or nothing if it is not run."""
        if not select.select([self.file], [], [], patience)[0]:
            return None
        return int(os.read(self.file, 4096).split()[0])

    def close(self):
        os.close(self.file)


def spread(times):
    """Median and 99th percentile, in milliseconds."""
    times = sorted(times)
    return {"median": statistics.median(times), "p99": times[min(len(times) - 1, round(len(times) * 0.99))],
            "count": len(times)}


def spawn_alone(bell, knocks):
    """What it takes to run the same command through the same shell, from a program that does nothing else."""
    times = []
    for _ in range(knocks):
        time.sleep(0.005)
        began = time.time_ns()
        pid = os.posix_spawn("/bin/sh", ["/bin/sh", "-c", bell.command], {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        times.append((bell.rung() - began) / 1e6)
        os.waitpid(pid, 0)
    return spread(times)


def sync_alone(folder, knocks):
    """One fdatasync of a short record at the end of a file in the folder where the journal would be."""
    path = os.path.join(folder, "synced")
    times = []
    with open(path, "wb", buffering=0) as file:
        for _ in range(knocks):
            time.sleep(0.005)
            began = time.monotonic_ns()
            file.write(bytes(200))
            os.fdatasync(file.fileno())
            times.append((time.monotonic_ns() - began) / 1e6)
    os.unlink(path)
    return spread(times)


def latency(world, kind, knocks, stop):
    """From the last hit to the first action of the command, each knock from a new address at no particular moment."""
    bell = Bell(world.folder)
    times, lost = [], 0
    with Daemon(kind, world.server, world.folder, door(bell.command, stop=":" if stop else None)):
        for number in range(knocks):
            sent = knock(world.sender, KNOCKERS + number + 1, pause=random.uniform(0.010, 0.020))
            rung = bell.rung()
            if rung is None:
                lost += 1
            else:
                times.append((rung - sent) / 1e6)
    bell.close()
    return {**(spread(times) if times else {"median": None, "p99": None, "count": 0}), "lost": lost}


def flood(world, kind, passes, knocks):
    """First hits of 65,536 sources, each once a pass with new numbers, and `knocks` whole knocks spread among them."""
    opened = os.path.join(world.folder, "opened")
    with open(opened, "wb"):
        pass
    each = knocks // passes
    frames = world.flood_frames(each)
    with Daemon(kind, world.server, world.folder, door(f"echo %IP% >>{opened}")) as daemon:
        before, _ = daemon.settle(), daemon.counters()
        own = process_cpu(daemon)
        received = world.received()
        busy = 0
        for number in range(passes):
            frames.renew(number)
            for place, made in enumerate(good_knocks(number, each)):
                frames.put(world.slots[place], made)
            began = time.monotonic()
            world.sender.all(frames)
            busy += time.monotonic() - began
        cpu = daemon.settle() - before
        watcher = process_cpu(daemon) - own
        packets, drops = daemon.counters()
        with open(opened, encoding="ascii") as file:
            recognised = len({line for line in file.read().split() if line.startswith("10.78.")})
        arrived = world.received() - received
    handled = max(1, packets - drops)
    return {"sent": frames.count * passes, "arrived": arrived, "rate": frames.count * passes / busy,
            "captured": packets, "dropped": drops, "recognised": recognised, "knocks": each * passes,
            "cpu": cpu / handled, "watcher": watcher / handled}


def process_cpu(daemon):
    """The CPU time of the process that was started, in microseconds."""
    with open(f"/proc/{daemon.process.pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1000


def good_knocks(number, each):
    """The frames of `each` knocks by new sources, one knock after the other."""
    for one in range(each):
        source = KNOCKERS + 1 + number * each + one
        for place, port in enumerate((7000, 8000, 9000)):
            yield frame(source, port, 40000 + place, 1000 * (number + 1) + place)


def crowd(world, kind, sources, patience, rounds, sample, more=()):
    """`sources` half-finished knocks at once: memory, and what a packet costs then.

    The C program needs longer for each source that it knows, so it gets `patience` seconds; how far it came is told.
    """
    opened = os.path.join(world.folder, "opened")
    with open(opened, "wb"):
        pass
    with Daemon(kind, world.server, world.folder, door(f"echo %IP% >>{opened}"), more) as daemon:
        daemon.settle()
        daemon.counters()
        if kind.ours:
            held = sources
            world.sender.paced(world.crowd_frames(sources), 200_000)
            daemon.settle()
        else:
            held = fill_slowly(world, daemon, sources, patience)
        packets, drops = daemon.counters()
        memory = daemon.memory()
        samples = []
        for number in range(rounds):
            chosen = [CROWD + random.randrange(held) for _ in range(sample)]
            frames = Frames([frame(source, 7000, 21000 + number, random.getrandbits(32)) for source in chosen])
            before = daemon.settle()
            world.sender.paced(frames, 100_000 if kind.ours else 2_000)
            cpu = daemon.settle() - before
            got, lost = daemon.counters()
            samples.append(cpu / max(1, got - lost))
        alive = finish(world, daemon, opened, held) if kind.ours else None
    return {"sources": sources, "held": held, "captured": packets, "dropped": drops, "memory": memory,
            "cpu": statistics.median(samples), "samples": samples, "finished": alive}


def fill_slowly(world, daemon, sources, patience):
    """Sends first hits no faster than they are logged, and says how many were."""
    deadline = time.monotonic() + patience
    frames = world.crowd_frames(sources)
    held, logged = 0, 0
    with open(daemon.log, "rb") as log:
        log.read()
        while held < sources and time.monotonic() < deadline:
            last = min(held + 200, sources)
            world.sender.all(frames, held, last)
            still = time.monotonic() + 5
            while logged < last and time.monotonic() < still:
                # A line may be half written; its end comes once.
                logged += log.read().count(b"\n")
                time.sleep(0.0005)
            held = last
    return held


def finish(world, daemon, opened, held):
    """How many of twenty sources of the crowd, each half-way, open the door with their two missing hits."""
    chosen = sorted({CROWD + held * number // 20 for number in range(20)})
    for source in chosen:
        knock(world.sender, source, ports=(8000, 9000))
    daemon.settle()
    with open(opened, encoding="ascii") as file:
        return f"{len(set(file.read().split()))} of {len(chosen)}"


def one_time(world, kind, size, left):
    """A file of `size` bytes of sequences with all but the last `left` used up: the start, and one knock."""
    path = os.path.join(world.folder, "sequences")
    line = b"%05d,%05d,%05d\n" % (21000, 22000, 23000)
    used = b"#" + line[1:]
    lines = size // len(line)
    rest = [b"%05d,%05d,%05d\n" % (24001 + number, 25000, 26000) for number in range(left)]
    with open(path, "wb") as file:
        file.write(used * (lines - left) + b"".join(rest))
        # An administrator's file has long been on the disk: its 100 MiB are not what a mark has to wait for.
        os.fsync(file.fileno())
    os.chmod(path, 0o600)
    with open(path, "rb") as file:
        expected = bytearray(file.read())
    expected[(lines - left) * len(line)] = ord("#")
    read = read_once(path)
    bell = Bell(world.folder)
    text = f"[door]\nOne_Time_Sequences = {path}\nSeq_Timeout = 600\nTCPFlags = syn\nCommand = {bell.command}\n"
    with Daemon(kind, world.server, world.folder, text) as daemon:
        before = daemon.settle()
        knock(world.sender, KNOCKERS + 1, ports=(24001, 25000, 26000))
        opened = bell.rung() is not None
        cpu = daemon.settle() - before if daemon.process.poll() is None else None
        took = daemon.took
    bell.close()
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as now:
        right = now[:] == expected
    os.unlink(path)
    return {"start": took, "read": read, "cpu": cpu / 1000 if cpu is not None else None, "opened": opened,
            "right_line": right}


def read_once(path):
    """How long one read of a file lasts that is in the page cache, in milliseconds."""
    buffer = bytearray(1 << 20)
    began = time.monotonic_ns()
    with open(path, "rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return (time.monotonic_ns() - began) / 1e6


def many_doors(world, kind, doors=60, ports=32):
    """The start with `doors` doors of `ports` ports each, all different, in milliseconds."""
    text = ""
    for number in range(doors):
        sequence = ",".join(str(10000 + number * ports + port) for port in range(ports))
        text += f"[door{number}]\nSequence = {sequence}\nTCPFlags = syn\nCommand = :\n"
    with Daemon(kind, world.server, world.folder, text) as daemon:
        return daemon.took


def at_rest(world, kinds, seconds):
    """All daemons side by side, with one door each and nothing to do."""
    found = {}
    daemons = []
    try:
        for kind in kinds:
            folder = os.path.join(world.folder, f"rest-{kind.name.replace(' ', '-')}")
            os.makedirs(folder, exist_ok=True)
            daemons.append(Daemon(kind, world.server, folder, door(":")))
        for daemon in daemons:
            daemon.settle()
        before = [daemon.wake_ups() for daemon in daemons]
        time.sleep(seconds)
        for daemon, woken in zip(daemons, before):
            found[daemon.kind.name] = {"start": daemon.took, "wake_ups": daemon.wake_ups() - woken,
                                       "processes": len(daemon.processes()), "memory": daemon.memory()}
    finally:
        for daemon in daemons:
            daemon.stop()
    return found
