# SPDX-License-Identifier: MIT
"""A task kills its worker (SIGKILL, as the kernel does when memory runs out): how long until the next
task has its result, from the death on; and, in the note, what becomes of 20 other tasks that were
under way when a second worker is killed in the same manner.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from bench.cases.base import Case, Quantity, Sample, Size, Target, check, joined, warm
from bench.peers.base import Broken, NotHere, Peer
from bench.work import die, nap

OTHERS = 20


def outcome(call: Any) -> str:
    """What a call ends with: "" for a result, else the name of its exception."""
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return ""


def fate_of_others(peer: Peer, mark: Path) -> str:
    """Kills a worker among other tasks and says how many of them were lost."""
    if not peer.has("map"):
        return ""
    if not peer.has("submit"):
        lost = outcome(lambda: peer.map(die_or_nap, [str(mark), *[""] * OTHERS]))
        return f"other tasks under way: all lost ({lost})" if lost else "nothing lost"
    waiting = [peer.submit(die_or_nap, text) for text in ["", "", str(mark), *[""] * (OTHERS - 2)]]
    ends = [outcome(later.result) for later in waiting]
    count = sum(1 for i, end in enumerate(ends) if end and i != 2)
    return f"other tasks under way: {count} of {OTHERS} lost"


def die_or_nap(mark: str) -> int:
    """Kills its worker if it is given a file to leave the time in; else takes 10 ms."""
    return die(mark) if mark else nap(0.01)


def measure(peer: Peer, size: Size) -> Sample:
    if peer.reference:
        raise NotHere("has no worker processes: the whole program would end")
    warm(peer, size)
    with tempfile.TemporaryDirectory() as folder:
        mark = Path(folder) / "died"
        failure = outcome(lambda: peer.call(die_or_nap, str(mark)))
        check(failure != "", "a task that was killed has a result")
        ready = outcome(lambda: check(peer.call(nap, 0.0) == 1, "a wrong result"))
        seconds = time.monotonic() - float(mark.read_text())
        if ready:
            raise Broken(f"{failure}; and the next task: {ready}")
        note = fate_of_others(peer, Path(folder) / "died too")
    return Sample(seconds * 1e3, joined(failure, note))


CASE = Case(Quantity("a worker is killed: until the next result", "ms", "lower",
                     (Target("at most", plus=50),)),
            measure, needs="call", timeout_s=15.0, quick_timeout_s=5.0, rounds=1)
