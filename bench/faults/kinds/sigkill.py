# SPDX-License-Identifier: MIT
"""A worker is killed while it runs a task."""

from __future__ import annotations

import os
import signal

from bench.faults.base import BAD, Fault, answer


def task(i: int) -> int:
    if i == BAD:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer(i)


FAULT = Fault(
    "SIGKILL of a worker",
    "A worker is killed in the middle of a task, as an administrator or the kernel's OOM killer "
    "does it.",
    task, cause=r"SIGKILL|signal 9|-9\b")
