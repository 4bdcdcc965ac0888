# SPDX-License-Identifier: MIT
"""concurrent.futures style: estimate pi with one future per random seed.

`pyhec.Executor` is a `concurrent.futures.Executor`, so `submit`, `as_completed` and `map` work
as you know them, and so does any library that takes an executor.

    python executor.py            16 tasks
    python executor.py 64         64 tasks
"""

from __future__ import annotations

import random
import sys
import time
from concurrent.futures import as_completed

from pyhec import Executor  # was: from concurrent.futures import ProcessPoolExecutor

POINTS = 200_000


def hits(seed: int) -> int:
    """How many of POINTS random points of the unit square lie within the quarter circle."""
    rng = random.Random(seed)
    return sum(rng.random() ** 2 + rng.random() ** 2 < 1.0 for _ in range(POINTS))


def main() -> None:
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    start = time.perf_counter()
    total = 0
    with Executor() as executor:
        futures = {executor.submit(hits, seed): seed for seed in range(tasks)}
        for done, future in enumerate(as_completed(futures), start=1):
            total += future.result()
            if done % max(1, tasks // 4) == 0:
                print(f"{done:4d} of {tasks} tasks: pi is about {4 * total / (done * POINTS):.5f}")
    print(f"{tasks * POINTS:,} points in {time.perf_counter() - start:.3f} s")


if __name__ == "__main__":
    main()
