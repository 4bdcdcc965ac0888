# SPDX-License-Identifier: MIT
"""The cost of a no-op that is a task of its own, when results are taken as they come:
imap_unordered with chunks of one, submit and as_completed, or joblib's unordered generator.
"""

from __future__ import annotations

import time

from bench.cases.base import Case, Quantity, Sample, Size, at_most, check, warm
from bench.peers.base import Peer
from bench.work import noop


def measure(peer: Peer, size: Size) -> Sample:
    count, note = peer.items("noop_stream", 100_000)
    count = size.of(count, count // 10)
    warm(peer, size)
    start = time.perf_counter()
    total = sum(peer.stream(noop, range(count)))
    seconds = time.perf_counter() - start
    check(total == count * (count - 1) // 2, "the results of the stream are wrong")
    return Sample(seconds / count * 1e6, note)


CASE = Case(Quantity("100,000 no-ops as a stream, each a task", "µs/task", "lower",
                     (at_most(1 / 20, "mp_pool"),)), measure, needs="stream")
