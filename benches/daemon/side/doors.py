"""The doors under fire, and the knocks that open them or must not."""

from .ground import ACK, HOME, hit
from .ledger import Knock, now

# Each door's hits, the seconds until it is closed, and what its commands do before they note that they run.
DOORS = {
    "plain": ("7000,8000,9000", None, ""),
    "second": ("7101,8101,9101", 1, ""),
    "third": ("7103:udp,8103,9103:udp", 3, ""),
    "datagrams": ("7201:udp,8201:udp,9201:udp", 2, ""),
    "six": ("7301,8301,9301", 1, ""),
    "slow": ("7401,8401,9401", 1, "sleep 0.3; "),
}
LEAST, MOST = 1, 3  # seconds until the door whose directives change is closed
BAD = ("[options\n", "[door]\nSequence = 7000,80000\n", "[plain]\nSequence = 7000\nSequnce = 1\n", "",
       "[once]\nOne_Time_Sequences = /nowhere/at/all\nCommand = :\n")


def config(ledger, once, generation):
    """A good configuration. The door `moving` and whether there is a door `extra` are other ones in each generation."""
    text = f"[options]\nLogFile = {ledger.path.removesuffix('record')}log\n"
    doors = dict(DOORS, moving=(ports(generation), moving_stop(generation), ""))
    if generation % 2:
        doors["extra"] = ("7501,8501,9501", None, "")
    for name, (sequence, stop, before) in doors.items():
        text += door(ledger, name, f"Sequence = {sequence}", stop, before)
    return text + door(ledger, "once", f"One_Time_Sequences = {once.path}", 2, "")


def door(ledger, name, sequences, stop, before):
    start = before + ledger.command("start", name)
    text = f"[{name}]\n{sequences}\nSeq_Timeout = 20\nTCPFlags = syn\nStart_Command = {start}\n"
    if name == "six":
        text += f"Start_Command_6 = {start}; :\n"
    if stop is not None:
        text += f"Cmd_Timeout = {stop}\nStop_Command = {before}{ledger.command('stop', name)}\n"
    return text


def ports(generation):
    return f"{10000 + generation % 1000},{11000 + generation % 1000},{12000 + generation % 1000}"


def moving_stop(generation):
    return LEAST + generation % MOST


def hits_of(sequence):
    """[(port, whether it is UDP)]"""
    return [(int(one.removesuffix(":udp")), one.endswith(":udp")) for one in sequence.split(",")]


class Sent:
    """A knock and those of its frames that have not been sent yet."""

    def __init__(self, knock, frames):
        self.knock, self.frames = knock, frames

    def step(self, ground):
        """Sends the next one; says whether that was the last."""
        ground.send(self.frames.pop(0))
        if not self.frames:
            self.knock.last = now()
        return not self.frames

    def all(self, ground):
        while not self.step(ground):
            pass
        return self.knock


class Maker:
    """Makes knocks of all kinds."""

    def __init__(self, ground, ledger, once, random):
        self.ground, self.ledger, self.once, self.random = ground, ledger, once, random

    def knock(self, name, hits, must=True, stop=None, line=None, destination=None, version=None, fault=None):
        """A knock with these hits; with a `fault`, one that must not open."""
        version = destination.version if destination else version or self.random.choice((4, 6))
        destination = destination or HOME[version == 6]
        source = self.ground.source(version)
        frames = []
        hits, flags = list(hits), 2
        if fault == "order":
            hits[1], hits[2] = hits[2], hits[1]
        elif fault == "between":
            hits.insert(self.random.randrange(1, len(hits)), (self.random.randrange(50000, 60000), False))
        elif fault == "short":
            hits.pop()
        elif fault == "protocol":
            hits[-1] = (hits[-1][0], not hits[-1][1])
        elif fault == "flags":
            # Not all of them are datagrams, which have none.
            flags = ACK if not all(udp for _, udp in hits) else 2
            hits = hits if flags == ACK else hits[1:]
        elif fault == "elsewhere":
            destination = destination + 0x5000
        for port, udp in hits:
            frame = hit(source, destination, port, udp, self.random.randrange(30000, 60000),
                        self.random.getrandbits(32), flags)
            # A copy of a segment is no second hit.
            twice = not udp and must is not False and fault is None and self.random.random() < 0.1
            frames += [frame] * (2 if twice else 1)
        stop = stop if stop is None or isinstance(stop, tuple) else (stop, stop)
        return Sent(self.ledger.add(Knock(name, source, must and fault is None, now(), stop, line)), frames)

    def plain(self, name, **more):
        sequence, stop, _ = DOORS[name]
        return self.knock(name, hits_of(sequence), stop=stop, **more)

    def line(self, number, must=True):
        """One that uses this line of the one-time file."""
        if must is not False:
            self.once.tried.add(number)
        return self.knock("once", [(port, False) for port in self.once.ports[number]], must, 2, number)
