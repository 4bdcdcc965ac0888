# SPDX-License-Identifier: MIT
"""concurrent.futures.ThreadPoolExecutor, for orientation: nothing to send, but one interpreter
lock for all, so that Python code does not get faster.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from bench.peers.futures import FuturesPeer


class Threads(FuturesPeer):
    name = "ThreadPoolExecutor"
    executor_class = ThreadPoolExecutor
    reference = True
    script = """
from concurrent.futures import ThreadPoolExecutor
def f(x):
    return x * x
if __name__ == "__main__":
    with ThreadPoolExecutor({workers}) as executor:
        print(sum(executor.map(f, range(100))))
"""


PEER = Threads()
