# SPDX-License-Identifier: MIT
"""What joblib's two process backends have in common. Within a case the workers are kept by the
`with` form, which is joblib's fastest; the one-shot calls use the plain form, as most people do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bench.peers.base import Peer


class JoblibPeer(Peer):
    module = "joblib"
    backend = ""
    stream_items = 5_000
    result_items = 16

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
