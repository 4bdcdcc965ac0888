# SPDX-License-Identifier: MIT
"""What a case is: a name, a unit, which direction is better, and a function that measures one peer
once. It runs in a process of its own, so nothing of one measurement is left over for the next.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

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
    """One measured value, and those of the case's `more`. The note says what was done differently
    for this peer; `ideal` is what nobody can be better than.
    """

    value: float
    note: str = ""
    more: dict[str, float] = field(default_factory=dict)
    ideal: float = 0.0


@dataclass(frozen=True)
class Target:
    """What pyhec wants to reach: a value of at most, or at least, `factor` times that of another
    tool in the same run, plus a number in the case's unit; without another tool, that number.
    """

    bound: str
    factor: float = 0.0
    of: str = ""
    plus: float = 0.0


def at_most(factor: float, of: str, plus: float = 0.0) -> Target:
    """At most so many times the value of another tool, and a little more."""
    return Target("at most", factor, of, plus)


def at_least(factor: float, of: str) -> Target:
    """At least so many times the value of another tool."""
    return Target("at least", factor, of)


@dataclass(frozen=True)
class Quantity:
    """What is measured: title, unit, "lower" or "higher" for what is better, and the targets."""

    title: str
    unit: str
    better: str
    targets: tuple[Target, ...] = ()

    def described(self, **more: Any) -> dict[str, Any]:
        """As it stands in the header of a result file."""
        return {"title": self.title, "unit": self.unit, "better": self.better,
                "targets": [vars(target) for target in self.targets], **more}


@dataclass(frozen=True)
class Case:
    """A case. `needs` names the method of a tool without which there is nothing to measure. Tools
    other than pyhec get at most `rounds` rounds, where one takes long. `more` is what the same
    measurement tells besides. `launches` is for a case that starts the tool's command line itself.
    """

    quantity: Quantity
    measure: Callable[[Peer, Size], Sample]
    needs: str = "map"
    more: dict[str, Quantity] = field(default_factory=dict)
    timeout_s: float = 30.0
    quick_timeout_s: float = 15.0
    needs_numpy: bool = False
    needs_gib: float = 0.5
    rounds: int = 99
    launches: bool = False

    def described(self, name: str) -> dict[str, dict[str, Any]]:
        """The case and its further quantities, as they stand in the header of a result file."""
        group = "commands" if self.needs == "commands" else "tasks"
        named = {name: self.quantity, **{f"{name}.{k}": q for k, q in self.more.items()}}
        return {key: quantity.described(group=group) for key, quantity in named.items()}


def warm(peer: Peer, size: Size) -> None:
    """Opens the peer and makes sure that every worker has worked once."""
    from bench.work import noop
    peer.open(size.workers)
    if peer.has("map"):
        peer.map(noop, range(4 * size.workers))
    else:
        peer.call(noop, 1)


def check(condition: bool, what: str) -> None:
    """A tool that gives wrong results has no time worth showing."""
    if not condition:
        raise RuntimeError(what)


def joined(*notes: str) -> str:
    """The notes that say something, as one."""
    return "; ".join(filter(None, notes))


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


def bytes_taken(results: Iterable[Any]) -> int:
    """Looks at both ends of every array and adds up their sizes, keeping none."""
    size_bytes = 0
    for result in results:
        check(result[0] == result[-1], "a result is damaged")
        size_bytes += result.nbytes
        del result
    return size_bytes
