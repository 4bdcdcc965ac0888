# SPDX-License-Identifier: MIT
"""A function over a collection, and a folder of CSV files, on all cores.

    from pyhec import parallel_processing as pp
"""

from __future__ import annotations

import collections.abc
import functools
import glob
import os

from . import _errors, _hec, _options, _report
from ._run import Bar, check_callable, run_once, worker_count

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

    import pandas

__all__ = ["batch_read_csv", "parallelize"]

#: Chunks per worker: enough that one slow chunk does not keep the others waiting at the end.
_CHUNKS = 4
#: Groups of files per worker: their sizes are known, so they can be about equal, but files of one
#: size differ in the time they take.
_GROUPS = 8
#: Chunks of a call that has a journal: on whatever machine, or their results would not be found.
_CHUNKS_IN_JOURNAL = 256


def _chunks(data: typing.Any, n: int) -> list[typing.Any]:
    """Cuts data into n slices of its own type whose lengths differ by at most one."""
    cut = getattr(data, "iloc", data)
    size, extra = divmod(len(data), n)
    bounds = [0]
    for i in range(n):
        bounds.append(bounds[-1] + size + (i < extra))
    return [cut[a:b] for a, b in zip(bounds, bounds[1:])]


def _sliceable(iterable: typing.Any) -> typing.Any:
    """The input as something with a length and slices."""
    if hasattr(iterable, "iloc") or isinstance(iterable, collections.abc.Sequence):
        return iterable
    if getattr(iterable, "shape", None) and hasattr(iterable, "__getitem__"):
        return iterable
    try:
        return list(iterable)
    except TypeError:
        raise TypeError(
            f"iterable must be a list, an array, a DataFrame or something to iterate over, "
            f"not {_report.brief(iterable)}"
        ) from None


def _flatten(parts: list[typing.Any]) -> list[typing.Any]:
    """The chunks' lists, one after the other; a chunk that returned None adds nothing."""
    out: list[typing.Any] = []
    for i, part in enumerate(parts):
        if part is None:
            continue
        if hasattr(part, "iloc") and hasattr(part, "columns"):
            raise TypeError(
                "func returned a DataFrame: call parallelize(..., return_as='dataframe')"
            )
        if isinstance(part, (str, bytes)) or not hasattr(part, "__iter__"):
            raise TypeError(
                f"func must return a list for each chunk it gets; for chunk {i} it returned "
                f"{_report.brief(part)}. (func receives a slice of the input, not one item; "
                f"for a function of one item use pyhec.Pool().map.)"
            )
        out.extend(part)
    return out


def _packed(func: typing.Callable[..., typing.Any], chunk: typing.Any) -> typing.Any:
    """func's frame as it travels best; in the worker."""
    import pandas

    from . import _frames

    frame = func(chunk)
    if isinstance(frame, pandas.Series):
        return _frames.pack_series(frame)
    if not isinstance(frame, pandas.DataFrame):
        return frame
    return _frames.pack([frame], ignore_index=False)


def _concat(parts: list[typing.Any], data: typing.Any) -> typing.Any:
    import pandas

    from . import _frames

    frames = []
    for i, part in enumerate(parts):
        if part is None:
            continue
        if not isinstance(part, _frames.Packed):
            raise TypeError(
                f"with return_as='dataframe' func must return a DataFrame for each chunk; for "
                f"chunk {i} it returned {_report.brief(part)}"
            )
        frames.append(part)
    if frames:
        return _frames.join(frames, ignore_index=False)
    return data.iloc[:0] if isinstance(data, pandas.DataFrame) else pandas.DataFrame()


def parallelize(
    func: typing.Callable[..., typing.Any],
    iterable: typing.Any,
    n_cores: int | str | None = None,
    return_as: str = "list",
    *,
    progress: bool = False,
    on_error: str = "finish",
    start: str | None = None,
    **kwargs: typing.Any,
) -> typing.Any:
    """Runs func over slices of a list, array or DataFrame, on several cores.

    func: is called as ``func(chunk, **kwargs)``; chunk is a slice of iterable and of its type.
        Returns a list, or a DataFrame, or None for nothing. Any callable will do, also a lambda or
        a function of a notebook.
    iterable: list, tuple, NumPy array, pandas DataFrame or Series; anything else that can be
        iterated over is made a list first. Nothing of it is copied to the workers.
    n_cores: how many workers; None or 'max': all CPUs that were granted.
    return_as: 'list': the lists of all chunks, one after the other, in the order of the input.
        'dataframe': the frames of all chunks, concatenated; where func returns a Series, a Series.
    progress: shows a bar (needs tqdm).
    on_error: 'finish' (the other chunks are still computed, then the first failure is raised;
        ``pyhec.partial(error)`` has what there is) or 'raise' (at once).
    timeout, memory, retries, backoff, retry_on, retry_memory, deadline, journal, resume, tag: see
        pyhec.Options; a task is a chunk here. verdicts: returns a Verdict for every chunk, in order.
    start: how workers come to be: 'auto', 'fork' or 'zygote', see pyhec.start_method().
    kwargs: for func. One that has a name of the above goes to func by functools.partial.

    Raises what func raised, with its traceback in the worker as the cause; pyhec.WorkerDied when
    func ended its process.
    """
    check_callable(func)
    options = _options.take("parallelize", _options.split(kwargs), on_error, progress)
    if options.on_error == "return":
        raise ValueError("on_error must be 'finish' or 'raise' here")
    if return_as not in ("list", "dataframe"):
        raise ValueError(f"return_as must be 'list' or 'dataframe', not {return_as!r}")
    workers = worker_count(n_cores)
    data = _sliceable(iterable)
    n = len(data)
    if options.journal is not None:
        count = min(_CHUNKS_IN_JOURNAL, n)
    else:
        count = workers * _CHUNKS if n > workers * _CHUNKS else min(workers, n)
    chunks = _chunks(data, count) if count else []
    call = functools.partial(func, **kwargs) if kwargs else func
    bar = Bar(progress, count, n, "item")
    if return_as == "dataframe" and not options.verdicts:
        call = functools.partial(_packed, call)
    parts = run_once(_hec.MAP, call, chunks, workers, bar=bar, options=options, start=start)
    if return_as == "dataframe" and not options.verdicts:
        return _concat(parts, data)
    return parts if options.verdicts else _flatten(parts)


def _read(path: str, kwargs: dict[str, typing.Any]) -> pandas.DataFrame:
    import pandas

    try:
        frame = pandas.read_csv(path, **kwargs)
    except Exception as e:
        error = _errors.FileReadError(f"cannot read '{path}': {type(e).__name__}: {e}")
        error.filename = path
        raise error from e
    if not isinstance(frame, pandas.DataFrame):
        raise TypeError("batch_read_csv reads whole files: leave out chunksize and iterator")
    return frame


def _renumbers(kwargs: dict[str, typing.Any]) -> bool:
    """Whether the rows get new numbers: not where a column of the file names them."""
    index = kwargs.get("index_col")
    return index is None or index is False


def _read_all(paths: list[str], kwargs: dict[str, typing.Any]) -> typing.Any:
    from . import _frames

    frames = [_read(path, kwargs) for path in paths]
    return _frames.pack(frames, ignore_index=_renumbers(kwargs))


def _groups(paths: list[str], n: int) -> list[list[str]]:
    """Cuts the paths into at most n runs that hold about as many bytes each."""
    sizes = [os.path.getsize(path) if os.path.isfile(path) else 0 for path in paths]
    share = max(sum(sizes) / n, 1.0)
    groups: list[list[str]] = []
    before, last = 0.0, -1
    for path, size in zip(paths, sizes):
        place = min(int((before + size / 2) / share), n - 1)
        if place != last:
            groups.append([])
            last = place
        groups[-1].append(path)
        before += size
    return groups


def _facts(path: str) -> tuple[object, ...]:
    """What a file is known by in a journal."""
    try:
        status = os.stat(path)
    except OSError:
        return os.path.abspath(path), None  # reading it will say why
    return os.path.abspath(path), status.st_size, status.st_mtime_ns


def batch_read_csv(
    glob_path: str | os.PathLike[str],
    *,
    n_cores: int | str | None = None,
    progress: bool = False,
    start: str | None = None,
    **kwargs: typing.Any,
) -> pandas.DataFrame:
    """Reads all CSV files that match a pattern into one DataFrame, on several cores.

    glob_path: as for glob.glob(); '**' matches any number of folders. Files are read in the
        sorted order of their names.
    n_cores: how many workers; None or 'max': all CPUs that were granted.
    progress: shows a bar (needs tqdm).
    timeout, memory, retries, backoff, retry_on, retry_memory: see pyhec.Options; a task reads a
        group of files of about equal size, eight for each worker.
    journal, resume, tag: as there; then a task reads one file, which is known by its path, its size
        and the time of its last change.
    start: how workers come to be: 'auto', 'fork' or 'zygote', see pyhec.start_method().
    kwargs: passed to pandas.read_csv() for every file.

    The rows are numbered 0, 1, 2, … unless index_col says otherwise.
    Raises pyhec.NoFilesError (a FileNotFoundError) when nothing matches, and pyhec.FileReadError
    (a ValueError) that names the file when one cannot be read.
    """
    from . import _frames  # before the fork, so that no worker has to

    options = _options.take("batch_read_csv", _options.split(kwargs), "raise", progress)
    if options.verdicts:
        raise ValueError("verdicts=True is for calls that return a result for each task")
    pattern = os.fspath(glob_path)
    workers = worker_count(n_cores)
    paths = sorted(glob.glob(pattern, recursive=True))
    if not paths:
        raise _errors.NoFilesError(f"no file matches '{pattern}'")
    stand_ins = None
    if options.journal is None:
        groups = _groups(paths, workers * _GROUPS)
    else:
        groups = [[path] for path in paths]
        stand_ins = [(_facts(path), kwargs) for path in paths]
    items = [(group, kwargs) for group in groups]
    bar = Bar(progress, len(items), len(paths), "file")
    parts = run_once(
        _hec.STAR, _read_all, items, workers, bar=bar, options=options, stand_ins=stand_ins,
        start=start,
    )  # fmt: skip
    return _frames.join(parts, ignore_index=_renumbers(kwargs))
