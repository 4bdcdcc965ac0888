# SPDX-License-Identifier: MIT
"""What the tasks of a soak do. All of it follows from a seed, so that a plain loop gives the same."""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import os
import time
from typing import Any

#: How many of a thousand tasks fail by themselves, and how; streams have none of these.
FATES = {"raise": 8, "crash": 3, "leave": 3, "hog": 2, "late": 1}
#: What a task may take, seconds and bytes, and what the ones take that take too much.
TIMEOUT_S, MEMORY, HOG = 4.0, 64 << 20, 400 << 20


class Trouble(Exception):
    """What a task raises."""


def dice(seed: int, i: int) -> int:
    """A number that looks random and is always the same."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{i}".encode(), digest_size=8).digest(), "big")


def fate(seed: int, i: int, failing: bool) -> str:
    """How task i ends: "good", or one of FATES."""
    at = dice(seed, i) % 1000
    for how, count in FATES.items() if failing else ():
        if at < count:
            return how
        at -= count
    return "good"


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
    if how == "hog":
        held = [bytearray(b"x") * (16 << 20) for _ in range(HOG >> 24)]
        time.sleep(60.0 * len(held))
    if how == "late":
        sum(itertools.repeat(1, 10**12))
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
    if how != "good":
        return {"leave": "left with 3", "hog": "over memory", "late": "late"}[how]
    return digest((i, value(seed, i)))


def command(seed: int, i: int) -> list[str]:
    """The same as a program: it waits a little and writes a number; some end with a status."""
    number = dice(seed, i)
    nap, status = (number >> 8) % 8 / 1000, 5 if number % 50 == 0 else 0
    script = 'echo "$HEC_SOAK_LIFE $1" >>"$HEC_SOAK_NOTES/runs"; sleep "$2"; echo "$3"; exit $4'
    return ["/bin/sh", "-c", script, "sh", str(i), str(nap), str(number), str(status)]


def expected_command(seed: int, i: int) -> str:
    """What must become of it."""
    number = dice(seed, i)
    return f"{5 if number % 50 == 0 else 0} {number}\n"
