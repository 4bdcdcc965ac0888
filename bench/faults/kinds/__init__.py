# SPDX-License-Identifier: MIT
"""The faults, in the order of the table's rows. A new one is a new file and a name here."""

from __future__ import annotations

from importlib import import_module

from bench.faults.base import Fault

NAMES = ["sigkill", "sigsegv", "exit3", "stack_overflow", "raises", "raises_unpicklable",
         "raises_unloadable", "endless_python", "endless_c", "memory_hog", "huge_result",
         "stopped", "closure", "unpicklable_input", "locked", "nested", "no_stdin", "ctrl_c",
         "kill_parent", "hangup"]


def load(name: str) -> Fault:
    """The fault of that file name."""
    fault = import_module(f"bench.faults.kinds.{name}").FAULT
    assert isinstance(fault, Fault)
    return fault
