# SPDX-License-Identifier: MIT
"""A task that takes much more memory than it was meant to."""

from __future__ import annotations

import time

from bench.faults.base import BAD, HOG_MB, MEMORY_MB, Fault, answer

STEP = 64 << 20


def task(i: int) -> int:
    if i == BAD:
        taken = []
        for _ in range((HOG_MB << 20) // STEP):
            taken.append(bytearray(b"x") * STEP)
            time.sleep(0.05)
    return answer(i)


FAULT = Fault(
    "a task takes too much memory",
    f"A task takes {HOG_MB} MB, a little at a time. The tool is asked for a limit of {MEMORY_MB} MB "
    "a task where it has such a thing.",
    task, cause=r"[Mm]emory", asks="memory")
