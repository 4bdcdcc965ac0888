#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a command costs when it runs on many nodes: bench/nodes.py [HEC] [TASKS]

Runs /bin/true so often on this machine's CPUs by one node's engine, and by hec-mpi with this
machine taken for one, two and four nodes, by HEC_MPI_LAUNCH with the word N for their number. Prints
a table: commands a second, and the CPU time of hec, of the coordinator, of the other processes of
hec-mpi and of the agents, in microseconds for each command.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time

TICK = os.sysconf("SC_CLK_TCK")


def cpu_of(root: int) -> dict[str, float]:
    """CPU seconds of all processes below this one, by part."""
    parents: dict[int, int] = {}
    lines: dict[int, list[str]] = {}
    words: dict[int, list[str]] = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            words[int(folder.name)] = (folder / "cmdline").read_text().split("\0")
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
        lines[int(folder.name)] = fields
    found: dict[str, float] = {}
    ranks = 0
    for pid in sorted(lines):
        above = pid
        while above not in (root, 0, 1):
            above = parents.get(above, 0)
        if above != root:
            continue
        if pid == root:
            part = "hec"
        elif words[pid][:3] == ["hec", "mpi", "agent"]:
            part = "agents"
        elif "hec-mpi" in words[pid][0]:
            part = "coordinator" if ranks == 0 else "others"
            ranks += 1
        else:
            continue
        found[part] = found.get(part, 0.0) + (int(lines[pid][11]) + int(lines[pid][12])) / TICK
    return found


def measure(hec: str, tasks: int, nodes: int) -> None:
    env = dict(os.environ)
    jobs = max(1, len(os.sched_getaffinity(0)) // max(nodes, 1))
    if nodes:
        env["HEC_MPI_LAUNCH"] = env["HEC_MPI_LAUNCH"].replace("N", str(nodes))
    else:
        del env["HEC_MPI_LAUNCH"]
    began = time.monotonic()
    with subprocess.Popen([hec, "map", f"-j{jobs}", "--force", "/bin/true"], env=env, stdin=subprocess.PIPE) as child:
        assert child.stdin
        child.stdin.write(b"1\n")
        child.stdin.flush()
        time.sleep(1.5)  # everything is up
        before = cpu_of(child.pid)
        began = time.monotonic()
        child.stdin.write(b"x\n" * tasks)
        child.stdin.close()
        last = before
        while child.poll() is None:
            now = cpu_of(child.pid)
            if len(now) < len(before) or any(now[k] < last[k] for k in before):
                break
            last = now
            time.sleep(0.05)
        child.wait()
    took = time.monotonic() - began
    costs = {part: (last[part] - before[part]) / tasks * 1e6 for part in before}
    shown = " | ".join(f"{costs[k]:.1f}" if k in costs else "-" for k in ("hec", "coordinator", "others", "agents"))
    print(f"| {nodes or 'one engine'} | {tasks / took:.0f} | {shown} |", flush=True)


def main() -> int:
    hec = sys.argv[1] if len(sys.argv) > 1 else "hec"
    tasks = int(sys.argv[2]) if len(sys.argv) > 2 else 20000
    if "N" not in os.environ.get("HEC_MPI_LAUNCH", ""):
        print("set HEC_MPI_LAUNCH, as 'mpirun.mpich -n N'", file=sys.stderr)
        return 2
    print("| nodes | commands/s | hec | coordinator | others | agents |\n|---|---|---|---|---|---|")
    for nodes in (0, 1, 2, 4):
        measure(hec, tasks, nodes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
