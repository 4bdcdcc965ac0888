# SPDX-License-Identifier: MIT
"""dask.distributed with a LocalCluster of processes on this machine. One array for all tasks is
scattered before, as its documentation says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bench.peers.base import Futures, Peer


class DaskLocal(Peer):
    name = "dask.distributed"
    module = "distributed"
    rounds = 1
    limits = {"noop_map": 2_000, "noop_stream": 1_000, "noop_submit": 1_000, "results_kept": 8,
              "results_steady": 8, "args_distinct": 8}
    quick_cases = frozenset({"noop_latency", "noop_submit", "script100"})
    script = """
from dask.distributed import Client, LocalCluster
def f(x):
    return x * x
if __name__ == "__main__":
    with LocalCluster(n_workers={workers}, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            print(sum(client.gather(client.map(f, range(100)))))
"""

    def open(self, workers: int) -> None:
        from distributed import Client, LocalCluster
        self.cluster = LocalCluster(n_workers=workers, threads_per_worker=1,
                                    dashboard_address=None)
        self.client = Client(self.cluster)

    def close(self) -> None:
        self.client.close()
        self.cluster.close()

    def call(self, func: Callable[..., Any], item: Any) -> Any:
        # pure=False: else a call that was made before gives the stored result.
        return self.client.submit(func, item, pure=False).result()

    def submit(self, func: Callable[..., Any], item: Any) -> Any:
        return self.client.submit(func, item, pure=False)

    def map(self, func: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        return list(self.client.gather(self.client.map(func, items, pure=False)))

    def stream(self, func: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        from distributed import as_completed
        futures = self.client.map(func, list(items), pure=False)
        return (result for _, result in as_completed(futures, with_results=True))

    def futures(self, workers: int) -> Futures:
        from distributed import as_completed
        self.open(workers)
        return Futures(self.submit, as_completed, self.close)

    def array_tasks(self, func: Callable[..., Any], array: Any, tasks: int,
                    workers: int) -> tuple[int, str]:
        self.open(workers)
        try:
            return self.array_pool(func, array, tasks)
        finally:
            self.close()

    def array_pool(self, func: Callable[..., Any], array: Any, tasks: int) -> tuple[int, str]:
        data = self.client.scatter(array, broadcast=True)
        self.client.gather([self.client.submit(func, data, i, pure=False) for i in range(tasks)])
        return tasks, "scattered"


PEER = DaskLocal()
