# SPDX-License-Identifier: MIT
"""What joblib's two process backends have in common. Within a case the workers are kept by the
`with` form, which is joblib's fastest; the one-shot calls use the plain form, as most people do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bench.peers.base import Peer, parts_of


class JoblibPeer(Peer):
    module = "joblib"
    backend = ""
    rounds = 3
    limits = {"noop_stream": 5_000, "noop_submit": 10_000, "results_kept": 16,
              "results_steady": 16, "args_distinct": 32}

    def parallel(self, **options: Any) -> Any:
        """joblib's Parallel with this backend."""
        from joblib import Parallel
        return Parallel(n_jobs=self.workers, backend=self.backend, **options)

    def calls(self, func: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        """The items as joblib wants them."""
        from joblib import delayed
        return (delayed(func)(item) for item in items)

    def open(self, workers: int) -> None:
        self.workers = workers
        self.pool = self.parallel()
        self.pool.__enter__()

    def close(self) -> None:
        self.pool.__exit__(None, None, None)

    def call(self, func: Callable[..., Any], item: Any) -> Any:
        return self.pool(self.calls(func, [item]))[0]

    def map(self, func: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        return list(self.pool(self.calls(func, items)))

    def stream(self, func: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        try:
            streaming = self.parallel(return_as="generator_unordered")
        except (TypeError, ValueError):
            # joblib before 1.4 has no stream: all results at the end is what one gets.
            return iter(self.pool(self.calls(func, items)))
        return iter(streaming(self.calls(func, items)))

    def array_tasks(self, func: Callable[..., Any], array: Any, tasks: int,
                    workers: int) -> tuple[int, str]:
        from joblib import delayed
        self.workers = workers
        self.parallel()(delayed(func)(array, i) for i in range(tasks))
        return tasks, ""

    def array_pool(self, func: Callable[..., Any], array: Any, tasks: int) -> tuple[int, str]:
        from joblib import delayed
        self.pool(delayed(func)(array, i) for i in range(tasks))
        return tasks, ""

    def frame_map(self, func: Callable[..., Any], frame: Any, workers: int) -> list[Any]:
        self.workers = workers
        done = self.parallel()(self.calls(func, parts_of(frame, workers)))
        return [x for part in done for x in part]
