# SPDX-License-Identifier: MIT
"""Pool: workers that live on between calls, used as multiprocessing.Pool is."""

from __future__ import annotations

from . import _hec, _options
from ._run import Bar, check_callable, conclude, engine_of, make_call, run_list

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import collections.abc
    import concurrent.futures
    import typing

    import typing_extensions

    from ._desk import Desk, Family
    from ._options import CallOptions, Options


#: Of so many kinds of options for single tasks those are forgotten of which no task is under way.
_DESKS = 16


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

        # concurrent.futures.wait() waits in a way that may not hear Ctrl-C.
        try:
            self._future.exception(timeout)
        except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
            pass

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
    also lambdas and functions that were defined later. start: how they come to be, 'auto', 'fork'
    or 'zygote', see pyhec.start_method().

    Every call takes progress= (a bar; needs tqdm), on_error= ('finish', 'raise' or 'return', as
    Parallel does), and timeout=, memory=, retries=, backoff=, retry_on=, retry_memory=, verdicts=
    and deadline=: see pyhec.Options. There is no chunksize to choose; it is accepted and changes
    nothing.
    """

    def __init__(self, processes: int | str | None = None, *, start: str | None = None) -> None:
        self._pool = engine_of(processes, "processes", start)
        self._family: Family | None = None
        self._desk: Desk | None = None
        self._desks: dict[tuple[object, ...], Desk] = {}  # those of other options
        self._closed = False

    def _run(
        self,
        kind: int,
        func: typing.Any,
        iterable: collections.abc.Iterable[typing.Any],
        options: Options,
    ) -> list[typing.Any]:
        check_callable(func)
        self._check_open()
        items = list(iterable)
        bar = Bar(options.progress, len(items))
        return run_list(self._pool, kind, func, items, bar=bar, options=options)

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
        **options: typing_extensions.Unpack[CallOptions],
    ) -> list[typing.Any]:
        """[func(x) for x in iterable], on all workers."""
        return self._run(
            _hec.MAP, func, iterable, _options.take("map", options, on_error, progress)
        )

    def starmap(
        self,
        func: typing.Callable[..., typing.Any],
        iterable: collections.abc.Iterable[collections.abc.Iterable[typing.Any]],
        chunksize: int | None = None,
        *,
        progress: bool = False,
        on_error: str = "finish",
        **options: typing_extensions.Unpack[CallOptions],
    ) -> list[typing.Any]:
        """[func(*x) for x in iterable], on all workers."""
        return self._run(
            _hec.STAR, func, iterable, _options.take("starmap", options, on_error, progress)
        )

    def _stream(
        self,
        func: typing.Any,
        iterable: collections.abc.Iterable[typing.Any],
        ordered: bool,
        options: Options,
    ) -> collections.abc.Iterator[typing.Any]:
        check_callable(func)
        self._check_open()
        from ._stream import stream

        results = stream(self._pool, _hec.MAP, func, iterable, ordered, options)
        next(results)
        if not options.progress:
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
        on_error: str = "finish",
        **options: typing_extensions.Unpack[CallOptions],
    ) -> collections.abc.Iterator[typing.Any]:
        """The results one by one, in the order of the inputs, as soon as they are there. The
        iterable may be infinite: only a window of it is pulled ahead. A task's exception is raised
        at its turn and ends the iteration; with on_error='return' it is what comes at its turn.
        """
        return self._stream(
            func, iterable, True, _options.take("imap", options, on_error, progress)
        )

    def imap_unordered(
        self,
        func: typing.Callable[[typing.Any], typing.Any],
        iterable: collections.abc.Iterable[typing.Any],
        chunksize: int | None = None,
        *,
        progress: bool = False,
        on_error: str = "finish",
        **options: typing_extensions.Unpack[CallOptions],
    ) -> collections.abc.Iterator[typing.Any]:
        """As imap, in the order in which tasks end."""
        return self._stream(
            func, iterable, False, _options.take("imap_unordered", options, on_error, progress)
        )

    def apply(
        self,
        func: typing.Callable[..., typing.Any],
        args: collections.abc.Iterable[typing.Any] = (),
        kwds: collections.abc.Mapping[str, typing.Any] | None = None,
        **options: typing_extensions.Unpack[CallOptions],
    ) -> typing.Any:
        """func(*args, **kwds) in a worker."""
        check_callable(func)
        self._check_open()
        items = [(func, tuple(args), dict(kwds or {}))]
        if not options:
            call = _hec.Call(_hec.TASKS, func, items)
            self._pool.run(call)
            return conclude(call.results, call.failures, _options.PLAIN)[0]
        chosen = _options.take("apply", options)
        if chosen.journal is not None:  # the same way as apply_async(): so it counts the same
            return self._desk_for(chosen).submit(*items[0]).result()
        call = make_call(_hec.TASKS, func, items, chosen)
        self._pool.run(call)
        return conclude(call.results, call.failures, chosen)[0]

    def apply_async(
        self,
        func: typing.Callable[..., typing.Any],
        args: collections.abc.Iterable[typing.Any] = (),
        kwds: collections.abc.Mapping[str, typing.Any] | None = None,
        **options: typing_extensions.Unpack[CallOptions],
    ) -> AsyncResult:
        """Starts func(*args, **kwds) in a worker; the result's get() waits for it."""
        check_callable(func)
        self._check_open()
        if options:
            desk = self._desk_for(_options.take("apply_async", options))
        else:
            desk = self._plain_desk()
        return AsyncResult(desk.submit(func, tuple(args), dict(kwds or {})))

    def _plain_desk(self) -> Desk:
        if self._desk is not None and self._desk.is_drained():
            self._desk.close(wait=False, cancel=False)
            self._desk = None
        if self._desk is None:
            self._desk = self._new_desk(_options.PLAIN)
        return self._desk

    def _new_desk(self, options: Options) -> Desk:
        from ._desk import Desk, Family

        if self._family is None:
            self._family = Family(self._pool, self)
        desk = Desk(self._pool, options, self._family)
        desk.close_with(self)
        return desk

    def _desk_for(self, options: Options) -> Desk:
        """The desk for single tasks with these options; one for each kind of options."""
        desk = self._desks.get(options.key())
        if desk is not None and desk.is_drained():
            desk.close(wait=False, cancel=False)
            desk = None
        if desk is None:
            for key in list(self._desks) if len(self._desks) >= _DESKS else []:
                if self._desks[key].is_idle():
                    self._desks.pop(key).close(wait=False, cancel=False)
            desk = self._desks[options.key()] = self._new_desk(options)
        return desk

    def close(self) -> None:
        """No more calls; the workers leave when join() or the end of the pool comes."""
        self._closed = True

    def join(self) -> None:
        """After close() or terminate(): waits until all is done and the workers are gone."""
        if not self._closed:
            raise ValueError("the pool is still open: close() or terminate() it first")
        self._close_desks()
        self._pool.close()

    def terminate(self) -> None:
        """Ends the workers at once, whatever they are doing."""
        self._closed = True
        self._pool.close(True)
        self._close_desks()

    def _close_desks(self) -> None:
        """Waits for all single tasks."""
        for desk in (*self._desks.values(), *([self._desk] if self._desk is not None else [])):
            desk.close(wait=True, cancel=False)

    def __enter__(self) -> Pool:
        self._check_open()
        return self

    def __exit__(self, *exc: object) -> None:
        self.terminate()
