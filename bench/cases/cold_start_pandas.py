# SPDX-License-Identifier: MIT
"""Cold start in a process that has NumPy and pandas loaded, as a researcher's has."""

from __future__ import annotations

from bench.cases import cold_start
from bench.cases.base import Case, Quantity, Sample, Size, at_most
from bench.peers.base import Peer


def measure(peer: Peer, size: Size) -> Sample:
    import pandas  # noqa: F401  (loaded on purpose, and before the clock starts)
    return cold_start.measure(peer, size)


CASE = Case(Quantity("cold start, NumPy and pandas loaded", "ms", "lower",
                     (at_most(1 / 2, "mp_pool"),)), measure, needs="call", needs_numpy=True)
