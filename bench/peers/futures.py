# SPDX-License-Identifier: MIT
"""What the two executors of concurrent.futures have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from typing import Any

from bench.peers.base import Peer


class FuturesPeer(Peer):
    module = "concurrent.futures"
    executor_class: Callable[[int], Executor]

    def open(self, workers: int) -> None:
        self.executor = type(self).executor_class(workers)

    def close(self) -> None:
        self.executor.shutdown()

    def call(self, func: Callable[..., Any], item: Any) -> Any:
        return self.executor.submit(func, item).result()

    def map(self, func: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        return list(self.executor.map(func, items))

    def stream(self, func: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        futures = {self.executor.submit(func, item) for item in items}
        for future in as_completed(futures):
            # Forgotten at once, or the future would keep its result alive to the end.
            futures.discard(future)
            yield future.result()

    def array_tasks(self, func: Callable[..., Any], array: Any, tasks: int,
                    workers: int) -> tuple[int, str]:
        with type(self).executor_class(workers) as executor:
            list(executor.map(func, [array] * tasks, range(tasks)))
        return tasks, ""
