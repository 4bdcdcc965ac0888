# SPDX-License-Identifier: MIT
"""The cost of a task that does nothing, 100,000 of them in one map call with default settings."""

from __future__ import annotations

import time

from bench.cases.base import Case, Sample, Size, warm
from bench.peers.base import Peer
from bench.work import noop

# ProcessPoolExecutor.map sends one at a time unless told otherwise.
FEWER = {"ProcessPoolExecutor": 10_000}


def measure(peer: Peer, size: Size) -> Sample:
    count = min(size.of(100_000, 10_000), FEWER.get(peer.name, 100_000))
    warm(peer, size)
    items = list(range(count))
    start = time.perf_counter()
    results = peer.map(noop, items)
    seconds = time.perf_counter() - start
    if results != items:
        raise RuntimeError("the results of map are wrong")
    note = f"{count:,} items" if peer.name in FEWER else ""
    return Sample(seconds / count * 1e6, note)


CASE = Case("100,000 no-ops in one map call", "µs/task", "lower", measure)
