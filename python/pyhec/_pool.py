# SPDX-License-Identifier: MIT
"""Pool: workers that live on between calls, used as multiprocessing.Pool is."""

from __future__ import annotations

from . import _hec
from ._run import Bar, check_callable, check_on_error, conclude, worker_count
from ._stream import run_list, stream

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import collections.abc
    import concurrent.futures
    import typing

    from ._desk import Desk


class AsyncResult:
    """The result of apply_async, when it comes."""

    def __init__(self, future: concurrent.futures.Future[typing.Any]) -> None:
        self._future = future

    def get(self, timeout: float | None = None) -> typing.Any:
        """The result, or the exception raised. TimeoutError when it is not there in time."""
        import concurrent.futures

        try:
            return self._future.result(timeout)
        except concurrent.futures.TimeoutError:
            if self._future.done():
                raise  # the task's own
            import multiprocessing

            raise multiprocessing.TimeoutError from None

    def wait(self, timeout: float | None = None) -> None:
        """Waits until it is there, or the time has passed."""
        import concurrent.futures

        concurrent.futures.wait([self._future], timeout)

    def ready(self) -> bool:
        """Whether it is there."""
        return self._future.done()

    def successful(self) -> bool:
        """Whether it is a value. ValueError while it is not there."""
        if not self.ready():
            raise ValueError("the result is not ready")
        return self._future.exception() is None


class Pool:
    """Worker processes that stay until the pool is closed.

        with Pool(8) as pool:
            pool.map(fib, values)

    processes: how many workers; None or 'max': all CPUs that were granted. The workers are forked
    here and now, and have what this process had imported and loaded. Functions are sent to them,
    also lambdas and functions that were defined later.

    Every call takes progress= (a bar; needs tqdm) and on_error= ('finish', 'raise' or 'return', as
    Parallel does). There is no chunksize to choose; it is accepted and changes nothing.
    """

    def __init__(self, processes: int | str | None = None) -> None:
        self._pool = _hec.Pool(worker_count(processes, "processes"))
        self._desk: Desk | None = None
        self._closed = False

    def _run(
        self,
        kind: int,
        func: typing.Any,
        iterable: collections.abc.Iterable[typing.Any],
        progress: bool,
        on_error: str,
    ) -> list[typing.Any]:
        check_callable(func)
        check_on_error(on_error)
        self._check_open()
        items = list(iterable)
        bar = Bar(progress, len(items))
        return run_list(self._pool, kind, func, items, bar=bar, on_error=on_error)

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError("the pool is closed")

    def map(
        self,
        func: typing.Callable[[typing.Any], typing.Any],
        iterable: collections.abc.Iterable[typing.Any],
        chunksize: int | None = None,
        *,
        progress: bool = False,
        on_error: str = "finish",
    ) -> list[typing.Any]:
        """[func(x) for x in iterable], on all workers."""
        return self._run(_hec.MAP, func, iterable, progress, on_error)

    def starmap(
        self,
        func: typing.Callable[..., typing.Any],
        iterable: collections.abc.Iterable[collections.abc.Iterable[typing.Any]],
        chunksize: int | None = None,
        *,
        progress: bool = False,
        on_error: str = "finish",
    ) -> list[typing.Any]:
        """[func(*x) for x in iterable], on all workers."""
        return self._run(_hec.STAR, func, iterable, progress, on_error)

    def _stream(
        self,
        func: typing.Any,
        iterable: collections.abc.Iterable[typing.Any],
        ordered: bool,
        progress: bool,
    ) -> collections.abc.Iterator[typing.Any]:
        check_callable(func)
        self._check_open()
        results = stream(self._pool, _hec.MAP, func, iterable, ordered)
        next(results)
        if not progress:
            return results
        total = len(iterable) if hasattr(iterable, "__len__") else None  # type: ignore[arg-type]
        return Bar.around(results, total)

    def imap(
        self,
        func: typing.Callable[[typing.Any], typing.Any],
        iterable: collections.abc.Iterable[typing.Any],
        chunksize: int | None = None,
        *,
        progress: bool = False,
    ) -> collections.abc.Iterator[typing.Any]:
        """The results one by one, in the order of the inputs, as soon as they are there. The
        iterable may be infinite: only a window of it is pulled ahead. A task's exception is raised
        at its turn and ends the iteration.
        """
        return self._stream(func, iterable, True, progress)

    def imap_unordered(
        self,
        func: typing.Callable[[typing.Any], typing.Any],
        iterable: collections.abc.Iterable[typing.Any],
        chunksize: int | None = None,
        *,
        progress: bool = False,
    ) -> collections.abc.Iterator[typing.Any]:
        """As imap, in the order in which tasks end."""
        return self._stream(func, iterable, False, progress)

    def apply(
        self,
        func: typing.Callable[..., typing.Any],
        args: collections.abc.Iterable[typing.Any] = (),
        kwds: collections.abc.Mapping[str, typing.Any] | None = None,
    ) -> typing.Any:
        """func(*args, **kwds) in a worker."""
        check_callable(func)
        self._check_open()
        call = _hec.Call(_hec.TASKS, func, [(func, tuple(args), dict(kwds or {}))])
        self._pool.run(call)
        return conclude(call.results, call.failures, "finish")[0]

    def apply_async(
        self,
        func: typing.Callable[..., typing.Any],
        args: collections.abc.Iterable[typing.Any] = (),
        kwds: collections.abc.Mapping[str, typing.Any] | None = None,
    ) -> AsyncResult:
        """Starts func(*args, **kwds) in a worker; the result's get() waits for it."""
        check_callable(func)
        self._check_open()
        if self._desk is None:
            from ._desk import Desk

            self._desk = Desk(self._pool)
            self._desk.close_with(self)
        return AsyncResult(self._desk.submit(func, tuple(args), dict(kwds or {})))

    def close(self) -> None:
        """No more calls; the workers leave when join() or the end of the pool comes."""
        self._closed = True

    def join(self) -> None:
        """After close() or terminate(): waits until all is done and the workers are gone."""
        if not self._closed:
            raise ValueError("the pool is still open: close() or terminate() it first")
        if self._desk is not None:
            self._desk.close(wait=True, cancel=False)
        self._pool.close()

    def terminate(self) -> None:
        """Ends the workers at once, whatever they are doing."""
        self._closed = True
        self._pool.close(True)
        if self._desk is not None:
            self._desk.close(wait=True, cancel=False)

    def __enter__(self) -> Pool:
        self._check_open()
        return self

    def __exit__(self, *exc: object) -> None:
        self.terminate()
