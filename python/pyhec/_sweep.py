# SPDX-License-Identifier: MIT
"""A function over the runs of a table of parameters, and the table with what came of it."""

from __future__ import annotations

from . import _hec, _options, config
from ._parallel import _jobs
from ._run import Bar, check_callable, run_here, run_once

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

    import typing_extensions

    from ._options import CallOptions
    from ._verdicts import Verdict

#: The columns behind parameters and results.
_OWN = (
    "id", "task", "verdict", "attempts", "started", "seconds", "cpu_seconds", "max_rss", "pid",
    "host", "from_journal", "error", "stderr",
)  # fmt: skip


def sweep(
    func: typing.Callable[..., typing.Any],
    *files: config.Path,
    schema: config.Path | None = None,
    n_jobs: int | str | None = None,
    unpack: bool = False,
    return_as: str = "dataframe",
    progress: bool = False,
    on_error: str = "return",
    start: str | None = None,
    **options: typing_extensions.Unpack[CallOptions],
) -> typing.Any:
    """Runs func for each run in files of parameters, on several cores, and returns the table.

        table = pyhec.sweep(train, "params.csv", journal="train.hecj")

    func: is called as ``func(run)``; run is a dict of the parameters, which also has an id, a seed
        and rng(): see ``pyhec.config.Run``. With unpack as ``func(**run)``.
    files, schema: as in ``pyhec.config.read_runs``. All are read before anything runs.
    n_jobs: as in Parallel: None, 'max' or -1: all CPUs that were granted.
    return_as: 'dataframe': a pandas.DataFrame with a row for each run, in the order of the files;
        'list': a list of dicts, for which pandas is not needed.
    on_error: 'return': a run that failed is a row, too; 'finish': the others are run, then the first
        failure is raised; 'raise': it is raised at once.
    timeout, memory, retries, backoff, retry_on, retry_memory, deadline, journal, resume, tag: see
        pyhec.Options. With a journal only runs that failed, that are new or that have changed run
        again: what counts are the parameters, not the place of the row.
    progress: shows a bar (needs tqdm). start: how workers come to be.

    Columns: the parameters; where func returns a dict, its members, else 'result'; and id, task (from
    1), verdict, attempts, started, seconds, cpu_seconds, max_rss, pid, host, from_journal, error (the
    exception, or None) and stderr. A parameter that is called as one of these is 'param.NAME', a
    member that is called as one of them or as a parameter 'result.NAME'.
    """
    check_callable(func)
    if return_as not in ("dataframe", "list"):
        raise ValueError(f"return_as must be 'dataframe' or 'list', not {return_as!r}")
    if on_error not in _options.ON_ERROR:
        raise ValueError(f"on_error must be one of {_options.ON_ERROR}, not {on_error!r}")
    if "verdicts" in options:
        raise TypeError("sweep() has the verdicts in its table: leave verdicts= out")
    if not files:
        raise TypeError("sweep() needs a file of parameters")
    if return_as == "dataframe":
        _pandas()  # before anything is run
    runs = config.read_runs(*files, schema=schema)
    chosen = _options.take("sweep", {**options, "verdicts": True}, on_error, progress)
    verdicts = _run(func, runs, _jobs(n_jobs), unpack, chosen, start)
    if on_error == "finish":
        _raise_first(verdicts)
    rows = _join(runs, verdicts)
    if return_as == "list":
        return rows
    return _pandas().DataFrame(rows, columns=list(rows[0]) if rows else None)


def _pandas() -> typing.Any:
    try:
        import pandas
    except ImportError:
        raise ImportError(
            "sweep() returns a DataFrame, for which pandas is needed, and that is not installed: "
            "pip install pandas, or say return_as='list'"
        ) from None
    return pandas


def _run(
    func: typing.Any,
    runs: list[config.Run],
    workers: int,
    unpack: bool,
    options: _options.Options,
    start: str | None,
) -> list[Verdict]:
    kind = _hec.MAP
    keys: list[typing.Any] | None = None
    items: list[typing.Any] = list(runs)
    if unpack:
        kind, items, func = _hec.TASKS, [(func, (), dict(run)) for run in runs], None
    else:
        keys = [run.id for run in runs]  # and not the place in a file
    bar = Bar(options.progress, len(items))
    if not items:
        return []
    if workers == 1 and not options.bounded and options.journal is None:
        return run_here(kind, func, items, bar, options)
    return run_once(
        kind, func, items, workers, bar=bar, options=options, stand_ins=keys, start=start
    )


def _raise_first(verdicts: list[Verdict]) -> None:
    failures = {i: v.error for i, v in enumerate(verdicts) if v.error is not None}
    if not failures:
        return
    from . import _errors

    first = failures[min(failures)]
    _errors.attach(first, _errors.Partial(verdicts, failures))
    try:
        raise first
    finally:
        del first, failures  # the exception refers to this frame


# ---- the table ----


def _names(dicts: list[typing.Any]) -> list[str]:
    """The names in all of them, as they come up."""
    return list({str(name): None for d in dicts if isinstance(d, dict) for name in d})


def _taken(names: list[str], by: set[str], prefix: str) -> dict[str, str]:
    """What the columns of these names are called, where some are taken."""
    return {name: prefix + name if name in by else name for name in names}


def _own(i: int, run: config.Run, verdict: Verdict) -> dict[str, typing.Any]:
    known = {name: getattr(verdict, name, None) for name in _OWN}
    return {**known, "id": run.id, "task": i + 1, "verdict": verdict.word}


def _join(runs: list[config.Run], verdicts: list[Verdict]) -> list[dict[str, typing.Any]]:
    values = [v.value if v.error is None else None for v in verdicts]
    own = {*_OWN, "result"}
    parameters = _taken(_names(list(runs)), own, "param.")
    members = _taken(_names(values), own | set(parameters), "result.")
    plain = any(v.error is None and not isinstance(v.value, dict) for v in verdicts)
    rows = []
    for i, (run, verdict, value) in enumerate(zip(runs, verdicts, values)):
        row: dict[str, typing.Any] = {c: run.get(n) for n, c in parameters.items()}
        given = {str(n): v for n, v in value.items()} if isinstance(value, dict) else {}
        row.update((c, given.get(n)) for n, c in members.items())
        if plain:
            row["result"] = None if isinstance(value, dict) else value
        row.update(_own(i, run, verdict))
        rows.append(row)
    return rows
