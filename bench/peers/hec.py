# SPDX-License-Identifier: MIT
"""pyhec: Pool where the workers stay, Executor for futures, Parallel and parallelize for the
one-shot call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from typing import Any

from bench.peers import shell
from bench.peers.base import Futures, Later, NotHere, Peer


def offered(name: str) -> Any:
    """A call that this version of pyhec may not have yet."""
    import pyhec
    try:
        return getattr(pyhec, name)
    except AttributeError:
        raise NotHere(f"this pyhec has no {name}()") from None


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

    def submit(self, func: Callable[..., Any], item: Any) -> Any:
        return Later(self.pool.apply_async(func, (item,)).get)

    def map(self, func: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        return list(self.pool.map(func, items))

    def stream(self, func: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        return iter(self.pool.imap_unordered(func, items))

    def futures(self, workers: int) -> Futures:
        from pyhec import Executor
        executor = Executor(workers)
        return Futures(executor.submit, as_completed, executor.shutdown)

    def array_tasks(self, func: Callable[..., Any], array: Any, tasks: int,
                    workers: int) -> tuple[int, str]:
        from pyhec import Parallel, delayed
        Parallel(n_jobs=workers)(delayed(func)(array, i) for i in range(tasks))
        return tasks, ""

    def array_pool(self, func: Callable[..., Any], array: Any, tasks: int) -> tuple[int, str]:
        self.pool.starmap(func, [(array, i) for i in range(tasks)])
        return tasks, ""

    def frame_map(self, func: Callable[..., Any], frame: Any, workers: int) -> list[Any]:
        from pyhec import parallel_processing
        results: list[Any] = parallel_processing.parallelize(func, frame, n_cores=workers)
        return results

    def shared_array(self, length: int) -> Any:
        return offered("empty")((length,), "float64")

    def commands(self, program: str, count: int, in_flight: int, parent_gib: int) -> float:
        run_commands = offered("run_commands")
        return shell.seconds(lambda: run_commands([[program]] * count, n_jobs=in_flight))


PEER = Hec()
