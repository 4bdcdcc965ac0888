# SPDX-License-Identifier: MIT
"""The options of a call: one class that knows what each is, and says what is wrong with a value."""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import datetime
    import os
    import typing

    Seconds = typing.Union[float, str, datetime.timedelta]
    Classes = typing.Union[type[BaseException], tuple[type[BaseException], ...]]

    class RetryOptions(typing.TypedDict, total=False):
        """What every call takes."""

        retries: int
        backoff: Seconds | None
        retry_on: Classes | None
        deadline: Seconds | datetime.datetime | None
        journal: str | os.PathLike[str] | None
        resume: str
        tag: object

    class CommandOptions(RetryOptions, total=False):
        """What a call of commands takes beside its own."""

        memory: int | str | None

    class CallOptions(RetryOptions, total=False):
        """What a call of functions takes beside progress= and on_error=."""

        timeout: Seconds | None
        memory: int | str | None
        retry_memory: float | None
        verdicts: bool


#: What a call does when a task fails: run the others and raise at the end, raise at once, or put
#: the exceptions in the results' places.
ON_ERROR = ("finish", "raise", "return")

#: The options of CallOptions: a call of a function that has arguments of its own takes these out.
NAMES = (
    "timeout", "memory", "retries", "backoff", "retry_on", "retry_memory", "verdicts", "deadline",
    "journal", "resume", "tag",
)  # fmt: skip

#: What runs of the tasks that a journal knows: what is not done, what has failed, all.
RESUME = ("auto", "failed", "never")


def _digest(tag: object) -> bytes:
    """What stands for a tag, which need not be hashable."""
    from ._keys import digest_of_tag

    return digest_of_tag(tag)


class Options:
    """How the tasks of a call are run, and what becomes of those that fail.

    on_error: 'finish' (the others are computed, then the first failure is raised), 'raise' (at
        once), 'return' (the exceptions are put in the results' places).
    progress: shows a bar (needs tqdm).
    timeout: seconds that one attempt at a task may take, or text ('10m'). Then its worker is ended,
        in the midst of C code too, and the task has failed with TaskTimeout.
    memory: bytes that a task may take, or text ('2G'). One that takes more has failed with
        OverMemory.
    retries: how often a task that failed is run again; 0: never.
    retry_on: the classes of exceptions after which it is; None: whatever happened, its worker's
        death included.
    backoff: seconds before the first retry, doubled for each further one. A random half of it is
        left out, so that many that failed together do not come back together.
    retry_memory: after a failure for want of memory the limit of the task is multiplied by this.
    verdicts: the call returns a Verdict for every task and not its result; nothing is raised.
    deadline: seconds from now, or a datetime: no task is begun that would not be over by then, by
        what was learned of how long they take. 'walltime' (if nothing is said): a little before the
        batch system ends the job, where that is known. None: never.
    journal: the path of a file where results are kept. Tasks whose result is there are not run; what
        is run is added, and a result is given out only when it is on disk. See journal_info().
    resume: 'auto' (tasks run whose result is not in the journal), 'failed' (only those run that have
        failed before; an error stands for what was never run), 'never' (all run).
    tag: a value that is part of what tasks are known by in the journal, for what their functions
        and arguments do not show: the date of a file that they read, say.
    """

    __slots__ = (
        "on_error",
        "progress",
        "timeout_ns",
        "memory_bytes",
        "retries",
        "backoff",
        "retry_on",
        "retry_memory",
        "verdicts",
        "deadline_ns",
        "walltime",
        "journal",
        "resume",
        "tag",
        "plain",
    )

    def __init__(
        self,
        *,
        on_error: str = "finish",
        progress: bool = False,
        timeout: Seconds | None = None,
        memory: int | str | None = None,
        retries: int = 0,
        backoff: Seconds | None = None,
        retry_on: Classes | None = None,
        retry_memory: float | None = None,
        verdicts: bool = False,
        deadline: Seconds | datetime.datetime | None = "walltime",
        journal: str | os.PathLike[str] | None = None,
        resume: str = "auto",
        tag: object = None,
    ) -> None:
        from . import _option_values as values

        if on_error not in ON_ERROR:
            raise ValueError(f"on_error must be 'finish', 'raise' or 'return', not {on_error!r}")
        self.on_error = on_error
        self.progress = bool(progress)
        self.timeout_ns = values.timeout(timeout)
        self.memory_bytes = values.memory(memory)
        self.retries = values.retries(retries)
        self.backoff = 0.0 if backoff is None else values.duration("backoff", backoff)
        self.retry_on = None if retry_on is None else values.retry_on(retry_on)
        self.retry_memory = None if retry_memory is None else values.factor(retry_memory)
        self.verdicts = bool(verdicts)
        self.walltime = isinstance(deadline, str) and deadline == "walltime"
        self.deadline_ns = 0 if self.walltime or deadline is None else values.deadline(deadline)
        self.journal = None if journal is None else values.journal(journal)
        self.resume = resume
        self.tag = tag
        self._check_together(backoff)
        #: Whether everything is as if nothing had been said, but for progress and on_error.
        self.plain = self.walltime and self.key()[1:] == _NOTHING_SAID

    @classmethod
    def unsaid(cls, on_error: str) -> Options:
        """Those of a call for which nothing else was said: most have no need to know more."""
        self = cls.__new__(cls)
        for name, value in zip(cls.__slots__, (on_error, False, *_NOTHING_SAID, True)):
            setattr(self, name, value)
        return self

    def _check_together(self, backoff: object) -> None:
        """Raises where an option has no meaning without another."""
        lonely = [
            name
            for name, value in (
                ("backoff", backoff), ("retry_on", self.retry_on), ("retry_memory", self.retry_memory)
            )  # fmt: skip
            if value is not None
        ]
        if lonely and not self.retries:
            raise ValueError(
                f"{lonely[0]} says how to run failed tasks again; say how often as well: retries=3"
            )
        if self.retry_memory is not None and not self.memory_bytes:
            raise ValueError("retry_memory multiplies a limit: give that too, as memory='2G'")
        if self.resume not in RESUME:
            raise ValueError(f"resume must be 'auto', 'failed' or 'never', not {self.resume!r}")
        if self.journal is None and (self.resume != "auto" or self.tag is not None):
            name = "tag" if self.resume == "auto" else "resume"
            raise ValueError(f"{name} is about a journal: give that too, as journal='results.hecj'")

    @property
    def bounded(self) -> bool:
        """Whether a task has a limit that can only be kept by ending its worker."""
        return bool(self.timeout_ns or self.memory_bytes)

    def delay(self, failed: int) -> float:
        """Seconds to wait before a task is run again that has failed so many times."""
        import random  # costs milliseconds, and few calls come here

        return self.backoff * 2.0 ** min(failed - 1, 60) * random.uniform(0.5, 1.0)

    def key(self) -> tuple[object, ...]:
        """What makes two calls' options alike."""
        return (
            self.on_error,
            self.timeout_ns,
            self.memory_bytes,
            self.retries,
            self.backoff,
            self.retry_on,
            self.retry_memory,
            self.verdicts,
            self.deadline_ns,
            self.walltime,
            self.journal,
            self.resume,
            None if self.tag is None else _digest(self.tag),
        )

    def limits(self) -> tuple[int, int, int, bool, bool]:
        """What the engine has to know: see Call."""
        return (
            self.timeout_ns, self.memory_bytes, self.deadline_ns, self.walltime, self.verdicts
        )  # fmt: skip


_NOTHING_SAID = (0, 0, 0, 0.0, None, None, False, 0, True, None, "auto", None)

#: The options of a call for which nothing was said, by on_error.
_PLAIN = {on_error: Options.unsaid(on_error) for on_error in ON_ERROR}
PLAIN = _PLAIN["finish"]


def take(
    where: str, given: typing.Mapping[str, typing.Any], on_error: str = "finish", progress: bool = False
) -> Options:
    """The options of a call from its keyword arguments. `where` is the function's name, for the
    error that a name which is none of them gets.
    """
    if not given and not progress and isinstance(on_error, str) and on_error in _PLAIN:
        return _PLAIN[on_error]
    for name in given:
        if name not in NAMES:
            raise _unexpected(where, name)
    return Options(on_error=on_error, progress=progress, **given)


def split(kwargs: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """Takes the options out of the keyword arguments that are for a function otherwise."""
    return {name: kwargs.pop(name) for name in NAMES if name in kwargs}


def _unexpected(where: str, name: str) -> TypeError:
    import difflib

    near = difflib.get_close_matches(name, (*NAMES, "on_error", "progress"), 1)
    hint = f": did you mean {near[0]!r}?" if near else ""
    return TypeError(f"{where}() got an unexpected keyword argument {name!r}{hint}")
