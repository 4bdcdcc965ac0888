# SPDX-License-Identifier: MIT
"""64 tasks that each make and return an array of 32 MB; the caller keeps them all, so that every
result needs memory of its own. Workers are warm. What counts includes the making, which the serial
loop shows alone.
"""

from __future__ import annotations

import time

from bench.cases.base import Case, Quantity, Sample, Size, at_least, bytes_taken, check, warm
from bench.peers.base import Peer
from bench.work import block


def measure(peer: Peer, size: Size) -> Sample:
    count, note = peer.items("results_kept", 64)
    count = size.of(count, 8)
    warm(peer, size)
    start = time.perf_counter()
    results = peer.map(block, range(count))
    seconds = time.perf_counter() - start
    check(bytes_taken(results) == count * 32_000_000, "a result is missing")
    return Sample(count * 32e6 / seconds / 1e9, note)


CASE = Case(Quantity("64 results of 32 MB, all kept", "GB/s", "higher",
                     (at_least(5, "mp_pool"),)),
            measure, timeout_s=60.0, needs_numpy=True, needs_gib=5.0)
