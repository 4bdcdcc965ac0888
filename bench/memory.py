# SPDX-License-Identifier: MIT
"""Measures how much memory forked workers take around a list of objects and around an array of the
same size, that the parent made before: what they share with it, and what makes them copy.

    python bench/memory.py                                  2 GB, where the machine has that much
    python bench/memory.py --quick                          50 MB, up to 4 workers: a few seconds
    python bench/memory.py --out docs/benchmarks/memory.jsonl

Writes a line of JSON per measurement, and beside it a table (.md) and a plot (.svg). Never uses more
than half of the memory that was available when it began: it makes the data smaller, and ends what it
measures should others need more meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import machine, memory_show, proc  # noqa: E402  (needs the path above)

FULL_BYTES, QUICK_BYTES = 2_000_000_000, 50_000_000
#: What a worker takes apart from the data, generously.
WORKER_BYTES = 20_000_000
#: One answer of the measured program takes no longer than this, whatever the size.
LIMIT_S = 600.0
DATA = ("list", "array")
TASKS = ("run", "share", "read", "collect")


class NotMeasured(Exception):
    """The measured program was ended, or ended itself; the text says why."""


class Program:
    """bench/memory_one.py with its workers. Ended for good at the end of the `with`."""

    def __init__(self, kind: str, freeze: bool, size: int, floor: int) -> None:
        self._floor = floor
        release, self._release = os.pipe()
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.memory_one", kind, "yes" if freeze else "no", str(size),
             str(release)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, start_new_session=True,
            pass_fds=[release], env={**os.environ, "PYTHONPATH": path})
        os.close(release)
        self.pid = self._process.pid
        self._answers = self._listen()

    def _listen(self) -> Iterator[dict[str, Any]]:
        """Its answers, as they come, while there is memory."""
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        pending, end = b"", time.monotonic() + LIMIT_S
        with selectors.DefaultSelector() as selector:
            selector.register(fd, selectors.EVENT_READ)
            while True:
                if proc.available() < self._floor:
                    raise NotMeasured("others needed the memory meanwhile")
                if time.monotonic() > end:
                    raise NotMeasured(f"no answer within {LIMIT_S:.0f} s")
                if not selector.select(0.05):
                    continue
                data = os.read(fd, 65536)
                if not data:
                    raise NotMeasured("the measured program ended")
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    yield json.loads(line)
                    end = time.monotonic() + LIMIT_S

    def size(self) -> int:
        """The bytes of its data, once that is made."""
        return int(next(self._answers)["bytes"])

    def measure(self, task: str, workers: int) -> dict[str, Any]:
        """One call: what the program takes before, and when all workers have done their task."""
        before = proc.tree_pss(self.pid)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"task": task, "workers": workers}).encode() + b"\n")
        self._process.stdin.flush()
        answers = [next(self._answers) for _ in range(workers)]
        tree = proc.tree_pss(self.pid)
        os.write(self._release, b"." * workers)
        if "ended" not in next(self._answers):
            raise NotMeasured("more workers answered than there should be")
        return {"before": before, "tree": tree,
                "private_dirty": sum(a["private_dirty"] for a in answers),
                "frozen": min(a["frozen"] for a in answers)}

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.close(self._release)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait()


def copies(task: str, workers: int) -> int:
    """How many times the data may be there, at most."""
    return {"run": 2, "share": 2}.get(task, workers + 1)


def need(size: int, task: str, workers: int) -> int:
    """The memory that a measurement may take, at most."""
    return int(1.1 * size * copies(task, workers)) + (workers + 1) * WORKER_BYTES


def fitting(size: int, workers: int, budget: int) -> int:
    """The size itself, or the largest round one with which everything stays within the budget."""
    step = 10_000_000
    while size > step and need(size, "read", workers) > budget:
        size -= step
    return size


def one_kind(kind: str, freeze: bool, args: argparse.Namespace,
             floor: int) -> Iterator[dict[str, Any]]:
    """All measurements around one piece of data."""
    todo = [(task, workers) for task in TASKS for workers in args.workers]
    record: dict[str, Any] = {"kind": "sample", "data": kind, "freeze": freeze}
    with Program(kind, freeze, args.bytes, floor) as program:
        try:
            record["bytes"] = program.size()
            while todo:
                task, workers = todo[0]
                found = program.measure(task, workers)
                todo.pop(0)
                yield {**record, "task": task, "workers": workers, "status": "ok", **found}
        except NotMeasured as error:
            for task, workers in todo:
                yield {**record, "task": task, "workers": workers, "status": "aborted",
                       "note": str(error)}


def run_all(args: argparse.Namespace, sink: IO[str], floor: int) -> list[dict[str, Any]]:
    """All measurements; each is written as soon as it is known."""
    records: list[dict[str, Any]] = []

    def keep(record: dict[str, Any]) -> None:
        records.append(record)
        sink.write(json.dumps(record) + "\n")
        sink.flush()

    keep({"kind": "run", "format": 1, "started": time.strftime("%Y-%m-%d %H:%M:%S %z"),
          "command": shlex.join(["python", "bench/memory.py", *sys.argv[1:]]),
          "bytes": args.bytes, "workers": args.workers, "quick": args.quick,
          "machine": machine.describe()})
    for kind in DATA:
        for freeze in (True, False):
            for record in one_kind(kind, freeze, args, floor):
                keep(record)
                print(memory_show.line(record), file=sys.stderr, flush=True)
    return records


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure the memory of forked workers.")
    parser.add_argument("--quick", action="store_true", help="50 MB, 2 and 4 workers")
    parser.add_argument("--bytes", type=int, help="size of the data (2 GB)")
    parser.add_argument("--workers", type=int, nargs="+", help="numbers of workers (2 4 8 12 16)")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "memory.jsonl",
                        help="result file; table and plot are written beside it")
    args = parser.parse_args()
    args.bytes = args.bytes or (QUICK_BYTES if args.quick else FULL_BYTES)
    args.workers = args.workers or ([2, 4] if args.quick else [2, 4, 8, 12, 16])
    if min(args.workers) < 2 or max(args.workers) > 256 or args.bytes < 1_000_000:
        parser.error("from 2 to 256 workers, and at least 1,000,000 bytes")
    return args


def main() -> int:
    args = parse_args()
    half = proc.available() // 2
    size = fitting(args.bytes, max(args.workers), half)
    if need(size, "read", max(args.workers)) > half:
        print(f"memory.py: {max(args.workers)} workers do not fit into half of what is available, "
              f"{half / 1e9:.1f} GB", file=sys.stderr)
        return 1
    if size < args.bytes:
        print(f"memory.py: {size / 1e9:.2f} GB of data instead of {args.bytes / 1e9:.2f}, so that "
              f"half of the available memory is enough", file=sys.stderr)
        args.bytes = size
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with args.out.open("w", encoding="utf-8") as sink:
        records = run_all(args, sink, half)
    text = memory_show.markdown(records)
    args.out.with_suffix(".md").write_text(text, encoding="utf-8")
    args.out.with_suffix(".svg").write_text(memory_show.plot(records), encoding="utf-8")
    print(text)
    return 1 if any(r.get("status") == "aborted" for r in records) else 0


if __name__ == "__main__":
    sys.exit(main())
