# SPDX-License-Identifier: MIT
"""The table and the plot of bench/memory.py. Both count in sizes of the data, so that runs of
different sizes can be compared: 1 is one copy, shared by all.
"""

from __future__ import annotations

from typing import Any

from bench.svg import COLORS, Canvas, Scale

Record = dict[str, Any]

DATA = {"list": "a list of objects", "array": "a NumPy array"}
TASKS = {"run": "do not look at it", "share": "each read their part",
         "read": "each read all of it", "collect": "each collect garbage"}
#: The lines of the plot: task, whether frozen, width, text. The last lie on each other, and so
#: become thinner.
LINES = (("read", True, 2, "each worker reads all of it"),
         ("collect", False, 2, "each collects garbage, nothing frozen"),
         ("share", True, 2, "each reads its part"),
         ("collect", True, 7, "each collects garbage, frozen (as pyhec does)"),
         ("run", True, 2, "none looks at it"))

Key = tuple[str, str, bool, int]


def times(record: Record) -> float:
    """What parent and workers take together, in sizes of the data."""
    return float((record["tree"] - record["before"]) / record["bytes"] + 1)


def line(record: Record) -> str:
    """One measurement, for a person who waits."""
    frozen = "frozen" if record["freeze"] else "not frozen"
    what = f"{record['data']}, {frozen}, {record['task']}, {record['workers']} workers"
    if record["status"] != "ok":
        return f"{what}: {record['status']}, {record['note']}"
    return f"{what}: {times(record):.2f} times {record['bytes'] / 1e9:.2f} GB"


def by_key(records: list[Record]) -> dict[Key, Record]:
    """The measurements by data, task, freeze, workers."""
    return {(r["data"], r["task"], r["freeze"], r["workers"]): r
            for r in records if r["kind"] == "sample"}


def cell(record: Record | None) -> str:
    """A number of the table, or why there is none."""
    if record is None:
        return "-"
    return f"{times(record):.2f}" if record["status"] == "ok" else record["status"]


def markdown(records: list[Record]) -> str:
    """What was measured on what, and the table."""
    run, found = records[0], by_key(records)
    machine, workers = run["machine"], run["workers"]
    sizes = {r["data"]: r["bytes"] for r in found.values() if "bytes" in r}
    made = ", ".join(f"{DATA[d]} of {size / 1e9:.2f} GB" for d, size in sizes.items())
    versions = ", ".join(f"{m} {machine['versions'][m]}" for m in ("pyhec", "numpy"))
    lines = ["# Memory of forked workers", "",
             f"* Machine: {machine['cpu']}, {machine['cpus_granted']} of "
             f"{machine['cpus_online']} CPUs granted, {machine['memory_gib']} GiB; "
             f"Linux {machine['kernel']}, {machine['libc']}",
             f"* Python {machine['python']}; {versions}",
             f"* Data: {made or 'none could be made'}; {run['started']}",
             f"* Command: `{run['command']}`", "",
             "What the parent and its workers take together (PSS, while all have done their task and",
             "none has ended), in sizes of the data: 1 is one copy that all share. `frozen` is what",
             "pyhec does by itself; `not frozen` is the same call of pyhec, with its freeze kept from",
             "the data.", "",
             "| data | workers | collector | " + " | ".join(map(str, workers)) + " |",
             "| --- | --- | --- |" + " ---: |" * len(workers)]
    for data, name in DATA.items():
        for task, text in TASKS.items():
            for freeze in (True, False):
                cells = [cell(found.get((data, task, freeze, n))) for n in workers]
                lines.append(f"| {name} | {text} | {'frozen' if freeze else 'not frozen'} | "
                             + " | ".join(cells) + " |")
    notes = dict.fromkeys(r["note"] for r in found.values() if r.get("note"))
    return "\n".join([*lines, *(f"\nAborted: {note}." for note in notes)]) + "\n"


def panel(canvas: Canvas, found: dict[Key, Record], data: str, x: Scale, y: Scale) -> None:
    """The lines of one kind of data."""
    canvas.text((x.start + x.end) / 2, y.end - 14, DATA[data], anchor="middle", bold=True)
    canvas.x_axis(x, y.start, label="workers")
    canvas.y_axis(y, x.start, grid_to=x.end, unit="×")
    highest = max((times(r) for r in found.values()
                   if r["data"] == data and r["status"] == "ok"), default=0)
    if 0 < highest < 1.5:
        canvas.text(x.end, y.at(highest) - 10, f"all lines, {highest:.2f}× at most", anchor="end")
    for (task, freeze, width, _), color in zip(LINES, COLORS):
        points = [(x.at(r["workers"]), y.at(times(r))) for key, r in found.items()
                  if key[:3] == (data, task, freeze) and r["status"] == "ok"]
        points = [(x.at(0), y.at(1)), *sorted(points)]
        canvas.polyline(points, color=color, width=width)
        for point in points[1:]:
            canvas.circle(*point, 3, fill=color)


def plot(records: list[Record]) -> str:
    """Two panels of one scale, the list and the array."""
    found = by_key(records)
    good = [r for r in found.values() if r["status"] == "ok"]
    top = max([2.0, *(times(r) for r in good)]) * 1.05
    most = max(records[0]["workers"])
    canvas = Canvas(760, 500, "Memory of forked workers")
    canvas.text(20, 26, "Memory of the parent and all workers together, in sizes of the data",
                size=14, bold=True)
    for data, left in (("list", 60), ("array", 430)):
        panel(canvas, found, data, Scale(0, most, left, left + 300), Scale(0, top, 330, 70))
    entries = [(text, color) for (*_, text), color in zip(LINES, COLORS)]
    canvas.legend(entries, 60, 395)
    return canvas.document()
