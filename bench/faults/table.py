# SPDX-License-Identifier: MIT
"""What was seen, in words: a cell for each fault and tool, the table, and the tables of details. A
row in which pyhec does worse stays where it is.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

Record = dict[str, Any]

BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
STEPS = {"": "at the start", "started": "while starting", "open": "with its first call",
         "began": "in the call", "over": "in the next call", "next": "at the end",
         "closed": "at exit", "ending": "instead of ending"}


def plural(count: int, word: str, words: str) -> str:
    """A number with its noun."""
    return f"{count} {word if count == 1 else words}"


def leftovers(record: Record) -> str:
    """What was there a second after the end; empty where nothing was."""
    parts = [plural(record["left"], "process", "processes")] if record["left"] else []
    parts += [plural(record["files"], "file", "files")] if record["files"] else []
    return f"**left: {', '.join(parts)}**" if parts else ""


def ended(record: Record) -> str:
    """A program that was ended from without."""
    if record["status"] == "HANG":
        return "**HANG**" if record["step"] == "ending" else f"**HANG** {STEPS[record['step']]}"
    many = record["tracebacks"]
    parts = [leftovers(record) or f"nothing left after {record['seconds']:.2f} s"]
    parts += [f"{many} tracebacks"] if many > 1 else []
    return "; ".join(parts)


def results(fault: Record, limited: bool, record: Record) -> list[str]:
    """What the caller has of the call: how many results, which task is blamed, and why."""
    spoilt = fault["spoilt"] if limited else 0
    over, of = record["over"], fault["tasks"] - spoilt
    kept = f"{over['good']}/{of}"
    parts = [kept if over["good"] == of else f"**{kept}**"]
    parts += [f"**{over['wrong']} wrong**"] if over["wrong"] else []
    if spoilt:
        parts.append("named" if over["named"] else "**not named**")
        said = re.search(fault["cause"], over["text"], re.DOTALL)
        parts += [] if said else ["**no reason**"]
    elif over["good"] < of and over["error"]:
        parts.append(over["error"])
    parts.append(f"{over['seconds']:.2f} s")
    parts += ["**the task runs on**"] if over["goes_on"] else []
    parts += [] if limited else ["no limit to ask for"]
    return parts


def cell(run: Record, record: Record) -> str:
    """One field of the table."""
    if record["status"] == "skipped":
        return f"({record['last_words']})"
    fault = run["faults"][record["fault"]]
    if fault["ending"]:
        return ended(record)
    limited = not fault["asks"] or fault["asks"] in run["tools"][record["tool"]]["limits"]
    hang = f"**HANG** {STEPS[record['step']]}" if record["status"] == "HANG" else ""
    if record["over"] is None:
        if hang:
            return f"{hang}, {record['kept']} results had come"
        return f"**the program ends** (status {record['exit']})"
    parts = results(fault, limited, record)
    if fault["tasks"] < 100 and record["peak"] > 1:
        parts.append(f"{record['peak']} processes")
    if record["next"] is not None and not record["next"]["ok"]:
        parts.append("**broken afterwards**")
    parts += [hang] if hang else []
    parts += ["**fails at the end**"] if not hang and record["exit"] else []
    parts += [leftovers(record)] if leftovers(record) else []
    return "; ".join(parts)


def row(texts: list[str]) -> str:
    """A line of a Markdown table; a bar within a text would end its column."""
    return "| " + " | ".join(text.replace("|", "/").replace("\n", " ") for text in texts) + " |"


def overview(run: Record, found: dict[tuple[str, str], Record]) -> list[str]:
    """A row for each fault, a column for each tool."""
    names = list(run["tools"])
    lines = [row(["fault", *[run["tools"][name]["label"] for name in names]]),
             row(["---"] * (len(names) + 1))]
    for fault, known in run["faults"].items():
        cells = [cell(run, found[fault, n]) if (fault, n) in found else "-" for n in names]
        lines.append(row([known["title"], *cells]))
    return lines


def details(run: Record, found: dict[tuple[str, str], Record]) -> list[str]:
    """What each tool says of each fault, in its own words."""
    lines: list[str] = []
    for fault, known in run["faults"].items():
        lines += ["", f"**{known['title']}.** {known['meaning']}", ""]
        for name, tool in run["tools"].items():
            record = found.get((fault, name))
            if record is None or record["status"] == "skipped":
                continue
            over = record.get("over")
            text = over["text"].splitlines()[0] if over and over["text"] else ""
            text = text or (record["last_words"] if known["ending"] or not over else "")
            if text:
                # One backtick would end the code; numbers of processes say nothing.
                lines.append(f"* {tool['label']}: `{text[:160].replace('`', chr(39))}`")
    return lines


def machine_lines(run: Record) -> list[str]:
    """What it was measured on, and how."""
    m = run["machine"]
    versions = [f"{t['label']} {t['why_not'] or t['version']}" for t in run["tools"].values()
                if t["why_not"] or t["version"] not in ("-", "with Python")]
    return [f"* Machine: {m['cpu'] or m['architecture']}, {m['cpus_granted']} of "
            f"{m['cpus_online']} CPUs, {m['memory_gib']} GiB; Linux {m['kernel']}, {m['libc']}",
            f"* Python {m['python']}; {'; '.join(versions)}",
            f"* {run['workers']} workers, {run['tasks']} tasks; {run['started']}",
            "* The calls: " + "; ".join(f"{t['label']}: {t['call']}"
                                        for t in run["tools"].values())]


def body(records: list[Record]) -> list[str]:
    """The table and all that belongs to it."""
    run = records[0]
    found = {(r["fault"], r["tool"]): r for r in records if r["kind"] == "fault"}
    return [*machine_lines(run), "", *overview(run, found), "",
            "### What each row means, and what is said", *details(run, found)]


def markdown(records: list[Record]) -> str:
    """A page of its own."""
    return "\n".join(["# Faults", "", *body(records), ""])


def put(page: str, records: list[Record]) -> str:
    """The page with the table between its two marks."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return "".join([before, BEGIN, "\n", "\n".join(body(records)), "\n", END, after])


def claim(text: str) -> str:
    """A cell without its times, and without the number of processes that were seen at one moment:
    they are never the same twice.
    """
    return re.sub(r"(?<!left: )\b\d+ process(es)?\b", "N processes",
                  re.sub(r"\b\d+\.\d+ s\b", "N s", text))


def claims(page: str) -> dict[str, str]:
    """What a page says of the first tool of its table, by the title of the fault."""
    found = {}
    for line in page.split(BEGIN)[-1].split(END)[0].splitlines():
        columns = [text.strip() for text in line.strip().strip("|").split("|")]
        if line.startswith("| ") and len(columns) > 1 and columns[0] not in ("fault", "---"):
            found[columns[0]] = claim(columns[1])
    return found


def read(path: Path) -> list[Record]:
    """The records of a file, its run first."""
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    if not records or records[0]["kind"] != "run":
        raise ValueError(f"{path}: does not begin with the record of its run")
    return records


def merged(old: list[Record], new: list[Record]) -> list[Record]:
    """What is new, and of the old what was not measured again."""
    measured = {(r["fault"], r["tool"]) for r in new if r["kind"] == "fault"}
    run = {**old[0], **new[0],
           "tools": {**old[0]["tools"], **new[0]["tools"]},
           "faults": {**old[0]["faults"], **new[0]["faults"]}}
    kept = [r for r in old if r["kind"] == "fault" and (r["fault"], r["tool"]) not in measured]
    return [run, *kept, *[r for r in new if r["kind"] == "fault"]]
