# SPDX-License-Identifier: MIT
"""joblib with its multiprocessing backend."""

from __future__ import annotations

from bench.peers.joblib_base import JoblibPeer


class JoblibMultiprocessing(JoblibPeer):
    name = "joblib multiprocessing"
    backend = "multiprocessing"
    script = """
from joblib import Parallel, delayed
def f(x):
    return x * x
if __name__ == "__main__":
    print(sum(Parallel(n_jobs={workers}, backend="multiprocessing")(
        delayed(f)(x) for x in range(100))))
"""


PEER = JoblibMultiprocessing()
