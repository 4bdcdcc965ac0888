# SPDX-License-Identifier: MIT
"""What a tool must be able to do to be measured. One file of this folder per tool; the cases know
this class only. Every method uses the tool's default settings, as its users do: where a tool is so
slow that it gets fewer items or rounds, its class says so here, and the table repeats it.

A tool has a call when its class overrides the method. A case names the method it needs; for a tool
without it there is nothing to measure, and the table says that too.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any


class NotHere(Exception):
    """Why a tool cannot do a case, here or at all. The table shows the text."""


class Broken(Exception):
    """A tool that cannot go on after what the case did to it, and how it says so."""


@dataclass(frozen=True)
class Futures:
    """An executor with futures: submit(func, item), as_completed(futures), and its end."""

    submit: Callable[[Callable[..., Any], Any], Any]
    as_completed: Callable[[Iterable[Any]], Iterable[Any]]
    close: Callable[[], Any]


@dataclass(frozen=True)
class Later:
    """A result to come, of a tool whose own kind has another name for result()."""

    result: Callable[[], Any]


class Peer:
    """A tool under measurement. open() gives it workers, close() takes them away."""

    name = ""
    # The module to import, and whether the tool is here for orientation only.
    module = ""
    reference = False
    # At most so many rounds, and items by case; "*" for all that are not named.
    rounds = 99
    limits: dict[str, int] = {}
    # The cases of a quick run, for tools that take seconds to start; None: all.
    quick_cases: frozenset[str] | None = None
    # Said in every row of the tool.
    remark = ""
    # Who starts commands: "here", this process, so that its size matters; "stand-in", a program that
    # can be as large; "elsewhere", a small process of the tool's own.
    spawns = "here"
    # The script of 100 small tasks, as one would write it.
    script = ""

    def why_not(self) -> str:
        """Why this tool cannot be measured here; empty if it can."""
        try:
            importlib.import_module(self.module)
        except ImportError as error:
            return f"not installed: {error}"
        return ""

    def version(self) -> str:
        """The tool's version, or of the standard library that it is part of."""
        return str(getattr(importlib.import_module(self.module), "__version__", "with Python"))

    def has(self, method: str) -> bool:
        """Whether this tool has that call."""
        return getattr(type(self), method) is not getattr(Peer, method)

    def items(self, case: str, wanted: int) -> tuple[int, str]:
        """How many items this tool gets in a case, and the note when they are fewer."""
        count = min(wanted, self.limits.get(case, self.limits.get("*", wanted)))
        return count, f"{count:,} items only" if count < wanted else ""

    def command(self, python: str, arguments: list[str], workers: int) -> list[str]:
        """The command line that runs Python with these arguments under this tool."""
        return [python, *arguments]

    def open(self, workers: int) -> None:
        """Starts the workers."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends the workers."""

    def call(self, func: Callable[..., Any], item: Any) -> Any:
        """One call, there and back."""
        raise NotImplementedError

    def submit(self, func: Callable[..., Any], item: Any) -> Any:
        """One call in the background: something with result()."""
        raise NotImplementedError

    def map(self, func: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        """All results in order, by one call."""
        raise NotImplementedError

    def stream(self, func: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        """Results as they come, in any order; every item a task of its own."""
        raise NotImplementedError

    def futures(self, workers: int) -> Futures:
        """An executor, with workers of its own."""
        raise NotImplementedError

    def array_tasks(self, func: Callable[..., Any], array: Any, tasks: int,
                    workers: int) -> tuple[int, str]:
        """Calls func(array, i) with workers of its own; returns how many tasks ran, and a note."""
        raise NotImplementedError

    def array_pool(self, func: Callable[..., Any], array: Any, tasks: int) -> tuple[int, str]:
        """The same with the workers that open() started."""
        raise NotImplementedError

    def frame_map(self, func: Callable[..., Any], frame: Any, workers: int) -> list[Any]:
        """[func(part) for parts of a DataFrame], with workers of its own. func returns a list of
        one element.
        """
        raise NotImplementedError

    def shared_array(self, length: int) -> Any:
        """An array of doubles made so that it need not be copied to a worker; not filled."""
        raise NotImplementedError

    def commands(self, program: str, count: int, in_flight: int, parent_gib: int) -> float:
        """Runs a program so often, a few at a time; the seconds it took. parent_gib is what this
        process holds, for a tool that stands in for it.
        """
        raise NotImplementedError


def parts_of(frame: Any, workers: int) -> list[Any]:
    """A DataFrame in four parts per worker, for tools that do not cut it themselves."""
    count = 4 * workers
    bounds = [len(frame) * i // count for i in range(count + 1)]
    return [frame.iloc[a:b] for a, b in zip(bounds, bounds[1:])]
