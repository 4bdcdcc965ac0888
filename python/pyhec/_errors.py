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
    from ._verdicts import Verdict

_TRIES = 2000  # attempts at most to find what cannot be pickled


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


def brief_error(error: BaseException) -> str:
    """An exception in one line, shortened."""
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    return text if len(text) <= 100 else text[:97] + "..."


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


def renew_modules(ours: dict[str, str]) -> None:
    """In a new worker: what modules have that it must not share with its siblings.

    ours: variables that were set for this worker, and that libraries have read before; those that
    must not be in the environment are taken out.
    """
    if ours and any(name in sys.modules for name in ("numexpr", "numba", "torch")):
        from . import _threads

        _threads.share(ours)
    _renew_locks()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        # All workers would draw the same numbers. (Python's own generator is seeded anew by
        # itself after a fork.)
        numpy_random.seed()


def _renew_locks() -> None:
    """What threads of tqdm and of a notebook may have held when this process was forked. (The
    interpreter, logging and threading see to their own.)
    """
    bar = sys.modules.get("tqdm.std")
    locks = [getattr(getattr(bar, "TqdmDefaultWriteLock", None), "th_lock", None)]
    locks += [getattr(stream, "_buffer_lock", None) for stream in (sys.stdout, sys.stderr)]
    for lock in locks:
        if lock is not None and hasattr(lock, "_at_fork_reinit"):
            lock._at_fork_reinit()


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


def unsendable(index: int, item: object, why: object, note: str | None) -> Unsendable:
    """What is sent instead of input `index`, which cannot be pickled, or does not fit. note: why it
    has to be sent.
    """
    if isinstance(why, MemoryError):
        text = f"the input of task {index} cannot be sent to a worker: {why}"
        return Unsendable(text, MemoryError)
    path, part = _culprit(item)
    where = f"input{path}, " if path else ""
    return Unsendable(
        f"the input of task {index} cannot be sent to a worker: {where}"
        f"{_brief(part)} of type {type(part).__name__} cannot be pickled"
        + (f" ({note})" if note else "")
    )


def failed(
    judge: typing.Any, func: object, kind: int, item: object, facts: tuple[typing.Any, ...]
) -> typing.Any:
    """What becomes of a task that failed: see _verdicts.failed(), which is loaded by the first."""
    from . import _verdicts

    return _verdicts.failed(judge, func, kind, item, facts)


def signal_name(number: int, hint: bool = True) -> str:
    """As "signal 11 (SIGSEGV)"."""
    import signal

    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "unknown"
    if hint and number == signal.SIGKILL:
        name += ", as the kernel does when memory runs out"
    return f"signal {number} ({name})"


# ---- commands ----

_TAIL_LINES = 5  # of a failed command's errors that its exception quotes
_TAIL_CHARS = 1000


def command_text(args: typing.Any) -> str:
    """A command as one would type it, shortened."""
    import shlex

    if isinstance(args, (str, bytes)):
        text = os.fsdecode(args)
    else:
        text = " ".join(shlex.quote(os.fsdecode(a)) for a in args)
    return text if len(text) <= 120 else text[:100] + " ... " + text[-15:]


def _tail(stderr: object) -> str:
    """The last lines that a command wrote to its stderr, as an appendix to a message."""
    lines = _text(stderr)[-_TAIL_CHARS:].rstrip().splitlines()[-_TAIL_LINES:]
    return "".join("\n    " + line for line in lines)


def _command_error(
    index: int, result: CommandResult, word: str, text: str, attempts: int
) -> CommandError:
    from ._verdicts import Verdict, hang

    error = CommandError(text)
    error.index, error.arguments = index, command_text(result.args)
    error.result = result
    error.returncode, error.timed_out = result.returncode, result.timed_out
    if result.returncode is not None and result.returncode < 0:
        error.signal = -result.returncode
    usage = (
        result.started, result.seconds, result.cpu_seconds, result.max_rss or 0, 0, attempts
    )  # fmt: skip
    of = Verdict(word, index, error.arguments, attempts, usage, _text(result.stderr))
    of.signal = error.signal
    of.exitcode = result.returncode if error.signal is None else None
    hang(error, of)
    return error


def _text(written: object) -> str:
    return written.decode("utf-8", "replace") if isinstance(written, bytes) else str(written or "")


def command_failed(
    index: int, result: CommandResult, timeout: float | None, attempts: int
) -> CommandError:
    """A command that ran, and ended in another way than with exit status 0."""
    word = "killed"
    if result.timed_out:
        word, how = "timed out", f"was ended because it took longer than {timeout:g} s"
    elif result.over_memory:
        word, how = "over memory", "was ended because it took more memory than its limit"
    elif result.returncode is None:
        how = "ended in a way the system did not tell (this program reaps its children itself)"
    elif result.returncode < 0:
        how = f"was killed by {signal_name(-result.returncode)}"
    else:
        word, how = "exited", f"ended with exit status {result.returncode}"
    if attempts > 1:
        how += f" (attempt {attempts})"
    text = f"command {index}, {command_text(result.args)}, {how}"
    return _command_error(index, result, word, text + _tail(result.stderr), attempts)


def command_refused(
    index: int, result: CommandResult, why: str, errno: int, attempts: int
) -> CommandError:
    """A command that could not be started."""
    error = _command_error(index, result, "refused", f"command {index}: {why}", attempts)
    error.errno = errno or None
    return error


def command_skipped(index: int) -> Skipped:
    """A command that was not begun because the time was over."""
    from ._verdicts import Verdict, hang

    error = Skipped(f"command {index} was not begun: the time was over")
    error.index = index
    hang(error, Verdict("skipped", index, "", 0))
    return error
