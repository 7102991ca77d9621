"""The programs that watch or serve while the clients knock: tcpdump, the C knockd, sshd."""

import os
import re
import shutil
import signal
import subprocess

from .lab import LabError, end, wait_for, wait_until_still

PACKAGES = {
    "knockd": "knockd", "knock": "knockd", "tcpdump": "tcpdump", "nmap": "nmap", "hping3": "hping3",
    "nc": "netcat-openbsd", "sshd": "openssh-server", "ssh": "openssh-client", "ssh-keygen": "openssh-client",
    "curl": "curl", "ip": "iproute2", "nft": "nftables",
}
# This project's client, as `cargo build` or `cargo test` leaves it.
OURS = os.path.join(os.environ.get("CARGO_TARGET_DIR") or os.path.join(os.path.dirname(__file__), "..", "..", "target"),
                    "debug", "knock")
VERSIONS = {
    "tcpdump": (["tcpdump", "--version"], r"tcpdump version (\S+)"),
    "knockd": (["knockd", "-V"], r"knockd (\S+)"),
    "knock": (["knock", "-V"], r"knock (\S+)"),
    "our knock": ([OURS, "-V"], r"knock (\S+)"),
    "nmap": (["nmap", "-V"], r"Nmap version (\S+)"),
    "hping3": (["hping3", "-v"], r"hping3 version (\S+)"),
    "ssh": (["ssh", "-V"], r"OpenSSH_([^\s,]+)"),
    "curl": (["curl", "-V"], r"curl (\S+)"),
    "nft": (["nft", "-v"], r"nftables v(\S+)"),
    "nc": (["dpkg-query", "-W", "-f", "netcat-openbsd ${Version}", "netcat-openbsd"], r"netcat-openbsd (\S+)"),
    "python": (["python3", "-V"], r"Python (\S+)"),
    "gzip": (["python3", "-c", "import zlib; print('zlib', zlib.ZLIB_RUNTIME_VERSION)"], r"zlib (\S+)"),
}


def missing_packages():
    """The apt packages whose programs are not on this machine."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    return sorted({package for program, package in PACKAGES.items() if not shutil.which(program)})


def version(tool):
    words, pattern = VERSIONS[tool]
    done = subprocess.run(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    found = re.search(pattern, done.stdout)
    return f"{tool} {found[1].rstrip(',')}" if found else tool


def sockets_watching(host):
    """How many packet sockets are listening in the host's namespace (one that shuts down counts until it is gone)."""
    with host.inside(), open("/proc/thread-self/net/packet", encoding="ascii") as table:
        return sum(line.split()[5] == "1" for line in table.readlines()[1:])


def tcp_talks(*hosts):
    """Whether a TCP socket of these hosts may still send: all but those that listen or linger in TIME_WAIT."""
    states = []
    for host in hosts:
        with host.inside(), open("/proc/thread-self/net/tcp", encoding="ascii") as table:
            states += [line.split()[3] for line in table.readlines()[1:]]
    return any(state not in ("0A", "06") for state in states)


class Tcpdump:
    """Writes every packet of `interface` to `path`; constructed, it is capturing."""

    def __init__(self, host, path, interface="eth0", link=None, nano=False):
        self.path = path
        self.said = path + ".said"
        words = ["tcpdump", "-i", interface, "-n", "--immediate-mode", "-U", "-s", "2048", "-Z", "root", "-w", path]
        words += ["-y", link] if link else []
        words += ["--time-stamp-precision=nano"] if nano else []
        with open(self.said, "wb") as said:
            self.process = host.start(words, stderr=said)
        wait_for("tcpdump to capture", lambda: "listening on" in self.words())

    def words(self):
        with open(self.said, encoding="utf-8", errors="replace") as said:
            return said.read()

    def segments(self):
        """The destination ports of all TCP segments recorded so far, in order."""
        wait_until_still("the traffic", lambda: os.path.getsize(self.path))
        done = subprocess.run(["tcpdump", "-n", "-q", "-r", self.path, "tcp"], text=True, capture_output=True, check=True)
        return [int(re.search(r" > [^ ]*\.(\d+): ", line)[1]) for line in done.stdout.splitlines()]

    def stop(self):
        wait_until_still("the traffic", lambda: os.path.getsize(self.path))
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)
        if not re.search(r"\b0 packets dropped by kernel", self.words()):
            raise LabError(f"tcpdump lost packets: {self.words()}")


class Knockd:
    """The C knockd 0.8 on a copy of the configuration; constructed, it is listening (or has given up)."""

    def __init__(self, host, folder, interface="eth0"):
        self.log = os.path.join(folder, "knockd.log")
        self.said = os.path.join(folder, "knockd.said")
        before = sockets_watching(host)
        with open(self.said, "wb") as said:
            self.process = host.start(["knockd", "-i", interface, "-c", "knockd.conf", "-g", self.log],
                                      cwd=folder, stdout=said, stderr=said)
        wait_for("knockd to listen", lambda: self.ended() or
                 (sockets_watching(host) > before and "listening on" in self.lines()))

    def ended(self):
        return self.process.poll() is not None

    def lines(self):
        return read(self.log)

    def wait_for(self, text, times=1, seconds=10):
        wait_for(f"{text!r} in knockd's log", lambda: self.ended() or self.lines().count(text) >= times, seconds)

    def stop(self):
        """The log to keep: what it logged, and how it ended if nobody asked it to."""
        wait_until_still("knockd's log", lambda: self.ended() or len(self.lines()))
        if not self.ended():
            end(self.process)
            return self.lines()
        status = self.process.returncode
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        said = "".join(f"# {line}\n" for line in read(self.said).splitlines())
        return f"{self.lines()}# knockd 0.8 ended by itself, {how}; it had said:\n{said}"


class Ssh:
    """An SSH session from `client` to `server` that carries traffic when it is told to."""

    def __init__(self, lab, server, client, address):
        self.hosts = (server, client)
        os.makedirs("/run/sshd", exist_ok=True)
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", lab.path(key)], check=True)
        os.rename(lab.path("user.pub"), lab.path("authorized"))
        with open(lab.path("sshd.conf"), "w", encoding="ascii") as config:
            config.write(f"HostKey {lab.path('host')}\nAuthorizedKeysFile {lab.path('authorized')}\n"
                         "StrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPidFile none\n"
                         "PrintMotd no\nPrintLastLog no\nUseDNS no\n")
        with open(lab.path("sshd.said"), "wb") as said:
            server.start([shutil.which("sshd"), "-D", "-e", "-f", lab.path("sshd.conf")], stderr=said)
        wait_for("sshd to listen", lambda: "listening on" in read(lab.path("sshd.said")))
        self.process = client.start(
            ["ssh", "-F", "none", "-i", lab.path("user"), "-o", "StrictHostKeyChecking=no",
             "-o", "UserKnownHostsFile=/dev/null", "-o", "KexAlgorithms=curve25519-sha256",
             "-o", "LogLevel=ERROR", f"root@{address}", "cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.talk()

    def talk(self):
        """One line there and back, so there are segments of the session on the wire when this returns."""
        self.process.stdin.write(b"still here\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != b"still here\n":
            raise LabError("the ssh session ended")

    def close(self):
        """Ends the session; when this returns, its last segment has been sent."""
        self.process.stdin.close()
        self.process.wait(10)
        wait_for("the ssh session's last segment", lambda: not tcp_talks(*self.hosts))


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""
