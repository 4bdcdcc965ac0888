# SPDX-License-Identifier: MIT
"""Runs the benchmarks. Rounds go over all peers in turn (A B C A B C ...), so that a slow minute of
the machine hits everybody; every single measurement is a process of its own with a time limit.

    python bench/run.py                                 all cases, 5 rounds
    python bench/run.py --quick                         one round, small: under a minute
    python bench/run.py --case noop_latency --peer hec --peer mp_pool --rounds 9
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import cases, machine, peers, table  # noqa: E402  (needs the path above)

QUICK_TIMEOUT_S = 15.0


def kill_group(pid: int) -> None:
    """Ends a measurement together with all the workers it started."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run_limited(command: list[str], timeout_s: float) -> tuple[str, str, str]:
    """Runs a command in a process group of its own: ("ok", "error" or "HANG", stdout, stderr).

    Output goes to files, since a pipe would stay open as long as any forgotten worker lives.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   cwd=ROOT, start_new_session=True)
        status = "ok"
        try:
            if process.wait(timeout_s) != 0:
                status = "error"
        except subprocess.TimeoutExpired:
            status = "HANG"
        except KeyboardInterrupt:
            kill_group(process.pid)
            raise
        if status != "ok":
            kill_group(process.pid)
            process.wait()
        out.seek(0)
        err.seek(0)
        return status, out.read(), err.read()


def measure(case: str, peer: str, args: argparse.Namespace) -> dict[str, Any]:
    """One measurement as a record."""
    command = [sys.executable, "-m", "bench.one", case, peer, "--workers", str(args.workers)]
    timeout_s = cases.load(case).timeout_s
    if args.quick:
        command.append("--quick")
        timeout_s = min(timeout_s, QUICK_TIMEOUT_S)
    start = time.perf_counter()
    status, out, err = run_limited(command, timeout_s)
    record: dict[str, Any] = {"kind": "sample", "case": case, "peer": peer, "status": status}
    if status == "ok":
        try:
            record.update(json.loads(out))
        except ValueError:
            record.update(status="error", note="gave no value")
    elif status == "HANG":
        record["note"] = (f"no end within {timeout_s:.0f} s"
                          + (", though all results were there" if out else ""))
    else:
        record["note"] = (err.strip().splitlines() or ["ended without a word"])[-1][:200]
    record["wall_s"] = round(time.perf_counter() - start, 3)
    return record


def header(args: argparse.Namespace) -> dict[str, Any]:
    """The record that says what was run, on what, and how."""
    case_texts = {name: {"title": c.title, "unit": c.unit, "better": c.better}
                  for name, c in ((name, cases.load(name)) for name in args.case)}
    peer_texts = {}
    for name in args.peer:
        peer = peers.load(name)
        peer_texts[name] = {"label": peer.name, "reference": peer.reference,
                            "version": "-" if peer.why_not() else peer.version()}
    return {"kind": "run", "format": 1, "started": time.strftime("%Y-%m-%d %H:%M:%S %z"),
            "command": shlex.join(["python", "bench/run.py", *sys.argv[1:]]),
            "workers": args.workers, "rounds": args.rounds, "quick": args.quick,
            "base": peers.BASE, "cases": case_texts, "peers": peer_texts,
            "machine": machine.describe()}


def run_all(args: argparse.Namespace, sink: IO[str]) -> list[dict[str, Any]]:
    """All rounds; each record is written as soon as it is known."""
    records: list[dict[str, Any]] = []

    def keep(record: dict[str, Any]) -> None:
        records.append(record)
        sink.write(json.dumps(record) + "\n")
        sink.flush()

    keep(header(args))
    total = args.rounds * len(args.case) * len(args.peer)
    for round_number in range(args.rounds):
        for case in args.case:
            for peer in args.peer:
                record = {**measure(case, peer, args), "round": round_number}
                keep(record)
                value = f"{record['value']:.4g}" if "value" in record else record.get("note", "")
                print(f"[{len(records) - 1}/{total}] round {round_number + 1} {case} {peer}: "
                      f"{record['status']} {value} ({record['wall_s']:.1f} s)",
                      file=sys.stderr, flush=True)
    return records


def parse_args() -> argparse.Namespace:
    """The command line; --case and --peer may be given several times."""
    parser = argparse.ArgumentParser(description="Measure pyhec against other tools.")
    parser.add_argument("--case", action="append", choices=cases.NAMES, help="only this case")
    parser.add_argument("--peer", action="append", choices=peers.NAMES, help="only this peer")
    parser.add_argument("--rounds", type=int, help="rounds (5; 1 with --quick)")
    parser.add_argument("--workers", type=int, help="workers for everybody (the granted CPUs)")
    parser.add_argument("--quick", action="store_true", help="one round of small sizes")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "latest.jsonl",
                        help="result file; the table is written beside it as .md")
    args = parser.parse_args()
    args.case = args.case or cases.NAMES
    args.peer = args.peer or peers.NAMES
    args.rounds = args.rounds if args.rounds is not None else (1 if args.quick else 5)
    args.workers = args.workers if args.workers is not None else machine.granted_cpus()
    if args.rounds < 1 or args.workers < 1:
        parser.error("at least one round and one worker")
    return args


def main() -> int:
    args = parse_args()
    # The measurements find this folder's modules, and so do workers that start afresh.
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    with args.out.open("w", encoding="utf-8") as sink:
        records = run_all(args, sink)
    text = table.markdown(records)
    args.out.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)
    print(f"{time.perf_counter() - start:.0f} s; {args.out} and {args.out.with_suffix('.md')}",
          file=sys.stderr)
    return 1 if any(r.get("status") in ("HANG", "error") for r in records) else 0


if __name__ == "__main__":
    sys.exit(main())
