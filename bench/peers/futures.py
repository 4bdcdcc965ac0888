# SPDX-License-Identifier: MIT
"""What the executors in the manner of concurrent.futures have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from typing import Any

from bench.peers.base import Futures, Peer, parts_of


class FuturesPeer(Peer):
    module = "concurrent.futures"
    # Every task of theirs pickles the whole array: so many show what each costs.
    array_limit = 2

    def make(self, workers: int) -> Any:
        """A new executor."""
        raise NotImplementedError

    def open(self, workers: int) -> None:
        self.executor = self.make(workers)

    def close(self) -> None:
        self.executor.shutdown()

    def call(self, func: Callable[..., Any], item: Any) -> Any:
        return self.executor.submit(func, item).result()

    def submit(self, func: Callable[..., Any], item: Any) -> Any:
        return self.executor.submit(func, item)

    def map(self, func: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        return list(self.executor.map(func, items))

    def stream(self, func: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        futures = {self.executor.submit(func, item) for item in items}
        for future in as_completed(futures):
            # Forgotten at once, or the future would keep its result alive to the end.
            futures.discard(future)
            yield future.result()

    def futures(self, workers: int) -> Futures:
        executor = self.make(workers)
        return Futures(executor.submit, as_completed, executor.shutdown)

    def array_tasks(self, func: Callable[..., Any], array: Any, tasks: int,
                    workers: int) -> tuple[int, str]:
        self.open(workers)
        try:
            return self.array_pool(func, array, tasks)
        finally:
            self.close()

    def array_pool(self, func: Callable[..., Any], array: Any, tasks: int) -> tuple[int, str]:
        run = min(tasks, self.array_limit)
        list(self.executor.map(func, [array] * run, range(run)))
        return run, f"{run} tasks only" if run < tasks else ""

    def frame_map(self, func: Callable[..., Any], frame: Any, workers: int) -> list[Any]:
        with self.make(workers) as executor:
            return [x for part in executor.map(func, parts_of(frame, workers)) for x in part]
