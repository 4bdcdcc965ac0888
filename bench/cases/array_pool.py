# SPDX-License-Identifier: MIT
"""The same 512 MB array to 64 tasks of a pool whose workers were there before the array was."""

from __future__ import annotations

import time

from bench.cases.array_in import TASKS
from bench.cases.base import Case, Quantity, Sample, Size, warm
from bench.peers.base import Peer
from bench.work import slice_sum


def measure(peer: Peer, size: Size) -> Sample:
    import numpy as np
    warm(peer, size)
    array = np.ones(size.of(64_000_000, 8_000_000))
    start = time.perf_counter()
    run, note = peer.array_pool(slice_sum, array, TASKS)
    return Sample((time.perf_counter() - start) / run * 1e3, note)


CASE = Case(Quantity("512 MB array to 64 tasks, persistent pool", "ms/task", "lower"),
            measure, needs="array_pool", timeout_s=60.0, needs_numpy=True, needs_gib=5.0,
            rounds=3)
