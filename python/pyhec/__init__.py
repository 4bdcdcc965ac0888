# SPDX-License-Identifier: MIT
"""Run the code you have on every core you may use.

    from pyhec import parallel_processing as pp
    from pyhec import Parallel, delayed, Pool, Executor

Nothing is imported before it is needed, so that ``import pyhec`` costs next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

    from . import config as config
    from . import job_submission as job_submission
    from . import parallel_processing as parallel_processing
    from ._commands import CommandResult as CommandResult
    from ._commands import iter_commands as iter_commands
    from ._commands import run_commands as run_commands
    from ._errors import CommandError as CommandError
    from ._errors import FileReadError as FileReadError
    from ._errors import NoFilesError as NoFilesError
    from ._errors import NodeLost as NodeLost
    from ._errors import OutOfMemory as OutOfMemory
    from ._errors import OutOfTime as OutOfTime
    from ._errors import OverMemory as OverMemory
    from ._errors import Partial as Partial
    from ._errors import RemoteTraceback as RemoteTraceback
    from ._errors import ResultError as ResultError
    from ._errors import Skipped as Skipped
    from ._errors import TaskCancelled as TaskCancelled
    from ._errors import TaskError as TaskError
    from ._errors import TaskTimeout as TaskTimeout
    from ._errors import WorkerDied as WorkerDied
    from ._errors import partial as partial
    from ._grant import LoginNodeWarning as LoginNodeWarning
    from ._grant import MoreThanGrantedWarning as MoreThanGrantedWarning
    from ._host import cpu_count as cpu_count
    from ._host import host as host
    from ._job import Job as Job
    from ._job import JobError as JobError
    from ._job import PackedWarning as PackedWarning
    from ._job import map_jobs as map_jobs
    from ._job import submit as submit
    from ._journal import ChangedCodeWarning as ChangedCodeWarning
    from ._journal import JournalInfo as JournalInfo
    from ._journal import journal_info as journal_info
    from ._native import map_native as map_native
    from ._options import Options as Options
    from ._parallel import Parallel as Parallel
    from ._parallel import delayed as delayed
    from ._pool import Pool as Pool
    from ._shared import Memory as Memory
    from ._shared import asshared as asshared
    from ._shared import empty as empty
    from ._shared import full as full
    from ._shared import memory as memory
    from ._shared import zeros as zeros
    from ._start import start_method as start_method
    from ._sweep import sweep as sweep
    from ._values import TaskKeyError as TaskKeyError
    from ._time import drain as drain
    from ._time import drain_on as drain_on
    from ._verdicts import Verdict as Verdict
    from ._verdicts import verdict as verdict
    from .executor import Executor as Executor

#: Where each public name lives.
_HOMES = {
    "ChangedCodeWarning": "_journal",
    "CommandError": "_errors",
    "CommandResult": "_commands",
    "Executor": "executor",
    "FileReadError": "_errors",
    "Job": "_job",
    "JobError": "_job",
    "JournalInfo": "_journal",
    "LoginNodeWarning": "_grant",
    "Memory": "_shared",
    "MoreThanGrantedWarning": "_grant",
    "NoFilesError": "_errors",
    "NodeLost": "_errors",
    "Options": "_options",
    "OutOfMemory": "_errors",
    "OutOfTime": "_errors",
    "OverMemory": "_errors",
    "PackedWarning": "_job",
    "Parallel": "_parallel",
    "Partial": "_errors",
    "Pool": "_pool",
    "RemoteTraceback": "_errors",
    "ResultError": "_errors",
    "Skipped": "_errors",
    "TaskCancelled": "_errors",
    "TaskError": "_errors",
    "TaskKeyError": "_values",
    "TaskTimeout": "_errors",
    "Verdict": "_verdicts",
    "WorkerDied": "_errors",
    "asshared": "_shared",
    "cpu_count": "_host",
    "delayed": "_parallel",
    "drain": "_time",
    "drain_on": "_time",
    "empty": "_shared",
    "full": "_shared",
    "host": "_host",
    "iter_commands": "_commands",
    "journal_info": "_journal",
    "map_jobs": "_job",
    "map_native": "_native",
    "memory": "_shared",
    "partial": "_errors",
    "run_commands": "_commands",
    "start_method": "_start",
    "submit": "_job",
    "sweep": "_sweep",
    "verdict": "_verdicts",
    "zeros": "_shared",
}

__all__ = ["__version__", "config", "job_submission", "parallel_processing", *_HOMES]


def __getattr__(name: str) -> typing.Any:
    value: typing.Any
    if name in ("config", "job_submission", "parallel_processing"):
        value = __import__("pyhec." + name, fromlist=["*"])
    elif name == "__version__":
        from . import _hec

        value = _hec.version
    elif name in _HOMES:
        value = getattr(__import__("pyhec." + _HOMES[name], fromlist=[name]), name)
    else:
        raise AttributeError(f"module 'pyhec' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
