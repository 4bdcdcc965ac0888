# SPDX-License-Identifier: MIT
"""A bare loop of posix_spawn and waitpid in C: what the machine can do at most."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from bench.peers.base import Peer

SOURCE = Path(__file__).resolve().parent.parent / "native_spawn.c"


class NativeSpawn(Peer):
    name = "posix_spawn loop in C"
    module = "builtins"
    reference = True
    spawns = "stand-in"

    def why_not(self) -> str:
        return "" if shutil.which("cc") else "not installed: cc"

    def version(self) -> str:
        done = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[0]

    def commands(self, program: str, count: int, in_flight: int, parent_gib: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            binary = str(Path(folder) / "native_spawn")
            subprocess.run(["cc", "-O2", "-std=c11", "-o", binary, str(SOURCE)], check=True)
            done = subprocess.run([binary, program, str(count), str(in_flight), str(parent_gib)],
                                  capture_output=True, text=True, check=True)
            return float(done.stdout)


PEER = NativeSpawn()
