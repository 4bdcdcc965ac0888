# SPDX-License-Identifier: MIT
"""What this process may use."""

from __future__ import annotations

from . import _hec

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import os
    import typing


def cpu_count() -> int:
    """How many CPUs this process may use, at least 1: by affinity, cgroup, batch system and
    HEC_CPUS. Inside a worker its own and those that no other worker uses at this moment: mostly 1.
    """
    return _hec.cores_free(_hec.cpus())


def host(root: str | os.PathLike[str] | None = None) -> dict[str, typing.Any]:
    """What this process may use and why: what ``hec host --json`` prints, as a dict.

    root: a recorded machine to look at instead of this one.
    """
    import json

    value = json.loads(_hec.host_json(root))
    assert isinstance(value, dict)
    return value
