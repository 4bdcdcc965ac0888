# SPDX-License-Identifier: MIT
"""Job scripts and checks from Python: the same as the program's."""

from __future__ import annotations

import datetime
import os
import pathlib
import subprocess
import sys
import typing

import pytest

from pyhec import job_submission as js


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEC_SITE", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def script(*arguments: str) -> str:
    """What the program prints."""
    hec = os.path.join(os.path.dirname(sys.executable), "hec")
    done = subprocess.run([hec, "script", *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def test_as_the_program() -> None:
    made = js.generate_submission_script(
        ["python", "model.py", "it's", pathlib.Path("a b")],
        site="generic-slurm",
        nodes=2,
        cpus=4,
        gpus="a100:1",
        memory=8 << 30,
        time=datetime.timedelta(hours=1, seconds=0.5),
        launch="node",
        array=range(0, 10, 3),
        after=[11, "any:12"],
        module=["gcc", "python"],
        setup="ulimit -c 0",
        env={"A": 1, "B": "x y"},
        exclusive=True,
        account=None,
        task_time=600,
        output=pathlib.Path("out.txt"),
        raw="--hint=compute",
    )
    assert made == script(
        *"--site=generic-slurm --nodes=2 --cpus=4 --gpus=a100:1 --memory=8G --time=3601s".split(),
        *"--launch=node --array=0-9:3 --after=11 --after=any:12 --module=gcc".split(),
        *"--module=python --env=A=1 --exclusive --output=out.txt --raw=--hint=compute".split(),
        "--env=B=x y", "--setup=ulimit -c 0", "--", "python", "model.py", "it's", "a b",
    )  # fmt: skip


def test_a_string_is_for_a_shell() -> None:
    made = js.generate_submission_script("echo $((6 * 7)) > out", site="local")
    pathlib.Path("job.sh").write_text(made)
    subprocess.run(["bash", "job.sh"], check=True)
    assert pathlib.Path("out").read_text() == "42\n"


def test_arguments_arrive() -> None:
    arguments: list[typing.Any] = ["", "a\nb", "$x", "'", "\\", b"\xff", "é"]
    code = "import os, sys; print([os.fsencode(a) for a in sys.argv[1:]])"
    made = js.generate_submission_script([sys.executable, "-c", code, *arguments], site="local")
    pathlib.Path("job.sh").write_bytes(os.fsencode(made))
    done = subprocess.run(["bash", "job.sh"], check=True, capture_output=True, text=True)
    assert eval(done.stdout) == [os.fsencode(a) for a in arguments]


def test_parts() -> None:
    job: dict[str, typing.Any] = {"site": "generic-slurm", "array": range(2500)}
    assert js.job_parts(["true"], **job) == 3
    assert "--array=0-497" in js.generate_submission_script(["true"], part=3, **job)
    with pytest.raises(ValueError, match="there is no part 4, there are 3"):
        js.generate_submission_script(["true"], part=4, **job)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"cpus": 0}, "cpus: '0' is not a whole number"),
        ({"cpu": 1}, "'cpu' is no option of a job"),
        ({"memory": 16}, "memory: '16' is less than 1M"),
        ({"time": "90"}, "time: '90' has no unit"),
        ({"array": range(0)}, "array: '' is no array"),
        ({"warn": True}, "warn is a time, or False"),
        ({"name": "a\0b"}, "null"),
    ],
)
def test_refused(options: dict[str, typing.Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        js.generate_submission_script(["true"], site="generic-slurm", **options)


def test_no_such_site() -> None:
    with pytest.raises(FileNotFoundError, match="there is no site 'nowhere'"):
        js.generate_submission_script(["true"], site="nowhere")
    with pytest.raises(ValueError, match="there is no command"):
        js.generate_submission_script([], site="local")
    with pytest.raises(TypeError):
        js.generate_submission_script([3], site="local")  # type: ignore[list-item]


def test_check() -> None:
    found = js.check_job(["true"], site="lancaster-hec", partition="test", time="1h")
    assert [(f.rule, f.serious, f.line) for f in found] == [
        ("time-limit", True, None),
        ("memory-missing", False, None),
    ]
    assert str(found[0]).startswith("time-limit: a time limit of 1h 00m: the partition test")
    assert str(found[1]).startswith("memory-missing (advice): ")
    assert js.check_job(["true"], site="local", warn=False) == []


def test_check_script() -> None:
    pathlib.Path("job.sh").write_text("#!/bin/sh -e\n#SBATCH --mem=1.5G -t 5\n")
    found = js.check_script("job.sh", site="generic-slurm")
    assert [(f.rule, f.line) for f in found] == [("memory-unit", 2)]
    assert repr(found[0]).startswith("<Finding 2: memory-unit: '1.5G'")
    with pytest.raises(FileNotFoundError):
        js.check_script(pathlib.Path("none.sh"), site="generic-slurm")


def test_sites(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "config" / "hec" / "sites"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("title: mine\nscheduler: sge\n")
    assert {"mine", "ub-ccr", "nyu-torch", "local"} <= set(js.list_sites())
    assert js.read_site("mine") == {"title": "mine", "scheduler": "sge"}
    assert js.read_site(folder / "mine.yaml")["title"] == "mine"
