# SPDX-License-Identifier: MIT
"""How tasks fail: the exceptions, and the two ends of their way from a worker to the caller.

The extension calls the functions below the classes; they are on no fast path.
"""

from __future__ import annotations

import os
import sys

from . import _hec

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

    from ._commands import CommandResult

_TRIES = 2000  # attempts at most to find what cannot be pickled


class TaskError(RuntimeError):
    """A task failed in a way that is no exception of its function.

    index: the number of the task; arguments: a short text of what it was called with.
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


class Partial:
    """What a call that failed has nevertheless: ``results`` in the order of the inputs, failed
    tasks with their exception in their place; ``failures``: exceptions by the number of the task.
    """

    def __init__(self, results: list[typing.Any], failures: dict[int, BaseException]) -> None:
        self.results = results
        self.failures = failures

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


# ---- text ----

_short: typing.Callable[[object], str] | None = None


def _short_repr(value: object) -> str:
    """repr(), shortened in the middle."""
    global _short
    if _short is None:
        import reprlib

        shortener = reprlib.Repr()
        shortener.maxstring = shortener.maxother = 60
        _short = shortener.repr
    return _short(value)


def _brief(value: object) -> str:
    """A short text of a value, whatever it is."""
    try:
        shape = getattr(value, "shape", None)
        if isinstance(shape, tuple) and shape:
            return f"<{type(value).__name__} of shape {shape}>"
        return _short_repr(value)
    except Exception as e:  # a __repr__ of the user's may fail in any way
        return f"<{type(value).__name__}, whose repr fails with {type(e).__name__}>"


def _name(func: object) -> str:
    return str(getattr(func, "__qualname__", None) or _brief(func))


def describe(func: object, kind: int, item: typing.Any) -> str:
    """A task as it would be written: ``fib(35)``."""
    kwargs: dict[str, object] = {}
    args: typing.Sequence[object] = (item,)
    if kind == _hec.STAR and isinstance(item, (tuple, list)):
        args = item
    elif kind == _hec.TASKS and isinstance(item, tuple) and len(item) == 3:
        func, args, kwargs = item
    texts = [_brief(a) for a in args[:4]] + ["..."] * (len(args) > 4)
    texts += [f"{k}={_brief(v)}" for k, v in list(kwargs.items())[:4]]
    return f"{_name(func)}({', '.join(texts)})"


# ---- in the worker ----


def start_worker(environment: dict[str, str]) -> None:
    """First thing in a worker: what it inherited and must not share with its siblings.

    environment: variables that were set for this worker and os.environ does not know of.
    """
    for name, value in environment.items():
        os.environ.setdefault(name, value)
    sys.stdin = open(os.devnull)
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        # All workers would draw the same numbers. (Python's own generator is seeded anew by
        # itself after a fork.)
        numpy_random.seed()


def pack_failure(error: BaseException) -> bytes:
    """An exception and its traceback, as bytes."""
    import pickle
    import traceback

    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    data = None
    if isinstance(error, Exception):
        data = _pickle_exception(error)
    try:
        message = str(error)
    except Exception:  # the user's __str__; the traceback has the rest
        message = "<its text cannot be had>"
    return pickle.dumps((data, type(error).__name__, message, text))


def _pickle_exception(error: Exception) -> bytes | None:
    """The exception's bytes if it can be made from them again, else None."""
    import pickle

    import cloudpickle

    for dumps in (pickle.dumps, cloudpickle.dumps):
        try:
            data = dumps(error)
            pickle.loads(data)
            return bytes(data)
        except Exception:  # the user's class may fail in any way; its text is sent instead
            continue
    return None


def _pickles(value: object) -> bool:
    import cloudpickle

    try:
        cloudpickle.dumps(value)
        return True
    except Exception:
        return False


def _parts(value: object) -> list[tuple[str, object]]:
    """The parts of a value that pickle would go into, with how one writes them."""
    if isinstance(value, dict):
        return [(f"[{_brief(k)}]", v) for k, v in value.items()]
    if isinstance(value, (list, tuple)):
        return [(f"[{i}]", v) for i, v in enumerate(value)]
    attributes = getattr(value, "__dict__", None)
    if isinstance(attributes, dict):
        return [(f".{k}", v) for k, v in attributes.items()]
    return []


def _culprit(value: object) -> tuple[str, object]:
    """The innermost part that cannot be pickled, and how one gets to it."""
    path, tries = "", 0
    while len(path) < 200:
        for step, part in _parts(value):
            tries += 1
            if tries > _TRIES:
                return path, value
            if not _pickles(part):
                path, value = path + step, part
                break
        else:
            return path, value
    return path, value


def blame_result(index: int, value: object, why: object) -> None:
    """Raises the exception that says why the result of a task cannot be sent back."""
    if isinstance(why, MemoryError):
        text = f"the result of task {index} cannot be sent back: {why or 'out of memory'}"
    else:
        path, part = _culprit(value)
        where = f"result{path}, " if path else ""
        text = (
            f"the result of task {index} cannot be sent back: {where}"
            f"{_brief(part)} of type {type(part).__name__} cannot be pickled ({why})"
        )
    error = ResultError(text)
    error.index = index
    raise error from (why if isinstance(why, BaseException) else None)


class Unsendable:
    """Stands for an input that could not be packed; running it says so."""

    def __init__(self, text: str, error: type[Exception] = TypeError) -> None:
        self.text = text
        self.error = error

    def fail(self) -> None:
        """Raises."""
        raise self.error(self.text)


# ---- in the parent ----


def unsendable(index: int, item: object, why: object) -> Unsendable:
    """What is sent instead of input `index`, which cannot be pickled, or does not fit."""
    if isinstance(why, MemoryError):
        text = f"the input of task {index} cannot be sent to a worker: {why}"
        return Unsendable(text, MemoryError)
    path, part = _culprit(item)
    where = f"input{path}, " if path else ""
    return Unsendable(
        f"the input of task {index} cannot be sent to a worker: {where}"
        f"{_brief(part)} of type {type(part).__name__} cannot be pickled"
    )


def unreadable(index: int, why: BaseException) -> BaseException:
    """The failure of a task whose result arrived and could not be unpickled."""
    error = ResultError(
        f"the result of task {index} cannot be unpickled here: {type(why).__name__}: {why}"
    )
    error.index = index
    error.__cause__ = why
    return error


def unpack_failure(
    index: int, func: object, kind: int, item: object, payload: bytes
) -> BaseException:
    """The exception that a task raised, with its traceback as the cause."""
    import pickle

    what = describe(func, kind, item)
    error: BaseException
    try:
        data, name, message, text = pickle.loads(payload)
    except Exception:  # the worker had not even the memory to say more than this
        data, name, message = None, "an exception", payload.decode("utf-8", "replace")
        text = message
    try:
        error = pickle.loads(data) if data else TaskError(f"task {index} raised {name}: {message}")
    except Exception:  # it unpickled in the worker and does not here: its text will do
        error = TaskError(f"task {index} raised {name}: {message}")
    if not isinstance(error, BaseException):  # a strange __reduce__
        error = TaskError(f"task {index} raised {name}: {message}")
    if isinstance(error, TaskError):
        error.index, error.arguments = index, what
    error.__cause__ = RemoteTraceback(f'in task {index}, {what}:\n\n"""\n{text}"""')
    return error


def refused(index: int, func: object, kind: int, item: object, payload: bytes) -> BaseException:
    """A task whose input or result found no memory on the other side."""
    what = describe(func, kind, item)
    error = TaskError(f"task {index}, {what}, failed: {payload.decode('utf-8', 'replace')}")
    error.index, error.arguments = index, what
    return error


def _signal_name(number: int) -> str:
    import signal

    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "unknown"
    hint = ", as the kernel does when memory runs out" if number == signal.SIGKILL else ""
    return f"signal {number} ({name}{hint})"


def died(
    index: int,
    func: object,
    kind: int,
    item: object,
    by_signal: int,
    detail: int,
    pid: int,
    seconds: float,
) -> BaseException:
    """A task in the middle of which its worker ended."""
    what = describe(func, kind, item)
    if detail < 0:
        how = "in a way the system did not tell (this program reaps its children itself)"
    elif by_signal:
        how = f"by {_signal_name(detail)}"
    else:
        how = f"by exiting with status {detail}"
    error = WorkerDied(f"task {index}, {what}, ended its worker (process {pid}) {how}")
    error.index, error.arguments, error.pid = index, what, pid
    if by_signal and detail >= 0:
        error.signal = detail
    elif detail >= 0:
        error.exitcode = detail
    return error


# ---- commands ----

_TAIL_LINES = 5  # of a failed command's errors that its exception quotes
_TAIL_CHARS = 1000


def _command_text(args: typing.Any) -> str:
    """A command as one would type it, shortened."""
    import shlex

    if isinstance(args, (str, bytes)):
        text = os.fsdecode(args)
    else:
        text = " ".join(shlex.quote(os.fsdecode(a)) for a in args)
    return text if len(text) <= 120 else text[:100] + " ... " + text[-15:]


def _tail(stderr: object) -> str:
    """The last lines that a command wrote to its stderr, as an appendix to a message."""
    text = stderr.decode("utf-8", "replace") if isinstance(stderr, bytes) else str(stderr or "")
    lines = text[-_TAIL_CHARS:].rstrip().splitlines()[-_TAIL_LINES:]
    return "".join("\n    " + line for line in lines)


def _command_error(index: int, result: CommandResult, text: str) -> CommandError:
    error = CommandError(text)
    error.index, error.arguments = index, _command_text(result.args)
    error.result = result
    error.returncode, error.timed_out = result.returncode, result.timed_out
    if result.returncode is not None and result.returncode < 0:
        error.signal = -result.returncode
    return error


def command_failed(index: int, result: CommandResult, timeout: float | None) -> CommandError:
    """A command that ran, and ended in another way than with exit status 0."""
    if result.timed_out:
        how = f"was ended because it took longer than {timeout:g} s"
    elif result.returncode is None:
        how = "ended in a way the system did not tell (this program reaps its children itself)"
    elif result.returncode < 0:
        how = f"was killed by {_signal_name(-result.returncode)}"
    else:
        how = f"ended with exit status {result.returncode}"
    text = f"command {index}, {_command_text(result.args)}, {how}"
    return _command_error(index, result, text + _tail(result.stderr))


def command_refused(index: int, result: CommandResult, why: str, errno: int) -> CommandError:
    """A command that could not be started."""
    error = _command_error(index, result, f"command {index}: {why}")
    error.errno = errno or None
    return error
