# SPDX-License-Identifier: MIT
"""make -j, which many use to run things side by side."""

from __future__ import annotations

from bench.peers.shell import ShellPeer, checked


class MakeJ(ShellPeer):
    name = "make -j"
    program = "make"

    def commands(self, program: str, count: int, in_flight: int, parent_gib: int) -> float:
        targets = " ".join(f"t{i}" for i in range(count))
        rules = f".PHONY: all {targets}\nall: {targets}\n{targets}:\n\t@{program}\n"
        return checked(["make", "-f", "-", "-j", str(in_flight), "all"], rules)


PEER = MakeJ()
