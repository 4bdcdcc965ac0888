# SPDX-License-Identifier: MIT
"""A task reads from address 0, as a faulty C extension does."""

from __future__ import annotations

import ctypes

from bench.faults.base import BAD, Fault, answer


def task(i: int) -> int:
    if i == BAD:
        ctypes.string_at(0)
    return answer(i)


FAULT = Fault(
    "SIGSEGV in a task",
    "A task reads from address 0, as a faulty extension in C does.",
    task, cause=r"SIGSEGV|signal 11|-11\b|[Ss]egmentation")
