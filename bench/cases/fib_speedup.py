# SPDX-License-Identifier: MIT
"""Speed-up on a list of equal tasks that are pure Python, against a plain loop timed in the same
process just before. Workers are warm; one map call with default settings.
"""

from __future__ import annotations

import time

from bench.cases.base import Case, Sample, Size, warm
from bench.peers.base import Peer
from bench.work import fib


def measure(peer: Peer, size: Size) -> Sample:
    # Whole rounds for every worker, so that the ideal speed-up is the number of workers.
    items = [20] * (size.workers * size.of(256, 64))
    start = time.perf_counter()
    expected = [fib(n) for n in items]
    serial = time.perf_counter() - start
    warm(peer, size)
    start = time.perf_counter()
    results = peer.map(fib, items)
    seconds = time.perf_counter() - start
    if results != expected:
        raise RuntimeError("the results are wrong")
    return Sample(serial / seconds, extra={"ideal": size.workers, "serial_s": serial})


CASE = Case("speed-up of equal tasks (fib)", "×", "higher", measure)
