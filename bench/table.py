# SPDX-License-Identifier: MIT
"""The Markdown of a run: an overview, then every case with ranges and ratios. A row in which pyhec
loses stays where it is and is marked; so is a peer that was not measured, with the reason.
"""

from __future__ import annotations

from typing import Any

from bench.stats import Cell, Record, advantage, cells, number, overlap
from bench.targets import verdicts

Cells = dict[tuple[str, str], Cell]


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


def target_text(run: Record, found: Cells, name: str) -> str:
    """Every target of a case with its verdict, for one field of the table."""
    texts = []
    for target, verdict_, reached in verdicts(run, found, name):
        shown = f"**{verdict_}**" if verdict_ == "missed" else verdict_
        texts.append(f"{target}: {shown} ({reached})")
    return "; ".join(texts)


def overview(run: Record, found: Cells, group: str) -> list[str]:
    """One line a case, one column a peer, medians only. Peers without any of these calls are left
    out, pyhec is first, and its targets follow.
    """
    names = [n for n, case in run["cases"].items() if case.get("group", "tasks") == group]
    base = run["base"]
    others = [key for key in run["peers"]
              if key != base and any((name, key) in found for name in names)]
    label = {key: peer["label"] for key, peer in run["peers"].items()}
    head = ["case", "unit", label.get(base, base), "target", *[label[key] for key in others]]
    lines = [row(head), row(["---", "---", "---:", "---", *["---:"] * len(others)])]
    for name in names:
        case, ours = run["cases"][name], found.get((name, base))
        texts = []
        for key in [base, *others]:
            cell = found.get((name, key))
            if cell is None or cell.status != "ok":
                texts.append(cell.status if cell else "-")
                continue
            mark = verdict(ours, cell, case["better"])[1] if key != base else ""
            text = number(cell.median)
            texts.append(f"**{text}**" if mark.startswith("**loses") else text)
        unit = case["unit"] + (" ↑" if case["better"] == "higher" else "")
        lines.append(row([case["title"], unit, texts[0], target_text(run, found, name),
                          *texts[1:]]))
    return lines if names else []


def details(run: Record, found: Cells, name: str) -> list[str]:
    """The table of one case."""
    case = run["cases"][name]
    best = max((cell.ideal for (n, _), cell in found.items() if n == name), default=0.0)
    ideal = f" At best {number(best)} here." if best else ""
    wanted = target_text(run, found, name)
    lines = [f"### {case['title']}", "",
             f"In {case['unit']}; {case['better']} is better.{ideal}"
             + (f" Target: {wanted}." if wanted else ""), "",
             row(["tool", "median", "min – max", "rounds", "pyhec is better by", "", "note"]),
             row(["---", "---:", "---:", "---:", "---:", "---", "---"])]
    base, without = found.get((name, run["base"])), []
    for key, peer in run["peers"].items():
        cell = found.get((name, key))
        if cell is None:
            without.append(peer["label"])
            continue
        label = peer["label"] + (" (reference)" if peer["reference"] else "")
        if cell.status != "ok":
            lines.append(row([label, cell.status, "-", "0", "-", "", cell.note]))
            continue
        ratio, mark = ("1", "") if key == run["base"] else verdict(base, cell, case["better"])
        lines.append(row([label, number(cell.median), f"{number(cell.low)} – {number(cell.high)}",
                          str(cell.rounds), ratio, mark, cell.note]))
    if without:
        lines += ["", f"Without such a call: {', '.join(without)}."]
    return lines + [""]


def machine_lines(run: Record) -> list[str]:
    """What it was measured on, and how."""
    m = run["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    tools = [f"{p['label']}: {p['why_not'] or p['version']}" for p in run["peers"].values()
             if p.get("why_not") or p.get("version", "-") not in ("-", "with Python")]
    return [f"* Machine: {m['cpu'] or m['architecture']}, {m['cpus_granted']} of "
            f"{m['cpus_online']} CPUs granted, {m['memory_gib']} GiB; Linux {m['kernel']}, "
            f"{m['libc']}",
            f"* Python {m['python']}; {versions}",
            *([f"* Tools: {'; '.join(tools)}"] if tools else []),
            f"* {run['workers']} workers, up to {run['rounds']} round(s), peers interleaved, every "
            f"measurement in a process of its own; {run['started']}",
            f"* Command: `{run['command']}`"]


def counts(run: Record, found: Cells) -> str:
    """How many targets are met, in one line."""
    ends = [verdict_ for name in run["cases"] for _, verdict_, _ in verdicts(run, found, name)]
    missed = [run["cases"][name]["title"] for name in run["cases"]
              if any(v == "missed" for _, v, _ in verdicts(run, found, name))]
    if not ends:
        return ""
    text = f"Targets: {ends.count('met')} met, {ends.count('missed')} missed"
    text += f", {ends.count('unknown')} not measured" if "unknown" in ends else ""
    return text + (f". Missed: {'; '.join(missed)}." if missed else ".")


def markdown(records: list[Record], picture: str = "") -> str:
    """The whole document of one run's records; `picture` is the file of its chart."""
    run = next(r for r in records if r["kind"] == "run")
    found = cells(records)
    lines = ["# Benchmark", ""] + machine_lines(run)
    if run.get("quick"):
        lines.append("* **Quick run: small sizes and one round. Good for seeing that it works, not "
                     "for quoting.**")
    if picture:
        lines += ["", f"![How many times better pyhec is, case by case]({picture})"]
    lines += ["", "Medians. Lower is better except where marked ↑. **Bold**: better than pyhec. "
              "HANG: no end; BROKEN: cannot go on. Why something was skipped stands below.", "",
              counts(run, found), ""]
    for group in ("tasks", "commands"):
        lines += overview(run, found, group) + [""]
    for name in run["cases"]:
        lines += details(run, found, name)
    return "\n".join(lines)
