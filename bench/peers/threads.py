# SPDX-License-Identifier: MIT
"""concurrent.futures.ThreadPoolExecutor, for orientation: nothing to send, but one interpreter
lock for all, so that Python code does not get faster. Waiting for commands it does well.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.peers import shell
from bench.peers.futures import FuturesPeer


class Threads(FuturesPeer):
    name = "ThreadPoolExecutor"
    reference = True
    array_limit = 1 << 30
    limits = {"noop_map": 20_000, "noop_stream": 20_000, "noop_submit": 20_000}
    script = """
from concurrent.futures import ThreadPoolExecutor
def f(x):
    return x * x
if __name__ == "__main__":
    with ThreadPoolExecutor({workers}) as executor:
        print(sum(executor.map(f, range(100))))
"""

    def make(self, workers: int) -> Any:
        return ThreadPoolExecutor(workers)

    def commands(self, program: str, count: int, in_flight: int, parent_gib: int) -> float:
        with ThreadPoolExecutor(in_flight) as executor:
            return shell.seconds(lambda: sum(executor.map(shell.run, [program] * count)))


PEER = Threads()
