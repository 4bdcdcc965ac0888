# SPDX-License-Identifier: MIT
"""Threads of the caller: several that use a pool, and others that hold locks while it forks."""

from __future__ import annotations

import logging
import os
import pathlib
import shutil
import subprocess
import threading
import typing

import numpy as np
import pytest
from helpers import is_gone, run_script

from pyhec import Executor, Parallel, Pool, delayed
from pyhec import parallel_processing as pp


def square(x: int) -> int:
    return x * x


def in_threads(n: int, body: typing.Callable[[int], object], seconds: float = 50) -> None:
    """Runs body(0), body(1), ... in threads; fails if one fails or does not end."""
    errors: list[BaseException] = []

    def guarded(i: int) -> None:
        try:
            body(i)
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=guarded, args=(i,), daemon=True) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]


def test_one_pool_for_many_threads() -> None:
    with Pool(2) as pool:

        def body(n: int) -> None:
            for k in range(5):
                xs = range(n * 1000, n * 1000 + 300)
                expected = [x * x for x in xs]
                assert pool.map(square, xs) == expected
                assert list(pool.imap(square, xs)) == expected
                assert sorted(pool.imap_unordered(square, xs)) == expected
                assert [pool.apply_async(square, (x,)) for x in xs][-1].get(40) == expected[-1]
                assert pool.apply(square, (k,)) == k * k

        in_threads(6, body)


def test_errors_stay_with_the_thread_that_caused_them() -> None:
    lock = threading.Lock()
    with Pool(2) as pool:

        def body(n: int) -> None:
            for _ in range(20):
                if n % 3 == 0:
                    with pytest.raises(TypeError, match="lock"):
                        pool.map(lambda x: lock, range(50))
                elif n % 3 == 1:
                    with pytest.raises(ZeroDivisionError):
                        pool.map(lambda x: 1 // (x - 30), range(50))
                else:
                    assert pool.map(square, range(50)) == [x * x for x in range(50)]

        in_threads(6, body)


def test_one_shot_calls_at_once() -> None:
    def body(n: int) -> None:
        for _ in range(4):
            assert Parallel(2)(delayed(square)(i) for i in range(n, n + 50)) == [
                i * i for i in range(n, n + 50)
            ]
            assert pp.parallelize(lambda c: [n] * len(c), range(50), 2) == [n] * 50

    in_threads(5, body)


def test_deaths_with_many_threads() -> None:
    with Pool(2) as pool:

        def body(n: int) -> None:
            for _ in range(5):
                found = pool.map(lambda x: os._exit(1) if x == 20 else x, range(40), on_error="return")
                assert [x for i, x in enumerate(found) if i != 20] == [
                    x for x in range(40) if x != 20
                ]
                assert isinstance(found[20], RuntimeError)

        in_threads(4, body)


def test_closing_from_another_thread() -> None:
    for how in ("terminate", "join"):
        pool = Pool(2)
        began = threading.Event()

        def source() -> typing.Iterator[int]:
            n = 0
            while True:
                began.set()
                yield n
                n += 1

        def body() -> None:
            with pytest.raises(RuntimeError, match="closed"):
                for _ in pool.imap(square, source()):
                    pass

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        assert began.wait(20)
        pool.close()
        getattr(pool, how)()
        thread.join(20)
        assert not thread.is_alive()


def test_a_pool_outlives_the_thread_that_made_it() -> None:
    made: list[Pool] = []
    in_threads(1, lambda i: made.append(Pool(2)))
    pool = made[0]
    pids = pool._pool.pids()
    try:
        for _ in range(3):
            assert pool.map(square, range(100)) == [x * x for x in range(100)]
        assert set(pool._pool.pids()) == set(pids)
    finally:
        pool.terminate()
    assert all(map(is_gone, pids))


def test_forking_while_others_hold_locks() -> None:
    logger = logging.getLogger("hec-test")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    logger.setLevel(logging.INFO)
    stop = threading.Event()

    def noise() -> None:
        while not stop.is_set():
            logger.info("x" * 100)
            import json

            import importlib

            importlib.reload(json)
            print("", end="", flush=True)

    def task(i: int) -> int:
        import json

        logger.info("in the worker")
        print("", end="", flush=True)
        return len(json.dumps([i])) * 0 + i

    others = [threading.Thread(target=noise, daemon=True) for _ in range(3)]
    for thread in others:
        thread.start()
    try:
        for _ in range(15):
            assert Parallel(2)(delayed(task)(i) for i in range(4)) == [0, 1, 2, 3]
    finally:
        stop.set()
        for thread in others:
            thread.join(20)


def test_blas_was_used_before() -> None:
    a = np.random.default_rng(1).random((300, 300))
    expected = a @ a
    for results in (Parallel(2)(delayed(np.matmul)(a, a) for _ in range(4)),
                    Executor(2).map(np.matmul, [a] * 4, [a] * 4)):  # fmt: skip
        for result in results:
            assert np.allclose(result, expected)
    assert np.allclose(a @ a, expected)


OPENMP_C = """
#include <omp.h>
int threads(void)
{
    int n = 0;
    #pragma omp parallel num_threads(3)
    {
        #pragma omp atomic
        n++;
    }
    return n;
}
"""

OPENMP_PY = """
import ctypes, sys
from pyhec import Parallel, Pool, delayed
path = sys.argv[1]
def task(_=0): return ctypes.CDLL(path).threads()
assert task() == 3                      # the runtime has threads now, which a fork loses
assert Parallel(2)(delayed(task)() for _ in range(4)) == [3] * 4
assert task() == 3
with Pool(2) as pool:
    assert pool.map(task, range(4)) == [3] * 4
    assert task() == 3
    assert pool.map(lambda x: Parallel(2)([delayed(task)()] * 2), range(2)) == [[3, 3]] * 2
print("done")
"""


def test_openmp_was_used_before(tmp_path: pathlib.Path) -> None:
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler")
    source, library = tmp_path / "omp.c", tmp_path / "omp.so"
    source.write_text(OPENMP_C)
    built = subprocess.run(
        [compiler, "-fopenmp", "-shared", "-fPIC", str(source), "-o", str(library)],
        capture_output=True,
        text=True,
    )
    if built.returncode:
        pytest.skip("no OpenMP in the C compiler")
    assert run_script(tmp_path, OPENMP_PY, arguments=[str(library)]) == ("done\n", "")
