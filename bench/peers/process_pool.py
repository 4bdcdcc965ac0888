# SPDX-License-Identifier: MIT
"""concurrent.futures.ProcessPoolExecutor of the standard library."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from typing import Any

from bench.peers.futures import FuturesPeer


class ProcessPool(FuturesPeer):
    name = "ProcessPoolExecutor"
    # Its map sends one item at a time unless told otherwise.
    limits = {"noop_map": 10_000, "noop_stream": 10_000, "noop_submit": 10_000,
              "results_kept": 16, "results_steady": 16, "args_distinct": 16}
    script = """
from concurrent.futures import ProcessPoolExecutor
def f(x):
    return x * x
if __name__ == "__main__":
    with ProcessPoolExecutor({workers}) as executor:
        print(sum(executor.map(f, range(100))))
"""

    def make(self, workers: int) -> Any:
        return ProcessPoolExecutor(workers)


PEER = ProcessPool()
