# SPDX-License-Identifier: MIT
"""Ctrl-C, once."""

from __future__ import annotations

from bench.faults.base import Fault, hold

FAULT = Fault(
    "Ctrl-C",
    "SIGINT to the whole foreground group, once, while all workers are in tasks that wait. The "
    "time is until the program and all its processes were gone.",
    hold, ending="SIGINT")
