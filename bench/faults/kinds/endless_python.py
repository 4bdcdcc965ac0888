# SPDX-License-Identifier: MIT
"""A loop in Python that never ends."""

from __future__ import annotations

from bench.faults.base import BAD, Fault, answer, note


def task(i: int) -> int:
    if i == BAD:
        note("bad")
        while True:
            pass
    return answer(i)


FAULT = Fault(
    "endless loop in Python",
    "A task never ends. The tool is asked for a limit of one second a task where it has such a "
    "thing, and else to wait no longer than that.",
    task, cause=r"[Tt]ime", asks="timeout")
