# SPDX-License-Identifier: MIT
"""A function without a name to import it by."""

from __future__ import annotations

from collections.abc import Callable

from bench.faults.base import Fault, answer


def made(zero: int) -> Callable[[int], int]:
    """A lambda that closes over something."""
    return lambda i: answer(i) + zero


FAULT = Fault(
    "a lambda with a closure",
    "The function is a lambda that uses a variable around it. No fault, but what most people try "
    "first.",
    made(0), spoilt=0)
