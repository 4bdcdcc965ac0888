# SPDX-License-Identifier: MIT
"""Ray on this machine: no dashboard, a small object store. One array for all tasks is put into the
store before, as its documentation says.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bench.peers.base import Later, Peer

# Room for a few arrays of 512 MB.
STORE_BYTES = 3 << 29


class RayLocal(Peer):
    name = "Ray"
    module = "ray"
    rounds = 1
    limits = {"noop_map": 5_000, "noop_stream": 2_000, "results_kept": 16, "results_steady": 16,
              "args_distinct": 16}
    quick_cases = frozenset({"noop_latency", "script100"})
    script = """
import os
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
import ray
@ray.remote
def f(x):
    return x * x
ray.init(num_cpus={workers}, include_dashboard=False, object_store_memory=100 << 20,
         logging_level="ERROR", log_to_driver=False)
print(sum(ray.get([f.remote(x) for x in range(100)])))
ray.shutdown()
"""

    def why_not(self) -> str:
        # Nothing is to be told to anybody; read when it is imported.
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        return super().why_not()

    def open(self, workers: int) -> None:
        import ray
        self.ray = ray
        ray.init(num_cpus=workers, include_dashboard=False, object_store_memory=STORE_BYTES,
                 logging_level="ERROR", log_to_driver=False, _temp_dir=tempfile.gettempdir())
        self.remotes: dict[Any, Any] = {}

    def close(self) -> None:
        self.ray.shutdown()

    def remote(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function as a remote one, made once."""
        if func not in self.remotes:
            self.remotes[func] = self.ray.remote(func)
        run: Callable[..., Any] = self.remotes[func].remote
        return run

    def call(self, func: Callable[..., Any], item: Any) -> Any:
        return self.ray.get(self.remote(func)(item))

    def submit(self, func: Callable[..., Any], item: Any) -> Any:
        reference = self.remote(func)(item)
        return Later(lambda: self.ray.get(reference))

    def map(self, func: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        run = self.remote(func)
        return list(self.ray.get([run(item) for item in items]))

    def stream(self, func: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        run = self.remote(func)
        waiting = [run(item) for item in items]
        while waiting:
            ready, waiting = self.ray.wait(waiting)
            yield from self.ray.get(ready)

    def array_tasks(self, func: Callable[..., Any], array: Any, tasks: int,
                    workers: int) -> tuple[int, str]:
        self.open(workers)
        try:
            return self.array_pool(func, array, tasks)
        finally:
            self.close()

    def array_pool(self, func: Callable[..., Any], array: Any, tasks: int) -> tuple[int, str]:
        run, data = self.remote(func), self.ray.put(array)
        self.ray.get([run(data, i) for i in range(tasks)])
        return tasks, "put into the store once"


PEER = RayLocal()
