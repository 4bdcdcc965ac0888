# SPDX-License-Identifier: MIT
"""A whole script of 100 small tasks as the shell sees it: start of Python, imports, workers, end.
The row of the serial loop is bare Python. The median of as many goes as fit into a second.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.cases.base import Case, Quantity, Sample, Size, at_most, check
from bench.peers.base import Peer


def run(command: list[str]) -> float:
    """Milliseconds of one go."""
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    check(done.stdout.endswith("328350\n"), f"the script printed {done.stdout!r}")
    return (time.perf_counter() - start) * 1e3


def measure(peer: Peer, size: Size) -> Sample:
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "script.py"
        path.write_text(peer.script.replace("{workers}", str(size.workers)), encoding="ascii")
        command = peer.command(sys.executable, [str(path)], size.workers)
        while not times or sum(times) + times[-1] < size.of(1000, 200):
            times.append(run(command))
    return Sample(statistics.median(times))


CASE = Case(Quantity("whole script of 100 tasks", "ms", "lower",
                     (at_most(1 / 2, "mp_pool"), at_most(1, "serial", plus=12))),
            measure, needs="call", launches=True)
