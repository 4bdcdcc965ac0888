# SPDX-License-Identifier: MIT
"""The cost of a no-op by futures: submit them all, then take them with as_completed."""

from __future__ import annotations

import time

from bench.cases.base import Case, Quantity, Sample, Size, at_most, check
from bench.peers.base import Peer
from bench.work import noop


def measure(peer: Peer, size: Size) -> Sample:
    count, note = peer.items("noop_submit", 100_000)
    count = size.of(count, count // 10)
    futures = peer.futures(size.workers)
    for future in [futures.submit(noop, i) for i in range(4 * size.workers)]:
        future.result()
    start = time.perf_counter()
    submitted = [futures.submit(noop, i) for i in range(count)]
    total = sum(future.result() for future in futures.as_completed(submitted))
    seconds = time.perf_counter() - start
    futures.close()
    check(total == count * (count - 1) // 2, "the results of the futures are wrong")
    return Sample(seconds / count * 1e6, note)


CASE = Case(Quantity("100,000 no-ops by submit and as_completed", "µs/task", "lower",
                     (at_most(1 / 10, "process_pool"),)), measure, needs="futures")
