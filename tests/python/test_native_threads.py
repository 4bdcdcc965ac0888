# SPDX-License-Identifier: MIT
"""Numerical libraries use a worker's share of the cores, and what the user has set holds."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import typing

import pytest

from helpers import run_script
from pyhec import Parallel, Pool, cpu_count, delayed

VARIABLES = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"]


def seen(_: int) -> tuple[dict[str, str | None], str]:
    """What a task sees in os.environ, and what a command that it starts does."""
    command = subprocess.run(["sh", "-c", "echo $OMP_NUM_THREADS"], stdout=subprocess.PIPE)
    return {v: os.environ.get(v) for v in VARIABLES}, command.stdout.decode().strip()


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_worker_gets_its_share(unset: None, workers: int) -> None:
    share = str(max(cpu_count() // workers, 1))
    with Pool(workers) as pool:
        results = pool.map(seen, range(6))
    assert results == [({v: share for v in VARIABLES}, share)] * 6


def test_what_the_user_has_set_holds(unset: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    results = Parallel(n_jobs=2)(delayed(seen)(i) for i in range(4))
    for environment, command in results:
        assert environment["OMP_NUM_THREADS"] == command == "7"
        assert environment["OPENBLAS_NUM_THREADS"] is None


def test_the_parent_keeps_its_own(unset: None) -> None:
    Parallel(n_jobs=2)(delayed(seen)(i) for i in range(4))
    assert all(v not in os.environ for v in VARIABLES)


def openblas_threads(_: int = 0) -> int:
    """How many threads the OpenBLAS that is loaded would use."""
    with open("/proc/self/maps") as maps:
        paths = set(re.findall(r"/\S*openblas\S*", maps.read()))
    for path in paths:
        library = ctypes.CDLL(path)
        for name in ("scipy_openblas_get_num_threads64_", "openblas_get_num_threads64_",
                     "openblas_get_num_threads"):  # fmt: skip
            function: typing.Any = getattr(library, name, None)
            if function is not None:
                return int(function())
    return 0


def test_a_loaded_openblas_is_told(unset: None) -> None:
    pytest.importorskip("numpy")
    before = openblas_threads()
    if before == 0:
        pytest.skip("hardware: NumPy is built on another BLAS here")
    counts = Parallel(n_jobs=2)(delayed(openblas_threads)(i) for i in range(4))
    assert counts == [max(cpu_count() // 2, 1)] * 4
    assert openblas_threads() == before


OPENMP = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
from pyhec import Parallel, delayed
print([library.threads(), Parallel(n_jobs=2)(delayed(lambda i: library.threads())(i) for i in range(4)),
       library.threads()])
"""


def test_openmp_that_was_used_before_works_in_tasks(tmp_path: typing.Any, unset: None) -> None:
    source = tmp_path / "threads.c"
    source.write_text(
        "int threads(void) { int n = 0;\n"
        "#pragma omp parallel reduction(+:n)\n"
        "n += 1; return n; }\n"
    )
    library = tmp_path / "libthreads.so"
    built = subprocess.run(["cc", "-fopenmp", "-shared", "-fPIC", "-o", library, source])
    if built.returncode != 0:
        pytest.skip("no compiler with OpenMP")
    out, err = run_script(tmp_path, OPENMP, arguments=[str(library)])
    all_cpus, share = os.cpu_count(), max(cpu_count() // 2, 1)
    affinity = len(os.sched_getaffinity(0))
    assert out == f"[{min(all_cpus or 1, affinity)}, {[share] * 4}, {min(all_cpus or 1, affinity)}]\n"
    assert err == ""
