# SPDX-License-Identifier: MIT
"""A cheap function over the parts of a DataFrame of 4 GB, one-shot, the start of the workers
included: how long until the first part is being worked on, and by how much the memory of all
processes together grows.

Two calls: memory is watched during the second only, because looking slows down whoever is looked at.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time

from bench import procs
from bench.cases.base import Case, Quantity, Sample, Size, Target, check
from bench.peers.base import Peer
from bench.work import part_started

COLUMNS = 8


def measure(peer: Peer, size: Size) -> Sample:
    import numpy as np
    import pandas as pd
    rows = size.of(62_500_000, 4_000_000)
    frame = pd.DataFrame(np.ones((rows, COLUMNS)), copy=False)
    before = procs.pss_mb([os.getpid()])
    start = time.monotonic()
    parts = peer.frame_map(functools.partial(part_started, hold_s=0.0), frame, size.workers)
    first = min(began for began, _ in parts) - start
    watch = subprocess.Popen([sys.executable, "-m", "bench.procs", str(os.getpid())],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    parts += peer.frame_map(functools.partial(part_started, hold_s=0.1), frame, size.workers)
    peak = float(watch.communicate()[0])
    check(sum(total for _, total in parts) == 2.0 * rows, "the results are wrong")
    return Sample(first * 1e3, more={"growth": max(0.0, peak / before - 1) * 100})


CASE = Case(Quantity("4 GB DataFrame: until the first part starts", "ms", "lower",
                     (Target("at most", plus=50),)),
            measure, needs="frame_map", timeout_s=120.0, quick_timeout_s=30.0, needs_numpy=True,
            needs_gib=14.0, rounds=1,
            more={"growth": Quantity("4 GB DataFrame: growth of memory", "%", "lower",
                                     (Target("at most", plus=5),))})
