# SPDX-License-Identifier: MIT
"""Runs a stream of many small tasks through a pool and shows what memory the parent and its workers
take, as it goes. The input is a generator without an end, so whatever grows would grow for ever.

    python bench/stream_memory.py                           10 million tasks, a line per million
    python bench/stream_memory.py --ordered --items 1000000

Ends with 1 when the memory at the end is more than `--allow` above that after two tenths: until then
heaps and rings fill, and a share of the libraries' pages comes and goes with other programs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyhec import Pool  # noqa: E402  (needs the path above)

from bench import proc  # noqa: E402


def record_of(i: int) -> dict[str, object]:
    """A task: small, but it makes objects of several kinds, which travel back."""
    return {"number": i, "half": i / 2, "text": f"record {i}"}


class Source:
    """Endless inputs; knows how far it has been pulled."""

    def __init__(self) -> None:
        self.pulled = 0

    def __iter__(self) -> Iterator[int]:
        for i in itertools.count():
            self.pulled = i + 1
            yield i


def run(items: int, workers: int, ordered: bool) -> Iterator[dict[str, float]]:
    """A sample per tenth of the items."""
    source, ahead, start = Source(), 0, time.perf_counter()
    with Pool(workers) as pool:
        results = (pool.imap if ordered else pool.imap_unordered)(record_of, source)
        for n, result in enumerate(results, start=1):
            assert "number" in result
            ahead = max(ahead, source.pulled - n)
            if n % (items // 10) == 0:
                family = [os.getpid(), *proc.descendants(os.getpid())]
                memory = [proc.rollup(pid) for pid in family]
                yield {"items": n, "seconds": round(time.perf_counter() - start, 2),
                       "parent_rss": memory[0]["Rss"],
                       "workers_rss": max(m["Rss"] for m in memory[1:]),
                       "pss": sum(m["Pss"] for m in memory), "ahead": ahead}
            if n == items:
                break


def main() -> int:
    parser = argparse.ArgumentParser(description="Show the memory that a long stream takes.")
    parser.add_argument("--items", type=int, default=10_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ordered", action="store_true", help="imap instead of imap_unordered")
    parser.add_argument("--allow", type=int, default=6_000_000, help="bytes of growth (6,000,000)")
    parser.add_argument("--json", action="store_true", help="lines of JSON")
    args = parser.parse_args()
    if args.items < 10 or args.workers < 1:
        parser.error("at least 10 items and one worker")
    samples = []
    for sample in run(args.items, args.workers, args.ordered):
        samples.append(sample)
        if args.json:
            print(json.dumps(sample), flush=True)
            continue
        print(f"{sample['items']:>12,} tasks {sample['seconds']:8.1f} s   together "
              f"{sample['pss'] / 1e6:6.1f} MB   parent {sample['parent_rss'] / 1e6:6.1f} MB   "
              f"largest worker {sample['workers_rss'] / 1e6:6.1f} MB   "
              f"at most {sample['ahead']:,} ahead", flush=True)
    grown = samples[-1]["pss"] - samples[1]["pss"]
    if grown > args.allow:
        print(f"stream_memory.py: {grown / 1e6:.1f} MB more than at the beginning", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
