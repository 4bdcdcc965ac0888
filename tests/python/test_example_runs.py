# SPDX-License-Identifier: MIT
"""The example of model runs, examples/model_runs: as a loop, on all cores, and as a sweep."""

from __future__ import annotations

import csv
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    return shutil.copytree(ROOT / "examples" / "model_runs", tmp_path / "model_runs")


def run(folder: pathlib.Path, *words: str) -> str:
    env = {**os.environ, "HEC_RUNS": str(folder.parent / "runs")}
    env["PATH"] = os.path.dirname(sys.executable) + os.pathsep + env["PATH"]
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_one_run(folder: pathlib.Path) -> None:
    assert run(folder, sys.executable, "model_runs.py", "single-model-run.yaml") == (
        "out/single {'mean': 0.4864, 'steps': 2250}\n"
    )
    assert len((folder / "out/single/temperature.txt").read_text().split()) == 50


def test_a_loop_over_runs(folder: pathlib.Path) -> None:
    lines = run(folder, sys.executable, "model_runs.py").splitlines()
    assert [line.split()[0] for line in lines] == ["out/copper", "out/iron", "out/glass", "out/fine"]


def test_on_all_cores(folder: pathlib.Path) -> None:
    pytest.importorskip("pandas")
    text = run(folder, sys.executable, "model_runs.py", "multiple-model-runs.csv", "--all")
    assert text.count(" done") == 4


def test_as_a_sweep(folder: pathlib.Path) -> None:
    hec = shutil.which("hec", path=os.path.dirname(sys.executable))
    assert hec is not None
    loop = run(folder, sys.executable, "model_runs.py")
    words = (hec, "sweep", "multiple-model-runs.csv", "--", sys.executable, "model_runs.py", "--one")
    run(folder, *words)
    rows = list(csv.DictReader(run(folder, hec, "results", "last", "--csv").splitlines()))
    assert [f"{r['output_dir']} {{'mean': {r['mean']}, 'steps': {r['steps']}}}" for r in rows] == (
        loop.splitlines()
    )
    assert {r["verdict"] for r in rows} == {"done"}
