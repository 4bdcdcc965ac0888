# SPDX-License-Identifier: MIT
"""Processes as the kernel shows them: who descends from whom, what memory and CPU they take, and how
a whole tree is ended. Linux only.

    python -m bench.procs PID      the peak memory of that process and its descendants, in MB, until
                                   standard input ends
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """From now on, descendants whose parents end become children of this process, so that none
    gets out of sight, not even a daemon.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot become the reaper of orphans")


def _parents() -> dict[int, tuple[int, str]]:
    """Parent and state of every process."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            # The name before may hold anything, blanks and brackets too.
            fields = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        found[int(entry)] = (int(fields[1]), fields[0])
    return found


def descendants(root: int) -> list[int]:
    """Children, their children and so on, without zombies."""
    parents = _parents()
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in parents.items():
        children.setdefault(parent, []).append(pid)
    found, rest = [], [root]
    while rest:
        for pid in children.get(rest.pop(), []):
            rest.append(pid)
            if parents[pid][1] != "Z":
                found.append(pid)
    return found


def pss_mb(pids: Iterable[int]) -> float:
    """Memory in MB, what several share counted once; who is gone counts nothing."""
    total = 0
    for pid in pids:
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            continue
    return total * 1024 / 1e6


def cpu_s(pids: Iterable[int]) -> float:
    """CPU seconds used so far, all threads."""
    total = 0
    for pid in pids:
        try:
            threads = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        for thread in threads:
            try:
                total += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
            except (OSError, IndexError):
                continue
    return total / 1e9


def shared_files(pids: Iterable[int]) -> set[str]:
    """The files in shared memory that these processes have mapped: what a tool that is killed cannot
    take away any more.
    """
    inodes: set[int] = set()
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
        except OSError:
            continue
        # By number: a semaphore is mapped under another name, before it gets its own.
        inodes.update(int(line.split()[4]) for line in lines if " /dev/shm/" in line)
    try:
        return {entry.path for entry in os.scandir("/dev/shm") if entry.inode() in inodes}
    except OSError:
        return set()


def reap() -> None:
    """Takes note of adopted children that have ended."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


def end_descendants(keep: Iterable[int] = (), deadline_s: float = 5.0) -> list[int]:
    """Kills whatever this process has started or adopted but for `keep`, and waits until it is
    gone. The process ids of those that were there.
    """
    kept = set(keep)
    seen: set[int] = set()
    end = time.monotonic() + deadline_s
    while True:
        reap()
        left = [pid for pid in descendants(os.getpid()) if pid not in kept]
        if not left or time.monotonic() > end:
            return sorted(seen)
        for pid in left:
            seen.add(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        # A child that has ended can be waited for; what others hold takes a moment.
        select.select([], [], [], 0.01)


def main() -> None:
    root, peak = int(sys.argv[1]), 0.0
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        others = [pid for pid in descendants(root) if pid != os.getpid()]
        peak = max(peak, pss_mb([root, *others]))
    print(peak)


if __name__ == "__main__":
    main()
