# SPDX-License-Identifier: MIT
"""An exception that has something with it that cannot be pickled."""

from __future__ import annotations

import threading

from bench.faults.base import BAD, Fault, answer


class SolverError(Exception):
    """Keeps the state of the solver, with its lock, for whoever catches it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.state = threading.Lock()


def task(i: int) -> int:
    if i == BAD:
        raise SolverError("no convergence")
    return answer(i)


FAULT = Fault(
    "exception that cannot be pickled",
    "A task raises an exception that holds a lock, so that it cannot be sent.",
    task, cause=r"SolverError\b.*no convergence")
