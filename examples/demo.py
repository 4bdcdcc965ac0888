# SPDX-License-Identifier: MIT
"""The main job: what this machine grants, and what it gives.

Two jobs, each first in plain Python on one core and then with pyhec on every core granted: read a
folder of CSV files into one DataFrame, and compute a list of Fibonacci numbers. Both results are
compared; the program ends with status 1 if they differ. Times are wall-clock times of one go each,
with the files in the page cache and all imports done, so that neither side pays for being first.

    python demo.py                                the whole, well under a minute
    python demo.py --stations 20 --values 500     a smaller one
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, TypeVar

import make_csv
import pandas as pd

import pyhec
from pyhec import Parallel, delayed
from pyhec import parallel_processing as pp

Result = TypeVar("Result")
FIRST = 5000


@dataclass
class Outcome:
    """One job done both ways."""

    name: str
    serial_s: float
    hec_s: float
    same: bool
    cores: int

    @property
    def speed_up(self) -> float:
        return self.serial_s / self.hec_s

    @property
    def efficiency(self) -> float:
        return self.speed_up / self.cores


def timed(job: Callable[[], Result]) -> tuple[Result, float]:
    """What the job returns, and its seconds."""
    start = time.perf_counter()
    result = job()
    return result, time.perf_counter() - start


def say(text: str = "") -> None:
    """Prints at once, so that text and progress bar come in the right order."""
    print(text, flush=True)


def timing(label: str, seconds: float, rate: str) -> str:
    """One aligned line of a job's report."""
    return f"   {label:<32} {seconds:7.2f} s   {rate:>13}"


def readable(key: str, value: Any) -> str:
    """A value of pyhec.host() as a person would write it."""
    if isinstance(value, dict):
        return ", ".join(f"{k} {readable(k, v)}" for k, v in value.items()
                         if v not in (None, [], {}))
    if isinstance(value, (list, tuple)):
        shown = [readable(key, v) for v in value[:8]] + (["..."] if len(value) > 8 else [])
        return " ".join(shown)
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    # A size in bytes tells a person nothing; key names tell which numbers are sizes.
    if isinstance(value, int) and ("bytes" in key or value >= 1 << 26):
        return f"{value / (1 << 30):.1f} GiB"
    return str(value)


def host_lines(host: dict[str, Any]) -> list[str]:
    """The host report, one aligned line a subject, cut to the width of a terminal."""
    shown = {key: readable(key, value) for key, value in host.items()
             if value not in (None, [], {}, "") and key != "schema"}
    width = max((len(key) for key in shown), default=0)
    lines = [f"  {key:<{width}}  {value}" for key, value in shown.items()]
    room = shutil.get_terminal_size((100, 24)).columns
    return [line if len(line) <= room else line[:room - 3] + "..." for line in lines]


def read_serially(files: list[Path]) -> pd.DataFrame:
    """The plain pandas loop."""
    return pd.concat([pd.read_csv(path, parse_dates=["time"]) for path in files],
                     ignore_index=True)


def csv_job(folder: Path, cores: int, progress: bool) -> Outcome:
    """Reads the folder both ways."""
    files = sorted(folder.glob("*.csv"))
    megabytes = sum(len(path.read_bytes()) for path in files) / 1e6
    say(f"1. Read {len(files)} CSV files ({megabytes:.1f} MB) into one DataFrame")
    expected, serial_s = timed(lambda: read_serially(files))
    say(timing("plain pandas, 1 core", serial_s, f"{megabytes / serial_s:.0f} MB/s"))
    frame, hec_s = timed(lambda: pp.batch_read_csv(str(folder / "*.csv"), progress=progress,
                                                   parse_dates=["time"]))
    say(timing(f"pp.batch_read_csv, {cores} core(s)", hec_s, f"{megabytes / hec_s:.0f} MB/s"))
    same = frame.reset_index(drop=True).equals(expected)
    say(f"   {len(frame):,} rows, {frame.shape[1]} columns; "
        f"both frames are {'equal' if same else 'NOT EQUAL'}")
    return Outcome(f"read {len(files)} CSV files", serial_s, hec_s, same, cores)


def fib(n: int) -> int:
    """The n-th Fibonacci number, by adding up from the start."""
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def fibonacci_job(count: int, cores: int, progress: bool) -> Outcome:
    """Computes the Fibonacci numbers from FIRST on both ways."""
    values = range(FIRST, FIRST + count)
    say(f"2. Compute the Fibonacci numbers {values[0]} to {values[-1]}")
    expected, serial_s = timed(lambda: [fib(n) for n in values])
    say(timing("plain Python, 1 core", serial_s, f"{count / serial_s:.0f} values/s"))
    numbers, hec_s = timed(lambda: Parallel(n_jobs=cores, progress=progress)(
        delayed(fib)(n) for n in values))
    say(timing(f"Parallel, {cores} core(s)", hec_s, f"{count / hec_s:.0f} values/s"))
    same = numbers == expected
    digits = len(str(numbers[-1]))
    say(f"   the last number has {digits} digits; "
        f"both lists are {'equal' if same else 'NOT EQUAL'}")
    return Outcome(f"compute {count} Fibonacci numbers", serial_s, hec_s, same, cores)


def summary(outcomes: list[Outcome]) -> list[str]:
    """The table at the end, and a plain sentence where there was nothing gained."""
    cores = outcomes[0].cores
    lines = [f"Summary: plain Python on 1 core against pyhec on {cores} granted core(s)", "",
             f"  {'job':<30} {'plain':>8} {'pyhec':>8} {'speed-up':>9} {'efficiency':>11}  result",
             "  " + "-" * 78]
    for o in outcomes:
        lines.append(f"  {o.name:<30} {o.serial_s:6.2f} s {o.hec_s:6.2f} s {o.speed_up:7.2f} x "
                     f"{o.efficiency:9.0%}    {'equal' if o.same else 'DIFFERS'}")
    lines += ["", "  speed-up = plain / pyhec; efficiency = speed-up / cores"]
    for o in outcomes:
        if o.speed_up < 1:
            lines.append(f"  Slower: '{o.name}' took {o.hec_s / o.serial_s:.2f} times as long with "
                         f"pyhec as without it.")
    if cores == 1:
        lines.append("  One core is granted here, so no speed-up can be had.")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description="Run two jobs without and with pyhec.")
    parser.add_argument("--data", type=Path, default=make_csv.DEFAULT_OUT, help="its folder")
    parser.add_argument("--stations", type=int, default=240, help="CSV files to read (240)")
    parser.add_argument("--values", type=int, default=8000, help="Fibonacci numbers (8000)")
    args = parser.parse_args()
    if not 1 <= args.stations <= 1000 or not 1 <= args.values <= 12_000:
        parser.error("1 to 1000 stations and 1 to 12000 values")
    # A bar is for a person who is watching; a log file wants none.
    progress = sys.stderr.isatty()
    cores = pyhec.cpu_count()

    say("This machine grants")
    for line in host_lines(pyhec.host()):
        say(line)
    say()
    say(make_csv.ensure(args.data, stations=args.stations))
    say()
    outcomes = [csv_job(args.data / "weather", cores, progress)]
    say()
    outcomes.append(fibonacci_job(args.values, cores, progress))
    say()
    for line in summary(outcomes):
        say(line)
    return 0 if all(o.same for o in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
