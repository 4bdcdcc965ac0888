# SPDX-License-Identifier: MIT
"""An exception that can be pickled and not unpickled: an easy mistake in a class of one's own."""

from __future__ import annotations

from bench.faults.base import BAD, Fault, answer


class ModelError(Exception):
    """Its __init__ takes something else than what Exception is given."""

    def __init__(self, step: int, what: str) -> None:
        super().__init__(f"step {step}: {what}")


def task(i: int) -> int:
    if i == BAD:
        raise ModelError(7, "no convergence")
    return answer(i)


FAULT = Fault(
    "exception that cannot be unpickled",
    "A task raises an exception of a class whose `__init__` has two arguments and hands one text "
    "on: it can be pickled, and then not be made again.",
    task, cause=r"ModelError\b.*no convergence")
