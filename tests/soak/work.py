# SPDX-License-Identifier: MIT
"""What the tasks of a soak do. All of it follows from a seed, so that a plain loop gives the same."""

from __future__ import annotations

import ctypes
import hashlib
import os
import time
from typing import Any

#: How many of a thousand tasks fail by themselves, and how; streams have none of these.
RAISE, CRASH, LEAVE = 8, 3, 3


class Trouble(Exception):
    """What a task raises."""


def dice(seed: int, i: int) -> int:
    """A number that looks random and is always the same."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{i}".encode(), digest_size=8).digest(), "big")


def fate(seed: int, i: int, failing: bool) -> str:
    """How task i ends: "good", "raise", "crash" or "leave"."""
    at = dice(seed, i) % 1000
    if not failing or at >= RAISE + CRASH + LEAVE:
        return "good"
    return "raise" if at < RAISE else "crash" if at < RAISE + CRASH else "leave"


def value(seed: int, i: int) -> Any:
    """The result of task i: a number, text, or bytes; some of them large."""
    number = dice(seed, i)
    kind = (number >> 16) % 16
    if kind < 8:
        return number
    if kind < 12:
        return f"{number:x}" * (1 + number % 50)
    size = number % (300_000 if kind < 15 else 3_000_000)
    return hashlib.blake2b(str(number).encode()).digest() * (size // 64 + 1)


def effort(seed: int, i: int) -> None:
    """The time of task i: mostly none, sometimes a wait, sometimes work."""
    number = dice(seed, i) >> 32
    if number % 4 == 0:
        time.sleep((number >> 8) % 8 / 1000)
    elif number % 16 == 1:
        end = time.perf_counter() + (number >> 8) % 10 / 1000
        while time.perf_counter() < end:
            pass


def log(name: str, line: str) -> None:
    """Adds a line to one of the files that tell of a run; whole, whoever else writes."""
    fd = os.open(os.path.join(os.environ["HEC_SOAK_NOTES"], name),
                 os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)  # fmt: skip
    try:
        os.write(fd, line.encode() + b"\n")
    finally:
        os.close(fd)


def task(seed: int, failing: bool, i: int) -> Any:
    """Task i, as it runs in a worker."""
    log("runs", f"{os.environ['HEC_SOAK_LIFE']} {i}")
    effort(seed, i)
    how = fate(seed, i, failing)
    if how == "raise":
        raise Trouble(f"no {i}")
    if how == "crash":
        ctypes.string_at(0)
    if how == "leave":
        os._exit(3)
    return i, value(seed, i)


def digest(result: Any) -> str:
    """A result as a short text."""
    return hashlib.blake2b(repr(result).encode(), digest_size=12).hexdigest()


def expected(seed: int, i: int, failing: bool) -> str:
    """What must become of task i, worked out without any worker."""
    how = fate(seed, i, failing)
    if how == "raise":
        return f"raised no {i}"
    if how == "crash":
        return "died of signal 11"
    if how == "leave":
        return "left with 3"
    return digest((i, value(seed, i)))


def command(seed: int, i: int) -> list[str]:
    """The same as a program: it waits a little and writes a number; some end with a status."""
    number = dice(seed, i)
    nap, status = (number >> 8) % 8 / 1000, 5 if number % 50 == 0 else 0
    return ["/bin/sh", "-c", 'echo "$1 $2" >>"$HEC_SOAK_NOTES/runs"; sleep "$3"; echo "$4"; exit $5',
            "sh", os.environ.get("HEC_SOAK_LIFE", "0"), str(i), str(nap), str(number),
            str(status)]  # fmt: skip


def expected_command(seed: int, i: int) -> str:
    """What must become of it."""
    number = dice(seed, i)
    return f"{5 if number % 50 == 0 else 0} {number}\n"
