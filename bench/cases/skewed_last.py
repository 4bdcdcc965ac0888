# SPDX-License-Identifier: MIT
"""The same unequal tasks with the longest last, the worst order for whoever takes them in turn."""

from __future__ import annotations

from bench.cases.base import Case, Quantity, Sample, Size
from bench.cases.skewed_random import TARGETS, efficiency
from bench.peers.base import Peer


def measure(peer: Peer, size: Size) -> Sample:
    return efficiency(peer, size, longest_last=True)


CASE = Case(Quantity("efficiency on 1,000 skewed tasks, longest last", "of ideal", "higher",
                     TARGETS), measure)
