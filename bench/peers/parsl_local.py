# SPDX-License-Identifier: MIT
"""Parsl with the HighThroughputExecutor, as its documentation sets it up for one machine."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from typing import Any

from bench.peers.base import Futures, Peer


class ParslLocal(Peer):
    name = "Parsl"
    module = "parsl"
    rounds = 1
    limits = {"noop_map": 2_000, "noop_stream": 2_000, "noop_submit": 2_000, "results_kept": 8,
              "results_steady": 8, "args_distinct": 8}
    quick_cases = frozenset({"noop_latency", "script100"})
    script = """
import tempfile
import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider
@parsl.python_app
def f(x):
    return x * x
if __name__ == "__main__":
    executor = HighThroughputExecutor(max_workers_per_node={workers}, address="127.0.0.1",
                                      loopback_address="127.0.0.1",
                                      provider=LocalProvider(init_blocks=1, max_blocks=1))
    with parsl.load(Config(executors=[executor], run_dir=tempfile.gettempdir())):
        print(sum([future.result() for future in [f(x) for x in range(100)]]))
"""

    def open(self, workers: int) -> None:
        import parsl
        from parsl.config import Config
        from parsl.executors import HighThroughputExecutor
        from parsl.providers import LocalProvider
        executor = HighThroughputExecutor(max_workers_per_node=workers, address="127.0.0.1",
                                          loopback_address="127.0.0.1",
                                          provider=LocalProvider(init_blocks=1, max_blocks=1))
        self.parsl = parsl
        self.kernel = parsl.load(Config(executors=[executor], run_dir=tempfile.mkdtemp()))
        self.apps: dict[Any, Any] = {}

    def close(self) -> None:
        self.kernel.cleanup()
        del self.kernel  # a second end is an error
        self.parsl.clear()

    def submit(self, func: Callable[..., Any], item: Any) -> Any:
        if func not in self.apps:
            self.apps[func] = self.parsl.python_app(func)
        return self.apps[func](item)

    def call(self, func: Callable[..., Any], item: Any) -> Any:
        return self.submit(func, item).result()

    def map(self, func: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        return [future.result() for future in [self.submit(func, item) for item in items]]

    def stream(self, func: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        futures = [self.submit(func, item) for item in items]
        return (future.result() for future in as_completed(futures))

    def futures(self, workers: int) -> Futures:
        self.open(workers)
        return Futures(self.submit, as_completed, self.close)


PEER = ParslLocal()
