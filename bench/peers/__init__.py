# SPDX-License-Identifier: MIT
"""The tools that are measured, in the order of the tables; pyhec is what the others are compared
with. A new tool is a new file here and a line below.
"""

from __future__ import annotations

from importlib import import_module

from bench.peers.base import Peer

NAMES = ["hec", "mp_pool", "process_pool", "joblib_loky", "joblib_mp", "threads", "serial"]
BASE = "hec"


def load(name: str) -> Peer:
    """The adapter of that file name."""
    peer = import_module(f"bench.peers.{name}").PEER
    assert isinstance(peer, Peer)
    return peer
