# SPDX-License-Identifier: MIT
"""Nothing is left: no descriptor, no process, no shared memory, no growing heap."""

from __future__ import annotations

import gc
import os
import typing

import numpy as np
import pytest
from helpers import children, open_fds, run_script, wait_until

from pyhec import Executor, Parallel, Pool, delayed

MIB = 1 << 20


def mapped() -> int:
    """How many mappings of shared-memory files there are."""
    gc.collect()
    with open("/proc/self/maps") as f:
        return sum("memfd:" in line for line in f)


def everything(data: np.ndarray) -> None:
    assert len(Parallel(2)(delayed(np.copy)(data) for _ in range(4))) == 4
    with Pool(2) as pool:
        pool.map(np.copy, [data] * 4)
        next(pool.imap(np.copy, [data] * 40))
        pool.apply_async(np.copy, (data,)).get(20)
        pool.map(lambda x: os._exit(1) if x else x, [0, 1, 0], on_error="return")
    with Executor(2) as executor:
        executor.submit(np.copy, data).result(20)


@pytest.mark.parametrize("off", ["0", "1"])
def test_descriptors_processes_and_names(off: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEC_NO_PIDFD", off)
    data = np.ones(MIB)
    everything(data)
    fds, procs, maps, names = open_fds(), set(children()), mapped(), set(os.listdir("/dev/shm"))
    for _ in range(5):
        everything(data)
    assert wait_until(lambda: set(children()) <= procs, 5)
    assert open_fds() <= fds
    assert mapped() <= maps
    assert set(os.listdir("/dev/shm")) <= names


def test_arrays_outlive_their_pool_and_then_their_memory_goes() -> None:
    fds, maps = open_fds(), mapped()
    with Pool(2) as pool:
        arrays = pool.map(lambda i: np.full(MIB, i, dtype=float), range(6))
    kept = arrays[3][5:10]
    arrays += Parallel(2)(delayed(np.full)(MIB, i) for i in range(6))
    gc.collect()
    assert [a[-1] for a in arrays] == [*range(6)] * 2
    assert mapped() > maps
    del arrays
    assert kept.tolist() == [3.0] * 5
    del kept
    assert mapped() <= maps and open_fds() <= fds


def test_memory_of_a_pool_is_used_again_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEC_MEMORY", "1G")  # an eighth of it may be kept for the next results
    with Pool(2) as pool:
        peak = 0
        for _ in range(30):
            arrays = pool.map(np.ones, [MIB] * 4)  # 32 MiB a turn
            peak = max(peak, pool._pool.memory())
            del arrays
        assert peak < 30 * 32 * MIB // 4, peak
        big = pool.map(np.ones, [8 * MIB] * 4)
        assert pool._pool.memory() >= 4 * 64 * MIB
        del big
        for _ in range(2):  # a worker tidies up when it makes the next array
            pool.map(np.ones, [MIB] * 8)
        assert pool._pool.memory() <= 128 * MIB + 64 * MIB


def test_a_worker_that_dies_gives_its_memory_back() -> None:
    def task(i: int) -> typing.Any:
        array = np.ones(2 * MIB)
        if i % 2:
            os._exit(1)
        return array

    with Pool(2) as pool:
        for _ in range(3):
            pool.map(task, range(4), on_error="return")
        first = pool._pool.memory()
        for _ in range(15):
            pool.map(task, range(4), on_error="return")
        assert pool._pool.memory() <= first + 96 * MIB


GROWTH = """
import gc, os, sys
sys.path.insert(0, sys.argv[1])
from helpers import rss_kib, open_fds, children
import pyhec
from pyhec import Parallel, Pool, delayed

def f(x): return [x, str(x)]

def one_shot():
    for i in range(200):
        assert len(Parallel(2)(delayed(f)(x) for x in range(20))) == 20

def maps(pool):
    for i in range(500):
        pool.map(f, range(50))

def streams(pool):
    for i in range(100):
        for x in pool.imap(f, range(50)): pass
        next(pool.imap_unordered(f, range(10**6)))
        pool.apply_async(f, (1,)).get()

def failures(pool):
    for i in range(100):
        assert pool.map(lambda x: 1 // x, [0, 1], on_error="return")[1] == 1

pool = Pool(2)
for body in (one_shot, lambda: maps(pool), lambda: streams(pool), lambda: failures(pool)):
    body()
    gc.collect()
    before, fds, objects = rss_kib(), open_fds(), len(gc.get_objects())
    body()
    gc.collect()
    print(rss_kib() - before, open_fds() - fds, len(gc.get_objects()) - objects, flush=True)
pool.terminate()
assert not children()
"""


def test_no_growth_over_many_calls(tmp_path: typing.Any) -> None:
    out, err = run_script(tmp_path, GROWTH, arguments=[os.path.dirname(__file__)])
    assert err == ""
    rows = [[int(n) for n in line.split()] for line in out.splitlines()]
    assert len(rows) == 4
    # The address sanitizer keeps freed memory back, to see it used.
    sanitized = "asan" in os.environ.get("LD_PRELOAD", "")
    for rss, fds, objects in rows:
        assert rss < 4096 or sanitized, rows
        assert fds <= 0, rows
        assert objects < 300, rows


def test_inputs_and_functions_are_let_go() -> None:
    import weakref

    class Input:
        def __call__(self, x: typing.Any) -> int:
            return 1

    with Pool(2) as pool:
        things = [Input() for _ in range(4)]
        gone = [weakref.ref(t) for t in things]
        pool.map(things[0], [1, 2])
        pool.apply_async(things[1], (1,)).get(20)
        list(pool.imap(things[2], [1, 2]))
        Parallel(2)(delayed(things[3])(i) for i in range(3))
        del things
        gc.collect()
        assert [r() for r in gone] == [None] * 4
