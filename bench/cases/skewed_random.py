# SPDX-License-Identifier: MIT
"""1,000 tasks of very unequal length (Pareto) in random order, by one map call with default
settings: a tool that cuts the list into fixed chunks leaves workers idle.

A task keeps its worker busy until so much time of the clock has passed. So the ideal makespan,
max(sum / workers, longest), is known exactly, and a slow minute of the machine does not change it.
"""

from __future__ import annotations

import time

from bench.cases.base import Case, Quantity, Sample, Size, Target, check, warm
from bench.peers.base import Peer
from bench.work import busy, makespan, skewed_times

TARGETS = (Target("at least", plus=0.985),)


def efficiency(peer: Peer, size: Size, longest_last: bool) -> Sample:
    """The ideal makespan over the measured one."""
    times = skewed_times(500 * size.workers, size.workers * (0.25 if size.quick else 1.0),
                         longest_last)
    warm(peer, size)
    start = time.perf_counter()
    results = peer.map(busy, times)
    seconds = time.perf_counter() - start
    check(results == times, "the results are wrong")
    ideal = max(sum(times) / size.workers, max(times))
    return Sample(ideal / seconds, ideal=ideal / makespan(times, size.workers))


def measure(peer: Peer, size: Size) -> Sample:
    return efficiency(peer, size, longest_last=False)


CASE = Case(Quantity("efficiency on 1,000 skewed tasks, random order", "of ideal", "higher",
                     TARGETS), measure)
