# SPDX-License-Identifier: MIT
"""tests/python/conftest.py: skips that count as failures, and whose package is tested."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from conftest import TOOLS, Write

CASES = """
import pytest
def test_good(): pass
def test_away(): pytest.skip("no such thing")
def test_hardware(): pytest.skip("hardware: one NUMA node")
@pytest.mark.xfail(reason="known")
def test_known(): assert False
"""


def run_pytest(folder: pathlib.Path, package: str, **env: str) -> str:
    """The last line of pytest on the cases, with the project's conftest."""
    (folder / "tests/python").mkdir(parents=True, exist_ok=True)
    shutil.copy(TOOLS.parent / "tests/python/conftest.py", folder / "tests/python")
    base = {k: v for k, v in os.environ.items() if k != "HEC_REQUIRE"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={folder}",
         "--continue-on-collection-errors", str(folder / "tests/python")],
        cwd=folder, env={**base, "PYTHONPATH": str(folder / package), **env},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return (done.stdout + done.stderr).strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("require", "counts"),
    [("", "1 passed, 2 skipped, 1 xfailed"), ("1", "1 failed, 1 passed, 1 skipped, 1 xfailed")],
)
def test_a_skip_where_all_is_required(
    write: Write, tmp_path: pathlib.Path, require: str, counts: str
) -> None:
    write("site/pyhec/__init__.py", "")
    write("tests/python/test_cases.py", CASES)
    assert counts in run_pytest(tmp_path, "site", HEC_REQUIRE=require)


def test_a_module_that_skips_itself(write: Write, tmp_path: pathlib.Path) -> None:
    write("site/pyhec/__init__.py", "")
    write("tests/python/test_good.py", "def test_good(): pass\n")
    write("tests/python/test_cases.py", "import pytest\npytest.importorskip('no_such_module')\n")
    assert "1 passed, 1 skipped" in run_pytest(tmp_path, "site")
    assert "1 passed, 1 error" in run_pytest(tmp_path, "site", HEC_REQUIRE="1")


def test_the_source_tree_is_not_what_is_tested(write: Write, tmp_path: pathlib.Path) -> None:
    write("python/pyhec/__init__.py", "")
    write("tests/python/test_cases.py", CASES)
    assert "not the installed package" in run_pytest(tmp_path, "python")
