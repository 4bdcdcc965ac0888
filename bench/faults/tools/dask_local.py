# SPDX-License-Identifier: MIT
"""dask.distributed with a LocalCluster of processes."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from typing import Any

from bench import peers
from bench.faults.base import FuturesTool, Kept, said, slow_answer


class DaskLocal(FuturesTool):
    peer = peers.load("dask_local")
    # result() gives up waiting; a worker over its memory limit is ended by its nanny.
    limits = frozenset({"timeout", "memory"})
    call = "`Client.submit` for each task, and `result`"

    def open(self, workers: int, memory_mb: int = 0) -> None:
        from distributed import Client, LocalCluster

        # A worker's own 150 MB count here, which they do not for others.
        limit = f"{memory_mb + 150}MiB" if memory_mb else "auto"
        cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None,
                               memory_limit=limit)
        self.peer.cluster = cluster  # type: ignore[attr-defined]
        self.peer.client = Client(cluster)  # type: ignore[attr-defined]

    def run(self, func: Callable[[Any], Any], items: Sequence[Any], kept: Kept,
            timeout: float | None = None, memory_mb: int = 0) -> None:
        """Many at once: to ask for one result after the other takes it ten times as long."""
        from distributed import as_completed

        futures = [self.submit(func, item) for item in items]
        numbers = {future.key: i for i, future in enumerate(futures)}
        silent = self._silent(futures, timeout) if timeout is not None else set()
        for i in silent:
            kept.failed(i, TimeoutError(f"no result within {timeout} s"))
        rest = [future for i, future in enumerate(futures) if i not in silent]
        for future, value in as_completed(rest, with_results=True, raise_errors=False):
            if future.status == "error":
                kept.failed(numbers[future.key], future.exception())
            else:
                kept.result(numbers[future.key], value)

    def _silent(self, futures: list[Any], timeout: float) -> set[int]:
        """Those of which nothing is heard, when nothing was heard of any for so long, or for three
        seconds: its own pauses are longer than one.
        """
        heard: queue.Queue[int] = queue.Queue()
        for i, future in enumerate(futures):
            future.add_done_callback(lambda _, i=i: heard.put(i))
        waiting = set(range(len(futures)))
        while waiting:
            try:
                waiting.discard(heard.get(timeout=max(timeout, 3.0)))
            except queue.Empty:
                break
        return waiting

    def submit(self, func: Callable[[Any], Any], item: Any) -> Any:
        return self.peer.client.submit(func, item, pure=False)  # type: ignore[attr-defined]

    def inner(self) -> int:
        """As its documentation says: the task asks for the client of its cluster."""
        from distributed import worker_client

        items = range(4)
        kept = Kept(items)
        with worker_client() as client:
            for i, future in enumerate([client.submit(slow_answer, i, pure=False) for i in items]):
                kept.result(i, future.result())
        if kept.good != len(items):
            raise RuntimeError(said(kept.first_error()))
        return -sum(items)


TOOL = DaskLocal()
