# SPDX-License-Identifier: MIT
"""How the workers of a call come to be: forked from this process, or by a zygote.

A fork is better: the inputs of the call are inherited and cost nothing. But what another thread holds
at that moment stays locked in the child, and a GPU does not work there. So: whether this process can
be forked, and why not.
"""

from __future__ import annotations

import os
import sys
import time

from . import _hec

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import threading

#: What can be asked for.
STARTS = ("auto", "fork", "zygote")

#: Python threads that hold nothing a worker could need, by the module of what they run: a
#: notebook's and a debugger's own, a progress bar's monitor, ours, and those that serve pools of
#: other tools, which a worker does not use. (Locks of the interpreter, of logging and of the
#: streams are made anew in a worker.)
_BENIGN = (
    "IPython.core.history",
    "_pydevd_bundle.",
    "concurrent.futures.process",
    "debugpy.",
    "ipykernel.",
    "joblib.externals.loky.",
    "multiprocessing.",
    "pydevd.",
    "pyhec.",
    "tqdm._monitor",
    "zmq.",
)
#: Those of them that run what a user wrote.
_USERS = {"SubshellThread"}
#: So many milliseconds a thread may take to be gone, before it counts.
_MOMENTS = 10
#: Native threads, by name: of ZeroMQ, which knows that it was forked; of jemalloc, which stops its
#: own; of this library; and helpers of the kernel.
_BENIGN_NATIVE = ("ZMQbg/", "jemalloc_bg_thd", "hec-", "iou-")


def check_start(start: object) -> None:
    """Raises unless it is None or one of STARTS."""
    if start is not None and start not in STARTS:
        raise ValueError(f"start must be 'auto', 'fork' or 'zygote', not {start!r}")


def wanted(start: str | None) -> str:
    """What was asked for: by the call, or by HEC_START."""
    check_start(start)
    if start is None:
        start = os.environ.get("HEC_START") or "auto"
        if start not in STARTS:
            raise ValueError(f"HEC_START must be 'auto', 'fork' or 'zygote', not {start!r}")
    return start


def reason_against_fork() -> str | None:
    """Why this process should not be forked; None when it may be."""
    if _numba_openmp():
        return "Numba has used OpenMP here, and ends forked processes that use it"
    look = _hec.fork_look()
    if look is None:
        return None
    reason = _weigh(look)
    # A thread that was waited for, and has ended, is still there for a moment.
    for _ in range(_MOMENTS):
        if reason is None or look is None or look[0] is not None:
            break
        time.sleep(0.001)
        look = _hec.fork_look()
        reason = None if look is None else _weigh(look)
    return reason


def _weigh(look: tuple[str | None, int, list[tuple[int, str]]]) -> str | None:
    gpu, count, threads = look
    if gpu is not None:
        return f"{gpu} is in use in this process"
    if count < 0:
        return "the system does not tell what threads there are"
    return _judge(count, dict(threads)) if count else None


def _judge(count: int, threads: dict[int, str]) -> str | None:
    """The first of the other threads that speaks against a fork."""
    threading = sys.modules.get("threading")
    for thread in threading.enumerate() if threading is not None else []:
        if threads.pop(thread.native_id, None) is None:  # this one, or one that is not there yet
            continue
        count -= 1
        if not _is_benign(thread):
            return f"thread {_name(thread)} is running"
    native = [name for name in threads.values() if not name.startswith(_BENIGN_NATIVE)]
    count -= len(threads) - len(native)
    claimed = _claimed()
    if count <= claimed:
        return None
    names = sorted(set(native))
    return f"native threads are running ({count - claimed}: {', '.join(names[:4])})"


def _name(thread: threading.Thread) -> str:
    target = getattr(thread, "_target", None)
    where = getattr(target, "__qualname__", None) or type(thread).__name__
    return f"{thread.name!r} ({where})"


def _is_benign(thread: threading.Thread) -> bool:
    target = getattr(thread, "_target", None)
    module = getattr(target, "__module__", None) or type(thread).__module__
    if module == "concurrent.futures.thread":
        return _is_idle(thread, "concurrent.futures.thread", "_worker")
    if type(thread).__module__ == "threading" and type(thread).__name__ == "Timer":
        return _is_idle(thread, "threading", "wait")
    if type(thread).__name__ in _USERS:
        return False
    return f"{module}.".startswith(_BENIGN) or module.startswith(_BENIGN)


def _is_idle(thread: threading.Thread, module: str, function: str) -> bool:
    """Whether it waits in this function, and so runs nobody's code."""
    frame = sys._current_frames().get(thread.ident or 0)
    return (
        frame is not None
        and frame.f_code.co_name == function
        and frame.f_globals.get("__name__") == module
    )


def _claimed() -> int:
    """Native threads of libraries that know of forks: they start new ones in a child."""
    claimed = 0
    numexpr = sys.modules.get("numexpr.interpreter")
    if numexpr is not None and hasattr(numexpr, "_get_num_threads"):
        threads = int(numexpr._get_num_threads())
        claimed += threads if threads > 1 else 0
    parallel = sys.modules.get("numba.np.ufunc.parallel")
    if "numba.np.ufunc.workqueue" in sys.modules and getattr(parallel, "_is_initialized", False):
        claimed += int(parallel.get_thread_count())  # type: ignore[union-attr]
    return claimed


def _numba_openmp() -> bool:
    parallel = sys.modules.get("numba.np.ufunc.parallel")
    return "numba.np.ufunc.omppool" in sys.modules and bool(
        getattr(parallel, "_is_initialized", False)
    )


def start_method(start: str | None = None) -> tuple[str, str | None]:
    """How workers of a call with this start= would come to be now, and what speaks against a fork:
    ('fork', None), or ('zygote', 'CUDA is in use in this process').
    """
    how = wanted(start)
    reason = reason_against_fork()
    if how == "auto":
        how = "fork" if reason is None else "zygote"
    return how, reason


def engine(workers: int, start: str | None = None, call: _hec.Call | None = None) -> _hec.Pool:
    """Workers. A call is theirs from the start: inherited by those that are forked, sent to
    others.
    """
    how = wanted(start)
    reason = reason_against_fork() if how == "auto" else None
    if how == "fork" or (how == "auto" and reason is None):
        return _hec.Pool(workers, call)
    from . import _zygote

    for tries_left in (2, 1, 0):
        try:
            _zygote.start()
            pool = _hec.Pool(workers, None, _zygote.start_data())
            break
        except OSError:
            # Somebody may have killed it meanwhile, as the system does for want of memory.
            if not tries_left:
                raise
    if call is not None:
        _send(pool, call, reason)
    return pool


def _send(pool: _hec.Pool, call: _hec.Call, reason: str | None) -> None:
    """Lets the workers begin with a call whose inputs they could not inherit."""
    if reason is not None:
        call.note = f"it has to be sent, since {reason}; start='fork' forks all the same"
    try:
        pool.open(call)
    except Exception as e:
        pool.close(True)
        text = e.args[0] if e.args else None
        if isinstance(text, str) and call.note is not None:  # the function cannot be sent
            e.args = (f"{text} ({call.note})", *e.args[1:])
        raise
    except BaseException:
        pool.close(True)
        raise
