# SPDX-License-Identifier: MIT
"""concurrent.futures.ProcessPoolExecutor."""

from __future__ import annotations

from bench import peers
from bench.faults.base import FuturesTool


class ProcessPool(FuturesTool):
    peer = peers.load("process_pool")
    # result() gives up waiting after a while; the task goes on.
    limits = frozenset({"timeout"})
    call = "`submit` for each task, and `result`"


TOOL = ProcessPool()
