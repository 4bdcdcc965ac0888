# SPDX-License-Identifier: MIT
"""What a case is: a name, a unit, which direction is better, and a function that measures one peer
once. It runs in a process of its own, so nothing of one measurement is left over for the next.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.peers.base import Peer


@dataclass(frozen=True)
class Size:
    """How large a measurement is to be."""

    workers: int
    quick: bool = False

    def of(self, full: int, quick: int) -> int:
        """One of two numbers, by whether time is short."""
        return quick if self.quick else full


@dataclass
class Sample:
    """One measured value. The note says what was done differently for this peer."""

    value: float
    note: str = ""
    extra: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """A case; `better` is "lower" or "higher"."""

    title: str
    unit: str
    better: str
    measure: Callable[[Peer, Size], Sample]
    timeout_s: float = 30.0
    needs_numpy: bool = False
    needs_gib: float = 0.5


def warm(peer: Peer, size: Size) -> None:
    """Opens the peer and makes sure that every worker has worked once."""
    from bench.work import noop
    peer.open(size.workers)
    peer.map(noop, range(4 * size.workers))


def round_trip_us(peer: Peer, count: int, pause_s: float = 0.0, budget_s: float = 1.0) -> float:
    """The median of so many single calls, or of as many as fit into the budget (at least 20)."""
    from bench.work import noop
    times: list[float] = []
    end = time.perf_counter() + budget_s
    while len(times) < count and (len(times) < 20 or time.perf_counter() < end):
        if pause_s:
            time.sleep(pause_s)
        start = time.perf_counter()
        peer.call(noop, len(times))
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6
