# SPDX-License-Identifier: MIT
"""The same single call after 2 ms of idleness, when everybody has gone to sleep."""

from __future__ import annotations

from bench.cases.base import Case, Quantity, Sample, Size, at_most, round_trip_us, warm
from bench.peers.base import Peer


def measure(peer: Peer, size: Size) -> Sample:
    count, note = peer.items("noop_latency", size.of(200, 50))
    warm(peer, size)
    return Sample(round_trip_us(peer, count, pause_s=0.002), note)


CASE = Case(Quantity("no-op round trip after 2 ms idle", "µs", "lower",
                     (at_most(1 / 5, "mp_pool"),)), measure, needs="call")
