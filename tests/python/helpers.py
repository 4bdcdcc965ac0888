# SPDX-License-Identifier: MIT
"""What several of the Python tests need: scripts in sessions of their own, and looks into /proc."""

from __future__ import annotations

import gc
import os
import pathlib
import re
import signal
import subprocess
import sys
import textwrap
import time
import typing

#: Waits of the tests end here; nothing that works comes near it.
PATIENCE_S = 30.0


def wait_until(condition: typing.Callable[[], object], seconds: float = PATIENCE_S) -> bool:
    """Looks until the condition holds; whether it did in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def stat_of(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name: state, ppid, pgrp, session, ...; [] if gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()


def processes(field: int, value: int) -> list[int]:
    """The living processes whose field of stat_of() has this value."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = stat_of(int(name))
            if stat and stat[0] not in "ZX" and int(stat[field]) == value:
                found.append(int(name))
    return found


def in_session(session: int) -> list[int]:
    """The living processes of a session."""
    return processes(3, session)


def _is_zygote(pid: int) -> bool:
    try:
        return b"pyhec._zygote" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def children(pid: int | None = None) -> list[int]:
    """The children of a process, zombies too, but not a zygote, which stays as long as it does."""
    me = os.getpid() if pid is None else pid
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = stat_of(int(name))
            if stat and int(stat[1]) == me and not _is_zygote(int(name)):
                found.append(int(name))
    return found


def is_gone(pid: int) -> bool:
    """Whether a process has ended (it may still have to be reaped by somebody else)."""
    stat = stat_of(pid)
    return not stat or stat[0] in "ZX"


def open_fds() -> int:
    """How many descriptors this process has open."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def rss_kib() -> int:
    """Resident memory of this process."""
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * (os.sysconf("SC_PAGE_SIZE") // 1024)


def forks_during(body: typing.Callable[[], object]) -> int:
    """How many times the interpreter prepared a fork, or several in a row, while the body ran."""
    counts = _fork_counter()
    before = counts[0]
    body()
    return counts[0] - before


_counts: list[int] = []


def _fork_counter() -> list[int]:
    if not _counts:
        _counts.append(0)

        def count() -> None:
            _counts[0] += 1

        os.register_at_fork(before=count)
    return _counts


class Script:
    """A Python program in a session of its own, ended with all its processes at the test's end."""

    def __init__(
        self,
        folder: pathlib.Path,
        code: str,
        *,
        env: dict[str, str] | None = None,
        terminal: int | None = None,
        arguments: typing.Sequence[str] = (),
    ) -> None:
        path = folder / "script.py"
        path.write_text(textwrap.dedent(code))
        stdio = subprocess.PIPE if terminal is None else terminal
        self.process = subprocess.Popen(
            [sys.executable, "-u", str(path), *arguments],
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=stdio,
            stderr=stdio,
            text=True,
            start_new_session=terminal is None,
            env={**os.environ, **(env or {})},
            cwd=str(folder),
            preexec_fn=_hear_interrupts if terminal is None else _take_terminal,
        )
        self.pid = self.process.pid

    def read_line(self) -> str:
        """The next line of its output; the test's time limit is the deadline."""
        assert self.process.stdout is not None
        return str(self.process.stdout.readline())

    def finish(self, timeout: float = PATIENCE_S) -> tuple[int, str, str]:
        """Waits for its end: status, output, errors."""
        out, err = self.process.communicate(timeout=timeout)
        return self.process.returncode, out, err

    def processes(self) -> list[int]:
        """Those of its session that live."""
        return in_session(self.pid)

    def all_gone(self, seconds: float) -> bool:
        """Whether nothing of its session lives any more, in the given time."""
        return wait_until(lambda: not self.processes(), seconds)

    def __enter__(self) -> Script:
        return self

    def __exit__(self, *exc: object) -> None:
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


#: Names in shared memory that other tools give, which may run meanwhile.
_OTHERS = re.compile(r"(sem\.)?(joblib|loky|mp-|pym-|psm_|vader|sm_segment|hec-test)")


class Remains:
    """What is left of a program: processes, by a mark in their environment, wherever they have gone;
    names in shared memory; System V segments; and files, in a folder for temporary ones of its own
    and in the folder it runs in.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder, self._tmp = folder, folder / "tmp"
        self._tmp.mkdir()
        self._mark = f"HEC_TEST_MARK={os.urandom(8).hex()}"
        self._before = self._names()

    @property
    def env(self) -> dict[str, str]:
        """What the program has to have in its environment."""
        name, _, value = self._mark.partition("=")
        return {name: value, "TMPDIR": str(self._tmp)}

    def processes(self) -> list[int]:
        """Those that live."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
            except OSError:
                continue
            if self._mark.encode() in environment.split(b"\0") and not is_gone(int(pid)):
                found.append(int(pid))
        return found

    def _names(self) -> set[str]:
        with open("/proc/sysvipc/shm") as f:
            segments = {"segment " + line.split()[1] for line in f.readlines()[1:]}
        files = {str(p) for p in self._folder.rglob("*") if not p.is_dir()}
        shared = (n for n in os.listdir("/dev/shm") if not _OTHERS.match(n))
        return {*segments, *files, *(f"/dev/shm/{n}" for n in shared)}

    def files(self) -> list[str]:
        """Names that were not there before, but for the program's text and the tests' own notes."""
        new = self._names() - self._before
        return sorted(n for n in new if not n.endswith((".note", "/script.py")))

    def nothing(self, seconds: float) -> bool:
        """Whether nothing is left, in the given time."""
        return wait_until(lambda: not self.processes() and not self.files(), seconds)

    def __repr__(self) -> str:
        return f"processes {self.processes()}, files {self.files()}"


def _hear_interrupts() -> None:
    """A shell ignores Ctrl-C for what it runs in the background, nohup the hangup, and so do their
    descendants.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _take_terminal() -> None:
    import fcntl
    import termios

    _hear_interrupts()
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def run_script(
    folder: pathlib.Path,
    code: str,
    *,
    env: dict[str, str] | None = None,
    arguments: typing.Sequence[str] = (),
    status: int = 0,
    seconds: float = PATIENCE_S,
) -> tuple[str, str]:
    """Runs a program to its end: output and errors. It must end with this status and leave no
    process behind.
    """
    with Script(folder, code, env=env, arguments=arguments) as script:
        code_seen, out, err = script.finish(seconds)
        assert code_seen == status, f"status {code_seen}\n{out}\n{err}"
        assert script.all_gone(2.0), "processes are left"
    return out, err
