# SPDX-License-Identifier: MIT
"""What docs/guide/memory.md says of forked workers' memory, by bench/memory.py on a small scale:
pages are counted, and no time is taken.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import typing

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "bench" / "memory.py"
WORKERS = 2

Records = typing.Dict[typing.Tuple[str, str, bool], typing.Dict[str, typing.Any]]

pytest.importorskip("numpy")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The result of a small run."""
    path = tmp_path_factory.mktemp("memory") / "memory.jsonl"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", "--bytes", "30000000", "--workers", str(WORKERS),
         "--out", str(path)],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def records(out: pathlib.Path) -> Records:
    """Its measurements by data, task and freeze."""
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert lines[0]["kind"] == "run"
    assert len(lines) == 1 + 2 * 2 * 4, "a list and an array, freeze or not, four tasks"
    return {(r["data"], r["task"], r["freeze"]): r for r in lines[1:]}


def copied(records: Records, data: str, task: str, freeze: bool = True) -> float:
    """What a task copies in all workers together beyond one that does nothing, in data sizes."""
    record, idle = records[data, task, freeze], records[data, "run", freeze]
    return float((record["tree"] - idle["tree"]) / record["bytes"])


def test_a_list_is_copied_by_reading_it(records: Records) -> None:
    assert copied(records, "list", "read") > 0.5 * WORKERS


def test_parts_of_a_list_are_copied_once_by_all_workers_together(records: Records) -> None:
    assert 0.5 < copied(records, "list", "share") < 1.1


@pytest.mark.parametrize("freeze", [True, False])
@pytest.mark.parametrize("task", ["read", "share", "collect"])
def test_an_array_stays_shared(records: Records, task: str, freeze: bool) -> None:
    assert copied(records, "array", task, freeze) < 0.1 * WORKERS


def test_a_collection_copies_nothing_that_is_frozen(records: Records) -> None:
    assert copied(records, "list", "collect", True) < 0.05 * WORKERS
    assert copied(records, "list", "collect", False) > 0.25 * WORKERS, "else nothing was shown"


def test_the_freeze_is_what_the_variants_differ_in(records: Records) -> None:
    frozen, not_frozen = (records["list", "run", freeze]["frozen"] for freeze in (True, False))
    objects = records["list", "run", True]["bytes"] / 1000  # an object takes far less than 1000
    assert frozen - not_frozen > objects


def test_workers_that_do_not_look_share_everything(records: Records) -> None:
    for data in ("list", "array"):
        record = records[data, "run", True]
        assert record["tree"] - record["before"] < WORKERS * 6_000_000


def test_table_and_plot_are_written(out: pathlib.Path) -> None:
    table = out.with_suffix(".md").read_text()
    assert table.count("| a list of objects |") == table.count("| a NumPy array |") == 8
    plot = out.with_suffix(".svg").read_text()
    assert plot.startswith("<svg") and plot.count("<polyline") == 10


def test_what_does_not_fit_is_refused(tmp_path: pathlib.Path) -> None:
    # 256 workers around a terabyte; the least size takes 256 times 30 MB and more.
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from bench import memory, proc;"
        "proc.available = lambda: 1_000_000_000; sys.exit(memory.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT), "--workers", "256", "--out",
         str(tmp_path / "x.jsonl")],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1 and "do not fit" in done.stderr
    assert not list(tmp_path.iterdir())


def test_it_ends_when_memory_gets_short(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x.jsonl"
    code = (
        "import itertools, sys; sys.path.insert(0, sys.argv.pop(1)); from bench import memory, proc;"
        "looks = itertools.count();"
        "proc.available = lambda: 1_000_000_000 if next(looks) < 3 else 100_000_000;"
        "sys.exit(memory.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT), "--quick", "--out", str(path)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    samples = [json.loads(line) for line in path.read_text().splitlines()][1:]
    assert samples and all(r["status"] == "aborted" for r in samples)
    assert "others needed the memory" in path.with_suffix(".md").read_text()
