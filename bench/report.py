# SPDX-License-Identifier: MIT
"""Table and chart of a result file of run.py, beside it as .md and .svg.

    python bench/report.py docs/benchmarks/latest.jsonl
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import chart, stats, table  # noqa: E402  (needs the path above)


def write(path: Path, records: list[stats.Record]) -> None:
    """Writes what belongs beside the result file."""
    picture = path.with_suffix(".svg")
    picture.write_text(chart.svg(records), encoding="utf-8")
    path.with_suffix(".md").write_text(table.markdown(records, picture.name), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Table and chart of a result file.")
    parser.add_argument("results", type=Path)
    args = parser.parse_args()
    try:
        records = stats.read(args.results)
        if not any(r["kind"] == "run" for r in records):
            raise ValueError(f"{args.results}: a result file without the record of its run")
        write(args.results, records)
    except (OSError, ValueError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
