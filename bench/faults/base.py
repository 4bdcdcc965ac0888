# SPDX-License-Identifier: MIT
"""What a fault is, and what a tool must be able to do to have it injected. The files of kinds/ and
tools/ know this module only; run.py and one.py know it too, and nobody else.
"""

from __future__ import annotations

import os
import re
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.peers.base import Peer

#: Tasks of a call, and which of them has the fault.
TASKS = 1000
BAD = 613
#: Seconds that a tool is asked to give each task, where the fault is about that.
TIMEOUT_S = 1.0
#: What a task may take, where the fault is about that, and what the bad one takes.
MEMORY_MB = 128
HOG_MB = 768
#: Below this folder a task leaves notes for those who watch; set by run.py.
NOTES = "HEC_FAULT_NOTES"


def answer(i: int) -> int:
    """What a good task does: half a millisecond, so that others are under way when one dies."""
    time.sleep(0.0005)
    return -i


def slow_answer(i: int) -> int:
    """The same, so slow that whoever counts processes sees it."""
    time.sleep(0.05)
    return -i


def note(name: str) -> None:
    """Leaves a note with the number of the process."""
    Path(os.environ[NOTES], name).write_text(str(os.getpid()))


def hold(i: int) -> int:
    """A task that waits for ever, and says that it has begun."""
    note(f"began-{i}")
    time.sleep(1000)
    return -i


@dataclass(frozen=True)
class Fault:
    """One kind of fault. `meaning` is what the page says about it.

    task: what the call runs; items: over what; spoilt: how many of its tasks cannot have a result.
    cause: a pattern that the error must have for it to count as saying what happened.
    asks: the limit that it is about, "timeout" or "memory": asked for where a tool has it.
    ending: what is done to the program while its tasks wait: "SIGINT", "SIGKILL", "hangup"; the call
    is then never over. before: called before the workers are there; around: a context manager that
    is entered when they are. stdin: whether the program has a standard input.
    """

    title: str
    meaning: str
    task: Callable[[Any], Any]
    items: Callable[[], Sequence[Any]] = lambda: range(TASKS)
    spoilt: int = 1
    cause: str = ""
    asks: str = ""
    ending: str = ""
    before: Callable[[], Any] | None = None
    around: Callable[[], Any] | None = None
    stdin: bool = True
    names_tool: bool = False


class Kept:
    """What a call has given its caller so far. The number of results is in a file, too, where
    run.py finds it when the call never ends.
    """

    def __init__(self, items: Sequence[Any], path: str = "") -> None:
        self._items = items
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600) if path else -1
        self._seen: set[int] = set()
        self.wrong = 0
        self.failures: dict[int, BaseException] = {}
        self.whole: BaseException | None = None

    @property
    def good(self) -> int:
        """Results that are there and right."""
        return len(self._seen) - self.wrong

    def result(self, i: int, value: Any) -> None:
        """Task i has given this."""
        wanted = -i if not isinstance(self._items[i], tuple) else -self._items[i][0]
        if i in self._seen or value != wanted:
            self.wrong += 1
        self._seen.add(i)
        if self._file >= 0:
            os.pwrite(self._file, struct.pack("<q", self.good), 0)

    def failed(self, i: int, error: BaseException) -> None:
        """Task i has failed, and the tool says so of this one."""
        self.failures[i] = error

    def call_failed(self, error: BaseException) -> None:
        """The call has failed, whatever that means for its tasks."""
        self.whole = error

    def first_error(self) -> BaseException | None:
        """The one that a user would look at."""
        return self.failures.get(BAD) or self.whole or next(iter(self.failures.values()), None)

    def names_the_bad(self) -> bool:
        """Whether the user is told which task it was: it alone has failed, or the text says it."""
        return set(self.failures) == {BAD} or bool(
            re.search(rf"\b{BAD}\b", said(self.first_error())))


def said(error: BaseException | None) -> str:
    """An error with what caused it, as text."""
    texts: list[str] = []
    while error is not None and len(texts) < 5:
        texts.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


class Tool:
    """A tool that calls are made with. `peer` is how the benchmarks know it; `limits` are those of
    "timeout" and "memory" that it can be asked for; `call` is how the calls are made, for the page.
    """

    peer: Peer
    limits: frozenset[str] = frozenset()
    call = ""

    def open(self, workers: int, memory_mb: int = 0) -> None:
        """Starts the workers."""
        self.peer.open(workers)

    def run(self, func: Callable[[Any], Any], items: Sequence[Any], kept: Kept,
            timeout: float | None = None, memory_mb: int = 0) -> None:
        """Makes the call; hands over whatever comes of it. Raises what the call as a whole raises."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends the workers, as leaving a `with` block does."""
        self.peer.close()

    def inner(self) -> int:
        """A call within a task, of four tasks on two workers; the sum of its results."""
        items = range(4)
        kept = Kept(items)
        self.open(2)
        try:
            self.run(slow_answer, items, kept)
        finally:
            self.close()
        if kept.good != len(items):
            raise RuntimeError(said(kept.first_error()))
        return -sum(items)


class FuturesTool(Tool):
    """Those with futures: every task has one, so that as many results are kept as can be."""

    def submit(self, func: Callable[[Any], Any], item: Any) -> Any:
        """One future."""
        return self.peer.submit(func, item)

    def run(self, func: Callable[[Any], Any], items: Sequence[Any], kept: Kept,
            timeout: float | None = None, memory_mb: int = 0) -> None:
        def take(i: int) -> Callable[[Any], None]:
            def done(future: Any) -> None:
                if not future.cancelled() and future.exception() is None:
                    kept.result(i, future.result())
            return done

        futures = []
        for i, item in enumerate(items):
            futures.append(self.submit(func, item))
            futures[-1].add_done_callback(take(i))
        for i, future in enumerate(futures):
            try:
                future.result(timeout)
            except Exception as error:
                kept.failed(i, error)
