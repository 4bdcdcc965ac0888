# SPDX-License-Identifier: MIT
"""multiprocessing.Pool of the standard library, with its default way to start workers."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bench.peers.base import Peer


class MpPool(Peer):
    name = "multiprocessing.Pool"
    module = "multiprocessing"
    result_items = 16
    script = """
from multiprocessing import Pool
def f(x):
    return x * x
if __name__ == "__main__":
    with Pool({workers}) as pool:
        print(sum(pool.map(f, range(100))))
"""

    def open(self, workers: int) -> None:
        self.pool = multiprocessing.Pool(workers)

    def close(self) -> None:
        self.pool.terminate()
        self.pool.join()

    def call(self, func: Callable[..., Any], item: Any) -> Any:
        return self.pool.apply(func, (item,))

    def map(self, func: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        return self.pool.map(func, items)

    def stream(self, func: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        return self.pool.imap_unordered(func, items)

    def array_tasks(self, func: Callable[..., Any], array: Any, tasks: int,
                    workers: int) -> tuple[int, str]:
        # The whole call takes many seconds; two of its chunks, of the size it would choose
        # itself, cost the same per task.
        chunk = -(-tasks // (4 * workers))
        run = min(tasks, 2 * chunk)
        with multiprocessing.Pool(workers) as pool:
            pool.starmap(func, [(array, i) for i in range(run)], chunksize=chunk)
        return run, f"{run} tasks only, in chunks of {chunk} as for {tasks}"


PEER = MpPool()
