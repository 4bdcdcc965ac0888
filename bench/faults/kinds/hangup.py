# SPDX-License-Identifier: MIT
"""The terminal is closed, or the ssh session lost."""

from __future__ import annotations

from bench.faults.base import Fault, hold

FAULT = Fault(
    "the terminal is closed",
    "The program runs in a terminal, which goes away: a closed window, a lost ssh session. What is "
    "left one second later is counted.",
    hold, ending="hangup")
