# SPDX-License-Identifier: MIT
"""tools/check_size: long files, long functions, exceptions."""

from __future__ import annotations

import pathlib

import pytest
from conftest import Run, Write


def c_function(name: str, lines: int) -> str:
    """A function of that many lines, with what could confuse a counter of braces."""
    body = ['    puts("}{"); /* { */', "    if (x) {", "        x = '}';", "    }"]
    body += ["    x++;"] * (lines - len(body) - 3)
    return "\n".join([f"static int {name}(int x)", "{", *body, "}"]) + "\n\n"


def test_short_ones_pass(run: Run, write: Write, tmp_path: pathlib.Path) -> None:
    write("src/base/a.c", "int table[] = {\n" + "    1,\n" * 90 + "};\n" + c_function("f", 60) * 3)
    write("tools/b", "#!/usr/bin/env python3\ndef f() -> None:\n" + "    pass\n" * 59)
    done = run("check_size", "--root", tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("src/base/a.c", "int a;\n" + c_function("ok", 20) + c_function("longer", 61),
         "a.c:23: longer has 61 lines"),
        ("cli/a.c", "int\nmain(void)\n{\n" + "    x();\n" * 60 + "}\n", "main has 64 lines"),
        ("src/a.c", "__attribute__((format(printf, 1, 2))) int\nodd(int a,\n    int b)\n{\n"
         + "    x();\n" * 60 + "}\n", "odd has 65 lines"),
        ("src/base/a.h", "int a;\n" * 601, "601 lines"),
        ("tests/test_a.py", "def f():\n" + "    pass\n" * 60, "f has 61 lines"),
        ("tools/a", "#!/usr/bin/env python3\nasync def f():\n" + "    pass\n" * 60, "f has 61"),
    ],
)  # fmt: skip
def test_a_long_one_is_found(
    run: Run, write: Write, tmp_path: pathlib.Path, name: str, text: str, says: str
) -> None:
    write(name, text)
    done = run("check_size", "--root", tmp_path)
    assert done.returncode == 1
    assert says in done.stdout


def test_an_exception_needs_a_reason_and_a_need(
    run: Run, write: Write, tmp_path: pathlib.Path
) -> None:
    write("src/base/a.c", c_function("f", 80))
    write("tools/size_exceptions", "# comment\nsrc/base/a.c:f one table\n")
    assert run("check_size", "--root", tmp_path).returncode == 0
    write("tools/size_exceptions", "src/base/a.c:f\n")
    assert "no reason" in run("check_size", "--root", tmp_path).stdout
    write("tools/size_exceptions", "src/base/a.c:f one table\nsrc/base/a.c:g gone\n")
    assert "g: not needed" in run("check_size", "--root", tmp_path).stdout


def test_no_exception_goes_over_the_hard_stop(
    run: Run, write: Write, tmp_path: pathlib.Path
) -> None:
    write("src/base/a.c", c_function("f", 101))
    write("tools/size_exceptions", "src/base/a.c:f one table\n")
    assert "at most 100" in run("check_size", "--root", tmp_path).stdout
