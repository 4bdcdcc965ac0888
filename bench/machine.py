# SPDX-License-Identifier: MIT
"""What the numbers were measured on. Names no host and no user: the file is meant to be shared."""

from __future__ import annotations

import importlib
import os
import platform
import re
from pathlib import Path
from typing import Any


def first_match(path: str, pattern: str) -> str:
    """The first group of the pattern in a file, or an empty text."""
    try:
        found = re.search(pattern, Path(path).read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return ""
    return found.group(1).strip() if found else ""


def memory_gib(field: str) -> float:
    """A size of /proc/meminfo; 0 where there is none."""
    return int(first_match("/proc/meminfo", rf"^{field}:\s+(\d+)") or 0) / (1 << 20)


def granted_cpus() -> int:
    """The CPUs this process may use: what pyhec says, else the affinity mask."""
    try:
        return int(importlib.import_module("pyhec").cpu_count())
    except ImportError:
        return len(os.sched_getaffinity(0))


def version_of(module: str) -> str:
    """A module's version, or why there is none."""
    try:
        return str(getattr(importlib.import_module(module), "__version__", "unknown"))
    except ImportError:
        return "not installed"


def describe() -> dict[str, Any]:
    """Machine, kernel and versions."""
    modules = ["pyhec", "numpy", "pandas", "joblib", "cloudpickle"]
    return {"cpu": first_match("/proc/cpuinfo", r"^(?:model name|CPU part)\s*:\s*(.*)$"),
            "architecture": platform.machine(),
            "cpus_online": os.cpu_count() or 1,
            "cpus_granted": granted_cpus(),
            "memory_gib": round(memory_gib("MemTotal"), 1),
            "kernel": platform.release(),
            "libc": " ".join(platform.libc_ver()),
            "python": platform.python_version(),
            "versions": {module: version_of(module) for module in modules}}
