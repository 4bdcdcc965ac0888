# SPDX-License-Identifier: MIT
"""Single tasks on a pool that lives on: futures, settled by a thread of ours."""

from __future__ import annotations

import atexit
import concurrent.futures
import os
import queue
import sys
import threading
import time
import weakref

from . import _errors, _hec
from ._run import make_call
from ._stream import open_log, returned

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

    from ._options import Options

    Submit = typing.Callable[
        [typing.Callable[..., typing.Any], tuple[typing.Any, ...], dict[str, typing.Any]],
        concurrent.futures.Future[typing.Any],
    ]


#: How long to wait for more while results are not on disk yet, milliseconds.
_LOOK_MS = 2


class TaskFuture(_hec.Future, concurrent.futures.Future):  # type: ignore[type-arg]
    """The future of a task; it can be cancelled until it is sent to a worker."""

    __slots__ = ()

    def cancel(self) -> bool:
        """Cancels the task if it has not been sent to a worker; whether it did."""
        if self.done():
            return self.cancelled()
        return self._tasks.recall(self._index) and super().cancel()

    def running(self) -> bool:
        """Whether the task has been sent to a worker and is not over."""
        return not self.done() and self._tasks.is_sent(self._index)


class Family:
    """The desks that share a pool. The last that ends takes the pool with it, unless there is
    somebody who uses the pool in other ways, and still does.
    """

    def __init__(self, pool: _hec.Pool, user: object = None) -> None:
        self._pool = pool
        self._user = None if user is None else weakref.ref(user)
        self._lock = threading.Lock()
        self._desks: set[Desk] = set()

    def add(self, desk: Desk) -> None:
        """One more."""
        with self._lock:
            self._desks.add(desk)

    def remove(self, desk: Desk) -> None:
        """It has ended; it may be said twice."""
        with self._lock:
            self._desks.discard(desk)
            last = not self._desks
        if last and (self._user is None or self._user() is None):
            self._pool.close()

    def desks(self) -> list[Desk]:
        """Those that have not ended."""
        with self._lock:
            return list(self._desks)


class Desk:
    """Takes single tasks, has a pool run them, and settles their futures from a thread.

    submit(function, args, kwargs) sends a task itself while the workers may want one. While they
    have more than they can do it only notes it, and the thread tells the engine of all that came
    since when it has a result: the two need not take turns for each task.

    family: the desks of the same pool, of which the last to end ends the pool.
    """

    def __init__(self, pool: _hec.Pool, options: Options, family: Family) -> None:
        self._pool = pool
        self._options = options
        self._family = family
        self.pid = os.getpid()
        self._log = open_log(self._options)
        self._call = make_call(_hec.TASKS, None, {}, self._options, stream=True, log=self._log)
        self._tasks = _hec.Tasks(pool, self._call, TaskFuture, self._wake, self._close_unused)
        #: submit(function, args, kwargs) -> future
        self.submit: Submit = self._tasks.submit
        if self._log is not None:
            self._submitted, self._submitting = 0, threading.Lock()
            self.submit = self._submit_logged
        self._lock = threading.Lock()  # for the thread
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        pool.open(self._call)
        self._family.add(self)
        _desks.add(self)

    def _submit_logged(
        self,
        function: typing.Callable[..., typing.Any],
        args: tuple[typing.Any, ...],
        kwargs: dict[str, typing.Any],
        /,
    ) -> concurrent.futures.Future[typing.Any]:
        """Takes a task, unless the journal has its result."""
        assert self._log is not None
        task = (function, args, kwargs)
        with self._submitting:
            index = self._tasks.count
            known, value = self._log.look(_hec.TASKS, None, task, self._submitted, index)
            self._submitted += 1
            if not known:
                return self._tasks.submit(function, args, kwargs)
        future: concurrent.futures.Future[typing.Any] = concurrent.futures.Future()
        if isinstance(value, _errors.TaskError):
            future.set_exception(value)
        else:
            future.set_result(value)
        return future

    def _wake(self) -> None:
        with self._lock:
            self._start()
        self._bell.put(None)

    def _start(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="pyhec", daemon=True)
            thread.start()
            self._thread = thread
            self._tasks.ring = self._bell.put

    def _close_unused(self) -> None:
        self.close(wait=False, cancel=False)

    def close(self, wait: bool, cancel: bool) -> None:
        """No more tasks; with cancel those that were not sent are cancelled; with wait returns
        when all others are over.
        """
        self._tasks.closing = True
        with self._lock:
            if self._tasks.futures:  # submit() may not have come to it yet
                self._start()
            thread = self._thread
        for future in list(self._tasks.futures.values()) if cancel else []:
            future.cancel()
        self._bell.put(None)
        if thread is None or not thread.is_alive():
            self._end()
        if wait and thread is not None and thread is not threading.current_thread():
            while thread.is_alive():  # a wait without an end might not hear Ctrl-C
                thread.join(0.1)

    def is_idle(self) -> bool:
        """Whether no task is under way."""
        return not self._tasks.futures

    def is_drained(self) -> bool:
        """Whether no task is taken any more because of a drain that was taken back since."""
        return self._call.drained and not _hec.draining()

    def _end(self) -> None:
        """No task of this desk will come any more."""
        self._pool.end(self._call)
        if self._log is not None:
            self._log.close()
        self._family.remove(self)

    def kill(self) -> None:
        """Ends the workers at once; all that is not over fails."""
        self._tasks.closing = True
        self._pool.close(True)

    def close_with(self, owner: object) -> None:
        """Closes this when its owner is dropped: the thread, which has it, would keep it alive."""
        self._owner = weakref.ref(owner, self._tasks.let_go)

    def _work(self) -> None:
        """The thread; when it ends because there is no more to come, so do the workers."""
        if self._deliver():
            self._end()

    def _deliver(self) -> bool:
        """Waits for results while there are tasks, for tasks while there are none.
        True after the last, False when the engine failed.
        """
        tasks = self._tasks
        while True:
            tasks.asleep = True
            # Looked at after the flag is set: either we see the task here, or its submit() sees
            # the flag and rings.
            if not tasks.futures:
                if tasks.closing:
                    return True
                self._bell.get()
                continue
            tasks.asleep = False
            try:
                tasks.extend()
                if self._log is not None and self._log.holds:
                    self._gather()
                else:
                    self._pool.drive(self._call, once=True)
                tasks.extend()  # the workers first
                tasks.settle(self._take())
            except BaseException as e:
                self._fail_all(e)
                return False

    def _gather(self) -> None:
        """Keeps the workers busy until results are worth looking after; without a task under way
        they are waited for.
        """
        tasks, call, log = self._tasks, self._call, self._log
        assert log is not None
        if call.done >= tasks.count:
            log.sync()
            return
        while True:
            self._pool.gather(call, tasks.count, _LOOK_MS, tasks.extend)
            if call.done >= tasks.count or not log.gathers():
                return

    def _take(self) -> list[tuple[int, typing.Any]]:
        """What has ended, as it is to be given out."""
        taken = self._call.take()
        if self._log is not None:
            self._log.hold(taken)
            taken = self._log.release()
            self._log.forget_numbers(taken)
        if not self._options.verdicts:
            return taken
        return [
            (i, what if isinstance(what, list) else [returned(what, self._options)])
            for i, what in taken
        ]

    def _fail_all(self, error: BaseException) -> None:
        """The engine itself has failed: nobody shall wait for ever."""
        self._tasks.closing = True
        for index in list(self._tasks.futures):
            lost = _errors.TaskError(f"the pool has ended: {error}")
            lost.__cause__ = error
            self._tasks.settle([(index, lost)])


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
