# SPDX-License-Identifier: MIT
"""pyhec.sweep: a function over the runs of a table, and the table with what came of it."""

from __future__ import annotations

import os
import sys
import typing
from pathlib import Path

import pytest

import pyhec
from pyhec import config as c

COLUMNS = [
    "id", "task", "verdict", "attempts", "started", "seconds", "cpu_seconds", "max_rss", "pid",
    "host", "from_journal", "error", "stderr",
]  # fmt: skip


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "params.csv"
    path.write_text("lr,depth,note\n0.1,3,a\n1e-3,5,\n2,7,b\n")
    os.chmod(tmp_path, 0o700)
    return path


def as_list(func: typing.Any, *files: typing.Any, **options: typing.Any) -> typing.Any:
    return pyhec.sweep(func, *files, return_as="list", **options)


def test_a_row_for_each_run(table: Path) -> None:
    def model(run: c.Run) -> dict[str, float]:
        return {"loss": run["lr"] * run["depth"], "seed": run.seed}

    rows = as_list(model, table)
    assert [list(row) for row in rows] == [["lr", "depth", "note", "loss", "seed", *COLUMNS]] * 3
    assert [(r["lr"], r["note"], r["loss"]) for r in rows] == [
        (0.1, "a", 0.1 * 3), (0.001, None, 0.001 * 5), (2, "b", 14),
    ]  # fmt: skip
    runs = c.read_runs(table)
    assert [(r["id"], r["seed"]) for r in rows] == [(r.id, r.seed) for r in runs]
    for i, row in enumerate(rows):
        assert row["task"] == i + 1 and row["verdict"] == "done" and row["attempts"] == 1
        assert row["seconds"] >= 0 and row["error"] is None and not row["from_journal"]


def test_a_frame(table: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pyhec.sweep(lambda run: {"loss": run["depth"] * 2}, table)
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["loss"]) == [6, 10, 14] and frame["loss"].dtype.kind == "i"
    assert list(frame.columns) == ["lr", "depth", "note", "loss", *COLUMNS]


def test_a_failure_is_a_row(table: Path) -> None:
    def model(run: c.Run) -> dict[str, int]:
        if run["depth"] == 5:
            raise ValueError("five")
        return {"depth2": run["depth"] ** 2}

    rows = as_list(model, table, retries=1)
    assert [r["verdict"] for r in rows] == ["done", "raised", "done"]
    assert [r["depth2"] for r in rows] == [9, None, 49]
    assert isinstance(rows[1]["error"], ValueError) and rows[1]["attempts"] == 2


@pytest.mark.parametrize("on_error", ["finish", "raise"])
def test_or_is_raised(table: Path, on_error: str) -> None:
    def model(run: c.Run) -> int:
        if run["depth"] == 5:
            raise ValueError("five")
        return 1

    with pytest.raises(ValueError, match="five") as caught:
        as_list(model, table, on_error=on_error)
    if on_error == "finish":
        whole = pyhec.partial(caught.value)
        assert whole is not None
        assert [v.word for v in whole.results] == ["done", "raised", "done"]


def test_a_worker_that_dies_is_a_row(table: Path) -> None:
    def model(run: c.Run) -> int:
        if run["depth"] == 5:
            os._exit(3)
        return 1

    rows = as_list(model, table, n_jobs=2)
    assert [r["verdict"] for r in rows] == ["done", "exited", "done"]


def test_results_that_are_no_dicts(table: Path) -> None:
    def model(run: c.Run) -> typing.Any:
        return {"x": 1} if run["depth"] == 3 else run["depth"]

    rows = as_list(model, table, n_jobs=1)
    assert [(r["x"], r["result"]) for r in rows] == [(1, None), (None, 5), (None, 7)]


def test_names_that_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("seconds,lr\n1,2\n")
    row = as_list(lambda run: {"lr": 3, "verdict": "mine", 4: 5}, path)[0]
    assert row["param.seconds"] == 1 and row["lr"] == 2 and row["result.lr"] == 3
    assert row["result.verdict"] == "mine" and row["verdict"] == "done" and row["4"] == 5


def test_parameters_as_arguments(table: Path) -> None:
    def model(lr: float, depth: int, note: str | None = None) -> dict[str, float]:
        return {"loss": lr * depth}

    assert [r["loss"] for r in as_list(model, table, unpack=True)] == [0.1 * 3, 0.001 * 5, 14]


@pytest.mark.parametrize("unpack", [False, True])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_only_what_failed_or_is_new_runs_again(table: Path, unpack: bool, n_jobs: int) -> None:
    ran = table.parent / "ran"
    better = table.parent / "better"

    def work(depth: int) -> dict[str, int]:
        with open(ran, "a") as f:
            f.write(f"{depth}\n")
        if depth == 5 and not better.exists():
            raise OSError("not yet")
        return {"depth2": depth**2}

    def model(run: c.Run) -> dict[str, int]:
        return work(run["depth"])

    def unpacked(lr: float, depth: int, note: str | None) -> dict[str, int]:
        return work(depth)

    def go() -> typing.Any:
        return as_list(
            unpacked if unpack else model, table, unpack=unpack, n_jobs=n_jobs,
            journal=str(table.parent / "j.hecj"),
        )  # fmt: skip

    assert [r["verdict"] for r in go()] == ["done", "raised", "done"]
    better.touch()
    table.write_text("depth,note,lr\n7,b,2\n5,,1e-3\n9,c,1\n3,a,0.1\n")
    rows = go()
    assert sorted(ran.read_text().split()) == ["3", "5", "5", "7", "9"]
    assert [r["depth2"] for r in rows] == [49, 25, 81, 9]
    assert [r["from_journal"] for r in rows] == [True, False, False, True]


def test_grids_and_schemas(tmp_path: Path) -> None:
    grid = tmp_path / "grid.yaml"
    grid.write_text("grid:\n  lr: [0.1, 0.2]\n  depth: [1, 2, 3]\n")
    assert len(as_list(lambda run: 1, grid)) == 6
    schema = tmp_path / "s.yaml"
    schema.write_text("lr: {type: float, max: 0.1}\n")
    with pytest.raises(ValueError, match="more than 0.1"):
        as_list(lambda run: 1, grid, schema=schema)


def test_no_runs(tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    path.write_text("lr,depth\n")
    assert as_list(lambda run: 1, path) == []


def test_what_makes_no_sense(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong, error in (
        ({"return_as": "table"}, ValueError),
        ({"on_error": "ignore"}, ValueError),
        ({"verdicts": True}, TypeError),
        ({"retrys": 3}, TypeError),
        ({"n_jobs": 0}, ValueError),
    ):
        with pytest.raises(error):
            pyhec.sweep(lambda run: 1, table, **wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="file of parameters"):
        pyhec.sweep(lambda run: 1)
    with pytest.raises(TypeError, match="callable"):
        pyhec.sweep(typing.cast(typing.Any, 3), table)
    with pytest.raises(FileNotFoundError):
        pyhec.sweep(lambda run: 1, "/nowhere.csv")
    monkeypatch.setitem(sys.modules, "pandas", None)
    ran: list[int] = []
    with pytest.raises(ImportError, match="return_as='list'"):
        pyhec.sweep(ran.append, table, n_jobs=1)
    assert ran == []
    assert len(as_list(lambda run: 1, table)) == 3
