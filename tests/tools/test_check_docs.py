# SPDX-License-Identifier: MIT
"""tools/check_docs: which blocks run, and how a wrong one is seen."""

from __future__ import annotations

import pathlib
import sys

import pytest
from conftest import Run, Write

BIN = pathlib.Path(sys.executable).parent


def page(*blocks: tuple[str, str]) -> str:
    return "# Title\n\n" + "\n".join(f"Text.\n\n```{info}\n{body}```\n" for info, body in blocks)


@pytest.mark.parametrize(
    "blocks",
    [
        [("python", "print(1)\n")],
        [("sh", "test -z \"$(ls)\"\ntouch a\n"), ("sh", "test -e a\n")],
        [("python", "x = 1\n"), ("python continued", "assert x == 1\n"),
         ("python continued", "x += 1\nassert x == 2\n")],
        [("yaml file=in/run.yaml", "a: 1\n"), ("sh", "grep -q 'a: 1' in/run.yaml\n")],
        [("sh exit=3", "exit 3\n"), ("python exit=1", "raise SystemExit(1)\n")],
        [("console", "$ echo took 12 s\ntook 3.5 s\n$ echo 'a   b'\na b\n")],
        [("console", "$ printf 'a\\nb\\nc\\nd\\n'\na\n...\nd\n$ echo abc\na...\n$ true\n")],
        [("sh no-run: needs root", "exit 1\n"), ("sh", "true\n")],
        [("c", "int x\n"), ("sh", "true\n")],
    ],
)  # fmt: skip
def test_true_examples_pass(
    run: Run, write: Write, tmp_path: pathlib.Path, blocks: list[tuple[str, str]]
) -> None:
    write("README.md", page(*blocks))
    done = run("check_docs", "--root", tmp_path, "--bin", BIN)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("info", "body", "says"),
    [
        ("python", "assert False\n", "AssertionError"),
        ("python", "print(x)\n", "NameError"),
        ("sh", "false\ntrue\n", "ended with 1, not 0"),
        ("sh exit=2", "exit 1\n", "ended with 1, not 2"),
        ("sh no-run", "true\n", "needs a reason"),
        ("sh quickly", "true\n", "what is 'quickly'"),
        ("console", "$ echo a\nb\n", "but the page shows"),
        ("console", "$ printf 'a\\nb\\n'\na\n", "but the page shows"),
        ("console", "echo a\n", "begins with"),
    ],
)
def test_a_wrong_example_is_found(
    run: Run, write: Write, tmp_path: pathlib.Path, info: str, body: str, says: str
) -> None:
    write("README.md", page(("python", "x = 1\n"), (info, body)))
    done = run("check_docs", "--root", tmp_path, "--bin", BIN, "--tap", tmp_path / "out.tap")
    assert done.returncode == 1
    assert "not ok 2 - README.md:11" in done.stdout and says in done.stdout
    assert (tmp_path / "out.tap").read_text() == done.stdout


def test_guide_and_man_pages_are_read(run: Run, write: Write, tmp_path: pathlib.Path) -> None:
    write("README.md", "")
    write("docs/guide/a.md", page(("sh", "true\n")))
    write("docs/man/b.md", "- a list:\n\n  ```sh\n  false\n  ```\n")
    done = run("check_docs", "--root", tmp_path)
    assert "ok 1 - docs/guide/a.md" in done.stdout
    assert "not ok 2 - docs/man/b.md" in done.stdout


def test_no_examples_at_all_is_no_success(run: Run, write: Write, tmp_path: pathlib.Path) -> None:
    write("README.md", "Nothing.\n")
    assert run("check_docs", "--root", tmp_path).returncode == 1
