# SPDX-License-Identifier: MIT
"""One of the tasks raises; the most common fault of all."""

from __future__ import annotations

from bench.faults.base import BAD, Fault, answer


def task(i: int) -> int:
    if i == BAD:
        raise ArithmeticError("no convergence")
    return answer(i)


FAULT = Fault(
    "exception in one task",
    "One of the thousand raises `ArithmeticError`.",
    task, cause=r"ArithmeticError: no convergence")
