# SPDX-License-Identifier: MIT
"""What is said of tasks that fail: short texts of values, and the two ends of an exception's way
from a worker to the caller.

The extension calls the functions below; they are on no fast path. Every pool loads this before it
starts, so that its workers have it: the exceptions themselves wait until one is needed.
"""

from __future__ import annotations

import sys

from . import _hec

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

_TRIES = 2000  # attempts at most to find what cannot be pickled

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


def brief(value: object) -> str:
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
    return str(getattr(func, "__qualname__", None) or brief(func))


def describe(func: object, kind: int, item: typing.Any) -> str:
    """A task as it would be written: ``fib(35)``."""
    kwargs: dict[str, object] = {}
    args: typing.Sequence[object] = (item,)
    if kind == _hec.STAR and isinstance(item, (tuple, list)):
        args = item
    elif kind == _hec.TASKS and isinstance(item, tuple) and len(item) == 3:
        func, args, kwargs = item
    texts = [brief(a) for a in args[:4]] + ["..."] * (len(args) > 4)
    texts += [f"{k}={brief(v)}" for k, v in list(kwargs.items())[:4]]
    return f"{_name(func)}({', '.join(texts)})"


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


def command_text(args: typing.Any) -> str:
    """A command as one would type it, shortened."""
    import os
    import shlex

    if isinstance(args, (str, bytes)):
        text = os.fsdecode(args)
    else:
        text = " ".join(shlex.quote(os.fsdecode(a)) for a in args)
    return text if len(text) <= 120 else text[:100] + " ... " + text[-15:]


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


def parts(value: object) -> list[tuple[str, object]]:
    """The parts of a value that pickle would go into, with how one writes them."""
    if isinstance(value, dict):
        return [(f"[{brief(k)}]", v) for k, v in value.items()]
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
        for step, part in parts(value):
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
            f"{brief(part)} of type {type(part).__name__} cannot be pickled ({why})"
        )
    from ._errors import ResultError

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
        f"{brief(part)} of type {type(part).__name__} cannot be pickled"
        + (f" ({note})" if note else "")
    )


def failed(
    judge: typing.Any, func: object, kind: int, item: object, facts: tuple[typing.Any, ...]
) -> typing.Any:
    """What becomes of a task that failed: see _verdicts.failed(), which is loaded by the first."""
    from . import _verdicts

    return _verdicts.failed(judge, func, kind, item, facts)
