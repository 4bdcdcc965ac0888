# SPDX-License-Identifier: MIT
"""Speed-up on a list of equal tasks that are pure Python, against a plain loop in the same process.
The loop is timed twice before and twice after, and the median taken, because the machine's speed
changes. Workers are warm; one map call with default settings.
"""

from __future__ import annotations

import statistics
import time

from bench.cases.base import Case, Quantity, Sample, Size, check, warm
from bench.peers.base import Peer
from bench.work import fib


def serial_s(items: list[int]) -> float:
    """The plain loop over half of the items, as seconds for all."""
    half = items[:len(items) // 2]
    start = time.perf_counter()
    for n in half:
        fib(n)
    return (time.perf_counter() - start) * len(items) / len(half)


def measure(peer: Peer, size: Size) -> Sample:
    # Whole rounds for every worker, so that the ideal speed-up is the number of workers.
    items = [20] * (size.workers * size.of(256, 64))
    serial = [serial_s(items), serial_s(items)]
    warm(peer, size)
    start = time.perf_counter()
    results = peer.map(fib, items)
    seconds = time.perf_counter() - start
    serial += [serial_s(items), serial_s(items)]
    check(results == [6765] * len(items), "the results are wrong")
    return Sample(statistics.median(serial) / seconds, ideal=size.workers)


CASE = Case(Quantity("speed-up of equal tasks (fib)", "×", "higher"), measure)
