# SPDX-License-Identifier: MIT
"""Batch jobs: the script for a cluster's scheduler, and what the cluster would object to.

    from pyhec import job_submission as js

    print(js.generate_submission_script(["python", "model.py"], site="ub-ccr", cpus=8, time="2h"))

One set of options for Slurm, Grid Engine, PBS and LSF; the guide, docs/guide/job-scripts.md, has
them all. Amounts are for each node.
"""

from __future__ import annotations

import os

from . import _hec

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

    from ._job import Job

    Argument = typing.Union[str, bytes, os.PathLike[typing.Any]]
    Command = typing.Union[str, typing.Sequence[Argument]]
    Site = typing.Union[str, os.PathLike[typing.Any], None]

__all__ = ["Finding", "check_job", "check_script", "generate_submission_script", "job_parts",
           "list_sites", "read_site", "submit_job"]  # fmt: skip

#: Options that may be given many times; in Python as a list.
_MANY = ("after", "module", "setup", "raw")


class Finding:
    """Something that a cluster would object to.

    rule: its name, which stays the same; serious: whether it would be refused or punished, and is
    not only advice; line: of the script, None where there is none; text: what, and what to do.
    """

    __slots__ = ("line", "rule", "serious", "text")

    def __init__(self, rule: str, serious: bool, line: int | None, text: str) -> None:
        self.rule = rule
        self.serious = serious
        self.line = line
        self.text = text

    def __str__(self) -> str:
        place = f"{self.line}: " if self.line else ""
        return f"{place}{self.rule}{'' if self.serious else ' (advice)'}: {self.text}"

    def __repr__(self) -> str:
        return f"<Finding {self}>"


def _text(name: str, value: typing.Any) -> str | bytes:
    """A value as the command line would have it."""
    if isinstance(value, bool):
        if name == "warn":
            if value:
                raise ValueError("warn is a time, or False")
            return "none"
        return "true" if value else "false"
    if name in ("time", "task_time", "warn") and not isinstance(value, str):
        seconds = value.total_seconds() if hasattr(value, "total_seconds") else float(value)
        return f"{int(-(-seconds // 1))}s"  # a part of a second counts as one
    if isinstance(value, range):
        return f"{value.start}-{value[-1]}:{value.step}" if value else ""
    return os.fsencode(value) if hasattr(value, "__fspath__") else str(value)


def _pairs(options: dict[str, typing.Any]) -> list[tuple[str, str | bytes]]:
    """Options as pairs of text, in the order in which they came."""
    pairs: list[tuple[str, str | bytes]] = []
    for name, value in options.items():
        if value is None:
            continue
        dashed = name.replace("_", "-")
        if name == "env":
            items = value.items() if hasattr(value, "items") else (v.split("=", 1) for v in value)
            pairs += [("env", f"{key}={text}") for key, text in items]
        elif name in _MANY and not isinstance(value, (str, int)):
            pairs += [(dashed, _text(name, one)) for one in value]
        else:
            pairs.append((dashed, _text(name, value)))
    return pairs


def _command(command: Command) -> typing.Sequence[Argument]:
    return ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)


def generate_submission_script(
    command: Command, *, site: Site = None, part: int = 1, **options: typing.Any
) -> str:
    """The script of a batch job that runs a command.

    command: a program with its arguments, which reach it as they are; a single string is for a
    shell. site: a name that ``list_sites()`` has, or a file; without one ``HEC_SITE``, or what is
    found here. part: of an array that becomes several jobs (``job_parts``), which one.

    options: those of ``hec script``, with ``_`` for ``-``: nodes, cpus, gpus, memory ("16G", or
    bytes), time ("2h", seconds, or a timedelta), partition, queue, qos, account, name, array
    ("0-99%10", or a range), after, mail, constraint, exclusive, module, setup, env (a dict),
    launch, warn (a time, or False), requeue ("auto"), output, error, workdir, raw. ValueError says
    what is wrong.
    """
    return _hec.job_script(site, _pairs(options), _command(command), part)


def job_parts(command: Command, *, site: Site = None, **options: typing.Any) -> int:
    """How many jobs ``generate_submission_script`` makes of this: more than one where an array is
    larger than the site takes at once.
    """
    return _hec.job_parts(site, _pairs(options), _command(command))


def submit_job(
    command: Command,
    *,
    site: Site = None,
    run_dir: str | os.PathLike[typing.Any] | None = None,
    snapshot: bool | None = None,
    **options: typing.Any,
) -> Job:
    """Submits a command as a batch job, as ``hec submit`` does; in the background where there is no
    scheduler. Options as in ``generate_submission_script``; after may have jobs.

    run_dir: the folder of the run, which must not exist yet. snapshot: whether it runs in a copy of
    the code as it is now; if not given, where this folder lies in a work tree of git. The Job has
    state, reason, stdout(), stderr(), wait() and cancel(); a command has no result().
    """
    from ._job import Job, _after, snapshot_kind

    if "after" in options:
        options["after"] = _after(options["after"])
    _, path, *_ = _hec.run_plan(
        site, _pairs(options), _command(command), run_dir, snapshot_kind(snapshot)
    )
    try:
        _hec.run_submit(path, site)
    except BaseException:
        if not _hec.run_jobs(path, 0)[3]:  # nobody has taken it
            _hec.run_remove(path)
        raise
    return Job(path)


def _findings(found: list[tuple[str, bool, int, str]]) -> list[Finding]:
    return [Finding(rule, serious, line or None, text) for rule, serious, line, text in found]


def check_job(command: Command, *, site: Site = None, **options: typing.Any) -> list[Finding]:
    """All that the site would object to in a job; options as in ``generate_submission_script``."""
    return _findings(_hec.job_check(site, _pairs(options), _command(command)))


def check_script(path: str | os.PathLike[typing.Any], *, site: Site = None) -> list[Finding]:
    """All that the site would object to in a script of yours."""
    return _findings(_hec.script_check(site, path))


def list_sites() -> list[str]:
    """The names that ``site=`` knows."""
    return _hec.sites()


def read_site(site: Site = None) -> dict[str, typing.Any]:
    """What a site file says, as it stands there."""
    import json

    value: dict[str, typing.Any] = json.loads(_hec.site_json(site))["site"]
    return value
