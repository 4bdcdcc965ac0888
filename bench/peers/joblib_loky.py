# SPDX-License-Identifier: MIT
"""joblib with loky, its default backend."""

from __future__ import annotations

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


PEER = JoblibLoky()
