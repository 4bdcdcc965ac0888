# SPDX-License-Identifier: MIT
"""tools/gen_errors: the page is the table, and a stale page is found."""

from __future__ import annotations

import pathlib

from conftest import Run, Write

HEADER = '#define HEC_ERRORS(X) \\\n X(HEC_EIO, -3, "bad disk", 5, "OSError") \\\n'


def test_the_page_is_written_and_checked(run: Run, write: Write, tmp_path: pathlib.Path) -> None:
    header = write("include/hec/error.h", HEADER)
    page = write("docs/errors.md", "old")
    assert run("gen_errors", "--check", "--root", tmp_path).returncode == 1
    assert run("gen_errors", "--root", tmp_path).returncode == 0
    assert "| `HEC_EIO` | -3 | bad disk | 5 | `OSError` |" in page.read_text()
    assert run("gen_errors", "--check", "--root", tmp_path).returncode == 0
    header.write_text(HEADER + ' X(HEC_ENEW, -4, "new", \\\n 5, "OSError")\n')
    assert run("gen_errors", "--check", "--root", tmp_path).returncode == 1
    assert run("gen_errors", "--root", tmp_path).returncode == 0
    assert "HEC_ENEW" in page.read_text()


def test_a_header_without_table_fails(run: Run, write: Write, tmp_path: pathlib.Path) -> None:
    write("include/hec/error.h", "int x;\n")
    write("docs/errors.md", "")
    assert run("gen_errors", "--root", tmp_path).returncode == 1
