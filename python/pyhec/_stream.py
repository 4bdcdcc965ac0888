# SPDX-License-Identifier: MIT
"""Calls on a pool that lives on: whole lists, streams with a bounded window, and single tasks whose
results a thread of ours delivers.
"""

from __future__ import annotations

import atexit
import collections.abc
import concurrent.futures
import os
import sys
import threading
import time
import typing
import weakref

from . import _errors, _hec
from ._run import Bar, conclude, drive

#: Inputs that may be on their way, or have come back and wait for their turn.
WINDOW = 4096
#: How long to go on pulling inputs before looking at results, seconds.
_PULL_S = 0.001


def run_list(
    pool: _hec.Pool,
    kind: int,
    func: typing.Any,
    items: list[typing.Any],
    *,
    bar: Bar,
    on_error: str,
) -> list[typing.Any]:
    """A call over inputs that exist, on workers that exist."""
    if not items:
        return []
    call = _hec.Call(kind, func, items)
    pool.open(call)
    try:
        with bar:
            drive(pool, call, bar, on_error)
    finally:
        pool.end(call)
    return conclude(call, on_error)


class _Order:
    """Gives results out as they come, or in the order of their inputs."""

    def __init__(self, ordered: bool) -> None:
        self._ordered = ordered
        self._next = 0
        self._early: dict[int, tuple[bool, typing.Any]] = {}

    def sort(
        self, taken: list[tuple[int, typing.Any]]
    ) -> collections.abc.Iterator[tuple[bool, typing.Any]]:
        """Yields (good, value or exception) of everything whose turn it is."""
        for first, what in taken:
            entries = [(True, v) for v in what] if isinstance(what, list) else [(False, what)]
            if not self._ordered:
                yield from entries
                continue
            for i, entry in enumerate(entries, first):
                self._early[i] = entry
        while self._next in self._early:
            self._next += 1
            yield self._early.pop(self._next - 1)


def stream(
    pool: _hec.Pool,
    kind: int,
    func: typing.Any,
    iterable: collections.abc.Iterable[typing.Any],
    ordered: bool,
) -> collections.abc.Iterator[typing.Any]:
    """Yields results while inputs are still being pulled; the iterable may be infinite. At most
    WINDOW inputs have been pulled whose results were not yielded.
    """
    source = iter(iterable)
    items: dict[int, typing.Any] = {}
    call = _hec.Call(kind, func, items, stream=True)
    order = _Order(ordered)
    pulled = yielded = 0
    more = True
    pool.open(call)
    try:
        while more or yielded < pulled:
            stop = time.monotonic() + _PULL_S
            while more and pulled - yielded < WINDOW and time.monotonic() < stop:
                try:
                    items[pulled] = next(source)
                except StopIteration:
                    more = False
                else:
                    pulled += 1
            pool.extend(call, pulled)
            if more and pulled - yielded < WINDOW:
                pool.step(0)
            elif call.done < pulled:
                pool.drive(call, once=True)
            for good, value in order.sort(call.take()):
                yielded += 1
                if not good:
                    raise value
                yield value
    finally:
        pool.end(call)


def _nothing() -> None:
    """Stands for a task that was cancelled in time."""


class TaskFuture(concurrent.futures.Future):  # type: ignore[type-arg]
    """The future of a task; it can be cancelled until it is sent to a worker."""

    def __init__(self, desk: Desk, index: int) -> None:
        super().__init__()
        self._desk, self._index = desk, index

    def cancel(self) -> bool:
        """Cancels the task if it has not been sent to a worker; whether it did."""
        if self.done():
            return self.cancelled()
        return self._desk.recall(self._index) and super().cancel()

    def running(self) -> bool:
        """Whether the task has been sent to a worker and is not over."""
        return not self.done() and self._desk.is_sent(self._index)


class Desk:
    """Takes single tasks, has a pool run them, and settles their futures from a thread."""

    def __init__(self, pool: _hec.Pool) -> None:
        self._pool = pool
        self._items: dict[int, typing.Any] = {}
        self._futures: dict[int, TaskFuture] = {}
        self._call = _hec.Call(_hec.TASKS, None, self._items, stream=True)
        self._count = 0
        self._closing = False
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None
        pool.open(self._call)
        _desks.add(self)

    def submit(self, task: tuple[typing.Any, tuple[typing.Any, ...], typing.Any]) -> TaskFuture:
        """Takes (function, args, kwargs)."""
        with self._news:
            if self._closing:
                raise RuntimeError("cannot schedule new futures after shutdown")
            index = self._count
            future = self._futures[index] = TaskFuture(self, index)
            self._items[index] = task
            self._count += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="pyhec", daemon=True)
                self._thread.start()
            elif len(self._futures) == 1:
                self._news.notify()
        self._pool.extend(self._call, index + 1)
        return future

    def is_sent(self, index: int) -> bool:
        """Whether a task has been packed for a worker."""
        return index < self._call.sent

    def recall(self, index: int) -> bool:
        """Makes a task that was not sent yet do nothing. Whether it was in time."""
        if self.is_sent(index) or index not in self._items:
            return False
        self._items[index] = (_nothing, (), {})
        # It may have been packed by another thread between the question and the answer.
        return not self.is_sent(index)

    def close(self, wait: bool, cancel: bool) -> None:
        """No more tasks; with cancel those that were not sent are cancelled; with wait returns
        when all others are over.
        """
        with self._news:
            self._closing = True
            self._news.notify()
            thread = self._thread
            futures = list(self._futures.values()) if cancel else []
        for future in futures:
            future.cancel()
        if thread is None or not thread.is_alive():
            self._pool.close()
        if wait and thread is not None and thread is not threading.current_thread():
            thread.join()

    def kill(self) -> None:
        """Ends the workers at once; all that is not over fails."""
        with self._news:
            self._closing = True
        self._pool.close(True)

    def close_with(self, owner: object) -> None:
        """Closes this when its owner is dropped: the thread, which has it, would keep it alive."""
        weakref.finalize(owner, _let_go, self, os.getpid()).atexit = False

    @property
    def idle(self) -> bool:
        """Whether nothing is left to do."""
        return not self._futures

    def _work(self) -> None:
        """The thread; when it ends because there is no more to come, so do the workers."""
        if self._deliver():
            self._pool.close()

    def _deliver(self) -> bool:
        """Waits for results while there are tasks, for tasks while there are none.
        True after the last, False when the engine failed.
        """
        while True:
            with self._news:
                while not self._futures and not self._closing:
                    self._news.wait()
                if not self._futures:
                    return True
            try:
                self._pool.drive(self._call, once=True)
            except BaseException as e:
                self._fail_all(e)
                return False
            for first, what in self._call.take():
                if isinstance(what, list):
                    for i, value in enumerate(what, first):
                        self._settle(i, value, None)
                else:
                    self._settle(first, None, what)

    def _settle(self, index: int, value: typing.Any, error: BaseException | None) -> None:
        with self._news:
            future = self._futures.pop(index)
        if not future.set_running_or_notify_cancel():
            return
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)

    def _fail_all(self, error: BaseException) -> None:
        """The engine itself has failed: nobody shall wait for ever."""
        with self._news:
            self._closing = True
            left, self._futures = self._futures, {}
        for future in left.values():
            if future.set_running_or_notify_cancel():
                lost = _errors.TaskError(f"the pool has ended: {error}")
                lost.__cause__ = error
                future.set_exception(lost)


def _let_go(desk: Desk, pid: int) -> None:
    if os.getpid() == pid:  # in a forked copy there is no thread, and its lock may be held
        desk.close(wait=False, cancel=False)


_desks: weakref.WeakSet[Desk] = weakref.WeakSet()


def _finish_all() -> None:
    """At the interpreter's end: tasks that were submitted are finished, as concurrent.futures
    does; but not for someone who has pressed Ctrl-C.
    """
    interrupted = getattr(sys, "last_type", None) is KeyboardInterrupt and not hasattr(sys, "ps1")
    for desk in list(_desks):
        if interrupted:
            desk.kill()
        desk.close(wait=not _hec.in_worker(), cancel=False)


atexit.register(_finish_all)
