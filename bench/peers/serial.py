# SPDX-License-Identifier: MIT
"""The plain loop: no tool, one core. What every tool has to beat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bench.peers.base import Peer


class Serial(Peer):
    name = "serial loop"
    module = "builtins"
    reference = True
    script = """
def f(x):
    return x * x
print(sum([f(x) for x in range(100)]))
"""

    def open(self, workers: int) -> None:
        pass

    def call(self, func: Callable[..., Any], item: Any) -> Any:
        return func(item)

    def map(self, func: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        return [func(item) for item in items]

    def stream(self, func: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        return (func(item) for item in items)

    def array_tasks(self, func: Callable[..., Any], array: Any, tasks: int,
                    workers: int) -> tuple[int, str]:
        for i in range(tasks):
            func(array, i)
        return tasks, ""


PEER = Serial()
