"""One scenario's world: network namespaces, the cables between them, and every process in them.

A `Lab` is a context: whatever happens inside it, an error or a signal included, its processes are
ended and its namespaces deleted when it is left. Each scenario runs in a process of its own, and only
its main thread enters a namespace for a moment, to open a socket there.
"""

import contextlib
import ctypes
import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

SERVER_MAC = "02:00:00:00:77:01"
CLIENT_MAC = "02:00:00:00:77:{:02x}"
CLONE_NEWNET = 0x40000000
LOCK = os.path.join(tempfile.gettempdir(), "record-captures.lock")

# No chatter that no client asked for: the runs differ less, and the captures stay small.
QUIET = {
    "net.ipv6.conf.all.accept_dad": 0,
    "net.ipv6.conf.default.accept_dad": 0,
    "net.ipv6.conf.default.router_solicitations": 0,
    "net.ipv6.conf.default.addr_gen_mode": 1,
    "net.ipv6.conf.default.accept_ra": 0,
    "net.ipv6.conf.default.mldv2_unsolicited_report_interval": 0,
}


class LabError(Exception):
    """The recording could not be made; the message says what did not happen."""


class Lab:
    def __init__(self, name):
        self.name = name
        self.dir = None
        self.namespaces = []
        self.processes = []
        self.closers = []

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix=f"record-{self.name}-")
        return self

    def __exit__(self, *_):
        # A second signal must not stop the clearing away half-way.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for process in reversed(self.processes):
            end(process)
        for close in self.closers:
            with contextlib.suppress(OSError):
                close()
        for host in self.namespaces:
            subprocess.run(["ip", "netns", "del", host.namespace], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def host(self, role, ipv6=False):
        """A namespace of its own for the host `role`, quiet, with loopback up."""
        host = Host(self, f"knock-{os.getpid()}-{role}")
        with open(LOCK, "w", encoding="ascii") as lock:
            # `ip netns add` prepares a shared folder and does not like company while it does.
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.namespaces.append(host)
            command("ip", "netns", "add", host.namespace)
        for key, value in QUIET.items():
            host.sysctl(key, value)
        if not ipv6:
            host.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
            host.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
        host.ip("link set lo up")
        return host

    def cable(self, one, its, other, others, macs=(SERVER_MAC, CLIENT_MAC.format(2))):
        """A veth pair: interface `its` of host `one` and `others` of host `other`, both still down."""
        one.ip(f"link add {its} address {macs[0]} type veth peer name {others}"
               f" address {macs[1]} netns {other.namespace}")


class Host:
    def __init__(self, lab, namespace):
        self.lab = lab
        self.namespace = namespace

    def ip(self, words):
        command("ip", "-n", self.namespace, *words.split())

    def sysctl(self, key, value):
        with self.inside(), open("/proc/sys/" + key.replace(".", "/"), "w", encoding="ascii") as file:
            file.write(str(value))

    def address(self, interface, *addresses):
        for address in addresses:
            self.ip(f"addr add {address} dev {interface}")

    def up(self, interface):
        self.ip(f"link set {interface} up")

    def nft(self, rules):
        """Loads nftables `rules` (a ruleset as text), the firewall of this host."""
        command("ip", "netns", "exec", self.namespace, "nft", "-f", "-", text=rules)

    def run(self, words, timeout=30, status=None, text=None):
        """Runs a client to its end; `status` is the exit status it must have, if that matters."""
        words = shlex.split(words) if isinstance(words, str) else words
        done = subprocess.run(["ip", "netns", "exec", self.namespace, *words], timeout=timeout,
                              text=True, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if status is not None and done.returncode != status:
            raise LabError(f"{shlex.join(words)}: exit status {done.returncode}: {done.stdout.strip()}")
        return done.stdout

    def start(self, words, **files):
        """Starts a program that stays; the lab ends it."""
        words = shlex.split(words) if isinstance(words, str) else words
        process = subprocess.Popen(["ip", "netns", "exec", self.namespace, *words],
                                   start_new_session=True, **{"stdin": subprocess.DEVNULL, **files})
        self.lab.processes.append(process)
        return process

    @contextlib.contextmanager
    def inside(self):
        """This process is in the host's namespace for the block; sockets opened there stay there."""
        with open("/proc/self/ns/net", "rb") as home, open(f"/run/netns/{self.namespace}", "rb") as there:
            setns(there)
            try:
                yield
            finally:
                setns(home)


def setns(file):
    """`os.setns` only exists from Python 3.12 on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
        raise LabError(f"setns: {os.strerror(ctypes.get_errno())}")


def command(*words, text=None):
    done = subprocess.run(words, text=True, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise LabError(f"{shlex.join(words)}: {done.stdout.strip()}")


def end(process):
    """Ends a process and what it left in its session, and waits for it."""
    for number, patience in ((signal.SIGTERM, 2), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break


def wait_for(what, condition, seconds=10, every=0.01):
    """Waits until `condition()` is true; an error names `what` did not happen."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds} s in vain for {what}")
        time.sleep(every)


def wait_until_still(what, measure, still=0.3, seconds=15):
    """Waits until `measure()` has not changed for `still` seconds."""
    seen, since = measure(), time.monotonic()
    deadline = since + seconds
    while time.monotonic() - since < still:
        if time.monotonic() > deadline:
            raise LabError(f"{what} did not come to rest in {seconds} s")
        time.sleep(0.02)
        if (now := measure()) != seen:
            seen, since = now, time.monotonic()
