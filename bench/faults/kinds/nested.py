# SPDX-License-Identifier: MIT
"""Every task makes a call of its own."""

from __future__ import annotations

from collections.abc import Sequence

from bench.faults import tools
from bench.faults.base import Fault


def task(item: tuple[int, str]) -> int:
    """Four tasks below this one, by the same tool; their sum is known."""
    number, name = item
    return tools.load(name).inner() + 6 - number


def inputs() -> Sequence[tuple[int, str]]:
    """Where the tool's name is put in by one.py."""
    return [(i, "") for i in range(8)]


FAULT = Fault(
    "a call within a task",
    "Eight tasks on two workers, each of which makes a call of four tasks on two workers, by the "
    "same tool. The number of processes is the largest that was seen.",
    task, items=inputs, spoilt=0, names_tool=True)
