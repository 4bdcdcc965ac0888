# SPDX-License-Identifier: MIT
"""What the values of options mean, and what is wrong with them. Only imported where some are given."""

from __future__ import annotations

import os
import time
from _operator import index  # that of operator, without the half millisecond of its import

from . import _hec, _report

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

_LEAST_MEMORY = 1 << 20  # less is a mistake: an interpreter alone takes more
_LONGEST_S = 1e9  # thirty years


def duration(name: str, value: typing.Any) -> float:
    """A duration: a number of seconds, text ('90s', '15m', '1h30m'), or a timedelta."""
    how = "a number of seconds, or text as '90s', '15m', '1h30m'"
    if isinstance(value, str):
        try:
            seconds = float(_hec.parse_seconds(value))
        except ValueError as e:
            raise ValueError(f"{name}: {e}") from None
    elif hasattr(value, "total_seconds"):
        seconds = value.total_seconds()
    else:
        try:
            seconds = float("nan") if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            raise TypeError(f"{name} must be {how}, not {_report.brief(value)}") from None
    if not 0 <= seconds <= _LONGEST_S:
        raise ValueError(f"{name} must be {how}, not {value!r}")
    return seconds


def timeout(value: typing.Any) -> int:
    """In nanoseconds; 0: none."""
    if value is None:
        return 0
    seconds = duration("timeout", value)
    if seconds == 0:
        raise ValueError("timeout must be more than 0 seconds; None is for no limit")
    return max(1, round(seconds * 1e9))


def memory(value: typing.Any) -> int:
    """In bytes; 0: none."""
    size: int
    if value is None:
        return 0
    if isinstance(value, str):
        try:
            size = _hec.parse_bytes(value)
        except ValueError as e:
            raise ValueError(f"memory: {e}") from None
    else:
        try:
            size = index(value)
        except TypeError:
            raise TypeError(
                f"memory must be a number of bytes, or text as '500M', '2G', "
                f"not {_report.brief(value)}"
            ) from None
    if not _LEAST_MEMORY <= size < 1 << 62 or isinstance(value, bool):
        raise ValueError(
            f"memory={value!r} is {size} bytes, which cannot be meant: write '500M' or '2G'"
        )
    return size


def retries(value: typing.Any) -> int:
    """How often."""
    try:
        n = -1 if isinstance(value, bool) else index(value)
    except TypeError:
        raise TypeError(
            f"retries must be a whole number, how often to run a failed task again, "
            f"not {_report.brief(value)}"
        ) from None
    if not 0 <= n <= 1_000_000:
        raise ValueError(f"retries must be 0 or more (at most a million), not {value!r}")
    return n


def retry_on(value: typing.Any) -> tuple[type[BaseException], ...]:
    """Classes of exceptions, always a tuple."""
    classes = value if isinstance(value, tuple) else (value,)
    for c in classes:
        if not isinstance(c, type) or not issubclass(c, BaseException):
            raise TypeError(
                f"retry_on must be a class of exceptions, or a tuple of some, as "
                f"(OSError, pyhec.TaskTimeout); not {_report.brief(c)}"
            )
    if not classes:
        raise ValueError("retry_on is empty: leave it out to run every failed task again")
    return classes


def factor(value: typing.Any) -> float:
    """By what a limit is multiplied."""
    try:
        factor = 0.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"retry_memory must be a number as 2.0, not {_report.brief(value)}"
        ) from None
    if not 1 < factor <= 1024:
        raise ValueError(f"retry_memory must be more than 1 (and at most 1024), not {value!r}")
    return factor


def journal(value: typing.Any) -> str:
    """A path."""
    try:
        path = os.fsdecode(value)
    except TypeError:
        raise TypeError(f"journal must be a path, not {_report.brief(value)}") from None
    if not path:
        raise ValueError("journal is an empty path")
    return path


def deadline(value: typing.Any) -> int:
    """As time.monotonic_ns() counts; 0: none."""
    if hasattr(value, "timestamp"):
        seconds = float(value.timestamp() - time.time())
    else:
        seconds = duration("deadline", value)
    return max(1, time.monotonic_ns() + round(seconds * 1e9))
