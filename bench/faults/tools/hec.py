# SPDX-License-Identifier: MIT
"""pyhec: a plain Pool.map, and what is there of it when it raises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bench import peers
from bench.faults.base import Kept, Tool


class Hec(Tool):
    peer = peers.load("hec")
    limits = frozenset({"timeout", "memory"})
    call = "`Pool.map`, and `pyhec.partial(error)` when it raises"

    def run(self, func: Callable[[Any], Any], items: Sequence[Any], kept: Kept,
            timeout: float | None = None, memory_mb: int = 0) -> None:
        import pyhec

        options: dict[str, Any] = {"timeout": timeout} if timeout is not None else {}
        if memory_mb:
            options["memory"] = memory_mb << 20
        try:
            results = self.peer.pool.map(func, items, **options)  # type: ignore[attr-defined]
        except Exception as error:
            whole = pyhec.partial(error)
            if whole is None:
                raise
            results = whole.results
            for i, failure in whole.failures.items():
                kept.failed(i, failure)
        for i, value in enumerate(results):
            if i not in kept.failures:
                kept.result(i, value)


TOOL = Hec()
