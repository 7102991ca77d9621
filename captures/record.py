#!/usr/bin/env python3
"""Records the captures again, from real programs in network namespaces of their own. See README.md.

    record.py [--into DIR] [--jobs N] [NAME...]   record (as root), all of them or those named
    record.py --list                              their names
    record.py --table | --check-table             print README.md's table, or compare it

It installs nothing, but says which apt packages are missing.
"""

import argparse
import multiprocessing
import os
import re
import signal
import sys
import time
import traceback

sys.dont_write_bytecode = True

from recorder import clients, doors, scans, table, wire  # noqa: E402, F401 (each declares its scenarios)
from recorder.programs import missing_packages, version  # noqa: E402
from recorder.scenario import SCENARIOS, play  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 90  # seconds for one scenario


def main():
    options = arguments()
    if options.list:
        print("\n".join(SCENARIOS))
    elif options.table:
        print(table.table(HERE, SCENARIOS), end="")
    elif options.check_table:
        return table.check(HERE, SCENARIOS)
    else:
        return record(options)
    return 0


def arguments():
    parser = argparse.ArgumentParser(description="records the captures from real programs")
    parser.add_argument("--into", metavar="DIR", default=HERE, help="where the recordings go (default: beside this program)")
    parser.add_argument("--jobs", metavar="N", type=int, default=8, help="scenarios side by side (default 8)")
    parser.add_argument("--list", action="store_true", help="print the scenarios' names")
    parser.add_argument("--table", action="store_true", help="print README.md's table, from the .toml files")
    parser.add_argument("--check-table", action="store_true", help="fail if README.md's table is another")
    parser.add_argument("names", metavar="NAME", nargs="*", help="scenarios to record (default: all)")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in SCENARIOS]:
        parser.error(f"no such scenario: {', '.join(unknown)}")
    return options


def record(options):
    if missing := missing_packages():
        print(f"record.py: missing programs; apt-get install {' '.join(missing)}", file=sys.stderr)
        return 1
    if os.geteuid() != 0:
        print("record.py: recording needs root, for network namespaces", file=sys.stderr)
        return 1
    os.makedirs(options.into, exist_ok=True)
    waiting = [SCENARIOS[name] for name in options.names or SCENARIOS]
    running, failed, done = {}, [], 0
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        while waiting or running:
            while waiting and len(running) < options.jobs:
                told = waiting.pop(0)
                process = multiprocessing.Process(target=record_one, args=(told, options.into), name=told.name)
                process.start()
                running[process] = time.monotonic()
            for process, since in list(running.items()):
                process.join(0.02)
                if process.is_alive():
                    if time.monotonic() - since > PATIENCE:
                        process.terminate()
                    continue
                del running[process]
                done += 1
                if process.exitcode != 0:
                    failed.append(process.name)
                print(f"{'recorded' if process.exitcode == 0 else 'FAILED  '} {process.name}", flush=True)
    finally:
        # Each child ends its own programs and deletes its own namespaces when told to end.
        for process in running:
            process.terminate()
        for process in running:
            process.join()
    print(f"{done - len(failed)} of {done} recorded" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def record_one(told, into):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        play(told, HERE, into)
        if os.path.samefile(into, HERE):
            note_versions(told)
    except Exception:
        traceback.print_exc()
        sys.exit(1)


def note_versions(told):
    """Writes the tools and their versions into the capture's .toml, which says the rest."""
    path = os.path.join(HERE, told.name + ".toml")
    tools = ["tcpdump", *(["knockd"] if told.daemon else []), *told.tools]
    used = ", ".join(f'"{version(tool)}"' for tool in tools)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(re.sub(r"(?m)^with = .*$", f"with = [{used}]", text))


def interrupted(number, _frame):
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
