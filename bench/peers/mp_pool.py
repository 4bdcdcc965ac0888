# SPDX-License-Identifier: MIT
"""multiprocessing.Pool of the standard library, with its default way to start workers."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bench.peers import shell
from bench.peers.base import Later, Peer, parts_of


class MpPool(Peer):
    name = "multiprocessing.Pool"
    module = "multiprocessing"
    limits = {"noop_stream": 50_000, "results_kept": 16, "results_steady": 16, "args_distinct": 16}
    script = """
from multiprocessing import Pool
def f(x):
    return x * x
if __name__ == "__main__":
    with Pool({workers}) as pool:
        print(sum(pool.map(f, range(100))))
"""

    def open(self, workers: int) -> None:
        self.workers = workers
        self.pool = multiprocessing.Pool(workers)

    def close(self) -> None:
        self.pool.terminate()
        self.pool.join()

    def call(self, func: Callable[..., Any], item: Any) -> Any:
        return self.pool.apply(func, (item,))

    def submit(self, func: Callable[..., Any], item: Any) -> Any:
        return Later(self.pool.apply_async(func, (item,)).get)

    def map(self, func: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        return self.pool.map(func, items)

    def stream(self, func: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        return self.pool.imap_unordered(func, items)

    def array_tasks(self, func: Callable[..., Any], array: Any, tasks: int,
                    workers: int) -> tuple[int, str]:
        self.open(workers)
        try:
            return self.array_pool(func, array, tasks)
        finally:
            self.close()

    def array_pool(self, func: Callable[..., Any], array: Any, tasks: int) -> tuple[int, str]:
        # The whole call takes many seconds; two of its chunks, of the size it would choose
        # itself, cost the same per task.
        chunk = -(-tasks // (4 * self.workers))
        run = min(tasks, 2 * chunk)
        self.pool.starmap(func, [(array, i) for i in range(run)], chunksize=chunk)
        return run, f"{run} tasks only, in chunks of {chunk} as for {tasks}"

    def frame_map(self, func: Callable[..., Any], frame: Any, workers: int) -> list[Any]:
        with multiprocessing.Pool(workers) as pool:
            return [x for part in pool.map(func, parts_of(frame, workers)) for x in part]

    def commands(self, program: str, count: int, in_flight: int, parent_gib: int) -> float:
        with multiprocessing.Pool(in_flight) as pool:
            return shell.seconds(lambda: pool.map(shell.run, [program] * count))


PEER = MpPool()
