# SPDX-License-Identifier: MIT
"""Calls on a pool that lives on: whole lists, and streams with a bounded window."""

from __future__ import annotations

import time

from . import _errors, _hec
from ._options import Options
from ._run import Bar, conclude, drive, make_call, out_of_time
from ._weight import weigh

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import collections.abc
    import typing

#: Inputs that may be on their way, or have come back and wait for their turn: so many,
WINDOW = 4096
#: and no more than take about so many bytes, with their results,
WINDOW_BYTES = 128 << 20
#: but always so many per worker,
_LEAST = 4
#: and only so many before it is known how large a result is.
_FIRST = 16
#: How long to go on pulling inputs before looking at results, seconds.
_PULL_S = 0.001


def run_list(
    pool: _hec.Pool,
    kind: int,
    func: typing.Any,
    items: list[typing.Any],
    *,
    bar: Bar,
    options: Options,
) -> list[typing.Any]:
    """A call over inputs that exist, on workers that exist."""
    if not items:
        return []
    call = make_call(kind, func, items, options)
    pool.open(call)
    try:
        with bar:
            drive(pool, call, bar, options)
    finally:
        pool.end(call)
    return conclude(call.results, call.failures, options)


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
    source = iter(iterable)
    items: dict[int, typing.Any] = {}
    call = make_call(kind, func, items, options, stream=True)
    order, window = _Order(ordered), _Window(len(pool.pids()), options.verdicts)
    raises = options.on_error != "return" and not options.verdicts
    pulled = yielded = skipped = 0
    more, primed = True, False
    pool.open(call)
    try:
        while more or yielded < pulled:
            stop, before = time.monotonic() + _PULL_S, pulled
            while more and pulled - yielded < window.size and time.monotonic() < stop:
                try:
                    items[pulled] = next(source)
                except StopIteration:
                    more = False
                    break
                if pulled == before:
                    window.see_input(items[pulled])
                pulled += 1
            pool.extend(call, pulled)
            if not primed:
                primed = True
                yield None  # the workers have begun; the caller has not asked yet
            if more and pulled - yielded < window.size:
                pool.step(0)
            elif call.done < pulled:
                pool.drive(call, once=True)
            taken = call.take()
            window.see_results(taken)
            for good, value in order.sort(taken):
                yielded += 1
                if not good and isinstance(value, _errors.Skipped):
                    more = False
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
            raise out_of_time(None, pulled - skipped, [])
    finally:
        pool.end(call)
