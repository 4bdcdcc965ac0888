# SPDX-License-Identifier: MIT
"""joblib with loky, as a generator of results: when it raises, the caller has those before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bench import peers
from bench.faults.base import Kept, Tool


def numbered(func: Callable[[Any], Any], i: int, item: Any) -> tuple[int, Any]:
    """A result with the number of its task, which joblib's unordered results do not have."""
    return i, func(item)


class JoblibLoky(Tool):
    peer = peers.load("joblib_loky")
    limits = frozenset({"timeout"})
    call = '`Parallel(return_as="generator_unordered")`; its usual list keeps nothing'

    def open(self, workers: int, memory_mb: int = 0) -> None:
        self.workers = workers

    def run(self, func: Callable[[Any], Any], items: Sequence[Any], kept: Kept,
            timeout: float | None = None, memory_mb: int = 0) -> None:
        from joblib import Parallel, delayed

        parallel = Parallel(n_jobs=self.workers, return_as="generator_unordered", timeout=timeout)
        tasks = (delayed(numbered)(func, i, item) for i, item in enumerate(items))
        for i, value in parallel(tasks):
            kept.result(i, value)

    def close(self) -> None:
        """Its workers are kept for the next Parallel and leave by themselves."""


TOOL = JoblibLoky()
