# SPDX-License-Identifier: MIT
"""How many jobs many calls become: a scheduler takes as long to begin a job of seconds as one of hours.
What a call of a function took is written down by each job, and looked for in earlier runs.
"""

from __future__ import annotations

import json
import os

from . import _hec

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

#: Seconds that an element of an array is to last, at least.
LONG_ENOUGH_S = 600
_LOOKED_AT = 10  # runs of that name, the latest


def name_of(func: typing.Any) -> str:
    """What a function is known by in another process."""
    return f"{getattr(func, '__module__', '')}.{getattr(func, '__qualname__', '')}"


def note_function(folder: str, func: typing.Any) -> None:
    """Writes down of which function a run is."""
    with open(os.path.join(folder, "function"), "x") as f:
        f.write(name_of(func))


def note_spent(folder: str, k: int, calls: int, seconds: float, workers: int) -> None:
    """Writes down what the calls of an element have taken, by as many workers."""
    path = os.path.join(folder, f"spent.{k}")
    with open(path + ".new", "w") as f:
        json.dump({"calls": calls, "seconds": seconds * workers}, f)
    os.replace(path + ".new", path)


def _home() -> str:
    runs, data = os.environ.get("HEC_RUNS"), os.environ.get("XDG_DATA_HOME")
    if runs:
        return runs
    if not data or not os.path.isabs(data):
        data = os.path.expanduser("~/.local/share")
    return os.path.join(data, "hec", "runs")


def _spent(folder: str, function: str) -> float | None:
    """Seconds of CPU of a call of that function, by what is known in a run."""
    try:
        with open(os.path.join(folder, "function")) as f:
            if f.read() != function:
                return None
    except OSError:
        return None
    calls, seconds = 0, 0.0
    for name in os.listdir(folder):
        if name.startswith("spent.") and not name.endswith(".new"):
            with open(os.path.join(folder, name)) as f:
                told = json.load(f)
            calls, seconds = calls + told["calls"], seconds + told["seconds"]
    return seconds / calls if calls else None


def known_seconds(func: typing.Any, job_name: str) -> tuple[float, str] | None:
    """What a call of the function took in the latest run that says so, and the run's id."""
    try:
        names = sorted(os.listdir(_home()), reverse=True)
    except OSError:
        return None
    word = "".join(c if c.isalnum() else "-" for c in job_name.lower())[:24].strip("-")
    part = f"-{word}-"
    looked = [n for n in names if part in n and not n.startswith(".")][:_LOOKED_AT]
    for name in looked:
        try:
            folder = _hec.run_open(os.path.join(_home(), name))[1]  # this user's alone
            seconds = _spent(folder, name_of(func))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # what is damaged, or another's, says nothing
        if seconds is not None:
            return seconds, name
    return None


def jobs_for(calls: int, seconds: float, cpus: int, most: int) -> int:
    """How many jobs, so that each lasts long enough, and there are not more than that."""
    return max(1, min(calls, most, int(calls * seconds / (LONG_ENOUGH_S * cpus))))
