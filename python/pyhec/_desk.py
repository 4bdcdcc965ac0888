# SPDX-License-Identifier: MIT
"""Single tasks on a pool that lives on: futures, settled by a thread of ours."""

from __future__ import annotations

import atexit
import concurrent.futures
import os
import queue
import sys
import threading
import weakref

from . import _errors, _hec

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing


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
    """Takes single tasks, has a pool run them, and settles their futures from a thread.

    The thread takes no lock that submit() takes: single operations on dicts are enough between
    the two, and a lock that changes hands for every task costs more than the task.
    """

    def __init__(self, pool: _hec.Pool) -> None:
        self._pool = pool
        self.pid = os.getpid()
        self._items: dict[int, typing.Any] = {}
        self._futures: dict[int, TaskFuture] = {}
        self._call = _hec.Call(_hec.TASKS, None, self._items, stream=True)
        self._count = 0
        self._order = threading.Lock()  # of submit(): numbers and inputs must agree
        self._closing = False
        self._idle = False  # the thread waits at its bell, or is about to
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        pool.open(self._call)
        _desks.add(self)

    def submit(self, task: tuple[typing.Any, tuple[typing.Any, ...], typing.Any]) -> TaskFuture:
        """Takes (function, args, kwargs)."""
        if os.getpid() != self.pid:  # its lock may be held by a thread that is not here
            raise RuntimeError("this executor belongs to the parent process")
        with self._order:
            if self._closing:
                raise RuntimeError("cannot schedule new futures after shutdown")
            index = self._count
            future = TaskFuture(self, index)
            self._items[index] = task
            self._futures[index] = future
            self._count = index + 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="pyhec", daemon=True)
                self._thread.start()
        # Not under the lock: the engine may be running user code that submits as well.
        try:
            self._pool.extend(self._call, index + 1)
        except BaseException:
            self._items[index] = (_nothing, (), {})  # its number stays
            self._futures.pop(index, None)
            raise
        self._ring()
        return future

    def _ring(self) -> None:
        if self._idle:
            self._idle = False
            self._bell.put(None)

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
        with self._order:
            self._closing = True
            thread = self._thread
        for future in list(self._futures.values()) if cancel else []:
            future.cancel()
        self._ring()
        if thread is None or not thread.is_alive():
            self._pool.close()
        if wait and thread is not None and thread is not threading.current_thread():
            thread.join()

    def kill(self) -> None:
        """Ends the workers at once; all that is not over fails."""
        with self._order:
            self._closing = True
        self._pool.close(True)

    def close_with(self, owner: object) -> None:
        """Closes this when its owner is dropped: the thread, which has it, would keep it alive."""
        weakref.finalize(owner, _let_go, self, os.getpid()).atexit = False

    def _work(self) -> None:
        """The thread; when it ends because there is no more to come, so do the workers."""
        if self._deliver():
            self._pool.close()

    def _deliver(self) -> bool:
        """Waits for results while there are tasks, for tasks while there are none.
        True after the last, False when the engine failed.
        """
        while True:
            self._idle = True
            # Looked at after the flag is set: either we see the task here, or its submit() sees
            # the flag and rings.
            if not self._futures:
                if self._closing:
                    return True
                self._bell.get()
                continue
            self._idle = False
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
            what = None  # not until the next result comes

    def _settle(self, index: int, value: typing.Any, error: BaseException | None) -> None:
        future = self._futures.pop(index, None)
        if future is None or not future.set_running_or_notify_cancel():
            return
        try:
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)
        except BaseException as e:  # a callback's SystemExit, say: the other futures need us
            sys.excepthook(type(e), e, e.__traceback__)

    def _fail_all(self, error: BaseException) -> None:
        """The engine itself has failed: nobody shall wait for ever."""
        with self._order:
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
        if os.getpid() != desk.pid:  # a forked copy: there is no thread here
            continue
        if interrupted:
            desk.kill()
        desk.close(wait=True, cancel=False)


atexit.register(_finish_all)
