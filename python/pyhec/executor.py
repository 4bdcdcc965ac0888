# SPDX-License-Identifier: MIT
"""Executor: a concurrent.futures.Executor over the engine."""

from __future__ import annotations

import concurrent.futures

from . import _hec
from ._desk import Desk
from ._run import check_callable, worker_count

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import collections.abc
    import typing


class Executor(concurrent.futures.Executor):
    """Runs submitted calls in worker processes; futures, wait() and as_completed() as usual.

        with Executor() as executor:
            futures = [executor.submit(fib, n) for n in values]

    max_workers: how many workers; None or 'max': all CPUs that were granted. They are forked here
    and now. A task that ends its worker fails with pyhec.WorkerDied; the other tasks and the
    executor are not affected.
    """

    def __init__(self, max_workers: int | str | None = None) -> None:
        self._pool = _hec.Pool(worker_count(max_workers, "max_workers"))
        self._desk = Desk(self._pool)
        self._desk.close_with(self)
        self._submit = self._desk.submit

    def submit(
        self, fn: typing.Callable[..., typing.Any], /, *args: typing.Any, **kwargs: typing.Any
    ) -> concurrent.futures.Future[typing.Any]:
        """Schedules fn(*args, **kwargs) and returns its future."""
        if not callable(fn):
            check_callable(fn, "fn")  # says so
        return self._submit(fn, args, kwargs)

    def map(
        self,
        fn: typing.Callable[..., typing.Any],
        *iterables: collections.abc.Iterable[typing.Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> collections.abc.Iterator[typing.Any]:
        """As concurrent.futures.Executor.map; there is no chunksize to choose."""
        return super().map(fn, *iterables, timeout=timeout)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """No more tasks. With wait, returns when all are over and the workers are gone; without,
        they go when the last task is over, at the latest with this process.
        """
        self._desk.close(wait=wait, cancel=cancel_futures)

    def __exit__(self, exc_type: typing.Any, exc: typing.Any, traceback: typing.Any) -> None:
        if exc_type is not None and not issubclass(exc_type, Exception):
            self._desk.kill()  # Ctrl-C: nobody waits for what is left
        self.shutdown(wait=True)
