# SPDX-License-Identifier: MIT
"""How long one call takes that does nothing: there and back, workers warm, nothing else to do."""

from __future__ import annotations

from bench.cases.base import Case, Sample, Size, round_trip_us, warm
from bench.peers.base import Peer


def measure(peer: Peer, size: Size) -> Sample:
    warm(peer, size)
    return Sample(round_trip_us(peer, size.of(1000, 200)))


CASE = Case("no-op round trip, warm", "µs", "lower", measure)
