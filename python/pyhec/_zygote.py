# SPDX-License-Identifier: MIT
"""The zygote: a clean interpreter that forks workers for a process which must not be forked.

main() is what it runs, prepare() the first thing in each worker; the rest belongs to the process
that starts it.
"""

from __future__ import annotations

import os
import sys

from . import _hec

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

#: What takes long to import, and may be forked after that: imported in the zygote, once, where the
#: process has it by then, so that no worker has to.
_PRELOAD = {"numba", "numpy", "pandas", "scipy", "sklearn", "torch", "xarray"}
#: The zygote's end of the socket.
_SOCKET = 3

# ---- in the process that has it ----

#: No Ctrl-C from the first line on: what it means is for the process to say; and nothing of the
#: signals on which that one drains, which a batch system sends to all.
_CODE = (
    "import _signal; [_signal.signal(n, _signal.SIG_IGN) for n in (_signal.SIGINT, *{deaf!r})]; "
    "import sys; sys.path[:] = {path!r}; "
    "from pyhec._zygote import main; main({preload!r})"
)


def start() -> None:
    """Starts this process's zygote, if it has none."""
    if _hec.zygote_pid():
        return
    import subprocess

    if not sys.executable:
        raise RuntimeError(
            "workers cannot be started: this interpreter does not know its own program "
            "(sys.executable), and the process must not be forked"
        )
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    code = _CODE.format(
        path=_path(), preload=["cloudpickle", *_preload()], deaf=_hec.drain_signals()
    )
    _hec.zygote_start([os.fsencode(a) for a in (sys.executable, *flags, "-c", code)])


def _preload() -> list[str]:
    """Packages and their parts, not the parts' parts: those come along."""
    names = [name.split(".") for name in list(sys.modules)]
    return [
        ".".join(name)
        for name in names
        if name[0] in _PRELOAD and len(name) <= 2 and not name[-1].startswith("_")
    ]


def _path() -> list[str]:
    """Where modules are found, wherever the other process is: '' is the folder of this one."""
    return [os.path.abspath(p) if p == "" else p for p in sys.path if isinstance(p, str)]


def start_data() -> bytes:
    """What a worker has to know of this process as it is now."""
    import pickle

    main = sys.modules.get("__main__")
    known: dict[str, typing.Any] = {
        "environ": dict(os.environ),
        "path": _path(),
        "argv": list(getattr(sys, "argv", [])),
        "file": getattr(main, "__file__", None),
        "recursion": sys.getrecursionlimit(),
        "deaf": _hec.drain_signals(),
    }
    process = sys.modules.get("multiprocessing.process")
    if process is not None:  # for proxies of a manager
        known["authkey"] = bytes(process.current_process().authkey)
    return pickle.dumps(known)


# ---- in the zygote ----


def main(preload: list[str]) -> None:
    """Serves until the process that started this is gone."""
    os.closerange(_SOCKET + 1, os.sysconf("SC_OPEN_MAX"))
    for name in preload:
        try:
            __import__(name)
        except Exception:  # the task that needs it will say what is wrong, by the same import
            continue
    _hec.zygote_serve()
    os._exit(0)


# ---- in its workers ----


def prepare(data: bytes, threads: dict[str, str]) -> None:
    """What a forked worker has by itself. threads: variables that were set for this worker."""
    import pickle

    known = pickle.loads(data)
    for number in known["deaf"]:
        _hec.drain_on(number)
    wanted = {**threads, **known["environ"]}
    for name in set(os.environ) - set(wanted):
        del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
    sys.path[:] = known["path"]
    sys.argv[:] = known["argv"]
    sys.setrecursionlimit(known["recursion"])
    if known["file"] is not None:
        sys.modules["__main__"].__file__ = known["file"]
    if "authkey" in known:
        import multiprocessing.process

        multiprocessing.process.current_process().authkey = known["authkey"]
