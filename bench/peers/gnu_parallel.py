# SPDX-License-Identifier: MIT
"""GNU parallel."""

from __future__ import annotations

from bench.peers.shell import ShellPeer, checked


class GnuParallel(ShellPeer):
    name = "GNU parallel"
    program = "parallel"
    limits = {"commands": 1_000}

    def commands(self, program: str, count: int, in_flight: int, parent_gib: int) -> float:
        lines = "".join(f"{i}\n" for i in range(count))
        return checked(["parallel", "--will-cite", "-j", str(in_flight), "-n0", program], lines)


PEER = GnuParallel()
