# SPDX-License-Identifier: MIT
"""A program without a standard input, as some schedulers and init systems start it."""

from __future__ import annotations

from bench.faults.base import Fault, answer

FAULT = Fault(
    "no standard input",
    "The program is started with descriptor 0 closed, as some schedulers do.",
    answer, spoilt=0, stdin=False)
