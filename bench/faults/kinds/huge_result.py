# SPDX-License-Identifier: MIT
"""A result for which the program that called has no room."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.faults.base import BAD, Fault, answer

#: What the program may take more than it has, and what the result would take.
ROOM, RESULT = 160 << 20, 320 << 20


@contextlib.contextmanager
def little_room() -> Iterator[None]:
    """Limits the addresses of this process, its workers being there already."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + ROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def task(i: int) -> Any:
    if i == BAD:
        # A worker that came later has inherited the limit.
        resource.setrlimit(resource.RLIMIT_AS, (resource.getrlimit(resource.RLIMIT_AS)[1],) * 2)
        return bytes(RESULT)
    return answer(i)


FAULT = Fault(
    "a result too large for the caller",
    f"A task returns {RESULT >> 20} MB to a program that may take only {ROOM >> 20} MB more "
    "(`RLIMIT_AS`).",
    task, cause=r"[Mm]emory", around=little_room)
