# SPDX-License-Identifier: MIT
"""Speed-up on tasks of very unequal length (Pareto), the longest at the end of the list, where a
tool that cuts the list into fixed chunks leaves workers idle. Default settings.
"""

from __future__ import annotations

import time

from bench.cases.base import Case, Sample, Size, warm
from bench.peers.base import Peer
from bench.work import skewed_loops, spin


def measure(peer: Peer, size: Size) -> Sample:
    items = skewed_loops(200 * size.workers, size.workers * size.of(8_000_000, 2_000_000))
    start = time.perf_counter()
    expected = [spin(loops) for loops in items]
    serial = time.perf_counter() - start
    warm(peer, size)
    start = time.perf_counter()
    results = peer.map(spin, items)
    seconds = time.perf_counter() - start
    if results != expected:
        raise RuntimeError("the results are wrong")
    ideal = min(float(size.workers), sum(items) / max(items))
    return Sample(serial / seconds, extra={"ideal": ideal, "serial_s": serial})


CASE = Case("speed-up of skewed tasks, longest last", "×", "higher", measure)
