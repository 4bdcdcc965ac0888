# SPDX-License-Identifier: MIT
"""tools/check_api: headers that stand alone, symbols that are meant."""

from __future__ import annotations

import pathlib
import shutil
import subprocess

import pytest
from conftest import Run, Write

HEADER = """\
#ifndef HEC_A_H
#define HEC_A_H
#include <stddef.h>
#define HEC_API __attribute__((visibility("default")))
#ifdef __cplusplus
extern "C" {
#endif
/* HEC_API int hec_in_a_comment(void); */
HEC_API const char *hec_name(size_t i,
                             int more);
HEC_API int hec_count(void);
#ifdef __cplusplus
}
#endif
#endif
"""
GOOD = "const char *hec_name(unsigned long i, int m) { return i + m ? 0 : 0; } int hec_count() {}"


@pytest.fixture
def tree(write: Write, tmp_path: pathlib.Path) -> pathlib.Path:
    if not shutil.which("cc") or not shutil.which("c++"):
        pytest.skip("no cc or no c++")
    write("include/hec/a.h", HEADER)
    write("include/hec/meson.build", "files('a.h')")
    return tmp_path


def library(tree: pathlib.Path, source: str) -> pathlib.Path:
    out = tree / "libhec.so"
    command = ["cc", "-w", "-shared", "-fPIC", "-x", "c", "-", "-o", str(out)]
    subprocess.run(command, input=source, text=True, check=True)
    return out


def test_good_headers_pass(run: Run, tree: pathlib.Path) -> None:
    done = run("check_api", "--root", tree, "headers")
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("1..3\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEADER.replace("#include <stddef.h>", ""), "not ok 1 - hec/a.h compiles alone as C11"),
        (HEADER.replace("(void)", "(int class)"), "not ok 2 - hec/a.h compiles alone as C++17"),
        (HEADER.replace("#ifndef HEC_A_H", "").replace("#endif\n#endif", "#endif\nenum { A };")
         .replace("#define HEC_A_H", ""), "not ok 1"),
        (HEADER.replace("(void);", "(void);;"), "not ok 1"),
    ],
)  # fmt: skip
def test_a_bad_header_is_found(
    run: Run, tree: pathlib.Path, write: Write, text: str, says: str
) -> None:
    write("include/hec/a.h", text)
    done = run("check_api", "--root", tree, "headers")
    assert done.returncode == 1
    assert says in done.stdout


def test_a_header_that_is_not_installed_is_found(
    run: Run, tree: pathlib.Path, write: Write
) -> None:
    write("include/hec/b.h", "")
    assert "not ok" in run("check_api", "--root", tree, "headers").stdout


def test_a_missing_compiler_is_a_skip(run: Run, tree: pathlib.Path) -> None:
    done = run("check_api", "--root", tree, "headers", CXX="/nowhere/c++")
    assert "# SKIP" in done.stdout and done.returncode == 0


@pytest.mark.parametrize(
    ("source", "status", "says"),
    [
        (GOOD, 0, "ok 4 - libhec.so exports nothing else"),
        (GOOD + "int hec__private() {}", 1, "# hec__private"),
        (GOOD.replace("int hec_count() {}", ""), 1, "not ok 2 - libhec.so exports hec_count"),
    ],
)
def test_the_library_exports_what_is_declared(
    run: Run, tree: pathlib.Path, source: str, status: int, says: str
) -> None:
    done = run("check_api", "--root", tree, "library", library(tree, source))
    assert (done.returncode, says in done.stdout) == (status, True), done.stdout


@pytest.mark.parametrize(
    ("source", "status"),
    [("int PyInit__hec() {}", 0), ("int PyInit__hec() {} int hec_count() {}", 1), ("int x;", 1)],
)
def test_the_extension_exports_its_init(
    run: Run, tree: pathlib.Path, source: str, status: int
) -> None:
    done = run("check_api", "--root", tree, "extension", library(tree, source))
    assert done.returncode == status, done.stdout
