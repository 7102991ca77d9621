#!/usr/bin/env python3
"""Puts this project's daemon under fire, and looks whether what it must never do happens. See README.md.

Three acts: SIGHUPs under a flood of first hits; changes of addresses and links; and knocks of all kinds among reloads,
rotations of the log, kills of either process or both, and orderly ends. All random choices come from the seed, which is
printed; what happens when depends on the machine as well. It needs root, iproute2 and nftables, works in network
namespaces of its own, and ends its processes and deletes its namespaces also when it is interrupted.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "captures"))

from recorder.lab import Lab, LabError  # noqa: E402
from side import acts, doors  # noqa: E402
from side.daemons import adopt_orphans, built, end_all_children  # noqa: E402
from side.ground import Ground, Load  # noqa: E402
from side.ledger import Fault, Ledger, OneTime, now  # noqa: E402
from side.storm import Storm  # noqa: E402
from side.subject import Subject  # noqa: E402

LATE = 1.0  # seconds; a machine on which a shell that does nothing takes longer is too busy to blame the daemon
LATELY = 60  # seconds; whatever goes wrong is noticed within them
LINES = 4_000
FULL, LEAST = 600, 60  # seconds of the third act with which the first two are whole, and a tenth of that
EXAMPLES = """\
examples:
  soak.py                       200 SIGHUPs, 1,000 changes, ten minutes of the third act
  soak.py --seconds 40          the first two acts short, and forty seconds of the third: a minute in all
  soak.py --seed 7 --daemon target/debug/knockd

exit status:
  0  everything held
  1  something did not: it is said what, and the record, the log and the files are kept
  2  the command line is wrong
  3  this program could not do its work: no root, no namespaces, or the machine was too busy
"""


def main():
    options = arguments()
    if os.geteuid() != 0:
        return broken("namespaces and raw sockets need root")
    if missing := [name for name in ("ip", "nft") if not shutil.which(name)]:
        return broken(f"missing programs: {', '.join(missing)} (apt-get install iproute2 nftables)")
    program = options.daemon or built(ROOT)
    if not os.access(program, os.X_OK):
        return broken(f"no such program: {program}")
    print(f"seed {options.seed}", flush=True)
    adopt_orphans()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, interrupted)
    signal.alarm(int(3 * options.seconds) + 300)
    load, began = Load(), now()
    try:
        with Lab("soak") as lab:
            try:
                play(lab, program, load, options)
            except Fault as fault:
                late = load.longest(now() - LATELY)
                kept = keep(lab.dir, options)
                print(f"{fault}\nseed {options.seed}; the record, the log and the files are in {kept}")
                if late > LATE:
                    return broken(f"a shell that does nothing took {late:.1f} s: the machine is too busy")
                return 1
            finally:
                load.stop()
                end_all_children()
    except LabError as error:
        return broken(error)
    print(f"all held, in {now() - began:.0f} s; the slowest shell took {max(0.05, load.longest(began)):.2f} s")
    return 0


def arguments():
    parser = argparse.ArgumentParser(description="puts the daemon under fire and looks whether it holds",
                                     epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daemon", metavar="PATH", help="the daemon (default: built, target/release/knockd)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=float, metavar="N", default=FULL,
                        help="how long the third act is (default 600); the first two are whole from 600 on,"
                        " and shorter with it")
    length.add_argument("--minutes", type=float, metavar="N", help="the same in minutes")
    parser.add_argument("--seed", type=int, metavar="N", help="make these random choices again (default: others)")
    parser.add_argument("--only", metavar="ACT", choices=ACTS, action="append", help=f"of {', '.join(ACTS)}")
    parser.add_argument("--keep", metavar="DIR", help="where to keep the files of a run that failed (default: new)")
    options = parser.parse_args()
    options.seconds = options.minutes * 60 if options.minutes is not None else options.seconds
    if not 0 < options.seconds <= 86_400:
        parser.error("the third act lasts more than nothing and up to a day")
    options.seed = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    return options


def play(lab, program, load, options):
    chance = random.Random(options.seed)
    scale = min(1, max(options.seconds, LEAST) / FULL)
    ground = Ground(lab)
    ledger, once = Ledger(lab.dir), OneTime(lab.dir, LINES)
    subject = Subject(program, ground.server, lab.dir)
    maker = doors.Maker(ground, ledger, once, chance)
    storm = Storm(ground, subject, ledger, once, maker, chance)
    wanted = options.only or ACTS
    subject.write(doors.config(ledger, once, 0))
    subject.start()
    if "flood" in wanted:
        tell("flood", acts.flood(ground, subject, ledger, once, load, max(40, round(200 * scale)), say))
    if "addresses" in wanted:
        tell("addresses", acts.Addresses(ground, subject, ledger, maker, chance).run(round(1000 * scale), say))
    if "storm" in wanted:
        tell("storm", storm.run(options.seconds, say))
    tell("end", storm.finish())


ACTS = ("flood", "addresses", "storm")


def keep(folder, options):
    """Copies what tells how it came to a fault to where it stays."""
    place = options.keep or tempfile.mkdtemp(prefix=f"knockd-soak-{options.seed}-")
    with contextlib.suppress(OSError):
        shutil.copytree(folder, place, dirs_exist_ok=True)
    return place


def say(text):
    """What is going on, where somebody looks on."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def tell(act, text):
    say("")
    print(f"{act}: {text}", flush=True)


def broken(why):
    print(f"soak.py: broken: {why}", file=sys.stderr)
    return 3


def interrupted(number, _frame):
    if number == signal.SIGALRM:
        raise LabError("it takes too long")
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
