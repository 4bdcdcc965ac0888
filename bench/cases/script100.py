# SPDX-License-Identifier: MIT
"""A whole script of 100 small tasks as the shell sees it: start of Python, imports, workers, end.
The row of the serial loop is bare Python.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.cases.base import Case, Sample, Size
from bench.peers.base import Peer


def run(path: Path) -> float:
    """Milliseconds of one go."""
    start = time.perf_counter()
    result = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True)
    if result.stdout != "328350\n":
        raise RuntimeError(f"the script printed {result.stdout!r}")
    return (time.perf_counter() - start) * 1e3


def measure(peer: Peer, size: Size) -> Sample:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "script.py"
        path.write_text(peer.script.replace("{workers}", str(size.workers)), encoding="ascii")
        return Sample(run(path))


CASE = Case("whole script of 100 tasks", "ms", "lower", measure)
