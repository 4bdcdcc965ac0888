# SPDX-License-Identifier: MIT
"""64 tasks that each make and return an array of 32 MB; the caller looks at each and lets it go, and
has done so once before the clock starts. So memory can be used again by who knows how to.
"""

from __future__ import annotations

import time

from bench.cases.base import Case, Quantity, Sample, Size, at_least, bytes_taken, check, warm
from bench.peers.base import Peer
from bench.work import block


def measure(peer: Peer, size: Size) -> Sample:
    count, note = peer.items("results_steady", 64)
    count = size.of(count, 8)
    warm(peer, size)
    bytes_taken(peer.stream(block, range(count)))
    start = time.perf_counter()
    size_bytes = bytes_taken(peer.stream(block, range(count)))
    seconds = time.perf_counter() - start
    check(size_bytes == count * 32_000_000, "a result is missing")
    return Sample(size_bytes / seconds / 1e9, note)


CASE = Case(Quantity("64 results of 32 MB, each let go, second pass", "GB/s", "higher",
                     (at_least(20, "mp_pool"),)),
            measure, needs="stream", timeout_s=60.0, needs_numpy=True, needs_gib=5.0)
