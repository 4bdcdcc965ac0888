# SPDX-License-Identifier: MIT
"""Parallel(n_jobs)(delayed(f)(x) for x in xs): joblib's way of writing it."""

from __future__ import annotations

from _operator import index  # that of operator, without the half millisecond of its import

from . import _hec, _options
from ._host import granted
from ._run import Bar, check_callable, run_here, run_once, worker_count

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

    _Task = tuple[typing.Callable[..., typing.Any], tuple[typing.Any, ...], dict[str, typing.Any]]

#: joblib's options that say how, and not what: there is nothing to choose here.
_HINTS = {
    "backend", "batch_size", "max_nbytes", "mmap_mode", "pre_dispatch", "prefer", "require",
    "temp_folder", "verbose",
}  # fmt: skip


def delayed(function: typing.Callable[..., typing.Any]) -> typing.Callable[..., _Task]:
    """A function that, when called, notes its arguments instead of running."""
    check_callable(function, "function")

    def note(*args: typing.Any, **kwargs: typing.Any) -> _Task:
        return function, args, kwargs

    note.__wrapped__ = function  # type: ignore[attr-defined]
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        if hasattr(function, name):  # a partial, say, has no name
            setattr(note, name, getattr(function, name))
    return note


def _jobs(n: typing.Any) -> int:
    """n_jobs as joblib counts: -1 is all granted CPUs, -2 all but one."""
    if n is not None and not isinstance(n, (str, bytes, bool)):
        try:
            count = index(n)
        except TypeError:
            count = 1
        if count < 0:
            return max(granted() + 1 + count, 1)
        if count == 0:
            raise ValueError("n_jobs must not be 0: give a number of workers, or -1 for all CPUs")
    return worker_count(n, "n_jobs")


class Parallel:
    """Runs calls noted by delayed() on several cores.

        Parallel(n_jobs=8)(delayed(fib)(n) for n in values)

    n_jobs: how many workers; None, 'max' or -1: all CPUs that were granted; -2: all but one;
    1: no workers, the tasks run here one after the other, unless they have limits to be kept.
    progress: shows a bar (needs tqdm). on_error: 'finish' runs the other tasks and raises at the
    end, 'raise' raises at once, 'return' puts the exceptions in the results' places. timeout:
    seconds that a task may take, or text ('10m'). Further timeout=, memory=, retries=, backoff=,
    retry_on=, retry_memory=, verdicts= and deadline=: see pyhec.Options. start: how workers come
    to be, 'auto', 'fork' or 'zygote', see pyhec.start_method().

    Options of joblib that choose a back-end or tune it are accepted and change nothing;
    return_as other than 'list' is not there yet and is refused.
    """

    def __init__(
        self,
        n_jobs: int | str | None = None,
        *,
        progress: bool = False,
        on_error: str = "finish",
        return_as: str = "list",
        start: str | None = None,
        **options: typing.Any,
    ) -> None:
        if return_as != "list":
            raise ValueError(f"return_as must be 'list', not {return_as!r}")
        given = {name: value for name, value in options.items() if name not in _HINTS}
        self._options = _options.take("Parallel", given, on_error, progress)
        self.n_jobs, self._start = _jobs(n_jobs), start

    def __enter__(self) -> Parallel:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def __call__(self, iterable: typing.Iterable[_Task]) -> list[typing.Any]:
        tasks = list(iterable)
        for i, task in enumerate(tasks):
            if not (isinstance(task, tuple) and len(task) == 3 and callable(task[0])):
                raise TypeError(f"item {i} is not a call: write delayed(function)(arguments)")
        options = self._options
        bar = Bar(options.progress, len(tasks))
        if self.n_jobs == 1 and not options.bounded:
            return run_here(_hec.TASKS, None, tasks, bar, options)
        return run_once(
            _hec.TASKS, None, tasks, self.n_jobs, bar=bar, options=options, start=self._start
        )
