# SPDX-License-Identifier: MIT
"""Streams on a pool that lives on, with a bounded window."""

from __future__ import annotations

import time

from . import _errors, _hec
from ._options import Options
from ._run import make_call, out_of_time
from ._weight import weigh

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import collections.abc
    import typing

    from ._journal import Log

#: Inputs that may be on their way, or have come back and wait for their turn: so many,
WINDOW = 4096
#: and no more than take about so many bytes, with their results,
WINDOW_BYTES = 128 << 20
#: but always so many per worker,
_LEAST = 4
#: and only so many before it is known how large a result is.
_FIRST = 16
#: How long to wait for more while results are not on disk yet, milliseconds.
_LOOK_MS = 2
#: How long to go on pulling inputs before looking at results, seconds.
_PULL_S = 0.0005


def open_log(options: Options, func: typing.Any = None) -> Log | None:
    """What a stream of tasks has in its journal; None where it has none."""
    if options.journal is None:
        return None
    from ._journal import Log

    log = Log(options)
    try:
        log.begin_stream(func)
    except BaseException:
        log.close()
        raise
    return log


def returned(error: BaseException, options: Options) -> typing.Any:
    """What stands for a failure among the results, where the options say that something does."""
    if not options.verdicts:
        return error
    from ._verdicts import verdict

    return verdict(error)


class _Order:
    """Gives results out as they come, or in the order of their inputs."""

    def __init__(self, ordered: bool) -> None:
        self._ordered = ordered
        self._next = 0
        self._early: dict[int, tuple[bool, typing.Any]] = {}

    def sort(
        self, taken: list[tuple[int, typing.Any]]
    ) -> collections.abc.Iterator[tuple[bool, typing.Any]]:
        """Yields (good, value or exception) of everything whose turn it is."""
        for first, what in taken:
            entries = [(True, v) for v in what] if isinstance(what, list) else [(False, what)]
            if not self._ordered:
                yield from entries
                continue
            for i, entry in enumerate(entries, first):
                self._early[i] = entry
        while self._next in self._early:
            self._next += 1
            yield self._early.pop(self._next - 1)


class _Window:
    """How many inputs may be pulled ahead. One input and one result are weighed now and then: what
    is heavier than thought counts at once, what is lighter little by little.
    """

    def __init__(self, workers: int, verdicts: bool = False) -> None:
        self._verdicts = verdicts
        self._least = _LEAST * workers
        self._most = min(_FIRST * workers, WINDOW)
        self._weights = [0.0, 0.0]
        self.size = self._most

    def _weigh(self, which: int, value: object) -> None:
        weights, new = self._weights, float(weigh(value))
        weights[which] = max(new, weights[which] + (new - weights[which]) / 16)
        room = int(WINDOW_BYTES / max(sum(weights), 1.0))
        self.size = max(min(room, self._most), min(self._least, WINDOW))

    def see_input(self, value: object) -> None:
        self._weigh(0, value)

    def see_results(self, taken: list[tuple[int, typing.Any]]) -> None:
        """Weighs the last of those that came."""
        if taken:
            what = taken[-1][1]
            last = what[-1] if isinstance(what, list) else what
            self._most = WINDOW
            self._weigh(1, last.value if self._verdicts and isinstance(what, list) else last)


class _Inputs:
    """Pulls the inputs of a stream. Those whose results a journal has do not go to the engine."""

    def __init__(
        self, kind: int, func: typing.Any, iterable: typing.Iterable[typing.Any], log: Log | None
    ) -> None:
        self._source = iter(iterable)
        self._kind, self._func, self._log = kind, func, log
        #: By the engine's number, until they are over.
        self.items: dict[int, typing.Any] = {}
        self.pulled = self.sent = 0
        self.more = True
        #: Tasks that are over before they began: number, and [value] or an exception.
        self.over: list[tuple[int, typing.Any]] = []

    def pull(self) -> typing.Any:
        """Takes one more, where there is one; the input."""
        try:
            item = next(self._source)
        except StopIteration:
            self.more = False
            return None
        if self._log is not None:
            known, value = self._log.look(self._kind, self._func, item, self.pulled, self.sent)
            if known:
                failed = isinstance(value, _errors.TaskError)
                self.over.append((self.pulled, value if failed else [value]))
                self.pulled += 1
                return item
        self.items[self.sent] = item
        self.sent += 1
        self.pulled += 1
        return item

    def pull_some(self, window: _Window, yielded: int, stop: float) -> None:
        """Fills the window, as far as there is time for it."""
        before = self.pulled
        while self.more and self.pulled - yielded < window.size and time.monotonic() < stop:
            item = self.pull()
            if self.pulled == before + 1:
                window.see_input(item)

    def wait(self, pool: _hec.Pool, call: _hec.Call, room: int) -> None:
        """Waits for something to give out, unless there is, or room for more inputs."""
        if self.more and room > 0:
            pool.step(0)
        elif self._log is not None and self._log.holds:
            pool.step(_LOOK_MS if call.done < self.sent else 0)
            while call.done < self.sent and self._log.gathers():
                pool.gather(call, self.sent, _LOOK_MS)
            if call.done >= self.sent:
                self._log.sync()
        elif call.done < self.sent and not self.over:
            pool.drive(call, once=True)

    def take(self, taken: list[tuple[int, typing.Any]]) -> list[tuple[int, typing.Any]]:
        """What the engine gave, by the numbers of inputs, and what was over before."""
        if self._log is None:
            return taken
        found, self.over = self.over, []
        self._log.hold(taken)
        return found + self._log.renumber(self._log.release())


def stream(
    pool: _hec.Pool,
    kind: int,
    func: typing.Any,
    iterable: collections.abc.Iterable[typing.Any],
    ordered: bool,
    options: Options,
) -> collections.abc.Iterator[typing.Any]:
    """Yields results while inputs are still being pulled; the iterable may be infinite. At most
    WINDOW inputs have been pulled whose results were not yielded, fewer if they are large. The
    first thing it yields is None: by then the workers have begun.
    """
    log = open_log(options, func)
    inputs = _Inputs(kind, func, iterable, log)
    call = make_call(kind, func, inputs.items, options, stream=True, log=log)
    order, window = _Order(ordered), _Window(len(pool.pids()), options.verdicts)
    raises = options.on_error != "return" and not options.verdicts
    yielded = skipped = 0
    primed = False
    pool.open(call)
    try:
        while inputs.more or yielded < inputs.pulled:
            stop = time.monotonic() + _PULL_S
            inputs.pull_some(window, yielded, stop)
            pool.extend(call, inputs.sent)
            if not primed:
                primed = True
                yield None  # the workers have begun; the caller has not asked yet
            inputs.wait(pool, call, window.size - (inputs.pulled - yielded))
            taken = inputs.take(call.take())
            window.see_results(taken)
            for good, value in order.sort(taken):
                yielded += 1
                if not good and isinstance(value, _errors.Skipped):
                    inputs.more = False
                    skipped += raises
                elif not good and raises:
                    raise value
                if skipped and (ordered or not good):
                    continue  # those that run are waited for
                yield value if good else returned(value, options)
                if time.monotonic() - stop > _PULL_S:
                    pool.step(0)  # the workers go on while the caller looks at this
                    stop = time.monotonic()
        if skipped:
            raise out_of_time(None, inputs.pulled - skipped, [])
    finally:
        pool.end(call)
        if log is not None:
            log.close()
