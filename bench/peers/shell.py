# SPDX-License-Identifier: MIT
"""What the tools that run commands have in common."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable

from bench.peers.base import Peer


def run(program: str) -> int:
    """Runs a program by subprocess, as most people do; 1, for the count of what ran."""
    subprocess.run([program], check=True)
    return 1


def seconds(work: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def checked(command: list[str], text: str = "") -> float:
    """Runs a command line that must succeed; how long it took."""
    # The environment as it stands in a terminal, not below another make.
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return seconds(lambda: subprocess.run(command, input=text.encode(), check=True, env=env,
                                          stdout=subprocess.DEVNULL))


class ShellPeer(Peer):
    """A program of the system that runs commands."""

    program = ""
    spawns = "elsewhere"

    def why_not(self) -> str:
        return "" if shutil.which(self.program) else f"not installed: {self.program}"

    def version(self) -> str:
        done = subprocess.run([self.program, "--version"], capture_output=True, text=True)
        return (done.stdout.splitlines() or ["unknown"])[0]
