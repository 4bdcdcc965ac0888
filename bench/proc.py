# SPDX-License-Identifier: MIT
"""What processes hold in memory, as the kernel counts it. Linux only; needs no other module.

PSS, the proportional set size, counts a page that k processes share as 1/k page for each of them,
so that the sum over a program's processes is the memory it takes. RSS counts it k times.
"""

from __future__ import annotations

import os
from pathlib import Path


def rollup(pid: int | str = "self") -> dict[str, int]:
    """The sums over a process's memory, in bytes, by the kernel's names: Pss, Rss, Private_Dirty,
    ... Empty when the process is gone.
    """
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return {}
    fields = (line.split() for line in text.splitlines()[1:])
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in fields}


def descendants(pid: int) -> list[int]:
    """A process's children, their children and so on, without itself; no zombies."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            stat = Path(f"/proc/{name}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, parent = stat.rpartition(")")[2].split()[:2]
        if state not in "ZX":
            children.setdefault(int(parent), []).append(int(name))
    found = list(children.get(pid, []))
    for child in found:  # grows meanwhile
        found += children.get(child, [])
    return found


def tree_pss(pid: int) -> int:
    """The memory of a process and all its descendants, in bytes."""
    return sum(rollup(p).get("Pss", 0) for p in [pid, *descendants(pid)])


def available() -> int:
    """What the machine could give to programs now without swapping, in bytes."""
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/meminfo does not say how much memory is available")
