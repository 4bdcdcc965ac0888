# SPDX-License-Identifier: MIT
"""What a journal costs: calls of 10,000 results a second, with one and without.

    .venv/bin/python bench/journal_calls.py [--tasks N] [--rounds N] [--folder DIR]

Each task keeps a core busy for as long as makes 10,000 a second of all workers together. Rounds with
and without alternate, so that both see the same machine; the middle one counts. --folder says where
the journals are written: the disk is part of what is measured. On a machine that does other things,
too, the processor time that this process takes for a task (the least of the rounds, its threads
included, its workers not) says more.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
import typing

import pyhec

RATE = 10_000


def busy(seconds: float, number: int) -> int:
    """A task of so many seconds."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
    return number


def by_map(pool: pyhec.Pool, work: typing.Any, n: int, **options: typing.Any) -> int:
    """All at once."""
    return len(pool.map(work, range(n), **options))


def by_imap(pool: pyhec.Pool, work: typing.Any, n: int, **options: typing.Any) -> int:
    """One by one: each is on disk before it is given out."""
    return sum(1 for _ in pool.imap(work, range(n), **options))


def by_submit(pool: pyhec.Pool, work: typing.Any, n: int, **options: typing.Any) -> int:
    """As futures, on workers of its own."""
    with pyhec.Executor(**options) as executor:
        return sum(1 for f in [executor.submit(work, i) for i in range(n)] if f.result() >= 0)


WAYS = {"map": by_map, "imap": by_imap, "submit": by_submit}


def measure(
    way: typing.Any, tasks: int, rounds: int, folder: str
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Seconds, and those of processor time, without a journal, and with one, of each round."""
    import functools

    workers = pyhec.cpu_count()
    work = functools.partial(busy, workers / RATE)
    without: list[tuple[float, float]] = []
    with_one: list[tuple[float, float]] = []
    with pyhec.Pool(workers) as pool:
        way(pool, work, tasks // 10)  # the first call of a pool is another matter
        for i in range(rounds):
            path = os.path.join(folder, f"{way.__name__}{i}.journal")
            for times, options in ((without, {}), (with_one, {"journal": path})):
                start, cpu = time.perf_counter(), time.process_time()
                assert way(pool, work, tasks, **options) == tasks
                times.append((time.perf_counter() - start, time.process_time() - cpu))
            os.unlink(path)
    return without, with_one


def main() -> None:
    """Measures all ways, and prints a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", help="where journals are written; else a temporary one")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="journal-", dir=options.folder)
    try:
        for name, way in WAYS.items():
            without, with_one = measure(way, options.tasks, options.rounds, folder)
            a, b = (statistics.median(wall for wall, _ in x) for x in (without, with_one))
            c, d = (min(cpu for _, cpu in x) / options.tasks for x in (without, with_one))
            line = {
                "case": f"journal_{name}", "tasks": options.tasks, "workers": pyhec.cpu_count(),
                "without_s": round(a, 4), "with_s": round(b, 4),
                "results_per_s": round(options.tasks / b), "cost_percent": round(100 * (b / a - 1), 2),
                "cpu_us": round(1e6 * c, 2), "with_cpu_us": round(1e6 * d, 2),
            }  # fmt: skip
            print(json.dumps(line), flush=True)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
