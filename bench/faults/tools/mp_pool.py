# SPDX-License-Identifier: MIT
"""multiprocessing.Pool: apply_async for every task, which keeps more than its map does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from bench import peers
from bench.faults.base import Kept, Tool


class MpPool(Tool):
    peer = peers.load("mp_pool")
    # get() gives up waiting after a while; the task goes on.
    limits = frozenset({"timeout"})
    call = "`apply_async` for each task, with a callback, and `get`"

    def run(self, func: Callable[[Any], Any], items: Sequence[Any], kept: Kept,
            timeout: float | None = None, memory_mb: int = 0) -> None:
        pool = self.peer.pool  # type: ignore[attr-defined]
        later = [pool.apply_async(func, (item,), callback=partial(kept.result, i))
                 for i, item in enumerate(items)]
        for i, result in enumerate(later):
            try:
                result.get(timeout)
            except Exception as error:
                kept.failed(i, error)


TOOL = MpPool()
