"""The table: the median of each number over the rounds, beside the target that it is held to."""

from statistics import median

MEBI = 1024  # of the kilobytes in which memory is told


def rows(found):
    """A list of {name, old, new, target, met}: numbers or nothing, and texts that say more."""
    told = []
    for group, make in (("latency", latency), ("flood", flood), ("crowd", crowd), ("one-time", one_time),
                        ("doors", doors), ("rest", rest)):
        if group in found:
            told += make(found[group])
    return told


def row(name, unit, old, new, target, met, note=""):
    return {"name": name, "unit": unit, "old": old, "new": new, "target": target, "met": met, "note": note}


def at_most(name, unit, old, new, target, note=""):
    return row(name, unit, old, new, target, None if new is None or target is None else new <= target, note)


def middle(found, name, *keys):
    """The median over the rounds of one number of `name`, or nothing where it was not measured."""
    values = []
    for one in found.get(name, []):
        for key in keys:
            one = one.get(key) if one is not None else None
        if one is not None:
            values.append(one)
    return median(values) if values else None


def latency(found):
    told = []
    for key in ("median", "p99"):
        spawn, sync = middle(found, "spawn", key), middle(found, "sync", key)
        told.append(at_most(f"last hit to command, {key}", "ms", middle(found, "0.8", key), middle(found, "ours", key),
                            1.5 * spawn, f"1.5x fork and exec alone, {spawn:.2f} ms"))
        told.append(at_most(f"the same with a stop command, {key}", "ms", middle(found, "0.8 with stop", key),
                            middle(found, "ours with stop", key), 1.5 * spawn + sync,
                            f"and one fdatasync, {sync:.2f} ms"))
    lost = [sum(one["lost"] for one in found[name]) if name in found else None for name in ("0.8", "ours")]
    if any(lost):
        told.append(at_most("commands that did not come", "", *lost, 0))
    return told


def flood(found):
    rate = [one["rate"] for name in ("0.8", "ours") for one in found.get(name, [])]
    knocks = middle(found, "ours", "knocks") or middle(found, "0.8", "knocks")
    recognised = middle(found, "ours", "recognised")
    note = f"sent at {min(rate) / 1e6:.2f} to {max(rate) / 1e6:.2f} M/s"
    # The worst round counts here, and not the middle one: no knock at all may be lost.
    worst = min((one["recognised"] for one in found.get("ours", [])), default=None)
    drops = max((share(one) for one in found.get("ours", [])), default=None)
    told = [row("flood: knocks recognised", "", middle(found, "0.8", "recognised"), recognised, knocks,
                None if worst is None else worst >= knocks, note + ("" if worst == recognised else f"; worst {worst}")),
            row("flood: dropped", "%", median(share(one) for one in found["0.8"]) if "0.8" in found else None, drops, 0,
                None if drops is None else drops == 0, "worst round"),
            at_most("flood: CPU a packet", "us", middle(found, "0.8", "cpu"), middle(found, "ours", "cpu"), 0.3,
                    "all processes" + of_the_watcher(found))]
    return told


def of_the_watcher(found):
    watcher = middle(found, "ours", "watcher")
    return "" if watcher is None else f"; the watcher alone {watcher:.2f}"


def share(one):
    """Per cent of the packets that passed the filter and did not reach the daemon."""
    return 100 * one["dropped"] / max(1, one["captured"])


def crowd(found):
    told = []
    for name, limit in (("ours", 25), ("ours, many", 100)):
        new = found.get(name, [None])[0]
        old = found.get("0.8", [None])[0] if name == "ours" else None
        shown = new or old
        if shown is None:
            continue
        notes = []
        if old and old["held"] < old["sources"]:
            notes.append(f"0.8 got only to {old['held']:,} in its time")
        if new:
            notes += [f"half-way knocks that still open: {new['finished']}"]
            notes += [f"{new['dropped']:,} dropped"] if new["dropped"] else []
        told.append(at_most(f"{shown['sources']:,} half-open sources: RSS less the ring", "MB", resident(old),
                            resident(new), limit, "; ".join(notes)))
        told.append(at_most(f"{shown['sources']:,} half-open sources: CPU a packet", "us", old and old["cpu"],
                            new and new["cpu"], 0.3))
    return told


def resident(one):
    """Megabytes of all processes, the ring apart."""
    return one and one["memory"]["rss"] / MEBI


def one_time(found):
    read = middle(found, "ours", "read") or middle(found, "0.8", "read")
    right = [sum(one["right_line"] and one["opened"] for one in found[name]) if name in found else None
             for name in ("0.8", "ours")]
    rounds = len(found.get("ours", found.get("0.8", [])))
    return [at_most("one-time file: start", "ms", middle(found, "0.8", "start"), middle(found, "ours", "start"),
                    1.5 * read, f"1.5x one read, {read:.1f} ms"),
            at_most("one-time file: CPU of a knock", "ms", middle(found, "0.8", "cpu"), middle(found, "ours", "cpu"), 1),
            row("one-time file: opened, right line marked", "rounds", *right, rounds,
                None if right[1] is None else right[1] == rounds)]


def doors(found):
    return [at_most("60 doors of 32 ports: start", "ms", middle(found, "0.8", "start"), middle(found, "ours", "start"), 20)]


def rest(found):
    pss = middle(found, "ours", "memory", "pss")
    old_rss, new_rss = (middle(found, name, "memory", "rss") for name in ("0.8", "ours"))
    rings = [f"{name} {middle(found, name, 'memory', 'ring') / MEBI:.0f}" for name in ("0.8", "ours") if name in found]
    note = f"rings, MB: {', '.join(rings)}" + ("" if pss is None else f"; PSS of ours less the ring {pss / MEBI:.1f}")
    whole = None if old_rss is None else (old_rss + middle(found, "0.8", "memory", "ring")) / MEBI
    return [at_most("at rest: start", "ms", middle(found, "0.8", "start"), middle(found, "ours", "start"),
                    middle(found, "0.8", "start")),
            at_most("at rest: RSS (0.8: all; ours: all processes less the ring)", "MB", whole,
                    None if new_rss is None else new_rss / MEBI, whole, note),
            at_most("at rest: wake-ups", "", middle(found, "0.8", "wake_ups"), middle(found, "ours", "wake_ups"),
                    middle(found, "0.8", "wake_ups"))]


def text(told, found, names):
    """The table as Markdown, so that it can be copied into a document, and a line that counts."""
    lines = ["| | " + " | ".join(["0.8", "ours", "target", "", "unit", ""]) + " |", "|---|---|---|---|---|---|---|"]
    for one in told:
        met = {True: "met", False: "missed", None: ""}[one["met"]]
        lines.append("| " + " | ".join([one["name"], number(one["old"]), number(one["new"]), number(one["target"]), met,
                                        one["unit"], one["note"]]) + " |")
    judged = [one["met"] for one in told if one["met"] is not None]
    lines += ["", f"{sum(judged)} of {len(judged)} targets met ({', '.join(names)}; {', '.join(found)})"]
    return "\n".join(lines)


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.2f}"
