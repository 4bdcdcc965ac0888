# SPDX-License-Identifier: MIT
"""What became of a task: verdicts, and how a failure becomes an exception or one more attempt.

The extension comes here by _report.failed(), with the facts that the engine has of a failure, and
by Judge.done(), where a call has asked for verdicts.
"""

from __future__ import annotations

import os

from . import _errors, _hec, _report
from ._options import Options

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

    #: started, seconds, cpu_seconds, max_rss, pid, attempt; None where it was not measured.
    Usage = typing.Optional[tuple[float, float, float, int, int, int]]

_TAIL_LINES = 5  # of what a task wrote to its stderr that an error quotes
_TAIL_CHARS = 1000
_FRAMES = 6  # of a stack that an error quotes
_LONGEST_BACKOFF_S = 86400.0

#: Words after which a task may do better with more memory.
_WANTS_MEMORY = ("over memory", "out of memory")
#: Words of tasks that nobody wants to be run again.
_FINAL = ("cancelled", "skipped")


class Verdict:
    """What became of a task.

    word: 'done', 'raised', 'timed out', 'over memory', 'killed', 'exited', 'out of memory',
    'refused' (its input or its result could not be taken on the other side), 'cancelled', 'lost' or
    'skipped'. index: the number of the task; arguments: a short text of the call that it was.
    attempts: how often it was run, this time included. started: when, as time.time() counts;
    seconds, cpu_seconds: how long it took; max_rss: the largest memory of its worker meanwhile, in
    bytes; pid, host: where. They are None where they are not known: an exception of a call that was
    given no options has no times. stderr: the last lines it wrote there, python_stack and c_stack: where
    it was, for one that did not come to its end; '' where there is nothing. signal: what killed its
    worker; exitcode: what that exited with; else None. value: its result; error: its exception.
    from_journal: it was not run, since its result was in the journal.
    """

    __slots__ = (
        "word",
        "index",
        "arguments",
        "attempts",
        "started",
        "seconds",
        "cpu_seconds",
        "max_rss",
        "pid",
        "host",
        "stderr",
        "python_stack",
        "c_stack",
        "signal",
        "exitcode",
        "value",
        "error",
        "from_journal",
    )

    def __init__(
        self,
        word: str,
        index: int,
        arguments: str,
        attempts: int = 1,
        usage: Usage = None,
        stderr: str = "",
        python_stack: str = "",
        c_stack: str = "",
    ) -> None:
        self.word = word
        self.index = index
        self.arguments = arguments
        self.attempts = attempts
        self.started, self.seconds, self.cpu_seconds, self.max_rss, self.pid = _known(usage)
        self.host = os.uname().nodename
        self.stderr = stderr
        self.python_stack = python_stack
        self.c_stack = c_stack
        self.signal: int | None = None
        self.exitcode: int | None = None
        self.value: typing.Any = None
        self.error: BaseException | None = None
        self.from_journal = False

    def __str__(self) -> str:
        more = _after(self)
        if self.attempts > 1:
            more += f", attempt {self.attempts}"
        return f"task {self.index}, {self.arguments}: {self.word}{more}"

    def __repr__(self) -> str:
        return f"<Verdict: {self}>"


Verdict.__module__ = "pyhec"


def _known(
    usage: Usage,
) -> tuple[float | None, float | None, float | None, int | None, int | None]:
    if usage is None:
        return None, None, None, None, None
    started, seconds, cpu_seconds, max_rss, pid, _ = usage
    return started or None, seconds, cpu_seconds, max_rss or None, pid or None


def verdict(error: BaseException) -> Verdict | None:
    """What is known of the task whose failure this is; None if it is no task's."""
    kept: Verdict | None = getattr(error, "__pyhec_verdict__", None)
    if kept is None:
        return None
    # The exception has a verdict without itself, for else neither would ever be freed at once.
    own = Verdict.__new__(Verdict)
    for name in Verdict.__slots__:
        setattr(own, name, getattr(kept, name))
    own.error = error
    return own


def hang(error: BaseException, of: Verdict) -> BaseException:
    """Hangs the verdict on the exception."""
    try:
        error.__pyhec_verdict__ = of  # type: ignore[attr-defined]
    except (AttributeError, TypeError):
        pass  # an exception without a dict: it can be raised, that is all
    return error


# ---- judging ----


class Judge:
    """Of one call: how often its tasks were run, and whether one that failed is run again."""

    def __init__(
        self, options: Options, func: object, kind: int, items: typing.Any, numbers: typing.Any = None
    ) -> None:
        self._options, self._numbers = options, numbers
        self._func, self._kind, self._items = func, kind, items
        self._failed: dict[int, int] = {}  # attempts that failed, by the task's number
        self._memory: dict[int, int] = {}  # limits that were raised

    def number(self, index: int) -> int:
        """The user's number of a task. The engine's may be another: of a call that has a journal it
        gets only those tasks that are to run.
        """
        return index if self._numbers is None else self._numbers[index]

    def limits(self) -> tuple[int, int, int, bool, bool]:
        """What the engine has to know: see Call."""
        return self._options.limits()

    def attempt(self, index: int) -> int:
        """The number of the attempt at a task that is over now."""
        return self._failed.get(index, 0) + 1

    def memory(self, index: int) -> int:
        """The limit of a task's memory now; 0: none."""
        return self._memory.get(index, self._options.memory_bytes)

    @property
    def verdicts(self) -> bool:
        """Whether the call wants verdicts and not results."""
        return self._options.verdicts

    @property
    def attempts(self) -> int:
        """How often a task may be run."""
        return self._options.retries + 1

    @property
    def timeout(self) -> float:
        """Seconds that an attempt may take; 0: no limit."""
        return self._options.timeout_ns / 1e9

    def again(self, index: int, word: str, error: BaseException) -> tuple[int, int, int] | None:
        """Whether the task is to be run again: after how long, in nanoseconds, and with what limits
        of time and memory. Counts the failure.
        """
        o = self._options
        self._failed[index] = failed = self.attempt(index)
        wanted = o.retry_on is None or isinstance(error, o.retry_on)
        if failed > o.retries or word in _FINAL or not wanted:
            self._forget(index)
            return None
        if o.retry_memory is not None and word in _WANTS_MEMORY:
            self._memory[index] = min(int(self.memory(index) * o.retry_memory), (1 << 62) - 1)
        delay = min(o.delay(failed), _LONGEST_BACKOFF_S)
        return int(delay * 1e9), o.timeout_ns, self.memory(index)

    def _forget(self, index: int) -> None:
        self._failed.pop(index, None)
        self._memory.pop(index, None)

    def over(self, first: int, count: int) -> bool:
        """Tasks have come to their end. Whether there are others that failed before."""
        for index in range(first, first + count):
            self._forget(index)
        return bool(self._failed)

    def done(
        self, first: int, values: list[typing.Any], usages: list[Usage]
    ) -> list[typing.Any]:
        """The verdicts of tasks that came to their end."""
        verdicts = []
        for i, (value, usage) in enumerate(zip(values, usages), first):
            v = Verdict(
                "done", self.number(i), _report.describe(self._func, self._kind, self._items[i]),
                self.attempt(i), usage,
            )  # fmt: skip
            v.value = value
            verdicts.append(v)
            self._forget(i)
        return verdicts


def failed(
    judge: Judge | None, func: object, kind: int, item: object, facts: tuple[typing.Any, ...]
) -> BaseException | tuple[int, int, int, BaseException]:
    """The exception that a task's failure is; or, where it is to be run again, what Judge.again()
    says, with the exception. facts: number, word of its verdict, payload (or what unpickling raised, or None), signal or exit status, usage or None,
    end of its stderr, Python stack, C stack.
    """
    index, word, payload, detail, usage, stderr, python_stack, c_stack = facts
    of = Verdict(
        word, index if judge is None else judge.number(index), _report.describe(func, kind, item),
        1 if judge is None else judge.attempt(index), usage,
        _lines(stderr), python_stack, c_stack,
    )  # fmt: skip
    if word == "skipped":
        of.attempts -= 1  # this one was not begun
    error = _MAKERS.get(word, _refused)(of, payload, detail, judge)
    hang(error, of)
    again = None if judge is None else judge.again(index, of.word, error)
    return error if again is None else (*again, error)


# ---- from facts to exceptions ----


def _lines(stderr: str) -> str:
    return stderr.rstrip()


def frames(python_stack: str) -> list[str]:
    """The frames of the task in what the faulthandler wrote, the innermost first."""
    found: list[str] = []
    inside = False
    for line in python_stack.splitlines():
        if "(most recent call first)" in line:
            if found and not line.startswith("Current"):
                break
            inside, found = line.startswith(("Current", "Thread", "Stack")), []
        elif inside and line.startswith("  File "):
            if _is_ours(line):
                inside = False  # below is what the parent did when it forked the worker
            else:
                found.append(line.strip().replace(" in ", ", in ", 1))
        elif inside and not line.strip():
            inside = False
    return found


#: Files of this package in whose functions workers are forked.
_DRIVERS = (
    "_run.py", "_pool.py", "_start.py", "_stream.py", "_desk.py", "_zygote.py", "executor.py",
)  # fmt: skip
_HERE = os.path.dirname(os.path.abspath(__file__))


def _is_ours(line: str) -> bool:
    path = line.partition('"')[2].partition('"')[0]
    return os.path.dirname(path) == _HERE and os.path.basename(path) in _DRIVERS


def _appendix(of: Verdict, judge: Judge | None) -> str:
    """What follows the first line of a message: attempts, stack and stderr."""
    text = ""
    if judge is not None and judge.attempts > 1:
        text += f"\n  attempt {of.attempts} of {judge.attempts}"
    stack = frames(of.python_stack)
    if stack:
        text += "\n  where it was, innermost first:" + "".join("\n    " + f for f in stack[:_FRAMES])
    if stack[_FRAMES:]:
        text += f"\n    ... and {len(stack) - _FRAMES} more"
    lines = of.stderr[-_TAIL_CHARS:].splitlines()[-_TAIL_LINES:]
    if lines:
        text += "\n  the last it wrote to stderr:" + "".join("\n    " + line for line in lines)
    return text


def _named(kind: type[_errors.TaskError], of: Verdict, text: str) -> _errors.TaskError:
    error = kind(text)
    error.index, error.arguments = of.index, of.arguments
    return error


def _after(of: Verdict) -> str:
    if of.seconds is None:
        return ""
    return f" after {of.seconds:.2g} s" if of.seconds < 10 else f" after {of.seconds:.0f} s"


def _raised(of: Verdict, payload: bytes, detail: int, judge: Judge | None) -> BaseException:
    """The exception that the task raised, with its traceback as the cause."""
    import pickle

    error: BaseException
    try:
        data, name, message, text = pickle.loads(payload)
    except Exception:  # the worker had not even the memory to say more than this
        data, name, message = None, "an exception", payload.decode("utf-8", "replace")
        text = message
    try:
        error = pickle.loads(data) if data else _unsent(of, name, message)
    except Exception:  # it unpickled in the worker and does not here: its text will do
        error = _unsent(of, name, message)
    if not isinstance(error, BaseException):  # a strange __reduce__
        error = _unsent(of, name, message)
    if of.word == "over memory":
        error = _too_large(of, judge)
    if isinstance(error, _errors.TaskError):
        error.index, error.arguments = of.index, of.arguments
    error.__cause__ = _errors.RemoteTraceback(
        f'in task {of.index}, {of.arguments}:\n\n"""\n{text}"""'
    )
    return error


def _unsent(of: Verdict, name: str, message: str) -> BaseException:
    return _errors.TaskError(f"task {of.index} raised {name}: {message}")


def _refused(
    of: Verdict, payload: bytes | BaseException, detail: int, judge: Judge | None
) -> BaseException:
    """An input or a result that the other side could not take."""
    if isinstance(payload, BaseException):
        text = f"the result of task {of.index} cannot be unpickled here"
        error = _named(_errors.ResultError, of, f"{text}: {type(payload).__name__}: {payload}")
        error.__cause__ = payload
        return error
    why = payload.decode("utf-8", "replace") if payload else of.word
    return _named(_errors.TaskError, of, f"task {of.index}, {of.arguments}, failed: {why}")


def _died(of: Verdict, payload: bytes, detail: int, judge: Judge | None) -> BaseException:
    """A task in the middle of which its worker ended."""
    kind = _errors.OutOfMemory if of.word == "out of memory" else _errors.WorkerDied
    if detail < 0:
        how = "in a way the system did not tell (this program reaps its children itself)"
    elif of.word == "exited":
        how = f"by exiting with status {detail}"
    elif of.word == "killed":
        how = f"by {_report.signal_name(detail, hint=False)}"
    else:
        how = "because memory ran out: the kernel killed it"
        if of.max_rss:
            how += f" when it had {_hec.format_bytes(of.max_rss)}"
    text = f"task {of.index}, {of.arguments}, ended its worker (process {of.pid or 0}) {how}"
    error = _named(kind, of, text + _after(of) + _appendix(of, judge))
    assert isinstance(error, _errors.WorkerDied)
    error.pid = of.pid or 0
    if detail >= 0 and of.word == "exited":
        error.exitcode = of.exitcode = detail
    elif detail >= 0:
        error.signal = of.signal = detail
    return error


def _timed_out(of: Verdict, payload: bytes, detail: int, judge: Judge | None) -> BaseException:
    limit = f" of {judge.timeout:g} s" if judge is not None and judge.timeout else ""
    text = f"task {of.index}, {of.arguments}, took longer than its limit{limit} and was ended"
    return _named(_errors.TaskTimeout, of, text + _appendix(of, judge))


def _over_memory(of: Verdict, payload: bytes, detail: int, judge: Judge | None) -> BaseException:
    """It was ended, or it got a MemoryError at its limit, and has a traceback."""
    return _raised(of, payload, detail, judge) if payload else _too_large(of, judge)


def _too_large(of: Verdict, judge: Judge | None) -> _errors.TaskError:
    limit = judge.memory(of.index) if judge is not None else 0
    size = f" of {_hec.format_bytes(limit)}" if limit else ""
    text = f"task {of.index}, {of.arguments}, took more memory than its limit{size}"
    if of.max_rss is not None and of.max_rss > limit:
        text += f" (its worker had {_hec.format_bytes(of.max_rss)})"
    return _named(_errors.OverMemory, of, text + _appendix(of, judge))


def _cancelled(of: Verdict, payload: bytes, detail: int, judge: Judge | None) -> BaseException:
    return _named(
        _errors.TaskCancelled, of, f"task {of.index}, {of.arguments}, was cancelled{_after(of)}"
    )


def _lost(of: Verdict, payload: bytes, detail: int, judge: Judge | None) -> BaseException:
    return _named(
        _errors.NodeLost, of, f"task {of.index}, {of.arguments}: the node on which it ran is lost"
    )


def _skipped(of: Verdict, payload: bytes, detail: int, judge: Judge | None) -> BaseException:
    why = "the call was drained" if _hec.draining() else "too little time was left for it"
    return _named(_errors.Skipped, of, f"task {of.index}, {of.arguments}, was not begun: {why}")


_MAKERS: dict[str, typing.Callable[[Verdict, bytes, int, Judge | None], BaseException]] = {
    "raised": _raised,
    "killed": _died,
    "exited": _died,
    "out of memory": _died,
    "timed out": _timed_out,
    "over memory": _over_memory,
    "cancelled": _cancelled,
    "lost": _lost,
    "skipped": _skipped,
}
