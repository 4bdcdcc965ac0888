# SPDX-License-Identifier: MIT
"""What a tool must be able to do to be measured. One file of this folder per tool; the cases know
this class only. Every method uses the tool's default settings, as its users do: where a tool is so
slow that it gets fewer items, its class says so here, and the table repeats it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any


class Peer:
    """A tool under measurement. open() gives it workers, close() takes them away."""

    name = ""
    # The module to import, and whether the tool is here for orientation only.
    module = ""
    reference = False
    # How many items the streamed no-ops and the 32 MB results get; fewer for slow tools.
    stream_items = 20_000
    result_items = 64
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

    def open(self, workers: int) -> None:
        """Starts the workers."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends the workers."""

    def call(self, func: Callable[..., Any], item: Any) -> Any:
        """One call, there and back."""
        raise NotImplementedError

    def map(self, func: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        """All results in order, by one call."""
        raise NotImplementedError

    def stream(self, func: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        """Results as they come, in any order."""
        raise NotImplementedError

    def array_tasks(self, func: Callable[..., Any], array: Any, tasks: int,
                    workers: int) -> tuple[int, str]:
        """Calls func(array, i) with workers of its own; returns how many tasks ran, and a note."""
        raise NotImplementedError
