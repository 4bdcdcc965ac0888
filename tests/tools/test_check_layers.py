# SPDX-License-Identifier: MIT
"""tools/check_layers: what may include what."""

from __future__ import annotations

import pathlib

import pytest
from conftest import Run, Write

ROOMS = ("base", "sys", "conf", "topo", "task", "pool", "batch", "run")


@pytest.fixture
def tree(tmp_path: pathlib.Path, write: Write) -> pathlib.Path:
    for room in ROOMS:
        write(f"src/{room}/{room}.h", "")
        write(f"src/{room}/{room}.c", f'#include "{room}/{room}.h"\n#include <stdio.h>\n')
    write("include/hec/hec.h", "#include <hec/error.h>\n#include <stdint.h>\n")
    write("include/hec/error.h", "")
    write("cli/verb.h", "")
    return tmp_path


def test_a_tree_in_order_passes(run: Run, tree: pathlib.Path, write: Write) -> None:
    write("src/pool/pool.c", '#include "task/task.h"\n#include "sys/sys.h"\n#include <hec/hec.h>\n')
    write("cli/main.c", '#include "verb.h"\n#include "cli/verb.h"\n#include <hec/hec.h>\n')
    write("python/src/mod.c", '#include "task/task.h"\n#include <Python.h>\n')
    done = run("check_layers", "--root", tree)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "include", "why"),
    [
        ("src/sys/bad.c", '"pool/pool.h"', "above"),
        ("src/base/bad.h", '"sys/sys.h"', "above"),
        ("src/topo/bad.c", '"task/task.h"', "same rank"),
        ("src/pool/bad.c", '"../batch/batch.h"', "same rank"),
        ("src/pool/bad.c", '<batch/batch.h>', "same rank"),
        ("cli/bad.c", '"pool/pool.h"', "cli/ sees only"),
        ("include/hec/bad.h", '"base/base.h"', "public header"),
        ("include/hec/bad.h", '"error.h"', "<hec/...>"),
        ("src/attic/bad.c", '"base/base.h"', "no rank"),
        ("src/bad.c", "<stdio.h>", "no room"),
    ],
)
def test_a_wrong_include_is_found(
    run: Run, tree: pathlib.Path, write: Write, file: str, include: str, why: str
) -> None:
    write(file, f"/* first line */\n#include {include}\n")
    done = run("check_layers", "--root", tree)
    assert done.returncode == 1
    assert file in done.stdout and why in done.stdout


def test_an_empty_tree_is_no_success(run: Run, tmp_path: pathlib.Path) -> None:
    assert run("check_layers", "--root", tmp_path).returncode == 1
