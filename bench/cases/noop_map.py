# SPDX-License-Identifier: MIT
"""The cost of a task that does nothing, 100,000 of them in one map call with default settings."""

from __future__ import annotations

import time

from bench.cases.base import Case, Quantity, Sample, Size, at_most, check, warm
from bench.peers.base import Peer
from bench.work import noop


def measure(peer: Peer, size: Size) -> Sample:
    count, note = peer.items("noop_map", 100_000)
    count = size.of(count, count // 10)
    warm(peer, size)
    items = list(range(count))
    start = time.perf_counter()
    results = peer.map(noop, items)
    seconds = time.perf_counter() - start
    check(results == items, "the results of map are wrong")
    return Sample(seconds / count * 1e6, note)


CASE = Case(Quantity("100,000 no-ops in one map call", "µs/task", "lower",
                     (at_most(1, "mp_pool"),)), measure)
