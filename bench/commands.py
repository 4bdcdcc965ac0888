#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How many commands a second: pyhec and libhec next to the least that it can cost, and others.

    python bench/commands.py [--count 5000] [--width 2] [--rounds 5] [--memory 0 4096]
                             [--only pyhec libhec]

Prints a Markdown table. The ways take turns (A B C A B C ...), so that a slow minute hits all of
them. `memory` is what the program that starts the commands has written to before, in MB. Needs a C
compiler, and for libhec a build of it (--libhec build/libhec.a).
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import pathlib
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
COMMAND = "/bin/true"
BASE = "posix_spawn loop in C"

PRELUDE = """
import sys, time
count, width, megabytes = map(int, sys.argv[1:4])
memory = bytearray(b"x") * (megabytes << 20)
commands = [["/bin/true", "1"]] * count
"""
TIMED = """
began = time.perf_counter()
{body}
print(count / (time.perf_counter() - began))
"""
#: The table of hec sweep, which is there before.
SWEEP = """
import sys
with open(f"PATH/{sys.argv[1]}.csv", "w") as f:
    f.write("n\\n" + "".join(f"{i}\\n" for i in range(int(sys.argv[1]))))
"""
#: HyperQueue has a package of its server, its worker and its client. Their start is not timed.
HYPERQUEUE = """
import os, tempfile
from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig
cluster = LocalCluster(tempfile.mkdtemp(), WorkerConfig(width))
client = cluster.client()
job = Job(default_workdir=tempfile.mkdtemp())
for command in commands:
    job.program(command, stdout=None, stderr=None)
"""
#: The Python ways: what is prepared, and what is timed.
PYTHON = {
    "pyhec.run_commands": ("import pyhec", "pyhec.run_commands(commands, n_jobs=width)"),
    "pyhec.run_commands, capture=False": (
        "import pyhec",
        "pyhec.run_commands(commands, n_jobs=width, capture=False)",
    ),
    "threads + subprocess.run": (
        "import subprocess\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "run = lambda c: subprocess.run(c, capture_output=True, check=True)",
        "with ThreadPoolExecutor(width) as pool: list(pool.map(run, commands))",
    ),
    "multiprocessing.Pool + subprocess.run": (
        "import subprocess, multiprocessing\n"
        "def run(c): subprocess.run(c, capture_output=True, check=True)",
        "with multiprocessing.get_context('fork').Pool(width) as pool: pool.map(run, commands)",
    ),
}


def shell(line: str) -> str:
    """A shell's line as a way, timed by itself; it has no memory of its own."""
    return PRELUDE + TIMED.format(
        body=f"import subprocess\nsubprocess.run({line!r}.format(count=count, width=width), "
        "shell=True, check=True)"
    )


def ways(folder: pathlib.Path, libhec: pathlib.Path, hec: pathlib.Path) -> dict[str, list[str]]:
    """The command of each way, to be followed by count, width, megabytes."""
    compiler = shlex.split(os.environ.get("CC") or "cc")
    made: dict[str, list[str]] = {}

    def build(name: str, source: str, *options: str) -> None:
        program = folder / pathlib.Path(source).stem
        subprocess.run([*compiler, "-O2", "-o", str(program), str(HERE / source), *options], check=True)
        made[name] = [str(program)]

    def script(name: str, text: str) -> None:
        path = folder / f"way{len(made)}.py"
        path.write_text(text, encoding="utf-8")
        made[name] = [sys.executable, str(path)]

    build(BASE, "spawn_loop.c")
    if libhec.exists():
        options = [f"-I{HERE.parent / 'include'}", "-DHEC_STATIC", str(libhec), "-lpthread", "-ldl"]
        config = HERE.parent / "build" / "meson-private" / "hec.pc"
        if config.exists() and "hwloc" in config.read_text(encoding="utf-8"):
            options.append("-lhwloc")
        build("libhec (hec/command.h)", "hec_loop.c", *options)
    for name, (before, body) in PYTHON.items():
        script(name, before + PRELUDE + TIMED.format(body=body))
    if hec.exists():
        script("hec map", shell("seq {count} | " + f"{hec} map -j {{width}} {COMMAND}"))
        runs = folder / "runs"
        runs.mkdir(mode=0o700)
        in_run = f"HEC_RUNS={runs} {hec}"
        script("hec map --run", shell(f"seq {{count}} | {in_run} map --run r$$ -j {{width}} {COMMAND}"))
        line = f"{in_run} sweep --run r$$ -j {{width}} {folder}/{{count}}.csv -- {COMMAND} {{{{n}}}}"
        script("hec sweep", SWEEP.replace("PATH", str(folder)) + shell(f"{line} 2>/dev/null"))
    script("xargs -P", shell("seq {count} | xargs -P {width} -n 1 " + COMMAND))
    if importlib.util.find_spec("hyperqueue"):
        text = PRELUDE + HYPERQUEUE + TIMED.format(body="client.wait_for_jobs([client.submit(job)])")
        script("HyperQueue", text + "\nsys.stdout.flush()\nos._exit(0)\n")
    if shutil.which("parallel"):
        script("GNU parallel", shell("seq {count} | parallel -j {width} " + COMMAND))
    return made


def measure(command: list[str], count: int, width: int, megabytes: int) -> tuple[float, float]:
    """Of one run: commands per second, and milliseconds of processor time per command, the
    commands' own and that of what starts them (and of filling the memory).
    """
    tail = [str(count), str(width), str(megabytes)]
    if not command[0].endswith(pathlib.Path(sys.executable).name):
        tail += [COMMAND, "1"]  # an argument, as those have that make commands of lines
    before = os.times()
    done = subprocess.run([*command, *tail], capture_output=True, text=True, timeout=900)
    after = os.times()
    if done.returncode:
        raise SystemExit(f"bench/commands.py: {command} failed:\n{done.stderr}")
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return float(done.stdout.split()[-1]), used * 1000 / count  # HyperQueue says more before


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--width", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", type=int, nargs="+", default=[0, 4096], metavar="MB")
    parser.add_argument("--libhec", type=pathlib.Path, default=HERE.parent / "build" / "libhec.a")
    parser.add_argument("--hec", type=pathlib.Path, default=HERE.parent / "build" / "cli" / "hec")
    parser.add_argument("--only", nargs="+", metavar="TEXT", help="ways whose name contains this")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = {
            name: command
            for name, command in ways(pathlib.Path(folder), args.libhec, args.hec).items()
            if name == BASE or not args.only or any(text in name for text in args.only)
        }
        runs: dict[tuple[str, int], list[tuple[float, float]]] = {}
        for _ in range(args.rounds):
            for megabytes in args.memory:
                for name, command in made.items():
                    # One that is slow for a large parent need not show it for minutes.
                    count = args.count if megabytes == 0 else max(args.count // 5, 100)
                    runs.setdefault((name, megabytes), []).append(
                        measure(command, count, args.width, megabytes)
                    )
    print(f"`{COMMAND}`, {args.width} at a time, {args.rounds} rounds: commands per second, median")
    print("(least to most), the ratio to the loop in C of the same round, median, and milliseconds of")
    print("processor time per command, the least seen\n")
    print("| way |" + "".join(f" {m} MB in the parent | ratio | CPU |" for m in args.memory))
    print("|---|" + "---:|---:|---:|" * len(args.memory))
    for name in made:
        row = f"| {name} |"
        for megabytes in args.memory:
            values = [rate for rate, _ in runs[name, megabytes]]
            base = [rate for rate, _ in runs[BASE, megabytes]]
            cpu = min(used for _, used in runs[name, megabytes])
            ratio = statistics.median(v / b for v, b in zip(values, base))
            row += f" {statistics.median(values):.0f} ({min(values):.0f}-{max(values):.0f})"
            row += f" | {ratio:.2f} | {cpu:.2f} |"
        print(row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
