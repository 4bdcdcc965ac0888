# SPDX-License-Identifier: MIT
"""HyperQueue by its Python package, server and worker on this machine. It runs functions but does
not bring their results back, so that only waiting for them can be measured.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.peers import shell
from bench.peers.base import Peer


class HyperQueueLocal(Peer):
    name = "HyperQueue"
    module = "hyperqueue"
    rounds = 1
    remark = ("waits for the end, which it looks for once a second; results do not come back; server "
              "and worker are threads of the script")
    spawns = "elsewhere"
    limits = {"commands": 1_000, "noop_latency": 5}
    quick_cases = frozenset({"commands"})
    script = """
import sys
import tempfile
from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig
from hyperqueue.task.function import PythonEnv
def f(x):
    return x * x
with LocalCluster(tempfile.mkdtemp(), WorkerConfig({workers})) as cluster:
    client = cluster.client(python_env=PythonEnv(python_bin=sys.executable))
    job = Job()
    for x in range(100):
        job.function(f, args=(x,))
    client.wait_for_jobs([client.submit(job)])
print(328350)
"""

    def open(self, workers: int) -> None:
        from hyperqueue import LocalCluster
        from hyperqueue.cluster import WorkerConfig
        from hyperqueue.task.function import PythonEnv
        self.folder = Path(tempfile.mkdtemp())
        self.cluster = LocalCluster(str(self.folder), WorkerConfig(workers))
        # Else the tasks run whatever "python3" is found.
        self.client = self.cluster.client(python_env=PythonEnv(python_bin=sys.executable))

    def close(self) -> None:
        self.cluster.stop()
        del self.cluster  # a second stop is an error

    def run(self, fill: Callable[[Any], Any]) -> None:
        """Submits one job, filled by the function, and waits for it."""
        from hyperqueue import Job
        job = Job(default_workdir=self.folder)
        fill(job)
        self.client.wait_for_jobs([self.client.submit(job)])

    def call(self, func: Callable[..., Any], item: Any) -> Any:
        self.run(lambda job: job.function(func, args=(item,)))

    def commands(self, program: str, count: int, in_flight: int, parent_gib: int) -> float:
        def fill(job: Any) -> None:
            for _ in range(count):
                job.program([program])

        self.open(in_flight)
        try:
            return shell.seconds(lambda: self.run(fill))
        finally:
            self.close()


PEER = HyperQueueLocal()
