# SPDX-License-Identifier: MIT
"""What a task finds in its worker: calls inside calls, random numbers, files, signals, output."""

from __future__ import annotations

import collections
import os
import random
import signal
import sys
import typing

import numpy as np
import pytest
from helpers import children, run_script

import pyhec
from pyhec import Executor, Parallel, Pool, delayed
from pyhec import parallel_processing as pp


@pytest.fixture(scope="module")
def pool() -> typing.Iterator[Pool]:
    with Pool(2) as p:
        yield p


def inner(x: int) -> tuple[list[int], list[int], list[int], int, list[int]]:
    one = pp.parallelize(lambda c: [x + i for i in c], range(3))
    two = Parallel(-1)(delayed(pow)(x, i) for i in range(3))
    with Pool() as p:
        three = p.map(abs, [x, -x])
        workers = len(p._pool.pids())
    with Executor() as e:
        four = [e.submit(abs, -x).result()]
    return one, two, three, workers, four


def test_calls_inside_tasks_do_not_multiply(pool: Pool) -> None:
    for results in (Parallel(2)(delayed(inner)(x) for x in range(4)), pool.map(inner, range(4))):
        assert results == [
            ([x, x + 1, x + 2], [1, x, x * x], [x, x], results[x][3], [x]) for x in range(4)
        ]
        # Its own core, and that of the other worker only while that has nothing to do.
        assert all(1 <= result[3] <= pyhec.cpu_count() for result in results)
    assert 1 <= pool.apply(pyhec.cpu_count) <= pyhec.cpu_count()
    # One-shot calls in a worker run in it: no processes at all.
    assert pool.map(lambda x: Parallel("max")([delayed(os.getppid)()])[0], [0]) == [os.getpid()]


def test_three_levels_when_asked_for(pool: Pool) -> None:
    def level(n: int) -> list[typing.Any]:
        return Parallel(2)(delayed(level)(n - 1) for _ in range(2)) if n else [os.getpid()]

    pids = np.ravel(Parallel(2)(delayed(level)(2) for _ in range(2)))
    assert len(pids) == 8
    assert pool.apply(lambda: len(children())) == 0


@pytest.mark.parametrize("start", ["fork", "zygote"])
def test_a_nested_call_has_the_cores_that_are_free(start: str) -> None:
    cpus = pyhec.cpu_count()
    if cpus < 2:
        pytest.skip("hardware: one core")

    def leaf(_: int) -> tuple[int, int]:
        import os
        import time

        import pyhec

        time.sleep(0.005)
        return os.getpid(), pyhec.cpu_count()

    def call(_: int) -> list[tuple[int, int]]:
        return Parallel("max")(delayed(leaf)(i) for i in range(8 * cpus))

    with Pool(1, start=start) as one:
        for _ in range(3):  # what was taken is given back
            found = one.apply(call, (0,))
            assert len({pid for pid, _ in found}) == cpus
            assert {free for _, free in found} == {1}  # below that nothing is left
    with Pool(cpus, start=start) as full:
        # Each of them may find others idle for a moment, but all have never more than there are.
        results = full.map(call, range(4 * cpus))
    assert all(1 <= len({pid for pid, _ in found}) <= cpus for found in results)


def test_commands_and_native_loops_inside_tasks_take_of_the_same() -> None:
    cpus = pyhec.cpu_count()

    def task(wanted: int) -> tuple[int, int, int]:
        from pyhec._run import Cores

        with Cores(wanted) as cores:
            within = pyhec.cpu_count()
            results = pyhec.run_commands([["true"]] * 3, n_jobs=wanted)
        return cores.count, within, len(results)

    with Pool(1) as pool:
        for _ in range(3):
            assert pool.apply(task, (64,)) == (cpus, 1, 3)
        assert pool.apply(pyhec.cpu_count) == cpus


def test_errors_from_below_come_up(pool: Pool) -> None:
    def outer() -> None:
        Parallel(2)(delayed(divmod)(1, 0) for _ in range(2))

    def outer_death() -> None:
        Parallel(2)(delayed(os._exit)(1) for _ in range(2))

    with pytest.raises(ZeroDivisionError):
        pool.apply(outer)
    with pytest.raises(pyhec.WorkerDied):
        pool.apply(outer_death)
    with pytest.raises(ZeroDivisionError):
        pool.apply(lambda: pp.parallelize(lambda c: 1 // 0, [1]))


def test_the_parents_pool_is_not_for_tasks(pool: Pool) -> None:
    executor = Executor(1)
    uses: list[typing.Callable[[], object]] = [
        lambda: pool.map(abs, [1]),
        lambda: list(pool.imap(abs, [1])),
        lambda: pool.apply(abs, (1,)),
        lambda: executor.submit(abs, 1).result(5),
    ]
    with executor:
        for use in uses:
            with pytest.raises(RuntimeError, match="belongs to the parent process"):
                Parallel(2)(delayed(use)() for _ in range(2))
    Parallel(2)(delayed(pool.terminate)() for _ in range(2))
    assert pool.map(abs, [-1]) == [1]


def test_a_pool_does_not_pickle_and_says_so(pool: Pool) -> None:
    with pytest.raises(TypeError, match="cannot be sent|pickle"):
        pool.map(lambda p: 1, [pool])


def draw(_: int) -> tuple[int, float, float]:
    import time

    end = time.monotonic() + 0.002
    while time.monotonic() < end:  # so that both workers have some
        pass
    return os.getpid(), random.random(), float(np.random.random())


def test_random_numbers_differ_between_workers() -> None:
    random.seed(1)
    np.random.seed(1)
    draws = Parallel(4)(delayed(draw)(i) for i in range(60))
    with Pool(4) as pool:
        draws += pool.map(draw, range(60))
    assert len({d[0] for d in draws}) > 2
    assert len({d[1] for d in draws}) == len({d[2] for d in draws}) == 120


def test_stdin_is_empty(pool: Pool) -> None:
    def read() -> tuple[str, bytes]:
        return sys.stdin.read(), os.read(0, 10)

    assert pool.apply(read) == ("", b"")


def test_a_task_may_start_processes(pool: Pool) -> None:
    import subprocess

    def task() -> str:
        return subprocess.run(["sh", "-c", "echo hi; kill -INT $$"], stdout=subprocess.PIPE,
                              text=True).stdout  # fmt: skip

    assert pool.apply(task) == "hi\n"

    def interruptible() -> int:
        return subprocess.run(["sh", "-c", "kill -INT $$; exit 7"]).returncode

    assert pool.apply(interruptible) == -signal.SIGINT


def test_a_task_may_use_multiprocessing_and_threads(pool: Pool) -> None:
    def task() -> list[int]:
        import multiprocessing
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(2) as threads:
            one = list(threads.map(abs, [-1, -2]))
        with multiprocessing.get_context("fork").Pool(2) as processes:
            return one + processes.map(abs, [-3, -4])

    assert pool.apply(task) == [1, 2, 3, 4]


OUTPUT = """
import atexit, logging, os, sys
from pyhec import Parallel, Pool, delayed
logging.basicConfig(format="%(message)s", stream=sys.stderr)
atexit.register(lambda: print("atexit", flush=True))
sys.stdout = open(1, "w", buffering=100000, closefd=False)
sys.stdout.write("before the fork\\n")
count = [0]
def task(i):
    count[0] += 1
    print(os.getpid(), i, count[0])
    logging.warning("log %d", i)
Parallel(2)(delayed(task)(i) for i in range(200))
import itertools
counter = itertools.count()
def later(i):
    print(os.getpid(), i, next(counter))
    logging.warning("log %d", i)
pool = Pool(2)
sys.stdout.write("after the first\\n")
pool.map(later, range(200, 400))
pool.close(); pool.join()
print("end")
sys.stdout.flush()
"""


def test_output_appears_once_and_in_order(tmp_path: typing.Any) -> None:
    out, err = run_script(tmp_path, OUTPUT)
    lines = out.splitlines()
    for once in ("before the fork", "after the first", "end", "atexit"):
        assert lines.count(once) == 1
    assert lines[-2:] == ["end", "atexit"]
    seen = [tuple(map(int, line.split())) for line in lines if line[0].isdigit()]
    assert sorted(i for _, i, _ in seen) == list(range(400))
    by_worker = collections.defaultdict(list)
    for pid, _, count in seen:
        by_worker[pid].append(count)
    for counts in by_worker.values():
        assert counts == sorted(counts) and len(counts) == len(set(counts))
    assert sorted(err.splitlines()) == sorted(f"log {i}" for i in range(400))


def test_what_a_task_wrote_is_there_when_the_call_is_over(capfd: typing.Any) -> None:
    with Pool(2) as pool:
        pool.map(lambda i: os.write(1, b"x"), range(10))
        assert capfd.readouterr().out.count("x") == 10


def test_signal_handlers_of_the_parent_are_not_the_workers() -> None:
    def handler(*_: object) -> None:
        raise RuntimeError("in the worker?")

    old = signal.signal(signal.SIGTERM, handler)
    try:
        with Pool(1) as pool:
            with pytest.raises(pyhec.WorkerDied, match="SIGTERM"):
                pool.apply(lambda: os.kill(os.getpid(), signal.SIGTERM))
    finally:
        signal.signal(signal.SIGTERM, old)
