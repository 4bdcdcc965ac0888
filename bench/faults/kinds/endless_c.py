# SPDX-License-Identifier: MIT
"""A loop in C that never ends and holds the interpreter's lock."""

from __future__ import annotations

import itertools

from bench.faults.base import BAD, Fault, answer, note


def task(i: int) -> int:
    if i == BAD:
        note("bad")
        sum(itertools.repeat(1, 10**18))
    return answer(i)


FAULT = Fault(
    "endless loop in C",
    "The same in C code that holds the interpreter's lock and sees no signal.",
    task, cause=r"[Tt]ime", asks="timeout")
