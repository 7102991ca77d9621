#!/usr/bin/env python3
"""Compares fresh recordings with the committed expectations. See README.md.

    compare.py FRESH_DIR KNOCKSIM

Every committed capture must have a recording of the same name in FRESH_DIR; `KNOCKSIM replay --json` decides
about it with the committed configuration. Times, packet numbers and how often differ from run to run and are not
compared; what each source brought about at each door is: openings, commands, spent lines, disabled doors and
timeouts, in their order, and whether any hit was counted and any knock discarded, by which clause. Exit status: 0 all alike, 1 a difference or a missing recording.
"""

import difflib
import json
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True

from recorder import clients, doors, scans, wire  # noqa: E402, F401 (each declares its scenarios)
from recorder.scenario import SCENARIOS, beside  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
# What is compared, and the fields that say what happened.
OUTCOMES = {"open": (), "run": ("job", "command", "command_hex"), "spend": ("file", "offset"), "disable": (),
            "timeout": ("stage",)}


def main():
    if len(sys.argv) != 3:
        print("usage: compare.py FRESH_DIR KNOCKSIM", file=sys.stderr)
        return 2
    fresh, knocksim = sys.argv[1], os.path.abspath(sys.argv[2])
    wrong = [name for name in SCENARIOS if not alike(SCENARIOS[name], fresh, knocksim)]
    wrong += forgotten()
    print(f"{len(SCENARIOS)} captures compared" + (f"; wrong: {', '.join(wrong)}" if wrong else ", all alike"))
    return 1 if wrong else 0


def alike(told, fresh, knocksim):
    """Whether a fresh recording brings about what is committed; if not, the difference is printed."""
    capture = os.path.join(fresh, told.capture)
    if not os.path.exists(capture):
        return complain(told.name, "there is no fresh recording")
    for name in beside(HERE, told.name):
        if not name.endswith(".expected"):
            shutil.copy(os.path.join(HERE, name), fresh)
    done = subprocess.run([knocksim, "replay", "--json", capture], text=True, capture_output=True, check=False)
    if done.returncode != 0:
        return complain(told.name, f"knocksim replay: exit status {done.returncode}\n{done.stderr.strip()}")
    with open(os.path.join(HERE, told.name + ".expected"), encoding="utf-8") as file:
        wanted = outcomes(file)
    got = outcomes(done.stdout.splitlines())
    if wanted == got:
        return True
    lines = difflib.unified_diff(wanted, got, "committed", "recorded now", lineterm="")
    return complain(told.name, "\n".join(lines))


def outcomes(lines):
    """What came about, a line each, grouped by source and door, in order within a group; then what else was met there."""
    groups, met = {}, {}
    for event in map(json.loads, lines):
        who = (event["source"] or "(start)", event["door_index"], event["door"])
        if event["event"] in OUTCOMES:
            fields = [f"{key}={event[key]}" for key in OUTCOMES[event["event"]] if key in event]
            groups.setdefault(who, []).append(" ".join([event["event"], *fields]))
        else:
            met.setdefault(who, set()).add(" ".join(filter(None, [event["event"], event.get("clause")])))
    for who, kinds in met.items():
        groups.setdefault(who, []).append("met: " + ", ".join(sorted(kinds)))
    return [f"{source} {door} ({index}): {what}"
            for (source, index, door), list_of in sorted(groups.items()) for what in list_of]


def forgotten():
    """Committed captures that no scenario records any more."""
    stems = {name.partition(".")[0] for name in os.listdir(HERE) if ".pcap" in name or name.endswith(".expected")}
    return [name for name in sorted(stems - set(SCENARIOS)) if not complain(name, "no scenario records this capture")]


def complain(name, why):
    print(f"{name}: {why}")
    return False


if __name__ == "__main__":
    sys.exit(main())
