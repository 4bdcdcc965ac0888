# SPDX-License-Identifier: MIT
"""The same single call after 2 ms of idleness, when everybody has gone to sleep."""

from __future__ import annotations

from bench.cases.base import Case, Sample, Size, round_trip_us, warm
from bench.peers.base import Peer


def measure(peer: Peer, size: Size) -> Sample:
    warm(peer, size)
    return Sample(round_trip_us(peer, size.of(200, 50), pause_s=0.002))


CASE = Case("no-op round trip after 2 ms idle", "µs", "lower", measure)
