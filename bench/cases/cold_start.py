# SPDX-License-Identifier: MIT
"""From nothing to the first result: starting the workers and one call. The tool is imported."""

from __future__ import annotations

import time

from bench.cases.base import Case, Quantity, Sample, Size, at_most
from bench.peers.base import Peer
from bench.work import noop


def measure(peer: Peer, size: Size) -> Sample:
    start = time.perf_counter()
    peer.open(size.workers)
    peer.call(noop, 1)
    return Sample((time.perf_counter() - start) * 1e3)


CASE = Case(Quantity("cold start to first result", "ms", "lower", (at_most(1 / 2, "mp_pool"),)),
            measure, needs="call")
