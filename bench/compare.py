# SPDX-License-Identifier: MIT
"""Compares two result files of run.py, case by case and peer by peer.

    python bench/compare.py old.jsonl new.jsonl

Above 1 the new one is better. A change counts only where the ranges do not touch; since the machine
may have changed too, look at the reference peers first: they should stand at 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import stats, table  # noqa: E402  (needs the path above)


def compare(old: list[stats.Record], new: list[stats.Record]) -> list[str]:
    """The Markdown lines of the comparison."""
    run = next(r for r in new if r["kind"] == "run")
    before, after = stats.cells(old), stats.cells(new)
    lines = [table.row(["case", "tool", "old", "new", "new is better by", ""]),
             table.row(["---", "---", "---:", "---:", "---:", "---"])]
    for name, case in run["cases"].items():
        for key, peer in run["peers"].items():
            a, b = before.get((name, key)), after.get((name, key))
            if a is None or b is None:
                continue
            texts = [cell.status if cell.status != "ok" else stats.number(cell.median)
                     for cell in (a, b)]
            ratio, mark = "-", "**changed**" if a.status != b.status else ""
            if a.status == b.status == "ok":
                times = stats.advantage(b.median, a.median, case["better"])
                ratio = f"{stats.number(times)}×"
                if not stats.overlap(a, b):
                    mark = "better" if times > 1 else "**worse**"
            lines.append(table.row([f"{case['title']} ({case['unit']})", peer["label"], *texts,
                                    ratio, mark]))
    return lines


def differences(old: list[stats.Record], new: list[stats.Record]) -> list[str]:
    """In what the two runs are not alike, so that their ratios mean little."""
    a, b = (next(r for r in records if r["kind"] == "run") for records in (old, new))
    lines = [f"{key}: {a.get(key)} and {b.get(key)}" for key in ("quick", "workers")
             if a.get(key) != b.get(key)]
    return lines + [f"machine, {key}: {a['machine'].get(key)} and {b['machine'].get(key)}"
                    for key in ("cpu", "kernel", "python")
                    if a["machine"].get(key) != b["machine"].get(key)]


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare two result files of bench/run.py.")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    args = parser.parse_args()
    try:
        old, new = stats.read(args.old), stats.read(args.new)
        if not all(any(r["kind"] == "run" for r in records) for records in (old, new)):
            raise ValueError("a result file without the record of its run")
    except (OSError, ValueError) as error:
        print(f"compare: {error}", file=sys.stderr)
        return 2
    for line in differences(old, new):
        print(f"compare: the runs differ in {line}", file=sys.stderr)
    print("\n".join(compare(old, new)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
