# SPDX-License-Identifier: MIT
"""Warnings about calls that take more than they were given; only imported where there is one."""

from __future__ import annotations

import os
import sys
import warnings


class MoreThanGrantedWarning(UserWarning):
    """A call asks for more workers than CPUs were granted: by a batch job, a control group, the
    affinity or HEC_CPUS. It gets them, and they share the CPUs.
    """


class LoginNodeWarning(UserWarning):
    """A call uses several cores of what looks like the login node of a cluster, where others work
    as well.
    """


LoginNodeWarning.__module__ = MoreThanGrantedWarning.__module__ = "pyhec"

_told: set[type[Warning]] = set()
_HERE = os.path.dirname(__file__) + os.sep


def _warn(text: str, category: type[Warning]) -> None:
    """Once in a process, as from the line that called this package."""
    if category in _told:
        return
    _told.add(category)
    depth, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        depth, frame = depth + 1, frame.f_back
    warnings.warn(text, category, stacklevel=depth)


def tell_excess(n: int, cpus: int, why: str) -> None:
    """n workers were asked for, where so many CPUs were granted."""
    were = "CPU was" if cpus == 1 else "CPUs were"
    _warn(
        f"{n} workers were asked for, and {cpus} {were} granted ({why}): they share them. Leave the "
        f"number out, or give -1 to Parallel, to have as many as were granted",
        MoreThanGrantedWarning,
    )


def tell_login(n: int, why: str) -> None:
    """n workers are started on a login node."""
    _warn(
        f"{os.uname().nodename} looks like a login node, where others work as well ({why}, and this "
        f"is no job), and {n} workers are started: pyhec.submit() makes a job of a call; HEC_CPUS=1 "
        f"keeps to one core; HEC_SITE=local says that this is no such machine",
        LoginNodeWarning,
    )
