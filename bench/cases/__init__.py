# SPDX-License-Identifier: MIT
"""The cases, in the order of the tables. A new case is a new file here and a line below."""

from __future__ import annotations

from importlib import import_module

from bench.cases.base import Case

NAMES = ["noop_latency", "idle_latency", "noop_stream", "noop_submit", "noop_map",
         "skewed_random", "skewed_last", "fib_speedup", "array_in", "array_pool", "results_kept",
         "results_steady", "args_distinct", "args_empty", "frame", "cold_start",
         "cold_start_pandas", "script100", "idle_cost", "worker_death", "commands",
         "commands_big"]


def load(name: str) -> Case:
    """The case of that file name."""
    case = import_module(f"bench.cases.{name}").CASE
    assert isinstance(case, Case)
    return case
