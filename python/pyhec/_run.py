# SPDX-License-Identifier: MIT
"""The one-shot call: workers are forked around inputs that exist already."""

from __future__ import annotations

import operator
import sys

from . import _errors, _hec
from ._host import cpu_count

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import collections.abc
    import typing

_MAX_WORKERS = 4096

#: What a call does when a task fails: run the others and raise at the end, raise at once, or put
#: the exceptions in the results' places.
ON_ERROR = ("finish", "raise", "return")


def worker_count(n: typing.Any, name: str = "n_cores") -> int:
    """How many workers are meant by n: a number from 1 on, or None or 'max' for all CPUs."""
    if n is None or (isinstance(n, str) and n == "max"):
        return cpu_count()
    if isinstance(n, bool) or isinstance(n, (str, bytes)):
        raise ValueError(f"{name} must be a positive whole number, 'max' or None, not {n!r}")
    try:
        count = operator.index(n)
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
        raise TypeError(f"{name} must be callable, not {_errors._brief(func)}")


def check_on_error(on_error: object) -> None:
    """Raises unless it is one of ON_ERROR."""
    if on_error not in ON_ERROR:
        raise ValueError(f"on_error must be 'finish', 'raise' or 'return', not {on_error!r}")


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
        self._bar.update(done * self._total // self._tasks - self._bar.n)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.close()


def conclude(
    results: list[typing.Any] | None, failures: dict[int, BaseException], on_error: str
) -> list[typing.Any]:
    """The results of a call that is over, or its first failure."""
    assert results is not None
    if not failures:
        return results
    for i, error in failures.items():
        results[i] = error
    if on_error == "return":
        return results
    first = failures[min(failures)]
    _errors.attach(first, _errors.Partial(results, failures))
    try:
        raise first
    finally:
        del first, failures  # the exception refers to this frame


def drive(pool: _hec.Pool, call: _hec.Call, bar: Bar, on_error: str) -> None:
    """Steps until the call is over, or, with on_error='raise', until a task has failed."""
    if on_error != "raise":
        pool.drive(call, progress=bar.tick)
        return
    while call.done < call.total and not call.failures:
        pool.drive(call, once=True, progress=bar.tick)


def run_here(
    kind: int, func: typing.Any, items: list[typing.Any], bar: Bar, on_error: str
) -> list[typing.Any]:
    """The same in this process, one after the other: for a call of one worker, and inside one."""
    results: list[typing.Any] = [None] * len(items)
    failures: dict[int, BaseException] = {}
    with bar:
        for i, item in enumerate(items):
            try:
                if kind == _hec.MAP:
                    results[i] = func(item)
                elif kind == _hec.STAR:
                    results[i] = func(*item)
                else:
                    f, args, kwargs = item
                    results[i] = f(*args, **kwargs)
            except Exception as e:
                failures[i] = e
                if on_error == "raise":
                    break
            if bar.tick is not None:
                bar.tick(i + 1)
    return conclude(results, failures, on_error)


def run_once(
    kind: int,
    func: typing.Any,
    items: list[typing.Any],
    workers: int,
    *,
    bar: Bar,
    on_error: str = "finish",
) -> list[typing.Any]:
    """Runs a call on workers of its own, which inherit its inputs, and ends them."""
    if not items:
        return []
    if _hec.in_worker() and workers == 1:
        return run_here(kind, func, items, bar, on_error)
    call = _hec.Call(kind, func, items)
    pool = _hec.Pool(min(workers, len(items)), call)
    try:
        with bar:
            drive(pool, call, bar, on_error)
    except BaseException:
        pool.close(True)
        raise
    pool.close()
    return conclude(call.results, call.failures, on_error)
