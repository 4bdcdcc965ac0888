# SPDX-License-Identifier: MIT
"""A worker is stopped for a second, as by a debugger, a batch system that suspends, or swapping."""

from __future__ import annotations

import os
import signal
import subprocess

from bench.faults.base import BAD, Fault, answer


def task(i: int) -> int:
    if i == BAD:
        waker = subprocess.Popen(["sh", "-c", f"sleep 1; kill -CONT {os.getpid()}"])
        os.kill(os.getpid(), signal.SIGSTOP)
        waker.wait()
    return answer(i)


FAULT = Fault(
    "a worker is stopped for a second",
    "SIGSTOP, and SIGCONT a second later, as a batch system does that suspends a job.",
    task, spoilt=0)
