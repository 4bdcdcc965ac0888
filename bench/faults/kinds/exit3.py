# SPDX-License-Identifier: MIT
"""A library ends the process under the task's feet."""

from __future__ import annotations

import os

from bench.faults.base import BAD, Fault, answer


def task(i: int) -> int:
    if i == BAD:
        os._exit(3)
    return answer(i)


FAULT = Fault(
    "`os._exit(3)` in a task",
    "A task ends its process, as libraries in C and Fortran do when they are in trouble (`STOP`).",
    task, cause=r"status 3\b|exit code:? 3\b|exitcode:? 3\b")
