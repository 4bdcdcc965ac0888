# SPDX-License-Identifier: MIT
"""The tools, in the order of the table's columns. A new tool is a new file and a name here."""

from __future__ import annotations

from importlib import import_module

from bench.faults.base import Tool

NAMES = ["hec", "mp_pool", "process_pool", "joblib_loky", "mpi4py_futures", "dask_local"]
BASE = "hec"


def load(name: str) -> Tool:
    """The tool of that file name."""
    tool = import_module(f"bench.faults.tools.{name}").TOOL
    assert isinstance(tool, Tool)
    return tool
