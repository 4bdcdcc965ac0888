# SPDX-License-Identifier: MIT
"""The tools that are measured, in the order of the tables; pyhec is what the others are compared
with. A new tool is a new file here and a line below.
"""

from __future__ import annotations

from importlib import import_module

from bench.peers.base import Peer

NAMES = ["hec", "mp_pool", "process_pool", "joblib_loky", "joblib_mp", "mpi4py_futures",
         "dask_local", "ray_local", "parsl_local", "hyperqueue_local", "threads", "serial",
         "gnu_parallel", "xargs", "make_j", "native_spawn"]
BASE = "hec"


def load(name: str) -> Peer:
    """The adapter of that file name."""
    peer = import_module(f"bench.peers.{name}").PEER
    assert isinstance(peer, Peer)
    return peer
