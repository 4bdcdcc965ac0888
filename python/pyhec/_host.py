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


#: What _hec.grant() said when it was asked first: to ask is to read two dozen files and to look for
#: schedulers.
_grant: tuple[int, str | None, str | None] | None = None


def _granted_once() -> tuple[int, str | None, str | None]:
    global _grant
    if _grant is None:
        _grant = _hec.grant()
    return _grant


def granted() -> int:
    """The same for a call that is to use all of them, which a login node is not for."""
    n = cpu_count()
    if n > 1:
        login = _granted_once()[2]
        if login is not None:
            from ._grant import tell_login

            tell_login(n, login)
    return n


def wanted(n: int) -> int:
    """How many workers a call has that asks for n. That n is more than was granted is said. For
    workers that are started by then: they come up meanwhile.
    """
    n = _hec.cores_free(n)
    if n > 1:
        cpus, why, login = _granted_once()
        if login is not None or (why is not None and n > cpus):
            from ._grant import tell_excess, tell_login

            if login is not None:
                tell_login(n, login)
            elif why is not None:
                tell_excess(n, cpus, why)
    return n


def host(root: str | os.PathLike[str] | None = None) -> dict[str, typing.Any]:
    """What this process may use and why: what ``hec host --json`` prints, as a dict.

    root: a recorded machine to look at instead of this one.
    """
    import json

    value = json.loads(_hec.host_json(root))
    assert isinstance(value, dict)
    return value
