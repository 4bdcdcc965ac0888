# SPDX-License-Identifier: MIT
"""What can happen to a program: kills, stops, memory that is short. Each is done to processes that
the program has started, or to itself, at moments that follow from a seed.
"""

from __future__ import annotations

import collections
import os
import random
import signal
import subprocess
import sys
import time

from bench import procs

#: Seconds that something may be stopped, or memory be held.
STOP_S, HOLD_S = 0.3, 0.6
BALLOON = """
import sys, time
size = int(sys.argv[1])
held = bytearray(size)
for i in range(0, size, 4096):
    held[i] = 1
time.sleep(float(sys.argv[2]))
"""


class Chaos:
    """The troubles of one program. tick() is called often; it does what is due."""

    def __init__(self, rng: random.Random, pid: int, harsh: float) -> None:
        self._rng, self._pid = rng, pid
        self._gap_s = 0.4 / harsh
        self._next = time.monotonic() + rng.expovariate(1 / self._gap_s)
        self._stopped: dict[int, float] = {}
        self._balloon: subprocess.Popen[bytes] | None = None
        self.done: collections.Counter[str] = collections.Counter()

    def _victim(self) -> int:
        """One of the program's workers; 0 when there is none."""
        below = procs.descendants(self._pid)
        return self._rng.choice(below) if below else 0

    def _signal(self, pid: int, number: int, what: str) -> bool:
        """Whether there was somebody to send it to."""
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        self.done[what] += 1
        return True

    def kill_worker(self) -> None:
        """As the kernel does when memory is short, an administrator, a faulty library."""
        number = self._rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGABRT])
        if pid := self._victim():
            self._signal(pid, number, f"worker {number.name}")

    def stop_worker(self) -> None:
        """As a debugger does."""
        if pid := self._victim():
            self._stop(pid, "worker stopped")

    def stop_program(self) -> None:
        """As Ctrl-Z does: its workers find nobody who takes their results."""
        self._stop(self._pid, "program stopped")

    def _stop(self, pid: int, what: str) -> None:
        if pid not in self._stopped and self._signal(pid, signal.SIGSTOP, what):
            self._stopped[pid] = time.monotonic() + self._rng.uniform(0, STOP_S)

    def squeeze(self) -> None:
        """Somebody else takes a good part of the memory that is free."""
        if self._balloon is None:
            size = min(procs_available() // 4, 1 << 30)
            self._balloon = subprocess.Popen([sys.executable, "-c", BALLOON, str(size), str(HOLD_S)])
            self.done["memory taken"] += 1

    def tick(self) -> None:
        """Does what is due, and lets go whom it is time to let go."""
        now = time.monotonic()
        for pid, end in list(self._stopped.items()):
            if now > end:
                del self._stopped[pid]
                self._signal(pid, signal.SIGCONT, "let go")
        if self._balloon is not None and self._balloon.poll() is not None:
            self._balloon = None
        if now > self._next:
            self._next = now + self._rng.expovariate(1 / self._gap_s)
            ways = [self.kill_worker] * 6 + [self.stop_worker] * 3
            ways += [self.stop_program] * 2 + [self.squeeze]
            self._rng.choice(ways)()

    def end(self) -> None:
        """Lets everybody go."""
        for pid in self._stopped:
            self._signal(pid, signal.SIGCONT, "let go")
        self._stopped.clear()
        if self._balloon is not None:
            self._balloon.kill()
            self._balloon.wait()


def procs_available() -> int:
    """What the machine could give to programs now, in bytes."""
    with open("/proc/meminfo", encoding="ascii") as stream:
        for line in stream:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    raise OSError("/proc/meminfo does not say how much memory is available")
