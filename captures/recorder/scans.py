"""Scenarios of scanners and of repeated packets: nmap, and one socket that sends twice."""

from .scenario import scenario

NMAP = "nmap -n -Pn --max-retries 0 --min-parallelism 1 --max-parallelism 4"


@scenario("nmap-ascending", "nmap")
def ascending(world):
    world.client.run(f"{NMAP} -sS -r -p 6990-7030 10.77.0.1", status=0)


@scenario("nmap-opens-rising-ports", "nmap")
def rising_ports(world):
    world.client.run(f"{NMAP} -sS -r -p 6990-7030 10.77.0.1", status=0)


@scenario("nmap-random-order", "nmap", "knock")
def random_order(world):
    world.client.run(f"{NMAP} -sS -p 6990-7030 10.77.0.1", status=0)
    # Whatever the scan left half done ends here and not by a timeout.
    world.knock("1")


def answer_at_once(world):
    # The kernel limits "port unreachable", and nmap would wait for each.
    world.server.sysctl("net.ipv4.icmp_ratelimit", 0)


@scenario("nmap-udp", "nmap", prepare=answer_at_once)
def udp_scan(world):
    world.client.run(f"{NMAP} -sU -r -p 6990-7030 10.77.0.1", status=0)


@scenario("udp-repeats", "nc", ending=".pcapng")
def udp_repeats(world):
    # One port of the client throughout: the same datagram to the same port is a repeat.
    for port in (7000, 7000, 8000, 8000, 7000, 9000):
        datagram(world, port)
    # Within a second of the trigger all of it is remembered, after that nothing.
    for port in (7000, 8000, 9000):
        datagram(world, port)
    world.pause(1.3)
    for port in (7000, 8000, 9000):
        datagram(world, port)
    # A repeat that is what a live knock waits for advances it.
    for port in (5000, 5000, 6000, 5000):
        datagram(world, port, source=40001)


def datagram(world, port, source=40000):
    world.client.run(f"nc -n -u -q 0 -p {source} 10.77.0.1 {port}", text="x")
