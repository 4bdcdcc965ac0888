# SPDX-License-Identifier: MIT
"""Watches one program with a fault in it: how far it comes, when that takes too long, and what it
leaves behind, processes and files, one second after its end.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import procs
from bench import run as bench_run

#: Seconds for each step on the way; longer is a HANG. A start may import a lot.
LIMITS_S = {"": 40.0, "started": 40.0, "open": 40.0, "began": 15.0, "over": 15.0, "next": 15.0,
            "closed": 15.0, "ending": 10.0}
#: How long after the end things may still be going away.
AFTER_S = 1.0


def _set_up(terminal: bool, stdin: bool) -> None:
    """In the child: no core files, signals as usual, and perhaps a terminal, or no descriptor 0."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # nohup, or a shell's `&`, would have changed that
    if terminal:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    if not stdin:
        os.close(0)


class Watch:
    """A program, from its start to when nothing is left of it."""

    def __init__(self, command: Sequence[str], workers: int, ending: str = "",
                 stdin: bool = True, patience: float = 1.0) -> None:
        self._workers, self._ending, self._patience = workers, ending, patience
        self.before = set(procs.descendants(os.getpid()))
        self.folder = Path(tempfile.mkdtemp(prefix="hecf-"))
        for name in ("cwd", "tmp", "notes"):
            (self.folder / name).mkdir()
        self._report, self._read = self.folder / "report", 0
        self._report.touch()
        self.events: dict[str, dict[str, Any]] = {}
        self.step, self.since = "", time.monotonic()
        self.acted = 0.0
        self.seen: set[int] = set()
        self.peak = 0
        self._shared: set[str] = set()
        self._start(list(command), stdin)

    def _environment(self) -> dict[str, str]:
        names = {"HEC_FAULT_REPORT": self._report, "HEC_FAULT_NOTES": self.folder / "notes",
                 "PYTHONFAULTHANDLER": ""}
        return {**bench_run.environment(str(self.folder / "tmp")),
                **{name: str(value) for name, value in names.items()}}

    def _start(self, command: list[str], stdin: bool) -> None:
        terminal = self._ending == "hangup"
        self._out = tempfile.TemporaryFile("w+b")
        self._master, slave = os.openpty() if terminal else (-1, -1)
        self.process = subprocess.Popen(
            command, cwd=self.folder / "cwd", env=self._environment(),
            stdin=slave if terminal else subprocess.DEVNULL,
            stdout=slave if terminal else self._out, stderr=slave if terminal else self._out,
            start_new_session=not terminal, preexec_fn=lambda: _set_up(terminal, stdin))
        if terminal:
            os.close(slave)

    @property
    def pid(self) -> int:
        """The process that makes the call: not that of mpiexec."""
        return int(next((e["pid"] for e in self.events.values()), self.process.pid))

    def descendants(self) -> set[int]:
        """All of its processes that are there."""
        return set(procs.descendants(os.getpid())) - self.before

    def _look(self) -> None:
        """Reads on in the report, and notes processes and files in shared memory."""
        with self._report.open("rb") as stream:
            stream.seek(self._read)
            for line in stream:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                event = json.loads(line)
                self.events[event["event"]] = event
                self.step, self.since = event["event"], time.monotonic()
        alive = self.descendants()
        self.seen |= alive
        if self.step == "began":
            self.peak = max(self.peak, len(alive))
        self._shared |= procs.shared_files(alive)

    def _act(self) -> None:
        """Ends the program from without, when all workers are in tasks that wait."""
        begun = [name for name in os.listdir(self.folder / "notes") if name.startswith("began-")]
        if self.acted or self.step != "began" or len(begun) < self._workers:
            return
        self.step, self.since = "ending", time.monotonic()
        self.acted = time.monotonic()
        if self._ending == "hangup":
            os.close(self._master)
            self._master = -1
        elif self._ending == "SIGINT":
            os.killpg(self.process.pid, signal.SIGINT)
        else:
            os.kill(self.pid, signal.SIGKILL)

    def _drain(self) -> None:
        """What is written to a terminal has to be read by somebody."""
        while self._master >= 0 and select.select([self._master], [], [], 0)[0]:
            try:
                self._out.write(os.read(self._master, 4096))
            except OSError:
                return

    def wait(self) -> str:
        """Until it has ended: "ended", or "HANG"."""
        while True:
            self._look()
            self._drain()
            if self._ending:
                self._act()
            if self.process.poll() is not None:
                self._look()
                return "ended"
            if self.acted and self._ending != "SIGINT" and self._gone_after():
                return "ended"
            if time.monotonic() - self.since > LIMITS_S[self.step] * self._patience:
                return "HANG"
            select.select([], [], [], 0.01)

    def _gone_after(self) -> bool:
        """A program that was killed, or lost its terminal, has a second and no more."""
        return time.monotonic() - self.acted > AFTER_S

    def settle(self) -> float:
        """Waits until its processes and files are gone, or the second is over. The seconds from
        its end, or from what was done to it, on.
        """
        start = self.acted or time.monotonic()
        last = (time.monotonic() if self._ending == "SIGINT" else start) + AFTER_S
        while time.monotonic() < last and (self.descendants() or self.files()):
            procs.reap()
            select.select([], [], [], 0.005)
        return time.monotonic() - start

    def files(self) -> list[str]:
        """What is there of its files: in its folder, in the folder for temporary files, and in
        shared memory, there what its processes had mapped and what has the number of one of them.
        """
        found = [str(path) for name in ("cwd", "tmp")
                 for path in (self.folder / name).rglob("*") if not path.is_dir()]
        numbers = {str(pid) for pid in self.seen}
        for path in Path("/dev/shm").iterdir():
            if str(path) in self._shared or numbers & set(re.findall(r"\d+", path.name)):
                found.append(str(path))
        return found

    def kept(self) -> int:
        """How many results the caller had, by its own count, also where it never said so."""
        try:
            return int(struct.unpack("<q", (self.folder / "notes" / "kept").read_bytes())[0])
        except (OSError, struct.error):
            return 0

    def output(self) -> str:
        """What it wrote, to both streams."""
        self._out.seek(0)
        return self._out.read().decode("utf-8", "replace")

    def clear_up(self) -> None:
        """Ends and takes away whatever is left."""
        bench_run.kill_group(self.process.pid)
        self.process.poll()
        bench_run.clear_up(self.process.pid, self.before, set(), 0.0)
        for path in (Path(name) for name in self.files() if name.startswith("/dev/shm/")):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        if self._master >= 0:
            os.close(self._master)
        try:
            self.process.wait(5)
        except (subprocess.TimeoutExpired, ChildProcessError):
            print(f"watch: process {self.process.pid} does not end", file=sys.stderr)
        self._out.close()
        shutil.rmtree(self.folder, ignore_errors=True)
