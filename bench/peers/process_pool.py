# SPDX-License-Identifier: MIT
"""concurrent.futures.ProcessPoolExecutor of the standard library."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from bench.peers.futures import FuturesPeer


class ProcessPool(FuturesPeer):
    name = "ProcessPoolExecutor"
    executor_class = ProcessPoolExecutor
    stream_items = 5_000
    result_items = 16
    script = """
from concurrent.futures import ProcessPoolExecutor
def f(x):
    return x * x
if __name__ == "__main__":
    with ProcessPoolExecutor({workers}) as executor:
        print(sum(executor.map(f, range(100))))
"""

    def array_tasks(self, func: Callable[..., Any], array: Any, tasks: int,
                    workers: int) -> tuple[int, str]:
        # Every task pickles the whole array: two show what each costs.
        super().array_tasks(func, array, 2, workers)
        return 2, "2 tasks only"


PEER = ProcessPool()
