# SPDX-License-Identifier: MIT
"""What the tasks do. A module of its own, because workers that do not inherit the parent's
memory must be able to import it; NumPy is loaded only by the functions that need it.
"""

from __future__ import annotations

import heapq
import os
import random
import signal
import time
from typing import Any


def noop(x: int) -> int:
    """Returns its argument: all the time is the tool's."""
    return x


def fib(n: int) -> int:
    """The n-th Fibonacci number by plain recursion: Python function calls and nothing else."""
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def busy(seconds: float) -> float:
    """Keeps its worker busy until so much time has passed, whatever the machine does meanwhile."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
    return seconds


def skewed_times(tasks: int, total: float, longest_last: bool) -> list[float]:
    """Pareto-distributed seconds that sum to `total`: the same numbers every time, sorted or not."""
    rng = random.Random(1)
    weights = [min(rng.paretovariate(1.2), 40.0) for _ in range(tasks)]
    times = [total * weight / sum(weights) for weight in weights]
    return sorted(times) if longest_last else times


def makespan(times: list[float], workers: int) -> float:
    """When the last is done if everybody takes the next task as soon as the one before is done."""
    free_at = [0.0] * workers
    for seconds in times:
        heapq.heapreplace(free_at, free_at[0] + seconds)
    return max(free_at)


def slice_sum(array: Any, i: int) -> float:
    """Reads a little of a big array, so that only handing it over costs time."""
    return float(array[i * 1000:(i + 1) * 1000].sum())


def block(i: int) -> Any:
    """A new array of 32 MB, all of it written."""
    import numpy as np
    return np.full(4_000_000, float(i))


def both_ends(array: Any) -> float:
    """Reads the least that shows that an array is there, and whole."""
    return float(array[0] + array[-1])


def part_started(part: Any, hold_s: float) -> list[tuple[float, float]]:
    """When a part of a DataFrame was begun, by the clock that all processes share, and the sum of
    its first column. Can keep the part a while, so that memory can be looked at.
    """
    began = time.monotonic()
    total = float(part.iloc[:, 0].sum())
    time.sleep(hold_s)
    return [(began, total)]


def nap(seconds: float) -> int:
    """Waits and returns 1."""
    time.sleep(seconds)
    return 1


def die(mark: str) -> int:
    """Ends its process as the kernel does; leaves the time of the first such end in a file."""
    try:
        with open(mark, "x", encoding="ascii") as stream:
            stream.write(repr(time.monotonic()))
    except FileExistsError:
        pass  # a tool that tries again
    os.kill(os.getpid(), signal.SIGKILL)
    return 0
