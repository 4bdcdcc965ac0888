# SPDX-License-Identifier: MIT
"""From nothing to the first result: starting the workers and one call. The tool is imported."""

from __future__ import annotations

import time

from bench.cases.base import Case, Sample, Size
from bench.peers.base import Peer
from bench.work import noop


def measure(peer: Peer, size: Size) -> Sample:
    start = time.perf_counter()
    peer.open(size.workers)
    peer.call(noop, 1)
    return Sample((time.perf_counter() - start) * 1e3)


CASE = Case("cold start to first result", "ms", "lower", measure)
