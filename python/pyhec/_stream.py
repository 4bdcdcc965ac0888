# SPDX-License-Identifier: MIT
"""Calls on a pool that lives on: whole lists, and streams with a bounded window."""

from __future__ import annotations

import time

from . import _hec
from ._run import Bar, conclude, drive

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import collections.abc
    import typing

#: Inputs that may be on their way, or have come back and wait for their turn.
WINDOW = 4096
#: How long to go on pulling inputs before looking at results, seconds.
_PULL_S = 0.001


def run_list(
    pool: _hec.Pool,
    kind: int,
    func: typing.Any,
    items: list[typing.Any],
    *,
    bar: Bar,
    on_error: str,
) -> list[typing.Any]:
    """A call over inputs that exist, on workers that exist."""
    if not items:
        return []
    call = _hec.Call(kind, func, items)
    pool.open(call)
    try:
        with bar:
            drive(pool, call, bar, on_error)
    finally:
        pool.end(call)
    return conclude(call.results, call.failures, on_error)


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


def stream(
    pool: _hec.Pool,
    kind: int,
    func: typing.Any,
    iterable: collections.abc.Iterable[typing.Any],
    ordered: bool,
) -> collections.abc.Iterator[typing.Any]:
    """Yields results while inputs are still being pulled; the iterable may be infinite. At most
    WINDOW inputs have been pulled whose results were not yielded. The first thing it yields is
    None: by then the workers have begun.
    """
    source = iter(iterable)
    items: dict[int, typing.Any] = {}
    call = _hec.Call(kind, func, items, stream=True)
    order = _Order(ordered)
    pulled = yielded = 0
    more, primed = True, False
    pool.open(call)
    try:
        while more or yielded < pulled:
            stop = time.monotonic() + _PULL_S
            while more and pulled - yielded < WINDOW and time.monotonic() < stop:
                try:
                    items[pulled] = next(source)
                except StopIteration:
                    more = False
                else:
                    pulled += 1
            pool.extend(call, pulled)
            if not primed:
                primed = True
                yield None  # the workers have begun; the caller has not asked yet
            if more and pulled - yielded < WINDOW:
                pool.step(0)
            elif call.done < pulled:
                pool.drive(call, once=True)
            for good, value in order.sort(call.take()):
                yielded += 1
                if not good:
                    raise value
                yield value
                if time.monotonic() - stop > _PULL_S:
                    pool.step(0)  # the workers go on while the caller looks at this
                    stop = time.monotonic()
    finally:
        pool.end(call)
