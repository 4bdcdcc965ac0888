# SPDX-License-Identifier: MIT
"""The program that called is killed."""

from __future__ import annotations

from bench.faults.base import Fault, hold

FAULT = Fault(
    "`kill -9` of the program",
    "The process that made the call is killed while its workers are in tasks that wait. What is "
    "left one second later is counted.",
    hold, ending="SIGKILL")
