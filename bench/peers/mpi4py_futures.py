# SPDX-License-Identifier: MIT
"""mpi4py.futures on the MPI of this machine: `mpiexec -n N+1 python -m mpi4py.futures script`. Its
workers are ranks that are there when the script begins, so its cold start is only their first call;
the whole script has it all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

from bench.peers.futures import FuturesPeer


class Mpi4pyFutures(FuturesPeer):
    name = "mpi4py.futures"
    module = "mpi4py"
    array_limit = 4
    rounds = 2
    remark = "ranks started before"
    limits = {"noop_map": 10_000, "noop_stream": 5_000, "noop_submit": 5_000, "results_kept": 16,
              "results_steady": 16, "args_distinct": 16}
    quick_cases = frozenset({"noop_latency", "noop_map", "noop_submit", "cold_start", "script100",
                             "worker_death"})
    script = """
from mpi4py.futures import MPIPoolExecutor
def f(x):
    return x * x
if __name__ == "__main__":
    with MPIPoolExecutor() as executor:
        print(sum(executor.map(f, range(100))))
"""

    def why_not(self) -> str:
        reason = super().why_not()
        if not reason and not shutil.which("mpiexec"):
            reason = "not installed: mpiexec"
        return reason

    def version(self) -> str:
        done = subprocess.run(["mpiexec", "--version"], capture_output=True, text=True)
        return f"{super().version()} on {(done.stdout.splitlines() or ['unknown MPI'])[0]}"

    def command(self, python: str, arguments: list[str], workers: int) -> list[str]:
        # One rank more than workers: the script itself. Open MPI wants to be told that there may
        # be more ranks than cores, and that root means it.
        mpiexec = ["mpiexec", "--oversubscribe", "-n", str(workers + 1)]
        if os.geteuid() == 0:
            mpiexec.insert(1, "--allow-run-as-root")
        return [*mpiexec, python, "-m", "mpi4py.futures", *arguments]

    def make(self, workers: int) -> Any:
        from mpi4py.futures import MPIPoolExecutor
        return MPIPoolExecutor()


PEER = Mpi4pyFutures()
