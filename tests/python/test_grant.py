# SPDX-License-Identifier: MIT
"""Warnings about more workers than were granted, and about login nodes."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="hardware: one CPU")

TAKES = {
    "Pool": "pyhec.Pool({}).close()",
    "Executor": "pyhec.Executor({}).shutdown()",
    "Parallel": "pyhec.Parallel(n_jobs={})",
    "parallelize": "pp.parallelize(list, [1, 2, 3], n_cores={})",
    "run_commands": "pyhec.run_commands([['true']], n_jobs={})",
}


def _run(tmp_path: pathlib.Path, code: str, *options: str, **env: str) -> tuple[str, int]:
    """What a script says on standard error, and how often it warns."""
    script = tmp_path / "script.py"
    script.write_text(
        "import pyhec\nfrom pyhec import parallel_processing as pp\n" + textwrap.dedent(code)
    )
    inherited = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "HEC_SITE": "local"}
    done = subprocess.run(
        [sys.executable, *options, str(script)], env={**inherited, **env},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr, done.stderr.count("Warning: ")


@pytest.mark.parametrize("name", TAKES)
def test_more_than_granted_is_said(tmp_path: pathlib.Path, name: str) -> None:
    said, n = _run(tmp_path, TAKES[name].format(3), HEC_CPUS="2")
    assert n == 1
    assert "script.py:3: MoreThanGrantedWarning: 3 workers were asked for, and 2 CPUs" in said
    assert "(HEC_CPUS=2)" in said


@pytest.mark.parametrize("name", TAKES)
def test_what_was_granted_is_not(tmp_path: pathlib.Path, name: str) -> None:
    assert _run(tmp_path, TAKES[name].format(2), HEC_CPUS="2") == ("", 0)


def test_it_is_said_once_and_done(tmp_path: pathlib.Path) -> None:
    code = """
    for n in (2, 3, 4):
        with pyhec.Pool(n) as pool:
            assert pool.map(abs, [-1, 2]) == [1, 2]
    assert pyhec.Parallel(n_jobs=3).n_jobs == 3
    """
    assert _run(tmp_path, code, HEC_CPUS="1")[1] == 1


def test_a_job_grants(tmp_path: pathlib.Path) -> None:
    job = {"SLURM_JOB_ID": "7", "SLURM_CPUS_ON_NODE": "1"}
    said, n = _run(tmp_path, "pyhec.Parallel(n_jobs=3)", **job)
    assert n == 1
    assert "1 CPU was granted (Slurm job 7" in said
    assert _run(tmp_path, "assert pyhec.Parallel(n_jobs=-1).n_jobs == 1", **job) == ("", 0)


def test_workers_say_nothing(tmp_path: pathlib.Path) -> None:
    code = """
    def nested(x):
        return pp.parallelize(list, [x, 2], n_cores=4)
    with pyhec.Pool(2) as pool:
        assert len(pool.map(nested, [-1, 1])) == 2
    """
    assert _run(tmp_path, code, HEC_CPUS="2") == ("", 0)


def test_it_can_be_ignored(tmp_path: pathlib.Path) -> None:
    code = """
    import warnings
    warnings.simplefilter("ignore", pyhec.MoreThanGrantedWarning)
    pyhec.Parallel(n_jobs=3)
    """
    assert _run(tmp_path, code, HEC_CPUS="2") == ("", 0)


@pytest.fixture
def login(tmp_path: pathlib.Path) -> dict[str, str]:
    """The environment of a login node."""
    (tmp_path / "sbatch").write_text("#!/bin/sh\n")
    (tmp_path / "sbatch").chmod(0o755)
    (tmp_path / "slurm.conf").touch()
    return {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "SLURM_CONF": str(tmp_path / "slurm.conf"),
        "HEC_SITE": "",
    }


@pytest.mark.parametrize("call", ["pyhec.Pool(2).close()", "pyhec.Executor(2).shutdown()"])
def test_a_login_node_is_said(tmp_path: pathlib.Path, login: dict[str, str], call: str) -> None:
    said, n = _run(tmp_path, call, **login)
    assert n == 1
    assert "script.py:3: LoginNodeWarning" in said
    assert "Slurm is configured here" in said


def test_one_core_of_it_is_no_matter(tmp_path: pathlib.Path, login: dict[str, str]) -> None:
    assert _run(tmp_path, "pyhec.Pool(1).close()", **login) == ("", 0)
    assert _run(tmp_path, "pyhec.Pool().close()", HEC_CPUS="1", **login) == ("", 0)


def test_nor_is_a_job(tmp_path: pathlib.Path, login: dict[str, str]) -> None:
    job = {"SLURM_JOB_ID": "7", "SLURM_CPUS_ON_NODE": "2"}
    assert _run(tmp_path, "pyhec.Pool(2).close()", **login, **job) == ("", 0)
    assert _run(tmp_path, "pyhec.Pool(2).close()", **{**login, "HEC_SITE": "local"}) == ("", 0)
