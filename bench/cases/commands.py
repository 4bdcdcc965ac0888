# SPDX-License-Identifier: MIT
"""/bin/true 5,000 times, as many at a time as there are workers: the cost of starting a command."""

from __future__ import annotations

from bench.cases.base import Case, Quantity, Sample, Size, at_least
from bench.peers.base import Peer

PROGRAM = "/bin/true"


def rate(peer: Peer, size: Size, case: str, parent_gib: int) -> Sample:
    """Commands a second."""
    count, note = peer.items(case, 5_000)
    count = size.of(count, count // 10)
    return Sample(count / peer.commands(PROGRAM, count, size.workers, parent_gib), note)


def measure(peer: Peer, size: Size) -> Sample:
    return rate(peer, size, "commands", 0)


CASE = Case(Quantity("5,000 commands (/bin/true)", "1/s", "higher",
                     (at_least(0.9, "native_spawn"),)), measure, needs="commands")
