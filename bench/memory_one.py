# SPDX-License-Identifier: MIT
"""The program whose memory bench/memory.py measures: makes data, then forks workers around it, call
after call, as it is told on standard input. Answers in lines of JSON on standard output.

    python -m bench.memory_one list yes 50000000 RELEASE

makes a list of about 50 MB, to be frozen, and says {"bytes": its size}. For each line {"task": T,
"workers": N} it makes a one-shot call of pyhec with N workers. Each of them does T, says so, and
waits for a byte from the descriptor RELEASE, so that all can be looked at while they are there.
{"ended": true} says that the call is over.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from pyhec import Parallel, delayed

from bench import proc

#: Tasks per worker. Each does its work in its first; the others show that nobody went without.
TASKS = 16
SAMPLE = 20_000


class Reading:
    """One object of the list, as a script might have it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.value = number / 7
        self.note = f"reading {number}"

    def look(self) -> None:
        """Reads everything that it has."""
        self.number, self.value, self.note


def say(answer: dict[str, Any]) -> None:
    """One line, in one piece, whoever else writes."""
    os.write(1, (json.dumps(answer) + "\n").encode())


def private() -> int:
    """The bytes that this process shares with nobody."""
    return proc.rollup()["Private_Dirty"]


def make_list(size: int) -> list[Reading]:
    """Objects that take `size` bytes, about; a sample says how large one is."""
    before = private()
    readings = [Reading(i) for i in range(SAMPLE)]
    each = max(private() - before, SAMPLE) / SAMPLE
    readings += [Reading(i) for i in range(SAMPLE, int(size / each))]
    return readings


def make_array(size: int) -> Any:
    """Numbers that take `size` bytes."""
    return np.ones(size // 8)


# ---- what a worker does with the data ----

def only_run(data: Any, part: int, parts: int) -> None:
    """A task that does not look at it."""


def read(data: Any, part: int, parts: int) -> None:
    """Every worker reads all of it, once."""
    if isinstance(data, list):
        for reading in data:
            reading.look()
    else:
        data.sum()


def share(data: Any, part: int, parts: int) -> None:
    """Every worker reads its own part."""
    first, end = len(data) * part // parts, len(data) * (part + 1) // parts
    if isinstance(data, list):
        for i in range(first, end):
            data[i].look()
    else:
        data[first:end].sum()


def collect(data: Any, part: int, parts: int) -> None:
    """Every worker has the garbage collector run."""
    gc.collect()


WORK: dict[str, Callable[[Any, int, int], None]] = {
    "run": only_run, "share": share, "read": read, "collect": collect}


class Call:
    """One call; the numbers of the workers go through a pipe, which each asks in its first task."""

    def __init__(self, task: str, workers: int, release: int) -> None:
        self.work, self.workers, self.release = WORK[task], workers, release
        self.numbers, write = os.pipe()
        os.write(write, bytes(range(workers)))
        os.close(write)
        self.worked = False  # becomes true in the workers only

    def __call__(self, data: Any) -> None:
        if self.worked:
            return
        self.worked = True
        self.work(data, os.read(self.numbers, 1)[0], self.workers)
        memory = proc.rollup()
        say({"worker": os.getpid(), "private_dirty": memory["Private_Dirty"],
             "frozen": gc.get_freeze_count()})
        os.read(self.release, 1)  # also ends when the other end is closed

    def run(self, data: Any) -> None:
        """Forks, waits for all, and ends."""
        try:
            Parallel(n_jobs=self.workers)(delayed(self)(data) for _ in range(self.workers * TASKS))
        finally:
            os.close(self.numbers)


def main() -> None:
    kind, frozen, size, release = sys.argv[1:]
    if frozen == "no":
        # pyhec freezes nothing where the program has frozen something itself: so only what is there
        # now is frozen, and the data is not. In all else the two variants are the same.
        gc.freeze()
    before = private()
    data = make_list(int(size)) if kind == "list" else make_array(int(size))
    say({"bytes": private() - before})
    for line in sys.stdin:
        order = json.loads(line)
        Call(order["task"], order["workers"], int(release)).run(data)
        say({"ended": True})


if __name__ == "__main__":
    main()
