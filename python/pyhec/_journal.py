# SPDX-License-Identifier: MIT
"""Calls with a journal: which of their tasks are done already, and what becomes of the others.

The results themselves are written by the extension, as they arrive (journal.c); here it is decided
what runs.
"""

from __future__ import annotations

import atexit
import collections
import os
import sys
import threading
import time
import warnings

from . import _errors, _hec, _keys, _report
from ._run import conclude

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

    from ._options import Options
    from ._run import Bar, Ended
    from ._verdicts import Usage

#: Kinds and formats of parts, see docs/formats/journal-v1.md.
_PART_RESULT, _PART_BUFFER, _PART_MESSAGE, _PART_ARGS = 1, 2, 4, 5
_FORMAT_BYTES, _FORMAT_TEXT, _FORMAT_PICKLE = 0, 1, 2
#: Numbers of verdicts.
_DONE, _RAISED = 1, 2

#: How long single results gather, seconds: to bring each to disk would cost more than to make it.
_GATHER_S = 0.01

#: Journals that are kept open though no call uses them: to open one is to read it.
_IDLE_MAX = 8
#: Former codes of a function that are looked for, the latest.
_CODES_MAX = 16
#: Seconds after which no more results of former code are counted.
_COUNTING_S = 0.5


class ChangedCodeWarning(UserWarning):
    """A journal has results of tasks of a call which were made by other code than there is now. They
    do not count, and the tasks are run again.
    """


class JournalInfo:
    """What is in a journal. results: tasks whose result is there; failures: tasks that have failed,
    and have no result; bytes: its size; records: what was written at a time; sessions: how often
    somebody began to write; files: one, or as many as there are in the folder; damaged_bytes: of
    them, what is no whole record, as a crash in the middle of a write leaves it.
    """

    def __init__(self, path: str, facts: dict[str, typing.Any]) -> None:
        self.path = path
        self.results = int(facts["results"])
        self.failures = int(facts["failures"])
        self.bytes = int(facts["bytes"])
        self.records = int(facts["records"])
        self.sessions = int(facts["sessions"])
        self.files = int(facts["files"])
        self.damaged_bytes = int(facts["damaged_bytes"])

    def __str__(self) -> str:
        text = f"{self.path}: {self.results} results, {self.failures} failures, {self.bytes} bytes"
        return text + (f", {self.damaged_bytes} of them damaged" if self.damaged_bytes else "")

    def __repr__(self) -> str:
        return f"<JournalInfo: {self}>"


ChangedCodeWarning.__module__ = JournalInfo.__module__ = "pyhec"


# ---- journals that are open ----


class _Open:
    """A journal that this process writes."""

    def __init__(self, path: str) -> None:
        self.path, self.pid, self.users = path, os.getpid(), 0
        self.journal = _hec.Journal(path)
        self.identity = _identity(path)
        self.broken = False

    def is_broken(self) -> bool:
        """Whether something could not be written: then nothing is any more, until it is opened anew.
        Those who wrote it have been told.
        """
        try:
            self.journal.progress(True)
        except OSError:
            self.broken = True
        return self.broken

    def close(self) -> None:
        """Lets others write it."""
        try:
            self.journal.close()
        except OSError:
            # Told before; or somebody has taken the file away, and nothing of it matters.
            if not self.broken and self.identity == _identity(self.path):
                raise


def _identity(path: str) -> tuple[int, int, int, int] | None:
    """Which file it is, and who may write it: if that changes it is to be opened anew."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino, status.st_mode, status.st_uid


_open: dict[str, _Open] = {}
_lock = threading.Lock()


def _acquire(path: str) -> _Open:
    name = os.path.abspath(path)
    with _lock:
        entry = _open.get(name)
        if entry is not None and entry.pid == os.getpid():
            if entry.users or (entry.identity == _identity(path) and not entry.is_broken()):
                entry.users += 1
                _open[name] = _open.pop(name)  # the last that was used
                return entry
            _open.pop(name).close()
        _open.pop(name, None)
        entry = _open[name] = _Open(path)
        entry.users += 1
        for other in [n for n, e in _open.items() if not e.users][: max(len(_open) - _IDLE_MAX, 0)]:
            _open.pop(other).close()
        return entry


def _release(entry: _Open) -> None:
    with _lock:
        entry.users -= 1


def _after_fork() -> None:
    """They are the parent's; and its lock may be held by a thread which is not here."""
    global _lock
    _lock = threading.Lock()
    _open.clear()


os.register_at_fork(after_in_child=_after_fork)


def _close_all() -> None:
    """At the interpreter's end, after those that still have tasks to finish."""
    desk = sys.modules.get("pyhec._desk")
    if desk is not None:
        desk._finish_all()
    with _lock:
        for entry in _open.values():
            if entry.pid == os.getpid():
                entry.close()
        _open.clear()


atexit.register(_close_all)


def journal_info(path: str | os.PathLike[str]) -> JournalInfo:
    """What is in a journal; also while another process writes it."""
    name = os.fspath(path)
    with _lock:
        entry = _open.get(os.path.abspath(name))
        if entry is not None and entry.pid == os.getpid() and entry.identity == _identity(name):
            return JournalInfo(name, entry.journal.info())
    journal = _hec.Journal(name, read_only=True)
    try:
        return JournalInfo(name, journal.info())
    finally:
        journal.close()


# ---- warnings ----


def _level() -> int:
    """How many frames above its caller the user's code is."""
    here = os.path.dirname(os.path.abspath(__file__)) + os.sep
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(here):
        frame, level = frame.f_back, level + 1
    return level


def _plain(name: str) -> str:
    return name[len("__main__.") :] if name.startswith("__main__.") else name


class _Codes:
    """What a journal knows of the codes that functions had before."""

    def __init__(self, journal: _hec.Journal, path: str) -> None:
        self._journal, self._path = journal, path
        self._known: dict[str, int] = {}  # how many codes of a name were looked at
        self.former: dict[str, list[bytes]] = {}
        #: Whether any of the functions had other code before.
        self.has_former = False
        self._said: set[str] = set()

    def look(self, names: dict[str, set[bytes]]) -> None:
        """Notes the present codes, and finds the former ones."""
        for name, codes in names.items():
            if self._known.get(name) == len(codes):
                continue
            self._known[name] = len(codes)
            noted = [bytes.fromhex(w) for w in (self._journal.noted(f"code {name}") or "").split()]
            former = [code for code in noted if code not in codes]
            self.former[name] = former[-_CODES_MAX:]
            if not codes <= set(noted[-len(codes) :]):
                latest = former[-_CODES_MAX:] + sorted(codes)
                self._journal.note(f"code {name}", " ".join(code.hex() for code in latest))
        self.has_former = any(self.former.values())

    def whose(self, site: bytes, n: int) -> str | None:
        """The name of the function of whose former code there is a result of this task."""
        for name, codes in self.former.items():
            for code in codes:
                if self._journal.is_done(_keys.other_key(site, code, n)):
                    return name
        return None

    def warn(self, name: str, count: int, more: bool) -> None:
        """Says it, once for each function."""
        if name in self._said:
            return
        self._said.add(name)
        results = "1 result" if count == 1 else f"{count} results"
        warnings.warn(
            f"the code of {_plain(name)}, or of what it uses, has changed: "
            f"{'at least ' if more else ''}{results} of its former code in {self._path} "
            f"{'does' if count == 1 else 'do'} not count, and the tasks are run again",
            ChangedCodeWarning,
            stacklevel=_level(),
        )


# ---- a call's journal ----


class Log:
    """What a call has in its journal, and what it adds. Its tasks have two numbers: the user's, and,
    of those that run, the engine's.
    """

    def __init__(self, options: Options) -> None:
        assert options.journal is not None
        self._verdicts, self._resume = options.verdicts, options.resume
        self._entry = _acquire(options.journal)
        self.journal = self._entry.journal
        self._keys = _keys.Keys(options.tag)
        self._codes = _Codes(self.journal, options.journal)
        self._closed = False
        self._noted = -1  # which changes of the names of functions the journal knows
        # Where note() looks for results: with resume='failed' they are sorted out afterwards.
        self._asked = self.journal if self._resume not in ("never", "failed") else None
        self._held: collections.deque[tuple[int, list[tuple[int, typing.Any]]]]
        self._held = collections.deque()
        #: Until then, of time.monotonic(), what comes gathers.
        self._due = 0.0
        #: Results that came from the journal.
        self.found = 0
        #: The user's numbers of tasks that run: by the engine's.
        self.numbers: dict[int, int] | list[int] = []
        #: For the extension: the keys of tasks that run.
        self.marks: dict[int, bytes] | bytes = b""
        self._results: list[typing.Any] = []
        self._failures: dict[int, BaseException] = {}

    def close(self) -> None:
        """The call is over."""
        if not self._closed:
            self._closed = True
            _release(self._entry)

    def sync(self) -> None:
        """Returns when all that this call has is on disk."""
        self.journal.sync()
        self._due = 0.0

    # -- a list --

    def begin(
        self,
        kind: int,
        func: typing.Any,
        items: list[typing.Any],
        stand_ins: list[typing.Any] | None = None,
    ) -> list[typing.Any]:
        """The inputs of those tasks that are to run. stand_ins: what keys are made of."""
        n = len(items)
        sites, keys, ns = self._keys.keys(kind, func, items if stand_ins is None else stand_ins)
        self._results = [None] * n
        usages: list[Usage] | None = [None] * n if self._verdicts else None
        missing: list[int] = list(range(n))
        failed: list[int] = []
        if self._resume != "never":
            missing, failed = self.journal.load(keys, self._results, usages)
        self.found = n - len(missing)
        if usages is not None and self.found:
            self._make_verdicts(kind, func, items, usages, set(missing))
        if self._resume == "failed":
            for i in sorted(set(missing) - set(failed)):
                self._failures[i] = never_run(i, kind, func, items[i])
            missing = failed
        self._notice(sites, ns, missing)
        self.numbers = missing
        self.marks = _hec.marks(keys, missing)
        return items if len(missing) == n else [items[i] for i in missing]

    def _make_verdicts(
        self,
        kind: int,
        func: typing.Any,
        items: list[typing.Any],
        usages: list[Usage],
        missing: set[int],
    ) -> None:
        for i, item in enumerate(items):
            if i not in missing:
                self._results[i] = _verdict(self._results[i], i, kind, func, item, usages[i])

    def _notice(self, sites: bytes, ns: bytes, missing: list[int]) -> None:
        """Warns where tasks run only because their code has changed."""
        self._codes.look(self._keys.names)
        if self._resume == "never" or not self._codes.has_former:
            return
        counts: dict[str, int] = {}
        end, more = time.monotonic() + _COUNTING_S, False
        for i in missing:
            n = int.from_bytes(ns[i * 4 : i * 4 + 4], sys.byteorder)
            name = self._codes.whose(sites[i * 16 : i * 16 + 16], n)
            if name is not None:
                counts[name] = counts.get(name, 0) + 1
            if i % 64 == 0 and time.monotonic() > end:
                more = True
                break
        for name, count in counts.items():
            self._codes.warn(name, count, more)

    def merge(
        self, results: list[typing.Any] | None, failures: dict[int, BaseException]
    ) -> tuple[list[typing.Any], dict[int, BaseException]]:
        """Results and failures of the whole call, from those of the tasks that ran. When this
        returns they are on disk.
        """
        assert results is not None
        self.sync()
        numbers = self.numbers
        for j, i in enumerate(numbers):
            self._results[i] = results[j]
        self._failures.update({numbers[j]: error for j, error in failures.items()})
        return self._results, self._failures

    # -- single tasks, as they come --

    def begin_stream(self, func: typing.Any = None) -> None:
        """For look(). func: the function of all tasks, where it is one."""
        self.numbers, self.marks = {}, {}
        if func is not None:
            self._keys.fix(func)

    def look(
        self, kind: int, func: typing.Any, item: typing.Any, number: int, index: int
    ) -> tuple[bool, typing.Any]:
        """Whether a task is over already, and its result or the exception in its place. Else it
        becomes the engine's task `index`.
        """
        keys, codes = self._keys, self._codes
        assert isinstance(self.numbers, dict) and isinstance(self.marks, dict)
        new = keys.note(
            self._asked, kind, func, item, number, index, self.numbers, self.marks
        )
        if new and keys.changes == self._noted and not codes.has_former and self._resume != "failed":
            return False, None  # as nearly all are
        return self._look_closer(new, kind, func, item, number, index)

    def _look_closer(
        self, new: bool, kind: int, func: typing.Any, item: typing.Any, number: int, index: int
    ) -> tuple[bool, typing.Any]:
        assert isinstance(self.numbers, dict) and isinstance(self.marks, dict)
        site, key, n = self._keys.last()
        if self._keys.changes != self._noted:
            self._codes.look(self._keys.names)
            self._noted = self._keys.changes
        if not new or self._resume == "failed":
            result: list[typing.Any] = [None]
            usage: list[Usage] | None = [None] if self._verdicts else None
            missing, failed = self.journal.load(key, result, usage)
            if not missing or (self._resume == "failed" and not failed):
                self.numbers.pop(index, None)
                self.marks.pop(index, None)
            if not missing:
                self.found += 1
                if usage is not None:
                    return True, _verdict(result[0], number, kind, func, item, usage[0])
                return True, result[0]
            if self._resume == "failed" and not failed:
                return True, never_run(number, kind, func, item)
            self._mark(key, number, index)  # it is there, and cannot be read
        if self._codes.has_former and self._resume != "never":
            name = self._codes.whose(site, n)
            if name is not None:
                self._codes.warn(name, 1, True)
        return False, None

    def _mark(self, key: bytes, number: int, index: int) -> None:
        assert isinstance(self.numbers, dict) and isinstance(self.marks, dict)
        self.numbers[index] = number
        self.marks[index] = key + number.to_bytes(8, sys.byteorder)

    def forget(self, number: int, index: int) -> None:
        """The result of the last look() does not count: the task becomes the engine's."""
        self.found -= 1
        self._mark(self._keys.last()[1], number, index)

    def hold(self, taken: list[tuple[int, typing.Any]]) -> None:
        """Keeps what the engine gave until it is on disk."""
        if taken:
            self._held.append((self.journal.seq, taken))

    @property
    def holds(self) -> bool:
        """Whether there is something that is not on disk."""
        return bool(self._held)

    def gathers(self) -> bool:
        """Whether there is nothing to release yet, and nothing to ask for."""
        return (
            bool(self._held)
            and self._held[0][0] > self.journal.progress(False)
            and time.monotonic() < self._due
        )

    def release(self) -> list[tuple[int, typing.Any]]:
        """What is on disk by now; the rest is brought there meanwhile, once in _GATHER_S."""
        if not self._held:
            return []
        now, out = time.monotonic(), []
        ask = now >= self._due
        if ask:
            self._due = now + _GATHER_S
        durable = self.journal.progress(ask)
        while self._held and self._held[0][0] <= durable:
            out += self._held.popleft()[1]
        return out

    def renumber(self, taken: list[tuple[int, typing.Any]]) -> list[tuple[int, typing.Any]]:
        """What the engine gave, by the user's numbers."""
        assert isinstance(self.numbers, dict)
        return _hec.renumber(self.numbers, taken)

    def forget_numbers(self, taken: list[tuple[int, typing.Any]]) -> None:
        """What the engine gave is over, and given out by the engine's numbers."""
        assert isinstance(self.numbers, dict)
        _hec.forget(self.numbers, taken)

    # -- tasks that run in this process --

    def add(self, index: int, value: typing.Any, usage: Usage) -> Exception | None:
        """The result of a task that ran here; the error, where it cannot be kept."""
        assert isinstance(self.numbers, list)
        try:
            parts = pickled([value], self.numbers[index])
        except _errors.ResultError as e:
            return e
        self.append(index, _DONE, 0, usage, parts)
        return None

    def add_failure(self, index: int, error: BaseException, text: str, usage: Usage) -> None:
        """The failure of one."""
        message = f"{type(error).__name__}: {error}"[:4096]
        parts = [
            (_PART_MESSAGE, _FORMAT_TEXT, message.encode("utf-8", "replace")),
            (_PART_ARGS, _FORMAT_TEXT, text.encode("utf-8", "replace")),
        ]
        self.append(index, _RAISED, 0, usage, parts)

    def append(
        self, index: int, verdict: int, detail: int, usage: Usage, parts: list[typing.Any]
    ) -> None:
        """What became of a task that no worker has run."""
        if isinstance(self.marks, bytes):
            mark = self.marks[index * 24 : index * 24 + 24]
        else:
            mark = self.marks.pop(index)
        number = int.from_bytes(mark[16:], sys.byteorder)
        self.journal.append(mark[:16], number, verdict, detail, usage, parts)


def run_logged(
    kind: int,
    func: typing.Any,
    items: list[typing.Any],
    bar: Bar,
    options: Options,
    run: typing.Callable[[list[typing.Any], Log], Ended],
    stand_ins: list[typing.Any] | None = None,
) -> list[typing.Any]:
    """A call over inputs that exist: what its journal has is taken from there, and run() does the
    rest.
    """
    log = Log(options)
    try:
        with bar:
            rest = log.begin(kind, func, items, stand_ins)
            bar.begin_with(log.found)
            results, failures = run(rest, log) if rest else ([], {})
        return conclude(*log.merge(results, failures), options)
    finally:
        log.close()


def pickled(values: list[typing.Any], index: int) -> list[tuple[int, int, typing.Any]]:
    """A list of results as the parts of a record."""
    import pickle

    buffers: list[pickle.PickleBuffer] = []
    try:
        data = pickle.dumps(values, 5, buffer_callback=buffers.append)
        raw = [(_PART_BUFFER, _FORMAT_BYTES, b.raw()) for b in buffers]
    except Exception:  # what pickle cannot do, cloudpickle may; its error stands
        import cloudpickle

        try:
            data, raw = cloudpickle.dumps(values), []
        except Exception as e:
            _report.blame_result(index, values[0], e)
            raise
    return [(_PART_RESULT, _FORMAT_PICKLE, data), *raw]


def never_run(number: int, kind: int, func: typing.Any, item: typing.Any) -> _errors.TaskError:
    """What stands for a task that resume='failed' leaves out."""
    what = _report.describe(func, kind, item)
    error = _errors.TaskError(
        f"task {number}, {what}, was never run: resume='failed' runs only what has failed"
    )
    error.index, error.arguments = number, what
    return error


def _verdict(
    value: typing.Any, number: int, kind: int, func: typing.Any, item: typing.Any, usage: Usage
) -> typing.Any:
    from ._verdicts import Verdict

    attempts = usage[5] if usage is not None else 1
    verdict = Verdict("done", number, _report.describe(func, kind, item), attempts, usage)
    verdict.value, verdict.from_journal = value, True
    return verdict
