# SPDX-License-Identifier: MIT
"""One fault in one tool. Started by run.py in a process of its own; says how far it is, one JSON
object a line, in the file that HEC_FAULT_REPORT names, since it may never come to its end.

    python -m bench.faults.one sigkill mp_pool --workers 2
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.faults import kinds, tools
from bench.faults.base import (BAD, MEMORY_MB, NOTES, TIMEOUT_S, Fault, Kept, Tool, answer, said)

REPORT = "HEC_FAULT_REPORT"


def say(event: str, **more: Any) -> None:
    """One line of the report, written at once and whole."""
    line = json.dumps({"event": event, "pid": os.getpid(), **more}) + "\n"
    fd = os.open(os.environ[REPORT], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(fd, line.encode())
    finally:
        os.close(fd)


def goes_on() -> bool:
    """Whether the process of the bad task is still there."""
    try:
        pid = int(Path(os.environ[NOTES], "bad").read_text())
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (OSError, ValueError):
        return False


def shortened(text: str) -> str:
    """Its first lines."""
    return text if len(text) <= 800 else text[:800].rpartition("\n")[0] or text[:800]


def summary(kept: Kept, seconds: float) -> dict[str, Any]:
    """What the caller of the call knows after it."""
    error = kept.first_error()
    return {"good": kept.good, "wrong": kept.wrong, "seconds": round(seconds, 3),
            "failed": len(kept.failures), "others_failed": len(set(kept.failures) - {BAD}),
            "named": kept.names_the_bad(), "error": type(error).__name__ if error else "",
            "text": shortened(said(error)), "goes_on": goes_on()}


def inputs(fault: Fault, tool: str) -> Sequence[Any]:
    """What the call goes over."""
    items = fault.items()
    return [(item[0], tool) for item in items] if fault.names_tool else items


def call(fault: Fault, tool: Tool, items: Sequence[Any]) -> None:
    """The call with the fault, and what is known afterwards."""
    kept = Kept(items, os.path.join(os.environ[NOTES], "kept"))
    limits: dict[str, Any] = {}
    if fault.asks in tool.limits:
        limits = {"timeout": {"timeout": TIMEOUT_S}, "memory": {"memory_mb": MEMORY_MB}}[fault.asks]
    say("began")
    with fault.around() if fault.around else contextlib.nullcontext():
        start = time.perf_counter()
        try:
            tool.run(fault.task, items, kept, **limits)
        except Exception as error:
            kept.call_failed(error)
        seconds = time.perf_counter() - start
    say("over", **summary(kept, seconds))


def next_call(tool: Tool) -> None:
    """A small call after it, by the same workers."""
    kept = Kept(range(8))
    try:
        tool.run(answer, range(8), kept)
    except Exception as error:
        kept.call_failed(error)
    say("next", ok=kept.good == 8, text=said(kept.first_error())[:500])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("fault", choices=kinds.NAMES)
    parser.add_argument("tool", choices=tools.NAMES)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    fault, tool = kinds.load(args.fault), tools.load(args.tool)

    say("started")
    if fault.before is not None:
        fault.before()
    tool.open(args.workers, MEMORY_MB if fault.asks == "memory" else 0)
    try:
        say("open")
        if fault.before is None:
            # Some start their workers only with the first call.
            warm = Kept(range(8))
            tool.run(answer, range(8), warm)
        call(fault, tool, inputs(fault, args.tool))
        next_call(tool)
    finally:
        tool.close()
    say("closed")


if __name__ == "__main__":
    main()
