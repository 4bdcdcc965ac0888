# SPDX-License-Identifier: MIT
"""64 different arguments of 32 MB again, in arrays that the tool itself made so that a worker can see
them where they are: pyhec.empty().
"""

from __future__ import annotations

from bench.cases.args_distinct import gb_per_s
from bench.cases.base import Case, Quantity, Sample, Size
from bench.peers.base import Peer


def measure(peer: Peer, size: Size) -> Sample:
    return gb_per_s(peer, size, peer.shared_array)


CASE = Case(Quantity("64 different arguments of 32 MB, made for sharing", "GB/s", "higher"),
            measure, needs="shared_array", timeout_s=60.0, needs_numpy=True, needs_gib=6.0)
