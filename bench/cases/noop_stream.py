# SPDX-License-Identifier: MIT
"""The cost of a no-op when results are taken as they come: imap_unordered, submit and
as_completed, or joblib's unordered generator, each with default settings.
"""

from __future__ import annotations

import time

from bench.cases.base import Case, Sample, Size, warm
from bench.peers.base import Peer
from bench.work import noop

FULL = 20_000


def measure(peer: Peer, size: Size) -> Sample:
    count = min(size.of(FULL, 2_000), peer.stream_items)
    warm(peer, size)
    start = time.perf_counter()
    total = sum(peer.stream(noop, range(count)))
    seconds = time.perf_counter() - start
    if total != count * (count - 1) // 2:
        raise RuntimeError("the results of the stream are wrong")
    note = f"{peer.stream_items:,} items" if peer.stream_items < FULL else ""
    return Sample(seconds / count * 1e6, note)


CASE = Case("20,000 no-ops as a stream", "µs/task", "lower", measure)
