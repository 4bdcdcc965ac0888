# SPDX-License-Identifier: MIT
"""64 tasks that each make and return an array of 32 MB; the caller looks at each and lets it go.
Workers are warm. What counts includes the making, which the serial loop shows alone.
"""

from __future__ import annotations

import time

from bench.cases.base import Case, Sample, Size, warm
from bench.peers.base import Peer
from bench.work import block


def measure(peer: Peer, size: Size) -> Sample:
    count = min(size.of(64, 8), peer.result_items)
    warm(peer, size)
    size_bytes = 0
    start = time.perf_counter()
    for result in peer.stream(block, range(count)):
        if result[0] != result[-1]:
            raise RuntimeError("a result is damaged")
        size_bytes += result.nbytes
        del result
    seconds = time.perf_counter() - start
    if size_bytes != count * 32_000_000:
        raise RuntimeError("a result is missing")
    note = f"{peer.result_items} results only" if peer.result_items < 64 else ""
    return Sample(size_bytes / seconds / 1e9, note)


CASE = Case("64 results of 32 MB", "GB/s", "higher", measure, timeout_s=60.0, needs_numpy=True,
            needs_gib=5.0)
