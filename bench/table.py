# SPDX-License-Identifier: MIT
"""The Markdown of a run: an overview, then every case with ranges and ratios. A row in which pyhec
loses stays where it is and is marked; so is a peer that was not measured, with the reason.
"""

from __future__ import annotations

from typing import Any

from bench.stats import Cell, Record, advantage, cells, overlap

Cells = dict[tuple[str, str], Cell]


def number(value: float) -> str:
    """Three significant digits, without exponents."""
    if value == 0:
        return "0"
    for limit, digits in ((100, 0), (10, 1), (1, 2), (0.1, 3)):
        if abs(value) >= limit:
            return f"{value:,.{digits}f}"
    return f"{value:.4f}"


def row(texts: list[str]) -> str:
    """A line of a Markdown table; a bar within a text would end its column."""
    return "| " + " | ".join(text.replace("|", "/").replace("\n", " ") for text in texts) + " |"


def verdict(base: Cell | None, cell: Cell, better: str) -> tuple[str, str]:
    """The ratio to the base, and the mark when the base loses or the order may be chance."""
    if base is None or base.status != "ok" or cell.status != "ok":
        return "-", ""
    ratio = advantage(base.median, cell.median, better)
    if ratio <= 0:
        return "-", ""
    mark = "**loses**" if ratio < 1 else ""
    if overlap(base, cell):
        mark = f"{mark} (ranges touch)".strip()
    return f"{number(ratio)}×", mark


def overview(run: Record, found: Cells) -> list[str]:
    """One line a case, one column a peer, medians only."""
    peers: dict[str, Any] = run["peers"]
    lines = [row(["case", "unit"] + [p["label"] for p in peers.values()]),
             row(["---", "---"] + ["---:"] * len(peers))]
    for name, case in run["cases"].items():
        base = found.get((name, run["base"]))
        texts = [case["title"], case["unit"] + (" ↑" if case["better"] == "higher" else "")]
        for key in peers:
            cell = found.get((name, key))
            if cell is None or cell.status != "ok":
                texts.append(cell.status if cell else "-")
                continue
            _, mark = verdict(base, cell, case["better"]) if key != run["base"] else ("", "")
            text = number(cell.median)
            texts.append(f"**{text}**" if mark.startswith("**loses") else text)
        lines.append(row(texts))
    return lines


def details(run: Record, found: Cells, name: str) -> list[str]:
    """The table of one case."""
    case = run["cases"][name]
    best = max((cell.ideal for (n, _), cell in found.items() if n == name), default=0.0)
    ideal = f" At best {number(best)} here." if best else ""
    lines = [f"### {case['title']}", "",
             f"In {case['unit']}; {case['better']} is better.{ideal}", "",
             row(["tool", "median", "min – max", "rounds", "pyhec is better by", "", "note"]),
             row(["---", "---:", "---:", "---:", "---:", "---", "---"])]
    base = found.get((name, run["base"]))
    for key, peer in run["peers"].items():
        cell = found.get((name, key))
        if cell is None:
            continue
        label = peer["label"] + (" (reference)" if peer["reference"] else "")
        if cell.status != "ok":
            lines.append(row([label, cell.status, "-", "0", "-", "", cell.note]))
            continue
        ratio, mark = ("1", "") if key == run["base"] else verdict(base, cell, case["better"])
        lines.append(row([label, number(cell.median), f"{number(cell.low)} – {number(cell.high)}",
                          str(cell.rounds), ratio, mark, cell.note]))
    return lines + [""]


def machine_lines(run: Record) -> list[str]:
    """What it was measured on, and how."""
    m = run["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    return [f"* Machine: {m['cpu'] or m['architecture']}, {m['cpus_granted']} of "
            f"{m['cpus_online']} CPUs granted, {m['memory_gib']} GiB; Linux {m['kernel']}, "
            f"{m['libc']}",
            f"* Python {m['python']}; {versions}",
            f"* {run['workers']} workers, {run['rounds']} round(s), peers interleaved, every "
            f"measurement in a process of its own; {run['started']}",
            f"* Command: `{run['command']}`"]


def markdown(records: list[Record]) -> str:
    """The whole document of one run's records."""
    run = next(r for r in records if r["kind"] == "run")
    found = cells(records)
    lines = ["# Benchmark", ""] + machine_lines(run)
    if run.get("quick"):
        lines.append("* **Quick run: small sizes and one round. Good for seeing that it works, not "
                     "for quoting.**")
    lines += ["", "Medians. Lower is better except where marked ↑. **Bold**: better than pyhec.",
              ""]
    lines += overview(run, found) + [""]
    for name in run["cases"]:
        lines += details(run, found, name)
    return "\n".join(lines)
