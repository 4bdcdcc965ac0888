# SPDX-License-Identifier: MIT
"""How long one call takes that does nothing: there and back, workers warm, nothing else to do."""

from __future__ import annotations

import statistics
import time

from bench.cases.base import Case, Sample, Size, warm
from bench.peers.base import Peer
from bench.work import noop


def measure(peer: Peer, size: Size) -> Sample:
    warm(peer, size)
    times = []
    for i in range(size.of(1000, 200)):
        start = time.perf_counter()
        peer.call(noop, i)
        times.append(time.perf_counter() - start)
    return Sample(statistics.median(times) * 1e6)


CASE = Case("no-op round trip, warm", "µs", "lower", measure)
