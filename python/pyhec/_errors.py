# SPDX-License-Identifier: MIT
"""The exceptions: how tasks fail. Not loaded before one does, or somebody asks for one of them."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

    from ._commands import CommandResult
    from ._verdicts import Verdict


class TaskError(RuntimeError):
    """A task failed in a way that is no exception of its function.

    index: the number of the task; arguments: a short text of what it was called with. What else is
    known of it says pyhec.verdict(error).
    """

    index: int = -1
    arguments: str = ""


class WorkerDied(TaskError):
    """A task took its worker process with it. The other tasks' results are in ``results``.

    signal: what killed it, or None; exitcode: its exit status, or None; pid: its process.
    """

    signal: int | None = None
    exitcode: int | None = None
    pid: int = 0

    @property
    def results(self) -> list[typing.Any] | None:
        """The results of the whole call; failed tasks have their exception in their place."""
        whole = partial(self)
        return None if whole is None else whole.results


class OutOfMemory(WorkerDied, MemoryError):
    """The kernel killed the worker of a task, because the memory of the machine, or what was
    granted of it, had run out.
    """


class OverMemory(TaskError, MemoryError):
    """A task took more memory than its limit, memory=, and was ended."""


class TaskTimeout(TaskError, TimeoutError):
    """A task took longer than its limit, timeout=, and was ended."""


class TaskCancelled(TaskError):
    """A task was ended because somebody said so."""


class NodeLost(TaskError):
    """The node on which a task ran is lost."""


class Skipped(TaskError):
    """A task was not begun: there was too little time left for it, or the call was drained."""


class ResultError(TaskError):
    """A task ran, but its result could not be sent back; the cause says why."""


class CommandError(TaskError):
    """A command failed. index: its number; arguments: the command as text.

    result: the CommandResult, with what it wrote; returncode, timed_out: from there; signal: what
    killed it, or None; errno: why it could not be started, or None.
    """

    result: CommandResult
    returncode: int | None = None
    signal: int | None = None
    timed_out: bool = False
    errno: int | None = None


class NoFilesError(FileNotFoundError, ValueError):
    """No file matches a pattern."""


class FileReadError(TaskError, ValueError):
    """A file could not be read; ``filename`` says which, the cause says why."""

    filename: str = ""


class RemoteTraceback(Exception):
    """The traceback of an exception in the worker that raised it, as text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return self.text


class OutOfTime(SystemExit):
    """A call has stopped in order before its end: its time was over, or drain() was called.

    pyhec.partial(error) has what there is; done, total: tasks that are over, and all, None where
    the inputs come from a generator. If nobody
    catches this the program ends with status 75, which means "start me again", and a line that says
    so. As it is a SystemExit, an ``except Exception`` does not catch it.
    """

    done: int = 0
    total: int | None = 0
    _told = False

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else "out of time"

    @property
    def code(self) -> int:
        """The exit status: 75, EX_TEMPFAIL."""
        # Who ends the program with this asks for the status, and prints nothing if it is a number.
        # It is the interpreter if no Python code is running any more.
        if sys._getframe(0).f_back is None and not self._told:
            self._told = True
            print(f"pyhec: {self}", file=sys.stderr)
        return os.EX_TEMPFAIL

    @code.setter
    def code(self, value: object) -> None:
        pass  # it does not change


class Partial:
    """What a call that failed has nevertheless: ``results`` in the order of the inputs, failed
    tasks with their exception in their place; ``failures``: exceptions by the number of the task.
    """

    def __init__(self, results: list[typing.Any], failures: dict[int, BaseException]) -> None:
        self.results = results
        self.failures = failures

    @property
    def verdicts(self) -> dict[int, Verdict]:
        """What is known of the tasks that failed, by their number."""
        from ._verdicts import verdict

        known = {i: verdict(error) for i, error in sorted(self.failures.items())}
        return {i: v for i, v in known.items() if v is not None}

    def __repr__(self) -> str:
        return f"<Partial: {len(self.results)} tasks, {len(self.failures)} of them failed>"


def partial(error: BaseException) -> Partial | None:
    """What is there of the call that raised this error; None if it was not raised by a call."""
    return getattr(error, "__pyhec_partial__", None)


def attach(error: BaseException, whole: Partial) -> None:
    """Hangs what is there on the exception that is about to be raised."""
    try:
        error.__pyhec_partial__ = whole  # type: ignore[attr-defined]
    except (AttributeError, TypeError):
        pass  # an exception without a dict: it can be raised, that is all


# These are the package's, whatever file they are in: a traceback names them as one writes them.
for _class in (
    TaskError, WorkerDied, OutOfMemory, OverMemory, TaskTimeout, TaskCancelled, NodeLost, Skipped,
    ResultError, CommandError, NoFilesError, FileReadError, RemoteTraceback, OutOfTime, Partial,
):  # fmt: skip
    _class.__module__ = "pyhec"
