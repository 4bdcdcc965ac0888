# SPDX-License-Identifier: MIT
"""Libraries that a worker has inherited, and that would use all cores: told how many are its own.

Libraries of C are told by the engine, and those that are loaded later find it in the environment. What is
here has been imported before the fork, so that it does not look there any more.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing


def share(variables: dict[str, str]) -> None:
    """Tells them. variables: what was set for this worker, by name; what the user had set is not
    among them. One that must not be in the environment is taken out.
    """
    for module, variable, tell in _LIBRARIES:
        value = variables.get(variable)
        if value is not None and module in sys.modules:
            if not tell(sys.modules[module], int(value)):
                del variables[variable]


def _numexpr(numexpr: typing.Any, n: int) -> bool:
    if hasattr(numexpr, "set_num_threads"):
        numexpr.set_num_threads(min(n, int(getattr(numexpr, "MAX_THREADS", n))))
    return True


def _numba(config: typing.Any, n: int) -> bool:
    """Once its threads have run Numba refuses another number in the environment, and can only be
    told to use fewer of them.
    """
    parallel: typing.Any = sys.modules.get("numba.np.ufunc.parallel")
    if parallel is None or not getattr(parallel, "_is_initialized", False):
        config.NUMBA_NUM_THREADS = min(n, int(config.NUMBA_NUM_THREADS))
        if parallel is not None:  # it has looked there when it was imported
            parallel.NUM_THREADS = config.NUMBA_NUM_THREADS
        return True
    parallel.set_num_threads(min(n, int(config.NUMBA_NUM_THREADS)))
    return False


def _torch(torch: typing.Any, n: int) -> bool:
    """PyTorch counts its threads itself, whatever OpenMP was told."""
    if hasattr(torch, "set_num_threads") and torch.get_num_threads() > n:
        torch.set_num_threads(n)
    return True


_LIBRARIES = (
    ("numexpr", "NUMEXPR_NUM_THREADS", _numexpr),
    ("numba.core.config", "NUMBA_NUM_THREADS", _numba),
    ("torch", "OMP_NUM_THREADS", _torch),
)
