"""Scenarios of the ordinary clients: knock, nc, hping3, curl, and ssh beside them."""

from .lab import LabError
from .programs import OURS, Ssh
from .scenario import scenario

DROP_TCP = "table inet filter { chain input { type filter hook input priority 0; meta l4proto tcp drop; }; }"


@scenario("knock-tcp", "knock")
def knock_tcp(world):
    world.knock("7000 8000 9000")
    world.knock("7000 8000 9000")


@scenario("knock-udp-and-ping", "knock", "hping3")
def knock_udp_and_ping(world):
    world.knock("7000 8000", options="-u")
    world.client.run("hping3 -q -1 -c 1 10.77.0.1", status=0)
    world.knock("9000", options="-u")


@scenario("knock-mixed-protocols", "knock")
def knock_mixed(world):
    world.knock("2222 3333 4444")
    world.knock("2222:udp 3333:udp 4444:udp")
    world.knock("2222:udp 3333:tcp 4444:udp")


@scenario("knock-ipv6", "knock", ipv6=True)
def knock_ipv6(world):
    for ports in ("7000 8000 9000", "7100 8100 9100", "7200 8200 9200"):
        world.knock(ports, host="fd77::1", options="-6")
    world.knock("7000 8000 9000", options="-4")


def firewall(world):
    world.server.nft(DROP_TCP)


@scenario("nc-syn-retransmitted", "nc", "nft", prepare=firewall)
def nc_retransmits(world):
    # A SYN that nothing answers goes out again after a second; each nc waits for two and a half.
    for port in (7000, 8000, 9000):
        world.client.run(f"nc -n -z -w 3 10.77.0.1 {port}", status=1)


@scenario("our-knock-unanswered", "our knock", "nft", prepare=firewall)
def our_knock_unanswered(world):
    # Longer between hits, and after them, than a kernel waits before it sends a SYN again: one and three seconds.
    world.client.run([OURS, "-d", "1500", "10.77.0.1", "7000", "8000", "9000"], status=0)
    world.pause(3.5)
    hits = world.recording.segments()
    if hits != [7000, 8000, 9000]:
        raise LabError(f"not one SYN for each hit: {hits}")


@scenario("one-port-door", "nc", "knock", "nft", prepare=firewall)
def one_port(world):
    world.client.run("nc -n -z -w 3 10.77.0.1 7000", status=1)
    world.knock("7000")


@scenario("hping3-each-flag", "hping3")
def each_flag(world):
    hping3(world, *((flag, port) for flag in "FSRPAU" for port in (7000, 8000, 9000)))


@scenario("hping3-flags-demanded-and-refused", "hping3")
def combined_flags(world):
    hping3(world, *((flags, port) for flags in ("SA", "S") for port in (7000, 8000, 9000)),
           # Without SYN neither door looks; SYN+ACK at a wrong port is a mistake only where ACK is allowed.
           ("S", 7000), ("PA", 1234), ("SA", 7777), ("S", 8000), ("F", 1234), ("S", 9000))


def hping3(world, *segments):
    """One segment for each pair of flags and port. Left alone, hping3 takes the same source port and sequence
    number all through a second, and its segments would be repeats of each other."""
    for number, (flags, port) in enumerate(segments):
        world.client.run(["hping3", "-q", "-c", "1", *(f"-{flag}" for flag in flags), "-s", str(40000 + number),
                          "-M", str(1000 + number), "-p", str(port), "10.77.0.1"])


@scenario("udp-beside-tcpflags", "knock")
def udp_beside_flags(world):
    world.knock("7000 5353:udp 8000 9000")
    world.knock("7000 8000:udp 9000")


def more_addresses(world):
    world.server.address("eth0", "10.77.0.20/24")


@scenario("curl-two-addresses", "curl", prepare=more_addresses)
def curl_two_addresses(world):
    for port in (7000, 8000, 9000):
        world.client.run(["curl", "-s", "-m", "5", "--resolve", f"server:{port}:10.77.0.1,10.77.0.20",
                          f"http://server:{port}/"], status=7)


def ipv6_firewall(world):
    world.server.nft("table ip6 filter { chain input { type filter hook input priority 0; meta l4proto tcp drop; }; }")


@scenario("curl-happy-eyeballs", "curl", "nft", ipv6=True, prepare=ipv6_firewall)
def curl_happy_eyeballs(world):
    # IPv6 is dropped without an answer, so curl tries IPv4 beside it after 200 ms.
    for port in (7000, 8000, 9000):
        world.client.run(["curl", "-s", "-m", "0.6", "--resolve", f"server:{port}:[fd77::1],10.77.0.1",
                          f"http://server:{port}/"])


@scenario("ssh-session-beside-syn", "ssh", "knock")
def ssh_beside_syn(world):
    session = Ssh(world.lab, world.server, world.client, "10.77.0.1")
    for port in (7000, 8000, 9000):
        world.knock(str(port))
        session.talk()
    session.close()


@scenario("ssh-session-spoils", "ssh", "knock")
def ssh_spoils(world):
    session = Ssh(world.lab, world.server, world.client, "10.77.0.1")
    for port in (7000, 8000, 9000):
        world.knock(str(port))
        session.talk()
    session.close()
    world.knock("7000 8000 9000")


@scenario("two-clients", "knock", clients=2)
def two_clients(world):
    for port in (7000, 8000, 9000):
        for client in world.clients:
            world.knock(str(port), client=client)


@scenario("ten-clients", "knock", clients=10)
def ten_clients(world):
    plans = [["7000", "8000", "9000"] for _ in world.clients]
    # The fourth mixes up the order, the seventh strays from it, the ninth strays and begins again.
    plans[3] = ["7000", "9000", "8000"]
    plans[6] = ["7000", "8000 8500", "9000"]
    plans[8] = ["7000", "8500 7000 8000", "9000"]
    for turn in range(3):
        for client, plan in zip(world.clients, plans):
            world.knock(plan[turn], client=client)
