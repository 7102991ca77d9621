"""Scenarios about what a door is told: its order, its time, its one-time file, its commands, its address."""

from .scenario import World, scenario, veth


@scenario("wrong-port", "knock")
def wrong_port(world):
    # 8500 belongs to no door, 8600 to another one; both are wrong here.
    world.knock("7000 8500 8000 9000")
    world.knock("7000 8600 8000 9000")
    world.knock("7000 8000 9000")


@scenario("lost-packets-knock-again", "knock", "nft")
def knock_again(world):
    # The client's side loses two of three hits; then the path is mended and the client starts over.
    world.client.nft("table ip filter { chain output { type filter hook output priority 0;"
                     " tcp dport { 8000, 9000 } drop; }; }")
    world.knock("7000 8000 9000")
    world.client.nft("flush ruleset")
    world.knock("7000 8000 9000")


@scenario("overlap-starts-over", "knock")
def overlap(world):
    world.knock("7000 7000 7000 8000")
    world.knock("7000 7000 8000")


@scenario("several-doors", "knock", ending=".pcap.gz")
def several_doors(world):
    world.knock("7000 8000 9000 9500")
    world.knock("9000 8000 7000")
    world.knock("1")


@scenario("ignored-ports", "knock", "curl", daemon=False)
def ignored_ports(world):
    # Another user behind the same address talks to the open web server meanwhile.
    world.knock("7000")
    world.client.run("curl -s -m 5 http://10.77.0.1:443/", status=7)
    world.knock("8000")
    world.knock("443", options="-u")
    world.knock("9000")
    world.knock("7000 444 8000 9000")


@scenario("timeout-in-time", "knock")
def in_time(world):
    start = world.at_fraction(0.05)
    for seconds, port in ((0.0, 7000), (1.2, 8000), (2.4, 9000)):
        world.until(start, seconds)
        world.knock(str(port))


@scenario("timeout-too-late", "knock")
def too_late(world):
    start = world.at_fraction(0.1)
    for seconds, port in ((0.0, 7000), (1.0, 8000), (2.4, 9000)):
        world.until(start, seconds)
        world.knock(str(port))
    world.knock("7000 8000 9000")
    # Nothing follows these two, so only a clock can end them: one after 2 s, one after the default of 25 s.
    world.knock("7000")
    world.knock("6000:udp", options="-u")


@scenario("timeout-over-a-second-boundary", "knock", tcpdump={"nano": True})
def second_boundary(world):
    # 1.4 s are less than 2, but the whole seconds of the first and the last hit differ by 2.
    start = world.at_fraction(0.75)
    for seconds, port in ((0.0, 7000), (0.7, 8000), (1.4, 9000)):
        world.until(start, seconds)
        world.knock(str(port))


@scenario("one-time-used-up", "knock")
def used_up(world):
    for ports in ("7001 8001 9001", "7001 8001 9001", "7002:udp 8002 9002", "7003 8003 9003", "7003 8003 9003"):
        world.knock(ports, options="-d 30")
        # Time for the 0.8 beside us, which loses packets while it is busy with its file.
        world.pause(0.3)
    world.knock("6000 6100 6200")


@scenario("one-time-unparsable-line", "knock")
def unparsable_line(world):
    for ports in ("7001 8001 9001", "7002 8002 9002", "7001 8001 9001"):
        world.knock(ports, options="-d 30")
        world.pause(0.3)


@scenario("one-time-replayed", "knock", clients=2)
def replayed(world):
    alice, bob = world.clients
    world.knock("7001 8001", client=bob)
    # The next line's knock follows the last hit of this one at once.
    world.knock("7001 8001 9001 7002 8002 9002", client=alice)
    world.knock("9001", client=bob)
    world.knock("7001 8001 9001", client=bob)
    world.knock("7002 8002 9002", client=bob)


@scenario("one-time-ipv6", "knock", ipv6=True)
def one_time_ipv6(world):
    for ports in ("7001 8001 9001", "7002 8002 9002"):
        world.knock(ports, host="fd77::1", options="-6 -d 30")
        world.pause(0.3)
    world.knock("7003 8003 9003", options="-4")


@scenario("one-time-none-left-at-start", "knock")
def none_left(world):
    world.knock("7001 8001 9001")
    world.knock("7000 8000 9000")


@scenario("stop-commands", "knock", ipv6=True)
def stop_commands(world):
    world.knock("7000 8000 9000")
    world.knock("7100 8100 9100")
    world.knock("7200 8200 9200")
    world.knock("7000 8000 9000", host="fd77::1", options="-6")
    world.knock("7100 8100 9100", host="fd77::1", options="-6")
    world.pause(0.5)
    world.knock("7200 8200 9200", host="fd77::1", options="-6")
    # The stop command without Cmd_Timeout comes after the default of 10 s.
    world.knockd.wait_for("running command: true shut-default", seconds=15)


def routed(lab, told):
    """The server routes to a third host, which has the address that the door is about."""
    world = veth(lab, told)
    inside = lab.host("inside")
    lab.cable(world.server, "eth1", inside, "eth0", ("02:00:00:00:78:01", "02:00:00:00:78:09"))
    world.server.address("eth1", "10.78.0.1/24")
    inside.address("eth0", "10.78.0.9/24")
    world.server.up("eth1")
    inside.up("eth0")
    world.server.sysctl("net.ipv4.ip_forward", 1)
    inside.ip("route add default via 10.78.0.1")
    world.client.ip("route add 10.78.0.0/24 via 10.77.0.1")
    return world


@scenario("target-behind-the-router", "knock", world=routed)
def target(world):
    world.knock("7000 8000 9000", host="10.78.0.9")
    world.knock("7000 8000 9000")
    # Half here and half there belongs to two doors and finishes neither.
    world.knock("7000", host="10.78.0.9")
    world.knock("8000 9000")
    world.knock("1", host="10.78.0.9")


def more_addresses(world: World):
    world.server.address("eth0", "10.77.0.20/24", "10.88.0.1/32", "fd77::20/64")
    world.client.ip("route add 10.88.0.1/32 via 10.77.0.1")
    world.client.ip("route add 10.99.0.1/32 via 10.77.0.1")


@scenario("secondary-addresses", "knock", ipv6=True, prepare=more_addresses)
def secondary(world):
    for port, host in ((7000, "10.77.0.1"), (8000, "10.77.0.20"), (9000, "10.88.0.1")):
        world.knock(str(port), host=host)
    for port, host in ((7000, "fd77::20"), (8000, "fd77::1"), (9000, "fd77::20")):
        world.knock(str(port), host=host, options="-6")
    # An address that the interface does not have: neither a hit nor a mistake.
    world.knock("7000 8000")
    world.knock("8500", host="10.99.0.1")
    world.knock("9000")
