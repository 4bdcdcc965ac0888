# SPDX-License-Identifier: MIT
"""/bin/true 5,000 times from a process that holds 4 GB, as one with data does: some ways to start a
command copy the parent's page tables first.
"""

from __future__ import annotations

from bench.cases.base import Case, Quantity, Sample, Size, at_least
from bench.cases.commands import rate
from bench.peers.base import NotHere, Peer


def measure(peer: Peer, size: Size) -> Sample:
    gib = size.of(4, 1)
    if peer.spawns == "elsewhere":
        raise NotHere("its commands are started by a small process of its own")
    # Written, not only reserved.
    ballast = bytearray(b"x") * (gib << 30 if peer.spawns == "here" else 0)
    sample = rate(peer, size, "commands_big", gib)
    del ballast
    return sample


CASE = Case(Quantity("5,000 commands from a process of 4 GB", "1/s", "higher",
                     (at_least(0.9, "native_spawn"),)),
            measure, needs="commands", timeout_s=90.0, needs_gib=6.0, rounds=3)
