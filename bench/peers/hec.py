# SPDX-License-Identifier: MIT
"""pyhec: Pool where the workers stay, Parallel for the one-shot call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bench.peers.base import Peer


class Hec(Peer):
    name = "pyhec"
    module = "pyhec"
    script = """
from pyhec import Pool
def f(x):
    return x * x
if __name__ == "__main__":
    with Pool({workers}) as pool:
        print(sum(pool.map(f, range(100))))
"""

    def open(self, workers: int) -> None:
        from pyhec import Pool
        self.pool = Pool(workers)
        self.pool.__enter__()

    def close(self) -> None:
        self.pool.__exit__(None, None, None)

    def call(self, func: Callable[..., Any], item: Any) -> Any:
        return self.pool.apply(func, (item,))

    def map(self, func: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        return list(self.pool.map(func, items))

    def stream(self, func: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        return iter(self.pool.imap_unordered(func, items))

    def array_tasks(self, func: Callable[..., Any], array: Any, tasks: int,
                    workers: int) -> tuple[int, str]:
        from pyhec import Parallel, delayed
        Parallel(n_jobs=workers)(delayed(func)(array, i) for i in range(tasks))
        return tasks, ""


PEER = Hec()
