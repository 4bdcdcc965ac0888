# SPDX-License-Identifier: MIT
"""tools/count_results: true sums, and nothing that goes missing unseen."""

from __future__ import annotations

import json
import pathlib

import pytest
from conftest import Run, Write

JUNIT = """<testsuites><testsuite>
<testcase classname="a" name="good"/>
<testcase classname="a" name="bad"><failure message="assert 1 == 2">x</failure></testcase>
<testcase classname="a" name="torn"/>
<testcase classname="a" name="torn"><error message="in tear-down">x</error></testcase>
<testcase classname="a" name="away"><skipped type="pytest.skip" message="no numpy"/></testcase>
<testcase classname="a" name="known"><skipped type="pytest.xfail" message="bug 1"/></testcase>
</testsuite></testsuites>"""


def meson(*tests: tuple[str, str, str]) -> str:
    return "".join(
        json.dumps({"name": n, "result": r, "stdout": out, "returncode": 0}) + "\n"
        for n, r, out in tests
    )


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("report", "text", "line"),
    [
        ("g.tap", "ok 1 - a\nok 2\n1..2\n", "2 passed, 0 failed"),
        ("g.tap", "1..2\nok 1 - a\nnot ok 2 - b\n", "1 passed, 1 failed"),
        ("g.tap", "1..3\nok 1 - a\nok 2 - b\n", "2 passed, 1 failed"),
        ("g.tap", "ok 1 - a\n", "1 passed, 1 failed"),
        ("g.tap", "ok 1 - a\nBail out! no disk\n1..1\n", "1 passed, 1 failed"),
        ("g.tap", "ok 1 - a # SKIP no c++\nok 2\n1..2\n", "1 passed, 0 failed, 1 skipped"),
        ("g.tap", "1..0 # SKIP no slurm\n", "0 passed, 0 failed, 1 skipped"),
        ("g.tap", "", "0 passed, 1 failed"),
        ("g.xml", JUNIT, "1 passed, 2 failed, 2 skipped"),
        ("g.xml", "<testsuites/>", "0 passed, 1 failed"),
        ("g.xml", "<testsui", "0 passed, 1 failed"),
        ("g.json", meson(("t", "OK", "ok 1\nok 2\n1..2\n"), ("u", "OK", "")), "3 passed, 0 failed"),
        ("g.json", meson(("t", "TIMEOUT", "ok 1\n")), "1 passed, 1 failed"),
        ("g.json", meson(("t", "FAIL", "ok 1\n1..1\n")), "1 passed, 1 failed"),
        ("g.json", meson(("t", "ERROR", "")), "0 passed, 1 failed"),
    ],
)
def test_sums(
    run: Run, write: Write, tmp_path: pathlib.Path, report: str, text: str, line: str
) -> None:
    write(report, text)
    write("g.status", "1" if ", 0 failed" not in line else "0")
    done = run("count_results", tmp_path)
    assert last_line(done.stdout) == line
    assert done.returncode == (0 if ", 0 failed" in line else 1)
    assert f"g: {line}" in done.stdout


def test_groups_add_up(run: Run, write: Write, tmp_path: pathlib.Path) -> None:
    for name in ("python-3.9", "python-3.10"):
        write(f"{name}.tap", "ok 1\n1..1\n")
        write(f"{name}.status", "0")
    done = run("count_results", tmp_path)
    assert last_line(done.stdout) == "2 passed, 0 failed"
    assert "python-3.9: 1 passed, 0 failed" in done.stdout


def test_a_command_that_failed_in_silence_is_a_failure(
    run: Run, write: Write, tmp_path: pathlib.Path
) -> None:
    write("g.tap", "ok 1\n1..1\n")
    write("g.status", "124")
    done = run("count_results", tmp_path)
    assert last_line(done.stdout) == "1 passed, 1 failed" and done.returncode == 1


def test_a_group_without_report_is_a_failure(
    run: Run, write: Write, tmp_path: pathlib.Path
) -> None:
    write("g.status", "0")
    assert "no results" in run("count_results", tmp_path).stdout
    assert run("count_results", tmp_path, "other").stdout.count("no results") == 2
    (tmp_path / "g.status").unlink()
    assert run("count_results", tmp_path).returncode == 1


@pytest.mark.parametrize(
    ("why", "line"),
    [
        ("no c++", "1 passed, 1 failed"),
        ("hardware: one NUMA node", "1 passed, 0 failed, 1 skipped"),
    ],
)
def test_where_everything_is_required_a_skip_is_a_failure(
    run: Run, write: Write, tmp_path: pathlib.Path, why: str, line: str
) -> None:
    write("g.tap", f"ok 1\nok 2 - b # SKIP {why}\n1..2\n")
    write("g.status", "0")
    assert last_line(run("count_results", tmp_path, HEC_REQUIRE="1").stdout) == line


def test_a_group_that_could_not_run(run: Run, write: Write, tmp_path: pathlib.Path) -> None:
    write("python-3.9.skip", "no python3.9\n")
    assert last_line(run("count_results", tmp_path).stdout) == "0 passed, 0 failed, 1 skipped"
    assert run("count_results", tmp_path, HEC_REQUIRE="1").returncode == 1
