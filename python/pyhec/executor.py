# SPDX-License-Identifier: MIT
"""Executor: a concurrent.futures.Executor over the engine."""

from __future__ import annotations

import concurrent.futures

from . import _options
from ._desk import Desk, Family
from ._run import check_callable, engine_of

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import collections.abc
    import typing

    import typing_extensions

    from ._options import CallOptions


class Executor(concurrent.futures.Executor):
    """Runs submitted calls in worker processes; futures, wait() and as_completed() as usual.

        with Executor() as executor:
            futures = [executor.submit(fib, n) for n in values]

    max_workers: how many workers; None or 'max': all CPUs that were granted. They are forked here
    and now; start: 'auto', 'fork' or 'zygote', see pyhec.start_method(). A task that ends its worker
    fails with pyhec.WorkerDied; the other tasks and the executor are not affected.

    timeout=, memory=, retries=, backoff=, retry_on=, retry_memory=, verdicts= and deadline= hold
    for all tasks: see pyhec.Options. with_options() is for tasks that need others.
    """

    def __init__(
        self,
        max_workers: int | str | None = None,
        *,
        start: str | None = None,
        **options: typing_extensions.Unpack[CallOptions],
    ) -> None:
        chosen = _options.take("Executor", options)
        self._pool = engine_of(max_workers, "max_workers", start)
        self._family = Family(self._pool)
        self._open_desk(chosen)

    def _open_desk(self, options: _options.Options) -> None:
        self._desk = Desk(self._pool, options, self._family)
        self._desk.close_with(self)
        self._submit = self._desk.submit

    def with_options(self, **options: typing_extensions.Unpack[CallOptions]) -> Executor:
        """An executor with the same workers and other options, for tasks that need them:

            slow = executor.with_options(timeout="2h", retries=1)
            slow.submit(simulate, 7)

        It can be shut down alone, and is when this one is.
        """
        other = _View(self)
        other._open_desk(_options.take("with_options", options))
        return other

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
        """As concurrent.futures.Executor.map; there is no chunksize to choose. Its timeout is for
        waiting: a limit for each task is an option of the executor.
        """
        return super().map(fn, *iterables, timeout=timeout)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """No more tasks. With wait, returns when all are over and the workers are gone; without,
        they go when the last task is over, at the latest with this process.
        """
        for desk in self._family.desks():
            if desk is not self._desk:
                desk.close(wait=wait, cancel=cancel_futures)
        self._desk.close(wait=wait, cancel=cancel_futures)

    def __exit__(self, exc_type: typing.Any, exc: typing.Any, traceback: typing.Any) -> None:
        if exc_type is not None and not issubclass(exc_type, Exception):
            self._desk.kill()  # Ctrl-C: nobody waits for what is left
        self.shutdown(wait=True)


class _View(Executor):
    """What with_options() returns: workers of another executor, with options of its own."""

    def __init__(self, of: Executor) -> None:
        self._pool, self._family = of._pool, of._family
        self._of = of  # which ends its tasks when it is let go

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """No more tasks of this one; the executor that it was made of goes on."""
        self._desk.close(wait=wait, cancel=cancel_futures)
