# SPDX-License-Identifier: MIT
"""Calls over inputs that exist: on workers forked around them, or on those of a pool."""

from __future__ import annotations

import os
import sys
from _operator import index  # that of operator, without the half millisecond of its import

from . import _hec, _report
from ._host import granted, wanted
from ._options import Options

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import collections.abc
    import typing

    from . import _errors
    from ._journal import Log

_MAX_WORKERS = 4096


def worker_count(n: typing.Any, name: str = "n_cores") -> int:
    """How many workers are meant by n: a number from 1 on, or None or 'max' for all CPUs. In a
    worker only so many as there are cores to be had.
    """
    if n is None or (isinstance(n, str) and n == "max"):
        return granted()
    return wanted(_positive(n, name))


def engine_of(n: typing.Any, name: str, start: str | None) -> _hec.Pool:
    """So many workers, that stay. That they are more than was granted is said when they are there."""
    if n is None or (isinstance(n, str) and n == "max"):
        return engine(granted(), start)
    count = _positive(n, name)
    pool = engine(_hec.cores_free(count), start)
    wanted(count)
    return pool


def _positive(n: typing.Any, name: str) -> int:
    if isinstance(n, bool) or isinstance(n, (str, bytes)):
        raise ValueError(f"{name} must be a positive whole number, 'max' or None, not {n!r}")
    try:
        count = index(n)
    except TypeError:
        raise TypeError(
            f"{name} must be a positive whole number, 'max' or None, not {n!r}"
        ) from None
    if not 1 <= count <= _MAX_WORKERS:
        raise ValueError(f"{name} must be from 1 to {_MAX_WORKERS}, 'max' or None, not {n!r}")
    return count


def check_callable(func: object, name: str = "func") -> None:
    """Raises unless func can be called."""
    if not callable(func):
        raise TypeError(f"{name} must be callable, not {_report.brief(func)}")


def _tqdm(*args: typing.Any, **kwargs: typing.Any) -> typing.Any:
    """A bar of tqdm's; in a log file a line now and then, and not one per change."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError(
            "progress=True needs tqdm, which is not installed: pip install tqdm"
        ) from None
    if "notebook" in tqdm.__module__ or sys.stderr.isatty():
        return tqdm(*args, dynamic_ncols=True, **kwargs)
    return tqdm(*args, ascii=True, ncols=80, mininterval=15.0, miniters=1, **kwargs)


class Bar:
    """A progress bar, or nothing. Counts tasks; shows them as `total` units."""

    def __init__(self, show: bool, tasks: int, total: int | None = None, unit: str = "") -> None:
        self._bar: typing.Any = None
        self._tasks, self._total = max(tasks, 1), total if total is not None else tasks
        self._found = 0
        if show:
            self._bar = _tqdm(total=self._total, unit=unit or "task")

    @staticmethod
    def around(
        results: collections.abc.Iterator[typing.Any], total: int | None
    ) -> collections.abc.Iterator[typing.Any]:
        """The results, with a bar that moves as they are taken."""
        return iter(_tqdm(results, total=total, unit="task"))

    @property
    def tick(self) -> typing.Callable[[int], None] | None:
        """Called with the number of tasks that are done; None where nobody looks."""
        return self._tick if self._bar is not None else None

    def _tick(self, done: int) -> None:
        done += self._found
        self._bar.update(done * self._total // self._tasks - self._bar.n)

    def begin_with(self, found: int) -> None:
        """So many tasks need not run: the journal has their results."""
        self._found = found
        if self._bar is not None and found:
            self._bar.set_postfix_str(f"{found} from the journal")
            self._tick(0)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.close()


def make_call(
    kind: int,
    func: typing.Any,
    items: list[typing.Any] | dict[int, typing.Any],
    options: Options,
    stream: bool = False,
    log: Log | None = None,
) -> _hec.Call:
    """A call that is run as the options say, and tells what it comes to where it has a log."""
    if options.plain:
        return _hec.Call(kind, func, items, stream)
    from ._verdicts import Judge

    numbers = None if log is None else log.numbers
    call = _hec.Call(kind, func, items, stream, Judge(options, func, kind, items, numbers))
    if log is not None:
        call.set_journal(log.journal, log.marks)
    return call


def conclude(
    results: list[typing.Any] | None, failures: dict[int, BaseException], options: Options
) -> list[typing.Any]:
    """The results of a call that is over, or its first failure."""
    assert results is not None
    if not failures:
        return results
    if options.verdicts and options.on_error != "raise":
        from ._verdicts import verdict

        for i, error in failures.items():
            results[i] = verdict(error)
        return results
    for i, error in failures.items():
        results[i] = error
    if options.on_error == "return":
        return results
    from . import _errors  # not before something fails

    first = _to_raise(failures, len(results), options)
    _errors.attach(first, _errors.Partial(results, failures))
    try:
        raise first
    finally:
        del first, failures  # the exception refers to this frame


def _to_raise(failures: dict[int, BaseException], total: int, options: Options) -> BaseException:
    """The first failure; or, where tasks were skipped, that the time is over."""
    from . import _errors

    real = [i for i, error in failures.items() if not isinstance(error, _errors.Skipped)]
    if len(real) == len(failures) or (real and options.on_error == "raise"):
        return failures[min(real)]
    skipped = len(failures) - len(real)
    return out_of_time(total, total - skipped, [failures[i] for i in sorted(real)])


def out_of_time(
    total: int | None, over: int, failed: list[BaseException]
) -> _errors.OutOfTime:
    """What a call raises that stopped before its end because its time was over. total: of tasks,
    None where nobody knows.
    """
    from . import _errors

    why = "drained" if _hec.draining() else "out of time"
    if total is None:
        text = f"{why}: {over} tasks are over, the others were not begun"
    else:
        text = f"{why}: {over} of {total} tasks are over, {total - over} were not begun"
    if failed:
        text += f", {len(failed)} failed (the first: {_report.brief_error(failed[0])})"
    error = _errors.OutOfTime(f"{text}; start this again to go on (exit status 75)")
    error.done, error.total = over, total
    error.__cause__ = failed[0] if failed else None
    return error


def drive(pool: _hec.Pool, call: _hec.Call, bar: Bar, options: Options) -> None:
    """Steps until the call is over, or, with on_error='raise', until a task has failed."""
    if options.on_error != "raise":
        pool.drive(call, progress=bar.tick)
        return
    while call.done < call.total and not call.failed:
        pool.drive(call, once=True, progress=bar.tick)


def run_here(
    kind: int, func: typing.Any, items: list[typing.Any], bar: Bar, options: Options
) -> list[typing.Any]:
    """The same in this process, one after the other: for a call of one worker, and inside one."""
    if not options.plain or _hec.deadline():
        from ._here import run_judged

        return run_judged(kind, func, items, bar, options)
    results: list[typing.Any] = [None] * len(items)
    failures: dict[int, BaseException] = {}
    with bar:
        for i, item in enumerate(items):
            if _hec.draining():
                from ._here import skip

                failures.update((k, skip(kind, func, items, k)) for k in range(i, len(items)))
                break
            try:
                results[i] = run_task(kind, func, item)
            except Exception as e:
                failures[i] = e
                if options.on_error == "raise":
                    break
            if bar.tick is not None:
                bar.tick(i + 1)
    return conclude(results, failures, options)


def run_task(kind: int, func: typing.Any, item: typing.Any) -> typing.Any:
    """Runs one task in this process."""
    if kind == _hec.MAP:
        return func(item)
    if kind == _hec.STAR:
        return func(*item)
    f, args, kwargs = item
    return f(*args, **kwargs)


class Cores:
    """Cores that a call takes: `count` of those that it wants. In a worker they are taken from what
    all its siblings share, until this is closed or dropped.
    """

    def __init__(self, wanted: int) -> None:
        self.count = _hec.cores_take(wanted)
        self._held = self.count if _hec.in_worker() else 1
        self._pid = os.getpid()

    def close(self) -> None:
        """Gives them back."""
        held, self._held = self._held, 1
        if self._pid == os.getpid():  # a forked copy has taken nothing
            _hec.cores_give(held)

    __del__ = close

    def __enter__(self) -> Cores:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def engine(workers: int, start: str | None = None, call: _hec.Call | None = None) -> _hec.Pool:
    """Workers, forked from this process where that is safe, and else by a zygote. The call is
    theirs from the start.
    """
    if (
        start in (None, "auto")
        and "HEC_START" not in os.environ
        and "numba.np.ufunc.omppool" not in sys.modules
        and _hec.fork_look() is None
    ):
        return _hec.Pool(workers, call)
    from . import _start

    return _start.engine(workers, start, call)


def run_list(
    pool: _hec.Pool,
    kind: int,
    func: typing.Any,
    items: list[typing.Any],
    *,
    bar: Bar,
    options: Options,
) -> list[typing.Any]:
    """A call over inputs that exist, on workers that exist."""
    if not items:
        return []

    def run(rest: list[typing.Any], log: Log | None = None) -> Ended:
        call = make_call(kind, func, rest, options, log=log)
        pool.open(call)
        try:
            with bar:
                drive(pool, call, bar, options)
        finally:
            pool.end(call)
        return call.results, call.failures

    if options.journal is not None:
        from ._journal import run_logged

        return run_logged(kind, func, items, bar, options, run)
    return conclude(*run(items), options)


def run_once(
    kind: int,
    func: typing.Any,
    items: list[typing.Any],
    workers: int,
    *,
    bar: Bar,
    options: Options,
    stand_ins: list[typing.Any] | None = None,
    start: str | None = None,
) -> list[typing.Any]:
    """Runs a call on workers of its own, which inherit its inputs if they can, and ends them. stand_ins: what
    the keys in a journal are made of, where that is not the inputs.
    """
    if not items:
        return []
    if options.journal is not None:
        from ._journal import run_logged

        def run(rest: list[typing.Any], log: Log) -> Ended:
            return _run_once(kind, func, rest, workers, bar, options, log, start)

        return run_logged(kind, func, items, bar, options, run, stand_ins)
    if _hec.in_worker() and min(workers, len(items)) == 1 and not options.bounded:
        return run_here(kind, func, items, bar, options)
    results, failures = _run_once(kind, func, items, workers, bar, options, None, start)
    return conclude(results, failures, options)


#: What a call has come to: results in order, failures by the task's number.
if TYPE_CHECKING:
    Ended = typing.Tuple[typing.Optional[list[typing.Any]], dict[int, BaseException]]


def _run_once(
    kind: int,
    func: typing.Any,
    items: list[typing.Any],
    workers: int,
    bar: Bar,
    options: Options,
    log: Log | None = None,
    start: str | None = None,
) -> Ended:
    if _hec.draining():  # workers that inherit a call begin as soon as they are there
        from ._here import skip

        return [None] * len(items), {i: skip(kind, func, items, i) for i in range(len(items))}
    call = make_call(kind, func, items, options, log=log)
    pool = engine(min(workers, len(items)), start, call)
    try:
        with bar:
            drive(pool, call, bar, options)
    except BaseException:
        pool.close(True)
        raise
    pool.close()
    return call.results, call.failures
