"""README.md's table of captures, made from the .toml files."""

import difflib
import os
import sys
import tomllib

BEGIN, END = "<!-- table: record.py --table -->", "<!-- end of table -->"


def table(folder, scenarios):
    rows = ["| capture | what it shows | clients | clauses | 0.8 differs |", "|---|---|---|---|---|"]
    for told in sorted(scenarios.values(), key=lambda told: told.name):
        with open(os.path.join(folder, told.name + ".toml"), "rb") as file:
            note = tomllib.load(file)
        clients = ", ".join(tool for tool in note["recorded"]["with"] if not tool.startswith(("tcpdump ", "knockd ")))
        differs = "; ".join(f"{one['clause']}: {one['how']}" for one in note.get("differs", []))
        rows.append(f"| `{told.capture}` | {note['about']} | {clients} | {', '.join(note['clauses'])} | {differs} |")
    return "\n".join(rows) + "\n"


def check(folder, scenarios):
    """0 if README.md has the table that the .toml files make; else says how it differs."""
    with open(os.path.join(folder, "README.md"), encoding="utf-8") as file:
        readme = file.read()
    there = readme.partition(BEGIN)[2].partition(END)[0].strip().splitlines()
    wanted = table(folder, scenarios).strip().splitlines()
    if there == wanted:
        return 0
    print("\n".join(difflib.unified_diff(there, wanted, "README.md", "record.py --table", lineterm="")))
    print("captures/README.md's table is not what captures/record.py --table prints", file=sys.stderr)
    return 1
