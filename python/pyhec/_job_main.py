# SPDX-License-Identifier: MIT
"""What a job of ``pyhec.submit`` runs: reads its call from the folder of its run, and leaves the
result there. Its exit status says whether there is one.
"""

from __future__ import annotations

import os
import pickle
import sys
import time
import traceback

from . import _hec
from ._job import _write
from ._packing import note_spent

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing


def _failure(error: BaseException) -> tuple[bool, BaseException, str]:
    """An exception that can be sent; else one that says what it was."""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    try:
        import cloudpickle

        pickle.loads(cloudpickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    return (False, error, text)


def _outcome(
    func: typing.Callable[..., typing.Any], *args: typing.Any, **kwargs: typing.Any
) -> tuple[typing.Any, ...]:
    try:
        return (True, func(*args, **kwargs))
    except Exception as error:
        return _failure(error)


def _share(call: dict[str, typing.Any], k: int) -> list[tuple[typing.Any, ...]]:
    """The k-th of the jobs: its share of the inputs, one after the other or on several CPUs."""
    n, jobs = len(call["items"]), call["jobs"]
    items = call["items"][n * k // jobs : n * (k + 1) // jobs]
    if call["cpus"] == 1 or len(items) < 2:
        return [_outcome(call["func"], item) for item in items]
    from . import Parallel, cpu_count, delayed

    workers = min(call["cpus"], cpu_count())
    tasks = [delayed(_outcome)(call["func"], item) for item in items]
    outcomes = Parallel(n_jobs=workers, on_error="return")(tasks)
    return [_failure(o) if isinstance(o, BaseException) else o for o in outcomes]


def _leave(folder: str, name: str, outcome: tuple[typing.Any, ...]) -> tuple[typing.Any, ...]:
    """Writes it; where it cannot be pickled, that."""
    try:
        _write(folder, name, outcome)
    except Exception as error:
        outcome = _failure(error)
        _write(folder, name, outcome)
    return outcome


def _in_copy(path: str, folder: str) -> str:
    """Where a folder of the code is in the copy that was made when the job was submitted."""
    root = os.environ.get("HEC_CODE_OF")
    if not root or not (path == root or path.startswith(root + os.sep)):
        return path
    copy = os.path.join(folder, "code") + path[len(root) :]
    return copy if os.path.exists(copy) else path


def main() -> int:
    folder = _hec.run_open(os.environ["HEC_RUN"])[1]  # whether it is this user's alone, too
    with open(os.path.join(folder, "call.pickle"), "rb") as f:
        # Modules are looked for where the caller looked, in the copy where there is one.
        sys.path[:] = [_in_copy(path, folder) for path in pickle.load(f)]
        call = pickle.load(f)
    index = os.environ.get("HEC_ARRAY_INDEX")
    if "items" in call:
        k = int(index or 0)
        began = time.monotonic()
        outcomes = _share(call, k)
        if outcomes:
            workers = min(call["cpus"], len(outcomes))
            note_spent(folder, k, len(outcomes), time.monotonic() - began, workers)
        outcome = _leave(folder, f"result.{k}.pickle", (True, outcomes))
        failed = [o for o in outcomes if not o[0]]
    else:
        outcome = _leave(
            folder, "result.pickle", _outcome(call["func"], *call["args"], **call["kwargs"])
        )
        failed = []
    for one in [*failed[:1], *([] if outcome[0] else [outcome])]:
        sys.stderr.write(one[2])
    return 1 if failed or not outcome[0] else 0


if __name__ == "__main__":
    sys.exit(main())
