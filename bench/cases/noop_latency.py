# SPDX-License-Identifier: MIT
"""How long one call takes that does nothing: there and back, workers warm, nothing else to do."""

from __future__ import annotations

from bench.cases.base import Case, Quantity, Sample, Size, at_most, round_trip_us, warm
from bench.peers.base import Peer


def measure(peer: Peer, size: Size) -> Sample:
    count, note = peer.items("noop_latency", size.of(1000, 200))
    warm(peer, size)
    return Sample(round_trip_us(peer, count), note)


CASE = Case(Quantity("no-op round trip, warm", "µs", "lower",
                     (at_most(1 / 30, "mp_pool"), at_most(1 / 5, "threads"))),
            measure, needs="call")
