# SPDX-License-Identifier: MIT
"""Tasks in this process, one after the other, where a call has options or little time is left.

Limits of time and memory are kept by ending a worker, so a call that has some is never run here.
"""

from __future__ import annotations

import os
import time

from . import _hec, _report
from ._run import conclude, run_task
from ._verdicts import Judge, Verdict, hang

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

    from ._journal import Log
    from ._options import Options
    from ._run import Bar, Ended
    from ._verdicts import Usage


class Clock:
    """How long tasks take, and whether there is time for another."""

    def __init__(self, options: Options) -> None:
        known = [options.deadline_ns, _hec.deadline() if options.walltime else 0]
        self._end_ns = min((ns for ns in known if ns), default=0)
        self._spent = self._tasks = 0

    def is_over(self) -> bool:
        """Whether no further task is to be begun."""
        if _hec.draining():
            return True
        mean = self._spent // self._tasks if self._tasks else 0
        return bool(self._end_ns) and time.monotonic_ns() + mean > self._end_ns

    def add(self, ns: int) -> None:
        """A task has taken so long."""
        self._spent += ns
        self._tasks += 1


def _measured(started: float, began: int, cpu: float, attempt: int) -> Usage:
    seconds = (time.perf_counter_ns() - began) / 1e9
    return started, seconds, time.process_time() - cpu, 0, os.getpid(), attempt


def _attempt(
    judge: Judge, kind: int, func: typing.Any, items: list[typing.Any], i: int
) -> tuple[typing.Any, BaseException | None, Usage]:
    """Runs a task once: its value or its exception."""
    started, began, cpu = time.time(), time.perf_counter_ns(), time.process_time()
    value, error = None, None
    try:
        value = run_task(kind, func, items[i])
    except Exception as e:
        error = e
    return value, error, _measured(started, began, cpu, judge.attempt(i))


def _run_one(
    judge: Judge,
    clock: Clock,
    kind: int,
    func: typing.Any,
    items: list[typing.Any],
    i: int,
    log: Log | None = None,
) -> tuple[typing.Any, BaseException | None]:
    """Runs a task as often as it is wanted."""
    while True:
        value, error, usage = _attempt(judge, kind, func, items, i)
        assert usage is not None
        clock.add(int(usage[1] * 1e9))
        if error is None and log is not None:
            error = log.add(i, value, usage)
        if error is None:
            return (judge.done(i, [value], [usage])[0] if judge.verdicts else value), None
        what = _report.describe(func, kind, items[i])
        of = Verdict("raised", judge.number(i), what, judge.attempt(i), usage)
        again = judge.again(i, "raised", error)
        if again is None:
            if log is not None:
                log.add_failure(i, error, what, usage)
            return None, hang(error, of)
        time.sleep(again[0] / 1e9)


def skip(kind: int, func: typing.Any, items: list[typing.Any], i: int) -> BaseException:
    """The failure of a task that was not begun."""
    facts = (i, "skipped", b"", 0, None, "", "", "")
    error = _report.failed(None, func, kind, items[i], facts)
    assert isinstance(error, BaseException)
    return error


def run_judged(
    kind: int, func: typing.Any, items: list[typing.Any], bar: Bar, options: Options
) -> list[typing.Any]:
    """All tasks of a call."""
    if options.journal is not None:
        from ._journal import run_logged

        def run(rest: list[typing.Any], log: Log) -> Ended:
            return _run_all(kind, func, rest, bar, options, log)

        return run_logged(kind, func, items, bar, options, run)
    results, failures = _run_all(kind, func, items, bar, options)
    return conclude(results, failures, options)


def _run_all(
    kind: int,
    func: typing.Any,
    items: list[typing.Any],
    bar: Bar,
    options: Options,
    log: Log | None = None,
) -> Ended:
    numbers = None if log is None else log.numbers
    judge, clock = Judge(options, func, kind, items, numbers), Clock(options)
    results: list[typing.Any] = [None] * len(items)
    failures: dict[int, BaseException] = {}
    with bar:
        for i in range(len(items)):
            if clock.is_over():
                failures[i] = skip(kind, func, items, i)
                continue
            results[i], error = _run_one(judge, clock, kind, func, items, i, log)
            if error is not None:
                failures[i] = error
                if options.on_error == "raise":
                    break
            if bar.tick is not None:
                bar.tick(i + 1)
    return results, failures
