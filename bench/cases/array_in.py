# SPDX-License-Identifier: MIT
"""A one-shot call that gives the same 512 MB array to 64 tasks, the start of the workers included.
Each task reads 1,000 numbers of it, so the time is that of handing the array over.
"""

from __future__ import annotations

import time

from bench.cases.base import Case, Quantity, Sample, Size, Target
from bench.peers.base import Peer
from bench.work import slice_sum

TASKS = 64


def measure(peer: Peer, size: Size) -> Sample:
    import numpy as np
    array = np.ones(size.of(64_000_000, 8_000_000))
    start = time.perf_counter()
    run, note = peer.array_tasks(slice_sum, array, TASKS, size.workers)
    return Sample((time.perf_counter() - start) / run * 1e3, note)


CASE = Case(Quantity("512 MB array to 64 tasks, one-shot", "ms/task", "lower",
                     (Target("at most", plus=0.5),)),
            measure, needs="array_tasks", timeout_s=60.0, needs_numpy=True, needs_gib=5.0,
            rounds=3)
