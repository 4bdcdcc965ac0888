# SPDX-License-Identifier: MIT
"""A lock that another thread holds when the workers are started, and that every task needs."""

from __future__ import annotations

import threading

from bench.faults.base import Fault, answer

LOCK = threading.Lock()


def hold_it() -> None:
    """Takes the lock in another thread, which never lets go: as long as workers are started it has
    it, and a copy of a thread that could let go there is none in a forked worker.
    """
    taken = threading.Event()

    def run() -> None:
        with LOCK:
            taken.set()
            threading.Event().wait()

    threading.Thread(target=run, daemon=True).start()
    taken.wait()


def task(i: int) -> int:
    with LOCK:
        return answer(i)


FAULT = Fault(
    "fork while a thread holds a lock",
    "A thread of the program holds a lock of a module while workers are started, as a logger, a "
    "progress bar or a download may do at any time. Every task takes that lock. A worker that is a "
    "copy of the program has a lock that nobody lets go.",
    task, spoilt=0, before=hold_it)
