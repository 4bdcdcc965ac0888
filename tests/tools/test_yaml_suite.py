# SPDX-License-Identifier: MIT
"""tools/yaml_suite: that it can tell what is read from what is not."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

SUITE = {
    "GOOD": "- name: x\n  yaml: |\n    a: 1\n    b: ␣␣[true]\n  json: |\n    {\"a\": 1, \"b\": [true]}\n",
    "MANY": "- yaml: |\n    --- 1\n    --- 2\n  json: |\n    1\n    2\n- yaml: |\n    - ∎\n  json: '[null]'\n",
    "DIFF": "- yaml: |\n    1\n  json: 'true'\n",
    "BADR": "- fail: true\n  yaml: |\n    a: [\n",
    "BADL": "- fail: true\n  yaml: |\n    a: 1\n",
    "TAGS": "- yaml: |\n    !mine 1\n  json: '1'\n",
    "KEYS": "- yaml: |\n    [1]: 2\n  json: null\n",
    "TABS": "- yaml: |\n    ————»a: 1\n  json: |\n    {\"a\": 1}\n",
    "NONE": "- yaml: |\n    a\n  tree: x\n",
    "SKIP": "- skip: true\n  yaml: |\n    a\n",
}  # fmt: skip


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / "yaml_suite"), *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_each_kind_is_told(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("pyhec")
    (tmp_path / "src").mkdir()
    for name, text in SUITE.items():
        (tmp_path / "src" / f"{name}.yaml").write_text(text)
    done = run(str(tmp_path))
    assert done.returncode == 0, done.stderr
    table = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert "| right, and read as the suite has it | 3 |  |" in table
    assert "| right, and read as something else | 1 | DIFF |" in table
    assert "| wrong, and refused | 1 |  |" in table
    assert "| wrong, and read: libyaml is lenient | 1 | BADL |" in table
    assert "| right, and refused: a tag of one's own | 1 | TAGS |" in table
    assert "| right, and refused: a list or a map as a key | 1 | KEYS |" in table
    assert "| right, and refused: libyaml does not read it | 1 | TABS |" in table
    assert "| right, and read; the suite has no JSON to compare | 1 |  |" in table
    assert "| all | 10 | |" in table


def test_no_suite(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("pyhec")
    done = run(str(tmp_path))
    assert done.returncode == 1 and "no src/*.yaml" in done.stderr
