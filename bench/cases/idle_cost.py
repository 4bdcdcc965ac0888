# SPDX-License-Identifier: MIT
"""What workers cost that have nothing to do: the memory of all processes that the tool started, what
they share counted once, and their CPU time from 100 ms after the last task on.
"""

from __future__ import annotations

import os
import time

from bench import procs
from bench.cases.base import Case, Quantity, Sample, Size, Target, at_most, warm
from bench.peers.base import Peer

BEFORE_S = 0.1


def measure(peer: Peer, size: Size) -> Sample:
    # Daemons that a tool starts stay below this process, where they are counted.
    procs.adopt_orphans()
    root = os.getpid() if peer.command("", [], 1) == [""] else os.getppid()
    warm(peer, size)
    time.sleep(BEFORE_S)
    children = [pid for pid in procs.descendants(root) if pid != os.getpid()]
    start, before = time.monotonic(), procs.cpu_s(children)
    time.sleep(size.of(3, 1))
    used = procs.cpu_s(children) - before
    percent = used / (time.monotonic() - start) * 100
    return Sample(procs.pss_mb(children), f"{len(children)} processes", {"cpu": percent})


CASE = Case(Quantity("all workers idle: memory", "MB", "lower", (at_most(1, "mp_pool"),)),
            measure, needs="call",
            more={"cpu": Quantity("all workers idle: CPU", "%", "lower",
                                  (Target("at most", plus=0.05),))})
