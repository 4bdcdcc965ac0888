# SPDX-License-Identifier: MIT
"""Ways in which a task can fail to come to its end; for the tests of what is made of them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
import typing


def segfault() -> None:
    ctypes.string_at(0)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    os._exit(3)


def overflow() -> None:
    # Frames of C without end: the C stack runs out, not Python's limit.
    callback = ctypes.CFUNCTYPE(None)

    @callback
    def again() -> None:
        again()

    sys.setrecursionlimit(10**9)
    again()
    os.kill(os.getpid(), signal.SIGSEGV)  # where Python itself stops it


def hang_deaf() -> None:
    """Sleeps in C with the interpreter's lock, and hears no signal."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True:
        ctypes.PyDLL(None).pause()


def hang_busy() -> None:
    """A loop in C that does not end before the universe does."""
    import re

    re.match(r"(a+)+$", "a" * 200 + "b")


def hog(megabytes: int = 1500, hold_s: float = 0.0) -> int:
    """Takes memory until it is stopped, or it has that much; then holds it for a while."""
    held = []
    for _ in range(megabytes // 10):
        held.append(bytearray(os.urandom(1) * (10 << 20)))
        time.sleep(0.001)
    time.sleep(hold_s)
    return len(held)


class Task:
    """The negative of what it is called with; but one of the numbers is its undoing."""

    def __init__(self, way: typing.Callable[[], object], bad: int) -> None:
        self.way, self.bad = way, bad

    def __call__(self, x: int) -> int:
        if x == self.bad:
            self.way()
        return -x

    __qualname__ = "Task"
