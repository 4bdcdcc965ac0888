# SPDX-License-Identifier: MIT
"""joblib with loky, its default backend; for futures, loky's own executor as joblib carries it."""

from __future__ import annotations

from concurrent.futures import as_completed

from bench.peers.base import Futures
from bench.peers.joblib_base import JoblibPeer


class JoblibLoky(JoblibPeer):
    name = "joblib loky"
    backend = "loky"
    script = """
from joblib import Parallel, delayed
def f(x):
    return x * x
if __name__ == "__main__":
    print(sum(Parallel(n_jobs={workers})(delayed(f)(x) for x in range(100))))
"""

    def futures(self, workers: int) -> Futures:
        from joblib.externals.loky import get_reusable_executor
        executor = get_reusable_executor(workers)
        return Futures(executor.submit, as_completed, executor.shutdown)


PEER = JoblibLoky()
