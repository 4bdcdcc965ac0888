# SPDX-License-Identifier: MIT
"""A recursion in C code that has no end."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from bench.faults.base import BAD, Fault, answer


def overflow() -> None:
    """Goes through C for every level, with Python's own limit out of the way."""
    kind = ctypes.CFUNCTYPE(None)

    @kind
    def again() -> None:
        again()

    sys.setrecursionlimit(10**9)
    again()
    os.kill(os.getpid(), signal.SIGSEGV)  # a Python that counts its C frames stops it before


def task(i: int) -> int:
    if i == BAD:
        overflow()
    return answer(i)


FAULT = Fault(
    "C stack overflow",
    "A recursion in C code without an end, until the stack has none left.",
    task, cause=r"SIGSEGV|signal 11|-11\b|[Ss]egmentation")
