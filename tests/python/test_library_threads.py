# SPDX-License-Identifier: MIT
"""Threads of numerical libraries: a worker's are its share of the cores, unless the user said else."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import typing

import pytest
from helpers import run_script

import pyhec

#: share(n) is what a worker of n has; ask(f) what f says in each of two workers, by either way.
HEAD = """
import ctypes, os, sys
import pyhec
from pyhec import Parallel, Pool, delayed
SHARE = max(pyhec.cpu_count() // 2, 1)
def ask(f, ways=("fork", "zygote")):
    found = set()
    for start in ways:
        with Pool(2, start=start) as pool:
            found.update(pool.map(lambda _: f(), range(8)))
    assert len(found) == 1, found
    return found.pop()
"""

NAMES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS",
    "POLARS_MAX_THREADS",
)  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def run(folder: pathlib.Path, code: str, *arguments: str, env: typing.Any = None) -> str:
    out, err = run_script(folder, HEAD + code, arguments=arguments, env=env, seconds=100.0)
    assert err == ""
    return out


def test_the_environment_of_a_worker(tmp_path: pathlib.Path) -> None:
    code = f"names = {NAMES!r}\nprint(ask(lambda: tuple(os.environ.get(n) for n in names)))"
    share = str(max(pyhec.cpu_count() // 2, 1))
    assert run(tmp_path, code) == f"{(share,) * len(NAMES)}\n"
    # OMP_NUM_THREADS is what most fall back on: it is left to mean all of them.
    said = tuple("3" if n == "OMP_NUM_THREADS" else None for n in NAMES)
    assert run(tmp_path, code, env={"OMP_NUM_THREADS": "3"}) == f"{said}\n"
    one = tuple("3" if n == "NUMBA_NUM_THREADS" else share for n in NAMES)
    assert run(tmp_path, code, env={"NUMBA_NUM_THREADS": "3"}) == f"{one}\n"


PYTHON = """
import numexpr, numba
numba.config.THREADING_LAYER = "workqueue"
many = numba.config.NUMBA_NUM_THREADS
numexpr.set_num_threads(2)
def counts(): return numexpr.get_num_threads(), numba.get_num_threads()
@numba.njit(parallel=True)
def total(n):
    s = 0
    for i in numba.prange(n): s += i
    return s
if sys.argv[1] == "used": total(10)
print(ask(counts) == (min(SHARE, 2), min(SHARE, many)), ask(lambda: total(100)))
"""


@pytest.mark.parametrize("before", ["imported", "used"])
def test_numexpr_and_numba(tmp_path: pathlib.Path, before: str) -> None:
    assert run(tmp_path, PYTHON, before) == "True 4950\n"


TORCH = """
open("torch.py", "w").write('''
count = 64
def set_num_threads(n):
    global count
    count = n
def get_num_threads(): return count
''')
sys.path.insert(0, os.getcwd())
import torch
def count():
    import torch
    return torch.get_num_threads()
print(ask(count, ("fork",)) == (SHARE if len(sys.argv) == 1 else 64), torch.get_num_threads())
torch.set_num_threads(1)
print(ask(count, ("fork",)))
"""


def test_pytorch_by_a_module_like_it(tmp_path: pathlib.Path) -> None:
    assert run(tmp_path, TORCH) == "True 64\n1\n"
    env = {"OMP_NUM_THREADS": "64"}
    assert run(tmp_path, TORCH, "said", env=env) == "True 64\n1\n"


#: What each library is told by, and a function that says what it was told.
LIBRARIES = {
    "libmkl_rt.so.2": "static int n = 64; void MKL_Set_Num_Threads(int k) { n = k; }",
    "libblis.so.4": "static long n = 64; void bli_thread_set_num_threads(long k) { n = k; }",
    "libopenblas.so.0": "static int n = 64; void openblas_set_num_threads(int k) { n = k; }",
    "libomp.so.5": "static int n = 64; void omp_set_num_threads(int k) { n = k; }",
}

TOLD = """
libraries = [ctypes.CDLL(path) for path in sys.argv[1:]]
print(ask(lambda: tuple(lib.told() for lib in map(ctypes.CDLL, sys.argv[1:])), ("fork",)) == (SHARE,) * 4)
print([lib.told() for lib in libraries])
"""


def test_libraries_that_are_loaded_are_told(tmp_path: pathlib.Path) -> None:
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler")
    paths = []
    for name, code in LIBRARIES.items():
        source, library = tmp_path / f"{name}.c", tmp_path / name
        source.write_text(code + "\nint told(void) { return (int)n; }\n")
        command = [compiler, "-shared", "-fPIC", str(source), "-o", str(library)]
        subprocess.run(command, check=True, capture_output=True)
        paths.append(os.fspath(library))
    assert run(tmp_path, TOLD, *paths) == "True\n[64, 64, 64, 64]\n"
