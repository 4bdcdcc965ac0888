# SPDX-License-Identifier: MIT
"""What the tasks do. A module of its own, because workers that do not inherit the parent's
memory must be able to import it; NumPy is loaded only by the functions that need it.
"""

from __future__ import annotations

import random
from typing import Any


def noop(x: int) -> int:
    """Returns its argument: all the time is the tool's."""
    return x


def fib(n: int) -> int:
    """The n-th Fibonacci number by plain recursion: Python function calls and nothing else."""
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def spin(loops: int) -> int:
    """Adds for so many turns; the time is proportional to `loops`."""
    total = 0
    for i in range(loops):
        total += i & 3
    return total


def skewed_loops(tasks: int, total: int) -> list[int]:
    """Pareto-distributed loops that sum to about `total`, the longest task last."""
    rng = random.Random(1)
    weights = sorted(min(rng.paretovariate(1.2), 40.0) for _ in range(tasks))
    return [int(total * weight / sum(weights)) for weight in weights]


def slice_sum(array: Any, i: int) -> float:
    """Reads a little of a big array, so that only handing it over costs time."""
    return float(array[i * 1000:(i + 1) * 1000].sum())


def block(i: int) -> Any:
    """A new array of 32 MB, all of it written."""
    import numpy as np
    return np.full(4_000_000, float(i))
