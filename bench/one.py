# SPDX-License-Identifier: MIT
"""One measurement: a case, a peer, once. Started by run.py in a process of its own; prints one JSON
object on standard output.

    python -m bench.one noop_latency hec --workers 2
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
from typing import Any

from bench import cases, machine, peers
from bench.cases.base import Case, Size, joined
from bench.peers.base import Broken, NotHere, Peer


def obstacle(case: Case, peer: Peer) -> str:
    """Why the measurement cannot be made here; empty if it can."""
    reason = peer.why_not()
    if not reason and case.needs_numpy:
        missing = [m for m in ("numpy", "pandas") if importlib.util.find_spec(m) is None]
        reason = f"not installed: {', '.join(missing)}" if missing else ""
    free = machine.memory_gib("MemAvailable")
    if not reason and free and free < case.needs_gib:
        reason = f"needs {case.needs_gib} GiB of memory, {free:.1f} are free"
    return reason


def answer_of(case: Case, peer: Peer, size: Size) -> dict[str, Any]:
    """What a measurement has to say."""
    reason = obstacle(case, peer)
    if reason:
        return {"status": "skipped", "note": reason}
    try:
        sample = case.measure(peer, size)
    except NotHere as error:
        return {"status": "skipped", "note": str(error)}
    except Broken as error:
        return {"status": "BROKEN", "note": str(error)}
    return {"status": "ok", "value": sample.value, "note": joined(peer.remark, sample.note),
            "more": sample.more, "ideal": sample.ideal}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("case", choices=cases.NAMES)
    parser.add_argument("peer", choices=peers.NAMES)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    case, peer = cases.load(args.case), peers.load(args.peer)

    # Whatever a tool or its workers print must not get into the answer.
    answer = os.dup(1)
    os.dup2(2, 1)
    text = json.dumps(answer_of(case, peer, Size(args.workers, args.quick)))
    with os.fdopen(answer, "w", encoding="utf-8") as stream:
        stream.write(text + "\n")
    # The value is safe; closing may still hang or fail, and that is for run.py to see.
    if any(hasattr(peer, name) for name in ("pool", "executor", "cluster", "ray", "kernel")):
        peer.close()


if __name__ == "__main__":
    main()
