# SPDX-License-Identifier: MIT
"""Injects every fault into every tool, each in a process of its own with time limits, and says what
became of the call: results, names, hangs, processes and files left.

    python bench/faults/run.py                            all tools; needs .venv-bench (tools/setup bench)
    python bench/faults/run.py --fault sigkill --tool hec --tool mp_pool
    python bench/faults/run.py --update docs/reliability.md      and puts the table into that page
    python bench/faults/run.py --check docs/reliability.md       pyhec only: is it as that page says?
"""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench import machine, procs  # noqa: E402  (needs the path above)
from bench import run as bench_run  # noqa: E402
from bench.faults import kinds, table, tools  # noqa: E402
from bench.faults.base import TASKS  # noqa: E402
from bench.faults.watch import Watch  # noqa: E402


def anonymous(value: Any) -> Any:
    """The same without the names of this machine's folders, since results are meant to be shared."""
    if isinstance(value, dict):
        return {key: anonymous(v) for key, v in value.items()}
    if isinstance(value, str):
        for folder, name in ((sys.prefix, "ENV"), (str(ROOT), "."), (sys.base_prefix, "PYTHON")):
            value = value.replace(folder, name)
    return value


def observed(watch: Watch, status: str, ending: str) -> dict[str, Any]:
    """What is to be said of a program that has been watched to its end, or to a limit."""
    step = watch.step
    after_s = watch.settle() if status != "HANG" else 0.0
    left, files = (len(watch.descendants()), watch.files()) if status != "HANG" else (0, [])
    record: dict[str, Any] = {
        "status": status, "step": step, "exit": watch.process.returncode, "peak": watch.peak,
        "left": left, "files": len(files), "files_named": [Path(f).name for f in files][:20],
        "kept": watch.kept(), "over": watch.events.get("over"), "next": watch.events.get("next")}
    output = watch.output()
    if ending:
        record["seconds"] = round(after_s, 3)
        record["tracebacks"] = output.count("Traceback (most recent call last)")
    record["last_words"] = bench_run.last_words(output)
    record["output"] = output[-500:].partition("\n")[2]  # whole lines
    return dict(anonymous(record))


def measure(fault: str, tool: str, workers: int, patience: float) -> dict[str, Any]:
    """One fault in one tool, as a record."""
    known, peer = kinds.load(fault), tools.load(tool).peer
    arguments = ["-m", "bench.faults.one", fault, tool, "--workers", str(workers)]
    start = time.perf_counter()
    watch = Watch(peer.command(sys.executable, arguments, workers), workers, known.ending,
                  known.stdin, patience)
    try:
        record = observed(watch, watch.wait(), known.ending)
    finally:
        watch.clear_up()
    return {"kind": "fault", "fault": fault, "tool": tool, **record,
            "wall_s": round(time.perf_counter() - start, 2)}


def header(args: argparse.Namespace) -> dict[str, Any]:
    """The record that says what was run, on what, and how."""
    described = {}
    for name in args.tool:
        tool = tools.load(name)
        reason = tool.peer.why_not()
        described[name] = {"label": tool.peer.name, "call": tool.call, "why_not": reason,
                           "limits": sorted(tool.limits),
                           "version": "-" if reason else tool.peer.version()}
    faults = {name: {"title": f.title, "meaning": f.meaning, "spoilt": f.spoilt, "cause": f.cause,
                     "asks": f.asks, "ending": f.ending, "tasks": len(f.items())}
              for name, f in ((n, kinds.load(n)) for n in args.fault)}
    return {"kind": "run", "format": 1, "started": time.strftime("%Y-%m-%d %H:%M:%S %z"),
            "command": shlex.join(["python", "bench/faults/run.py", *sys.argv[1:]]),
            "workers": args.workers, "tasks": TASKS, "base": tools.BASE, "tools": described,
            "faults": faults, "machine": machine.describe()}


def run_all(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Every fault in every tool; each record is written as soon as it is known."""
    records = [header(args)]
    with args.out.open("w", encoding="utf-8") as sink:
        sink.write(json.dumps(records[0]) + "\n")
        for fault in args.fault:
            for tool in args.tool:
                reason = records[0]["tools"][tool]["why_not"]
                record = ({"kind": "fault", "fault": fault, "tool": tool, "status": "skipped",
                           "last_words": reason} if reason
                          else measure(fault, tool, args.workers, args.patience))
                records.append(record)
                sink.write(json.dumps(record) + "\n")
                sink.flush()
                print(f"{fault} {tool}: {table.cell(records[0], record)} "
                      f"({record.get('wall_s', 0):.1f} s)", file=sys.stderr, flush=True)
    return records


def check(page: Path, records: list[dict[str, Any]], tap: Path | None) -> int:
    """Compares what was seen of pyhec with what a page says, times apart; speaks TAP."""
    said = table.claims(page.read_text(encoding="utf-8"))
    lines, bad = [], 0
    found = [r for r in records if r["kind"] == "fault" and r["tool"] == tools.BASE]
    for number, record in enumerate(found, 1):
        title = records[0]["faults"][record["fault"]]["title"]
        seen = table.claim(table.cell(records[0], record))
        wanted = said.get(title)
        if seen == wanted:
            lines.append(f"ok {number} - {title}: {seen}")
            continue
        bad += 1
        lines.append(f"not ok {number} - {title}: {seen}")
        lines += [f"# {page.name} says: {wanted}", f"# {json.dumps(record)}"]
    text = "\n".join([*lines, f"1..{len(found)}"]) + "\n"
    print(text, end="")
    if tap is not None:
        tap.write_text(text, encoding="utf-8")
    return 1 if bad else 0


def parse_args() -> argparse.Namespace:
    """The command line; --fault and --tool may be given several times."""
    parser = argparse.ArgumentParser(description="Inject faults into pyhec and other tools.")
    parser.add_argument("--fault", action="append", choices=kinds.NAMES, help="only this fault")
    parser.add_argument("--tool", action="append", choices=tools.NAMES, help="only this tool")
    parser.add_argument("--workers", type=int, default=2, help="workers for everybody (2)")
    parser.add_argument("--patience", type=float, help="times the limits after which something is "
                        "a HANG (1; 4 with --check, where none is expected)")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "faults.jsonl")
    parser.add_argument("--merge", type=Path, metavar="OLD.jsonl",
                        help="what was not measured now is taken from there")
    parser.add_argument("--update", type=Path, metavar="PAGE.md", help="put the table in there")
    parser.add_argument("--check", type=Path, metavar="PAGE.md",
                        help="only pyhec, compared with what the page says")
    parser.add_argument("--tap", type=Path, help="with --check: write the TAP there, too")
    args = parser.parse_args()
    args.fault = args.fault or kinds.NAMES
    args.patience = args.patience or (4.0 if args.check else 1.0)
    args.tool = [tools.BASE] if args.check else args.tool or tools.NAMES
    return args


def main() -> int:
    args = parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    procs.adopt_orphans()
    # Whoever ends this early, by Ctrl-C or by a time limit, gets everything cleared up as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    records = run_all(args)
    if args.merge:
        records = table.merged(table.read(args.merge), records)
        args.out.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    if args.check:
        return check(args.check, records, args.tap)
    args.out.with_suffix(".md").write_text(table.markdown(records), encoding="utf-8")
    if args.update:
        args.update.write_text(table.put(args.update.read_text(encoding="utf-8"), records),
                               encoding="utf-8")
    print(f"{args.out}, and .md beside it", file=sys.stderr)
    # What others cannot do is a result; what pyhec cannot do is a failure.
    bad = [r for r in records if r.get("tool") == tools.BASE and r["status"] == "HANG"]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
