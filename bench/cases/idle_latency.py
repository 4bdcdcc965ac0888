# SPDX-License-Identifier: MIT
"""The same single call after 2 ms of idleness, when everybody has gone to sleep."""

from __future__ import annotations

import statistics
import time

from bench.cases.base import Case, Sample, Size, warm
from bench.peers.base import Peer
from bench.work import noop


def measure(peer: Peer, size: Size) -> Sample:
    warm(peer, size)
    times = []
    for i in range(size.of(200, 50)):
        time.sleep(0.002)
        start = time.perf_counter()
        peer.call(noop, i)
        times.append(time.perf_counter() - start)
    return Sample(statistics.median(times) * 1e6)


CASE = Case("no-op round trip after 2 ms idle", "µs", "lower", measure)
