# SPDX-License-Identifier: MIT
"""Functions as batch jobs, on this machine: results, failures, other processes, arrays."""

from __future__ import annotations

import asyncio
import os
import pathlib
import pickle
import subprocess
import sys
import time
import typing
import warnings

import pytest

import pyhec
from pyhec import job_submission as js


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEC_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("HEC_SITE", "local")


def test_result() -> None:
    captured = 5
    job = pyhec.submit(lambda x, y=0: x + y + captured, 2, kwargs={"y": 3})
    assert job.result(60) == 10
    assert job.state == "done" and job.done() and job.reason is None
    assert job.exception() is None
    assert pathlib.Path(job.path).stat().st_mode & 0o777 == 0o700


def test_output_and_name() -> None:
    def talk() -> None:
        print("to stdout")
        print("to stderr", file=sys.stderr)

    job = pyhec.submit(talk)
    assert job.result(60) is None
    assert "-talk-" in job.id
    assert job.stdout() == "to stdout\n" and job.stderr() == "to stderr\n"


def test_exception_comes_back() -> None:
    def fail() -> None:
        raise KeyError("what is missing")

    job = pyhec.submit(fail)
    with pytest.raises(KeyError, match="what is missing") as caught:
        job.result(60)
    assert isinstance(caught.value.__cause__, pyhec.RemoteTraceback)
    assert "in fail" in str(caught.value.__cause__)
    assert job.state == "failed"
    assert isinstance(job.exception(), KeyError)
    assert "KeyError" in job.stderr()


class Unfit(Exception):
    def __init__(self, a: int, b: int) -> None:
        super().__init__(f"{a} and {b}")


def test_exceptions_and_results_that_cannot_travel() -> None:
    def unfit() -> None:
        raise Unfit(1, 2)

    with pytest.raises(RuntimeError, match="Unfit: 1 and 2"):
        pyhec.submit(unfit).result(60)
    with pytest.raises(TypeError, match="pickle"):
        pyhec.submit(lambda: (i for i in [1])).result(60)


def test_an_end_without_a_result() -> None:
    def vanish() -> None:
        import os

        print("last words", file=sys.stderr, flush=True)
        os.abort()

    job = pyhec.submit(vanish)
    with pytest.raises(pyhec.JobError, match="killed by signal 6") as caught:
        job.result(60)
    assert caught.value.state == "failed" and "last words" in caught.value.stderr
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.job == job and str(again) == str(caught.value)


def test_cancel_and_timeout(tmp_path: pathlib.Path) -> None:
    def sleep() -> None:
        (tmp_path / "begun").touch()
        time.sleep(100)

    job = pyhec.submit(sleep)
    with pytest.raises(TimeoutError):
        job.result(0.05)
    with pytest.raises(ValueError, match="cancel it first"):
        job.remove()
    until = time.monotonic() + 60
    while not (tmp_path / "begun").exists() and time.monotonic() < until:
        assert not job.wait(0.05)
    assert job.state == "running"
    assert job.cancel() and not job.cancel()
    assert job.state == "cancelled"
    with pytest.raises(pyhec.JobError, match="cancelled"):
        job.result(60)
    job.remove()
    with pytest.raises(FileNotFoundError):
        pyhec.Job(job.id)


def test_in_another_process() -> None:
    job = pyhec.submit(pow, 2, 10)
    code = f"import pyhec; print(pyhec.Job({job.id!r}).result(60))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "1024\n"
    again = pickle.loads(pickle.dumps(job))
    assert again == job and again.result(60) == 1024
    assert pyhec.Job("last").id == job.id


def test_await() -> None:
    async def both() -> list[typing.Any]:
        return list(await asyncio.gather(pyhec.submit(pow, 2, 3), pyhec.submit(pow, 3, 2)))

    assert asyncio.run(both()) == [8, 9]


def test_modules_are_found(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "own_model.py").write_text("class Fit:\n    pass\n\ndef fit():\n    return Fit()\n")
    monkeypatch.syspath_prepend(str(folder))
    import own_model  # type: ignore[import-not-found]

    assert type(pyhec.submit(own_model.fit).result(60)) is own_model.Fit


def test_map_jobs() -> None:
    def square(x: int) -> int:
        return x * x

    job = pyhec.map_jobs(square, range(7), jobs=3)
    assert job.result(60) == [x * x for x in range(7)]
    assert pyhec.map_jobs(square, [3], cpus=2).result(60) == [9]
    assert pyhec.map_jobs(square, range(6), jobs=1, cpus=2).result(60) == [0, 1, 4, 9, 16, 25]


def test_map_jobs_that_fail() -> None:
    def invert(x: int) -> float:
        return 1 / x

    job = pyhec.map_jobs(invert, [1, 2, 0, 4], jobs=2)
    with pytest.raises(ZeroDivisionError):
        job.result(60)
    assert job.state == "failed"
    with pytest.raises(ValueError, match="no inputs"):
        pyhec.map_jobs(invert, [])
    with pytest.raises(ValueError, match="jobs="):
        pyhec.map_jobs(invert, [1], array="1-3")


def test_one_after_the_other(tmp_path: pathlib.Path) -> None:
    first = pyhec.submit(lambda: (tmp_path / "made").write_text("1"))
    second = js.submit_job(["cat", tmp_path / "made"], after=first)
    assert second.wait(60) and second.state == "done"
    assert second.stdout() == "1"
    with pytest.raises(pyhec.JobError, match="no result: done"):
        second._late_outcome = lambda name, state: None  # type: ignore[method-assign]
        second.result()


def test_wrong_options() -> None:
    with pytest.raises(ValueError, match="is no option of a job"):
        pyhec.submit(pow, 2, 3, kores=4)
    with pytest.raises(ValueError, match="map_jobs"):
        pyhec.submit(pow, 2, 3, array="1-3")
    with pytest.raises(TypeError, match="a function is needed"):
        pyhec.submit(3)  # type: ignore[arg-type]
    with pytest.raises((TypeError, pickle.PicklingError)):
        pyhec.submit(lambda f: f, sys.stdout)
    assert not pathlib.Path("runs").exists() or not list(pathlib.Path("runs").iterdir())


def test_what_runs_is_what_was_submitted(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    (project / "model_of_mine.py").write_text("def fit():\n    return 'first'\n")
    monkeypatch.chdir(project)
    monkeypatch.syspath_prepend(str(project))
    import model_of_mine  # type: ignore[import-not-found]

    before = pyhec.submit(time.sleep, 1)
    job = pyhec.submit(model_of_mine.fit, after=before)
    (project / "model_of_mine.py").write_text("def fit():\n    return 'second'\n")
    assert job.result(60) == "first"
    assert pyhec.submit(model_of_mine.fit, snapshot=False).result(60) == "second"


def _fake_slurm(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An sbatch that takes every job."""
    (folder / "sbatch").write_text("#!/bin/sh\necho 7\n")
    (folder / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def _how_many(job: pyhec.Job) -> int:
    return int(pickle.loads((pathlib.Path(job.path) / "jobs.pickle").read_bytes()))


def test_short_calls_are_packed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def double(x: int) -> int:
        return 2 * x

    options: dict[str, typing.Any] = {"site": "generic-slurm", "time": "1h", "memory": "1G"}
    _fake_slurm(tmp_path, monkeypatch)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _how_many(pyhec.map_jobs(double, range(100), **options)) == 10  # nothing is known
        job = pyhec.map_jobs(double, range(20), jobs=2, site="local")
    assert job.result(60) == [2 * x for x in range(20)]
    with pytest.warns(pyhec.PackedWarning, match=f"as {job.id} tells, become 1 job and not 10"):
        assert _how_many(pyhec.map_jobs(double, range(100), **options)) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _how_many(pyhec.map_jobs(double, range(100), pack=False, **options)) == 10
        assert _how_many(pyhec.map_jobs(double, range(100), jobs=5, **options)) == 5
        assert _how_many(pyhec.map_jobs(double, range(100), site="local")) == 10
        assert _how_many(pyhec.map_jobs(abs, range(100), name="double", **options)) == 10


def test_long_calls_are_not(tmp_path: pathlib.Path) -> None:
    from pyhec import _packing

    assert _packing.jobs_for(100, 3600.0, 1, 10) == 10
    assert _packing.jobs_for(100, 30.0, 1, 10) == 5
    assert _packing.jobs_for(100, 30.0, 2, 10) == 2
    assert _packing.jobs_for(3, 0.0, 1, 3) == 1


def test_found_without_the_environment(monkeypatch):
    """A scheduler may begin a job without PYTHONPATH, by which alone this package was found."""
    from pyhec import _job

    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    command = _job._command()
    assert command[-1] == os.path.dirname(os.path.dirname(_job.__file__))
    done = subprocess.run(command, env={}, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "HEC_RUN" in done.stderr
