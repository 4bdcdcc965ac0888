# SPDX-License-Identifier: MIT
"""map_native next to OpenMP and Numba's prange: prints a table as Markdown.

    .venv/bin/python bench/native/run.py [--rounds 40] [--threads N]

Needs a C compiler with OpenMP; Numba's rows are left out where there is no Numba. All candidates
of a kernel run in turn in one process, round after round, so that what else the machine does hits
all alike. Each has some calls to itself before it is timed, because the threads of OpenMP go on
spinning for milliseconds and would be in the way of whoever comes next. A ratio is the median over the rounds of a candidate's time to map_native's of the same
round; above 1, map_native is faster.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import pathlib
import platform
import statistics
import subprocess
import tempfile
import time
import typing

import numpy as np

import pyhec

HERE = pathlib.Path(__file__).resolve().parent
FLAGS = ["-O3", "-march=native", "-fopenmp", "-shared", "-fPIC"]
D, P, N = ctypes.c_double, ctypes.POINTER(ctypes.c_double), ctypes.c_size_t
TYPES = {"compute": [P, P, N], "axpy": [D, P, P, N], "skewed": [P, P, N]}

Candidates = dict[str, typing.Callable[[], object]]


def build(folder: str) -> ctypes.CDLL:
    """The kernels, compiled for this machine."""
    library = pathlib.Path(folder) / "kernels.so"
    subprocess.run(["cc", *FLAGS, "-o", library, HERE / "kernels.c", "-lm"], check=True)
    kernels = ctypes.CDLL(str(library))
    for name, argtypes in TYPES.items():
        for suffix in ("block", "openmp", "openmp_static"):
            function = getattr(kernels, f"{name}_{suffix}", None)
            if function is not None:
                function.argtypes, function.restype = argtypes, None
    return kernels


def call(function: typing.Any, x: typing.Any, out: typing.Any, *first: float) -> typing.Any:
    """A call of a kernel for whole arrays, ready made."""
    arguments = (*first, x.ctypes.data_as(P), out.ctypes.data_as(P), len(x))
    return lambda: function(*arguments)


def numba_kernels(threads: int) -> dict[str, typing.Any]:
    """The same by prange, and as functions of blocks for map_native; empty without Numba."""
    try:
        import numba
    except ImportError:
        return {}
    numba.set_num_threads(threads)
    prange = numba.prange

    @numba.njit(parallel=True)  # type: ignore[untyped-decorator, unused-ignore]
    def compute(x: typing.Any, out: typing.Any) -> None:
        for i in prange(len(x)):
            v = x[i]
            for _ in range(50):
                v = v - (v * v - 2.0) * 0.1
            out[i] = v

    @numba.njit(parallel=True)  # type: ignore[untyped-decorator, unused-ignore]
    def axpy(x: typing.Any, y: typing.Any) -> None:
        for i in prange(len(x)):
            y[i] += 1e-9 * x[i]

    @numba.njit(parallel=True)  # type: ignore[untyped-decorator, unused-ignore]
    def skewed(x: typing.Any, out: typing.Any) -> None:
        for i in prange(len(x)):
            y = 1.0
            for _ in range(1 + int(x[i] * 2000.0)):
                y = y - (y * y - x[i]) * 0.1
            out[i] = y

    t = numba.types
    pointer = t.CPointer(t.float64)
    block = numba.cfunc(t.void(pointer, pointer, t.uintp))
    serial = {name: numba.njit(f.py_func) for name, f in
              (("compute", compute), ("axpy", axpy), ("skewed", skewed))}  # fmt: skip

    def as_block(function: typing.Any) -> typing.Any:
        def run(x: typing.Any, out: typing.Any, n: int) -> None:
            function(numba.carray(x, n), numba.carray(out, n))

        return block(run)

    found = {"compute": compute, "axpy": axpy, "skewed": skewed}
    return {**found, **{f"{name} block": as_block(f) for name, f in serial.items()}}


def candidates(
    name: str, n: int, kernels: ctypes.CDLL, numba: dict[str, typing.Any], threads: int
) -> Candidates:
    """What is compared for a kernel over n elements."""
    x = np.linspace(0.0, 1.0, n)
    out = np.ones(n)
    first = (1e-9,) if name == "axpy" else ()
    block = getattr(kernels, f"{name}_block")
    # The default takes the granted CPUs, which costs nothing to find out after the first time.
    cores = None if threads == pyhec.cpu_count() else threads
    found: Candidates = {
        "map_native": lambda: pyhec.map_native(block, *first, x, out=out, n_cores=cores),
        "one core": call(block, x, out, *first),
        "OpenMP": call(getattr(kernels, f"{name}_openmp"), x, out, *first),
    }
    if name == "skewed":
        found["OpenMP, static"] = call(kernels.skewed_openmp_static, x, out)
    if name in numba:
        by_prange, by_block = numba[name], numba[f"{name} block"]
        found["map_native of @cfunc"] = lambda: pyhec.map_native(by_block, x, out=out, n_cores=cores)
        found["Numba prange"] = lambda: by_prange(x, out)
    return found


SETTLE_S = 0.02
TIMED_S = 0.004


def timed(function: typing.Callable[[], object]) -> float:
    """Seconds of a call, the mean of a few milliseconds of calls, when the candidate has had the
    machine to itself for a moment.
    """
    end = time.perf_counter() + SETTLE_S
    function()
    while time.perf_counter() < end:
        function()
    calls, began = 0, time.perf_counter()
    while True:
        function()
        calls += 1
        seconds = time.perf_counter() - began
        if seconds >= TIMED_S:
            return seconds / calls


def measure(found: Candidates, rounds: int) -> dict[str, list[float]]:
    """Seconds of each candidate in each round."""
    for function in found.values():
        function()
    times: dict[str, list[float]] = {name: [] for name in found}
    names = list(found)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            times[name].append(timed(found[name]))
    return times


def rows(kernel: str, times: dict[str, list[float]]) -> list[str]:
    lines = []
    for name, theirs in times.items():
        # Another compiler makes other code: Numba is compared with Numba.
        ours = times["map_native of @cfunc" if "Numba" in name or "@" in name else "map_native"]
        ratio = statistics.median(t / o for t, o in zip(theirs, ours))
        lowest = min(theirs) / min(ours)
        lines.append(
            f"| {kernel} | {name} | {statistics.median(theirs) * 1e3:.3f} "
            f"| {min(theirs) * 1e3:.3f} | {ratio:.3f} | {lowest:.3f} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description="map_native next to OpenMP and Numba")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threads", type=int, default=pyhec.cpu_count())
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)  # read when the library is loaded
    numba = numba_kernels(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        kernels = build(folder)
        print(f"{args.threads} threads, {args.rounds} rounds, {platform.machine()}, "
              f"Python {platform.python_version()}\n")  # fmt: skip
        print("| kernel | with | median ms | least ms | to map_native, median | least |")
        print("|---|---|---|---|---|---|")
        for kernel, name, n in (
            ("compute-bound, 1 M elements", "compute", 1_000_000),
            ("compute-bound, 20 k elements", "compute", 20_000),
            ("axpy, 4 M elements", "axpy", 4_000_000),
            ("axpy, 100 k elements (in cache)", "axpy", 100_000),
            ("skewed, 40 k elements", "skewed", 40_000),
        ):
            found = candidates(name, n, kernels, numba, args.threads)
            print("\n".join(rows(kernel, measure(found, args.rounds))), flush=True)


if __name__ == "__main__":
    main()
