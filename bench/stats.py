# SPDX-License-Identifier: MIT
"""From single measurements to medians and ratios. Knows records (dictionaries as they stand in the
result files) and numbers; nothing of how they were measured or how they are shown.
"""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Record = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """All rounds of one peer in one case. `status` is "ok" when at least one round gave a value;
    the note then also says what became of the others.
    """

    status: str
    rounds: int
    median: float = 0.0
    low: float = 0.0
    high: float = 0.0
    note: str = ""
    ideal: float = 0.0


def summarize(records: list[Record]) -> Cell:
    """The cell of these rounds."""
    values = [float(r["value"]) for r in records if r["status"] == "ok"]
    bad = Counter(r["status"] for r in records if r["status"] != "ok")
    # One and the same note in every round is said once.
    notes = list(dict.fromkeys(r["note"] for r in records if r.get("note")))
    if not values:
        status = bad.most_common(1)[0][0] if bad else "missing"
        return Cell(status, 0, note="; ".join(notes))
    ideal = max(float(r.get("ideal", 0.0)) for r in records)
    notes += [f"{count} of {len(records)} rounds: {status}" for status, count in bad.items()]
    return Cell("ok", len(values), statistics.median(values), min(values), max(values),
                "; ".join(notes), ideal)


def cells(records: Iterable[Record]) -> dict[tuple[str, str], Cell]:
    """The cells by (case, peer). What a measurement tells besides its value is a case of its own,
    "case.quantity", with the same fate.
    """
    groups: dict[tuple[str, str], list[Record]] = {}
    more: dict[str, list[str]] = {}
    for record in records:
        if record.get("kind") == "run":
            for name in record["cases"]:
                more.setdefault(name.split(".")[0], []).append(name)
        if record.get("kind") != "sample":
            continue
        for name in more.get(record["case"], [record["case"]]):
            one = record
            if name != record["case"] and record["status"] == "ok":
                one = {**record, "value": record["more"][name.split(".")[1]], "ideal": 0.0}
            groups.setdefault((name, record["peer"]), []).append(one)
    return {key: summarize(group) for key, group in groups.items()}


def number(value: float) -> str:
    """Three significant digits, without exponents."""
    if value == 0:
        return "0"
    for limit, digits in ((100, 0), (10, 1), (1, 2), (0.1, 3)):
        if abs(value) >= limit:
            return f"{value:,.{digits}f}"
    return f"{value:.4f}"


def advantage(ours: float, theirs: float, better: str) -> float:
    """How many times better `ours` is; below 1 it is worse. 0 where it cannot be said."""
    if better not in ("lower", "higher"):
        raise ValueError(f"better is '{better}', not 'lower' or 'higher'")
    if ours <= 0 or theirs <= 0:
        return 0.0
    return theirs / ours if better == "lower" else ours / theirs


def overlap(a: Cell, b: Cell) -> bool:
    """Whether the ranges of two cells touch, so that their order may be chance."""
    return a.low <= b.high and b.low <= a.high


def read(path: Path) -> list[Record]:
    """The records of a result file; an error names file and line."""
    records = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from None
        if not isinstance(record, dict) or "kind" not in record:
            raise ValueError(f"{path}, line {number}: not a record of bench/run.py")
        records.append(record)
    return records
