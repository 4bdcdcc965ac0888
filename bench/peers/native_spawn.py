# SPDX-License-Identifier: MIT
"""A bare loop of posix_spawn and waitpid in C: what the machine can do at most."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from bench.peers.base import Peer

SOURCE = Path(__file__).resolve().parent.parent / "spawn_loop.c"


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
            binary = str(Path(folder) / "spawn_loop")
            subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", binary, str(SOURCE)], check=True)
            done = subprocess.run([binary, str(count), str(in_flight), str(1024 * parent_gib),
                                   program], capture_output=True, text=True, check=True)
            return count / float(done.stdout)  # it prints commands per second


PEER = NativeSpawn()
