# SPDX-License-Identifier: MIT
"""mpi4py.futures, one rank more than workers under one mpiexec."""

from __future__ import annotations

from bench import peers
from bench.faults.base import FuturesTool


class Mpi4pyFutures(FuturesTool):
    peer = peers.load("mpi4py_futures")
    # result() gives up waiting after a while; the task goes on.
    limits = frozenset({"timeout"})
    call = "`submit` for each task, and `result`, under `mpiexec -n 3 python -m mpi4py.futures`"


TOOL = Mpi4pyFutures()
