#!/usr/bin/env python3
"""Measures this project's daemon and knockd 0.8 side by side, on the same interface of the same namespace. See README.md.

    measure.py [--daemon FILE] [--old FILE] [--data FILE]     all rows, medians of five rounds (as root)
    measure.py --quick [--only ROW]...                        short, to see that it works; its numbers mean nothing

Without --daemon it builds `target/release/knockd` first. It needs root, iproute2, nftables and, for the C program's half,
the Debian package `knockd`; it ends its processes and deletes its namespaces also when it is interrupted.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "captures"))

from recorder.lab import Lab, LabError  # noqa: E402
from side import rows, table  # noqa: E402
from side.daemons import Kind, adopt_orphans, built, end_all_children  # noqa: E402
from side.world import World  # noqa: E402

LIMIT = 900  # seconds after which it gives up, whatever it does
FULL = {"knocks": 40, "passes": 20, "crowd": 100_000, "many": 1_000_000, "patience": 60, "sample": 100_000,
        "old_sample": 200, "file": 100 << 20, "rest": 5}
QUICK = {"knocks": 5, "passes": 4, "crowd": 5_000, "many": 20_000, "patience": 5, "sample": 20_000,
         "old_sample": 50, "file": 10 << 20, "rest": 1}


def main():
    options = arguments()
    if os.geteuid() != 0:
        print("measure.py: namespaces and raw sockets need root", file=sys.stderr)
        return 2
    if missing := [name for name in ("ip", "nft") if not shutil.which(name)]:
        print(f"measure.py: missing programs: {', '.join(missing)} (apt-get install iproute2 nftables)", file=sys.stderr)
        return 2
    kinds = daemons(options)
    adopt_orphans()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, interrupted)
    signal.alarm(LIMIT)
    began = time.monotonic()
    try:
        with Lab("measure") as lab:
            try:
                found = measure(World(lab), kinds, options)
            finally:
                end_all_children()
    except LabError as error:
        print(f"measure.py: {error}", file=sys.stderr)
        return 1
    told = table.rows(found)
    print(table.text(told, found, [kind.name for kind in kinds]))
    print(f"\n{options.rounds} rounds in {time.monotonic() - began:.0f} s"
          + ("; --quick: these numbers mean nothing" if options.quick else ""))
    if options.data:
        with open(options.data, "w", encoding="utf-8") as file:
            json.dump({"rounds": options.rounds, "rows": told, "measured": found}, file, indent=1)
            file.write("\n")
    return 0


def arguments():
    parser = argparse.ArgumentParser(description="measures this project's daemon and knockd 0.8 side by side")
    parser.add_argument("--daemon", metavar="FILE", help="this project's daemon (default: built, target/release/knockd)")
    parser.add_argument("--old", metavar="FILE", help="knockd 0.8 (default: /usr/sbin/knockd)", default="/usr/sbin/knockd")
    parser.add_argument("--without-old", action="store_true", help="measure this project's daemon alone")
    parser.add_argument("--without-new", action="store_true", help="measure knockd 0.8 alone")
    parser.add_argument("--data", metavar="FILE", help="also write all that was measured to this file, as JSON")
    parser.add_argument("--rounds", metavar="N", type=int, default=5, help="how often each number is taken (default 5)")
    parser.add_argument("--quick", action="store_true", help="short, to see that it works")
    parser.add_argument("--only", metavar="ROW", action="append", choices=list(GROUPS), help=f"of {', '.join(GROUPS)}")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds: at least one")
    return options


def daemons(options):
    """The programs to measure, this project's first."""
    kinds = []
    if not options.without_new:
        if options.daemon is None:
            options.daemon = built(ROOT)
        kinds.append(Kind("ours", options.daemon, True))
    if not options.without_old:
        kinds.append(Kind("0.8", options.old, False))
    if absent := [kind.program for kind in kinds if not os.access(kind.program, os.X_OK)]:
        print(f"measure.py: no such program: {', '.join(absent)}", file=sys.stderr)
        sys.exit(2)
    return kinds


def measure(world, kinds, options):
    """{group: {name: what each round found}}"""
    size = QUICK if options.quick else FULL
    found = {}
    for name, group in GROUPS.items():
        if not options.only or name in options.only:
            say(name)
            found[name] = {}
            group(world, kinds, size, options.rounds, found[name])
    say("")
    return found


def say(text):
    """What is being measured, where somebody looks on."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def latency(world, kinds, size, rounds, found):
    bell = rows.Bell(world.folder)
    for _ in range(rounds):
        found.setdefault("spawn", []).append(rows.spawn_alone(bell, size["knocks"]))
        found.setdefault("sync", []).append(rows.sync_alone(world.folder, size["knocks"]))
        for kind in kinds:
            for stop in (False, True):
                key = f"{kind.name}{' with stop' if stop else ''}"
                found.setdefault(key, []).append(rows.latency(world, kind, size["knocks"], stop))
    bell.close()


def flood(world, kinds, size, rounds, found):
    for _ in range(rounds):
        for kind in kinds:
            found.setdefault(kind.name, []).append(rows.flood(world, kind, size["passes"], 200))


def crowd(world, kinds, size, rounds, found):
    """Each crowd gathers once; what a packet costs in it is measured `rounds` times."""
    for kind in kinds:
        sample = size["sample"] if kind.ours else size["old_sample"]
        found[kind.name] = [rows.crowd(world, kind, size["crowd"], size["patience"], rounds, sample)]
        if kind.ours:
            found[f"{kind.name}, many"] = [rows.crowd(world, kind, size["many"], size["patience"], rounds, sample,
                                                      ["--max-knocks", str(size["many"])])]


def one_time(world, kinds, size, rounds, found):
    for _ in range(rounds):
        for kind in kinds:
            found.setdefault(kind.name, []).append(rows.one_time(world, kind, size["file"], 50))


def doors(world, kinds, _size, rounds, found):
    for _ in range(rounds):
        for kind in kinds:
            found.setdefault(kind.name, []).append({"start": rows.many_doors(world, kind)})


def rest(world, kinds, size, rounds, found):
    for _ in range(rounds):
        for name, one in rows.at_rest(world, kinds, size["rest"]).items():
            found.setdefault(name, []).append(one)


GROUPS = {"latency": latency, "flood": flood, "crowd": crowd, "one-time": one_time, "doors": doors, "rest": rest}


def interrupted(number, _frame):
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
