# SPDX-License-Identifier: MIT
"""Runs the benchmarks. Rounds go over all peers in turn (A B C A B C ...), so that a slow minute of
the machine hits everybody; every single measurement is a process of its own with a time limit, and
nothing that it started is left when the next begins.

    python bench/run.py                                 all cases, 5 rounds
    python bench/run.py --quick                         one round, small: under three minutes
    python bench/run.py --case noop_latency --peer hec --peer mp_pool --rounds 9
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import cases, machine, peers, procs, report  # noqa: E402  (needs the path above)

# Tools may take so long to clear up after themselves before that counts as leaving things behind.
GRACE_S = 3.0


@dataclass
class Ended:
    """How a command ended: "ok", "error" or "HANG", what it wrote, and the processes it left."""

    status: str
    out: str = ""
    err: str = ""
    left: list[int] = field(default_factory=list)


def kill_group(pid: int) -> None:
    """Ends a measurement together with all the workers it started."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def clear_up(pid: int, before: set[int], files: set[str], grace_s: float) -> list[int]:
    """Ends what a measurement left running, after a while, and takes away what its tools left in
    shared memory. The processes that were there.
    """
    end = time.monotonic() + grace_s
    while time.monotonic() < end and set(procs.descendants(os.getpid())) - before:
        procs.reap()
        select.select([], [], [], 0.02)
    files |= procs.shared_files(set(procs.descendants(os.getpid())) - before)
    left = procs.end_descendants(keep=before)
    for name in files:
        Path(name).unlink(missing_ok=True)
    for folder in Path("/dev/shm").glob(f"joblib_memmapping_folder_{pid}_*"):
        shutil.rmtree(folder, ignore_errors=True)
    return left


def environment(folder: str) -> dict[str, str]:
    """What a measurement gets: a place for its files, and, for itself and for workers that start
    afresh, the way to this folder's modules. Programs of the tools are found as in an activated
    environment.
    """
    paths = {"PYTHONPATH": str(ROOT), "PATH": str(Path(sys.executable).parent)}
    return {**os.environ, "TMPDIR": folder,
            **{name: os.pathsep.join(filter(None, [first, os.environ.get(name, "")]))
               for name, first in paths.items()}}


def run_limited(command: list[str], timeout_s: float) -> Ended:
    """Runs a command in a process group and a temporary folder of its own.

    Output goes to files, since a pipe would stay open as long as any forgotten worker lives.
    """
    before = set(procs.descendants(os.getpid()))
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        folder = tempfile.mkdtemp(prefix="hecb-")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   cwd=folder, start_new_session=True, env=environment(folder))
        ended = Ended("ok")
        try:
            if process.wait(timeout_s) != 0:
                ended.status = "error"
        except subprocess.TimeoutExpired:
            ended.status = "HANG"
        finally:
            files: set[str] = set()
            if process.returncode != 0:
                # Only what this measurement's own processes have open: others use the folder too.
                files = procs.shared_files(set(procs.descendants(os.getpid())) - before)
                kill_group(process.pid)
                process.wait()
            grace_s = GRACE_S if ended.status == "ok" else 0.0
            ended.left = clear_up(process.pid, before, files, grace_s)
            shutil.rmtree(folder, ignore_errors=True)
        out.seek(0)
        err.seek(0)
        ended.out, ended.err = out.read(), err.read()
        return ended


def last_words(err: str) -> str:
    """The last line that says something, as most programs put the reason there."""
    lines = [line.strip() for line in err.splitlines() if line.strip(" -=*#\t")]
    return (lines or ["ended without a word"])[-1][:200]


def measure(case: str, peer: str, args: argparse.Namespace) -> dict[str, Any]:
    """One measurement as a record."""
    arguments = ["-m", "bench.one", case, peer, "--workers", str(args.workers)]
    known = cases.load(case)
    timeout_s = known.timeout_s
    if args.quick:
        arguments.append("--quick")
        timeout_s = min(timeout_s, known.quick_timeout_s)
    start = time.perf_counter()
    command = [sys.executable, *arguments]
    if not known.launches:
        command = peers.load(peer).command(sys.executable, arguments, args.workers)
    ended = run_limited(command, timeout_s)
    record: dict[str, Any] = {"kind": "sample", "case": case, "peer": peer, "status": ended.status}
    if ended.status == "ok":
        try:
            record.update(json.loads(ended.out))
        except ValueError:
            record.update(status="error", note="gave no value")
        if ended.left:
            left = f"left {len(ended.left)} process(es) behind"
            record["note"] = "; ".join(filter(None, [record.get("note", ""), left]))
    elif ended.status == "HANG":
        record["note"] = (f"no end within {timeout_s:.0f} s"
                          + (", though all results were there" if ended.out else ""))
    else:
        record["note"] = last_words(ended.err)
    record["wall_s"] = round(time.perf_counter() - start, 3)
    return record


def header(args: argparse.Namespace) -> dict[str, Any]:
    """The record that says what was run, on what, and how."""
    case_texts: dict[str, Any] = {}
    for name in args.case:
        case_texts.update(cases.load(name).described(name))
    peer_texts = {}
    for name in args.peer:
        peer = peers.load(name)
        reason = peer.why_not()
        peer_texts[name] = {"label": peer.name, "reference": peer.reference, "why_not": reason,
                            "version": "-" if reason else peer.version()}
    return {"kind": "run", "format": 2, "started": time.strftime("%Y-%m-%d %H:%M:%S %z"),
            "command": shlex.join(["python", "bench/run.py", *sys.argv[1:]]),
            "workers": args.workers, "rounds": args.rounds, "quick": args.quick,
            "base": peers.BASE, "cases": case_texts, "peers": peer_texts,
            "machine": machine.describe()}


def planned(args: argparse.Namespace, run: dict[str, Any]) -> Iterator[tuple[int, str, str, str]]:
    """(round, case, peer, why it need not be tried) in the order of measuring. A tool without the
    call that a case is about has no place in it.
    """
    for number in range(args.rounds):
        for case in args.case:
            for name in args.peer:
                peer, known = peers.load(name), cases.load(case)
                most = min(known.rounds, peer.rounds) if name != peers.BASE else args.rounds
                if number >= most or not peer.has(known.needs):
                    continue
                reason = run["peers"][name]["why_not"]
                if args.quick and peer.quick_cases is not None and case not in peer.quick_cases:
                    reason = reason or "not in a quick run"
                if number == 0 or not reason:
                    yield number, case, name, reason


def run_all(args: argparse.Namespace, sink: IO[str]) -> list[dict[str, Any]]:
    """All rounds; each record is written as soon as it is known."""
    records: list[dict[str, Any]] = []

    def keep(record: dict[str, Any]) -> None:
        records.append(record)
        sink.write(json.dumps(record) + "\n")
        sink.flush()

    keep(header(args))
    plan = list(planned(args, records[0]))
    for number, case, peer, reason in plan:
        if reason:
            keep({"kind": "sample", "case": case, "peer": peer, "status": "skipped",
                  "note": reason, "round": number, "wall_s": 0.0})
            continue
        record = {**measure(case, peer, args), "round": number}
        keep(record)
        value = f"{record['value']:.4g}" if "value" in record else record.get("note", "")
        print(f"[{len(records) - 1}/{len(plan)}] round {number + 1} {case} {peer}: "
              f"{record['status']} {value} ({record['wall_s']:.1f} s)", file=sys.stderr, flush=True)
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
                        help="result file; table and chart are written beside it, as .md and .svg")
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
    args.out.parent.mkdir(parents=True, exist_ok=True)
    procs.adopt_orphans()
    # Whoever ends this early, by Ctrl-C or by a time limit, gets everything cleared up as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    start = time.perf_counter()
    with args.out.open("w", encoding="utf-8") as sink:
        records = run_all(args, sink)
    report.write(args.out, records)
    print(args.out.with_suffix(".md").read_text(encoding="utf-8"))
    print(f"{time.perf_counter() - start:.0f} s; {args.out}, and .md and .svg beside it",
          file=sys.stderr)
    # What others cannot do is a result; what pyhec cannot do is a failure.
    bad = [r for r in records if r.get("peer") == peers.BASE
           and r["status"] not in ("ok", "skipped")]
    for record in bad:
        print(f"run: {record['case']}: pyhec: {record['status']}: {record.get('note', '')}",
              file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
