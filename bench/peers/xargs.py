# SPDX-License-Identifier: MIT
"""xargs -P."""

from __future__ import annotations

from bench.peers.shell import ShellPeer, checked


class Xargs(ShellPeer):
    name = "xargs -P"
    program = "xargs"

    def commands(self, program: str, count: int, in_flight: int, parent_gib: int) -> float:
        lines = "".join(f"{i}\n" for i in range(count))
        return checked(["xargs", "-P", str(in_flight), "-n", "1", program], lines)


PEER = Xargs()
