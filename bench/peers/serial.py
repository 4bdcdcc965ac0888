# SPDX-License-Identifier: MIT
"""The plain loop: no tool, one core. What every tool has to beat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bench.peers import shell
from bench.peers.base import Peer, parts_of


class Serial(Peer):
    name = "serial loop"
    module = "builtins"
    reference = True
    limits = {"commands": 2_000, "commands_big": 2_000}
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
        return self.array_pool(func, array, tasks)

    def array_pool(self, func: Callable[..., Any], array: Any, tasks: int) -> tuple[int, str]:
        for i in range(tasks):
            func(array, i)
        return tasks, ""

    def frame_map(self, func: Callable[..., Any], frame: Any, workers: int) -> list[Any]:
        return [x for part in parts_of(frame, workers) for x in func(part)]

    def commands(self, program: str, count: int, in_flight: int, parent_gib: int) -> float:
        return shell.seconds(lambda: sum(shell.run(program) for _ in range(count)))


PEER = Serial()
