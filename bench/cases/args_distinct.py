# SPDX-License-Identifier: MIT
"""64 tasks that each get an array of 32 MB of their own and read its two ends. Workers are warm."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bench.cases.base import Case, Quantity, Sample, Size, at_least, check, warm
from bench.peers.base import Peer
from bench.work import both_ends

LENGTH = 4_000_000


def gb_per_s(peer: Peer, size: Size, make: Callable[[int], Any]) -> Sample:
    """Makes the arrays, then hands them over by one map call."""
    count, note = peer.items("args_distinct", 64)
    count = size.of(count, 8)
    warm(peer, size)
    arrays = []
    for i in range(count):
        array = make(LENGTH)
        array.fill(i)
        arrays.append(array)
    start = time.perf_counter()
    results = peer.map(both_ends, arrays)
    seconds = time.perf_counter() - start
    check(results == [2.0 * i for i in range(count)], "the results are wrong")
    return Sample(count * LENGTH * 8 / seconds / 1e9, note)


def measure(peer: Peer, size: Size) -> Sample:
    import numpy as np
    return gb_per_s(peer, size, np.empty)


CASE = Case(Quantity("64 different arguments of 32 MB", "GB/s", "higher",
                     (at_least(3, "joblib_loky"),)),
            measure, timeout_s=60.0, needs_numpy=True, needs_gib=6.0)
