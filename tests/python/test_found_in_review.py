# SPDX-License-Identifier: MIT
"""What a reading of the code found, each with the program that showed it."""

from __future__ import annotations

import gc
import os
import threading
import time
import typing

import numpy as np
import pytest

import pyhec
from helpers import run_script
from pyhec import Executor, Parallel, Pool, delayed

MIB = 1 << 20


class SlowToPickle:
    def __reduce__(self) -> typing.Any:
        time.sleep(0.002)
        return (SlowToPickle, ())


def nothing(x: object) -> int:
    return 1


def test_many_threads_step_one_pool_in_turn() -> None:
    results: list[int] = []
    with Pool(2) as pool:

        def body() -> None:
            for _ in range(15):
                results.append(sum(pool.map(nothing, [SlowToPickle() for _ in range(4)])))

        threads = [threading.Thread(target=body) for _ in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
    assert results == [4] * 90


def wait_for_file(path: str) -> bool:
    end = time.monotonic() + 20
    while not os.path.exists(path) and time.monotonic() < end:
        time.sleep(0.005)
    return os.path.exists(path)


def test_a_future_is_not_kept_back_by_the_next_task(tmp_path: typing.Any) -> None:
    path = str(tmp_path / "go")
    with Executor(1) as executor:
        quick = [executor.submit(abs, i) for i in range(60)]
        last = executor.submit(wait_for_file, path)
        assert [f.result(10) for f in quick] == list(range(60))
        open(path, "w").close()
        assert last.result(20)


class DeadlyToPickle:
    def __reduce__(self) -> typing.Any:
        os._exit(9)


@pytest.mark.parametrize("persistent", [False, True])
def test_a_result_whose_pickling_kills_is_blamed_alone(persistent: bool) -> None:
    def task(i: int) -> object:
        return DeadlyToPickle() if i == 500 else i

    if persistent:
        with Pool(2) as pool:
            results = pool.map(task, range(1000), on_error="return")
    else:
        results = Parallel(2, on_error="return")(delayed(task)(i) for i in range(1000))
    dead = [i for i, r in enumerate(results) if r != i]
    assert dead == [500]
    assert isinstance(results[500], pyhec.WorkerDied) and results[500].exitcode == 9


def nested(n: int) -> float:
    began = time.monotonic()
    with Executor(1) as executor:
        long = executor.submit(time.sleep, 0.5)
        for i in range(n):
            executor.submit(abs, i)
        took = time.monotonic() - began
        assert long.result(10) is None
    return took


def test_submitting_in_a_task_does_not_wait_for_the_nested_tasks() -> None:
    with Pool(1) as pool:
        assert pool.apply(nested, (10,)) < 0.4


def test_arrays_that_met_a_fork_are_given_back_after_it() -> None:
    with Pool(1) as pool:
        for _ in range(6):
            array = pool.apply(np.ones, (4 * MIB,))
            assert Parallel(2)(delayed(float)(array[i]) for i in range(4)) == [1.0] * 4
            del array
            gc.collect()
        assert pool._pool.memory() <= 3 * 32 * MIB


def test_an_input_that_does_not_fit_fails_alone(tmp_path: typing.Any) -> None:
    code = """
import numpy as np
from pyhec import Executor
with Executor(2) as executor:
    before = [executor.submit(abs, -i) for i in range(4)]
    large = executor.submit(np.sum, np.zeros(400_000_000 // 8))
    after = [executor.submit(abs, -i) for i in range(4)]
    print([f.result(20) for f in before + after])
    print(repr(large.exception(20)))
"""
    out, err = run_script(tmp_path, code, env={"HEC_MEMORY": "200M"})
    lines = out.splitlines()
    assert lines[0] == str([0, 1, 2, 3] * 2) and err == ""
    assert "MemoryError" in lines[1] and "do not fit" in lines[1]


class Strange(Exception):
    def __reduce__(self) -> typing.Any:
        return (str, ("no exception at all",))


class NoShape:
    @property
    def shape(self) -> object:
        raise ValueError("closed")


def raise_strange(x: object) -> None:
    raise Strange("strange")


def test_odd_exceptions_and_inputs_are_reported() -> None:
    with Executor(2) as executor:
        assert isinstance(executor.submit(raise_strange, 1).exception(10), pyhec.TaskError)
        failed = executor.submit(raise_strange, NoShape()).exception(10)
        assert isinstance(failed, pyhec.TaskError)
        assert executor.submit(abs, -1).result(10) == 1


def test_a_stream_begins_before_it_is_asked() -> None:
    with Pool(2) as pool:
        results = pool.imap(time.sleep, [0.1] * 4)
        time.sleep(0.3)
        began = time.monotonic()
        assert list(results) == [None] * 4
        assert time.monotonic() - began < 0.15


def test_a_call_without_workers_keeps_the_book_as_well() -> None:
    def half(x: int) -> float:
        return 1 / x

    with pytest.raises(ZeroDivisionError) as caught:
        Parallel(1)(delayed(half)(x) for x in [1, 0, 2])
    whole = pyhec.partial(caught.value)
    assert whole is not None
    assert whole.results == [1.0, caught.value, 0.5] and list(whole.failures) == [1]


def test_too_few_processes_are_no_secret(tmp_path: typing.Any) -> None:
    code = """
import resource, warnings
resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
from pyhec import Pool
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    pool = Pool(16)
print(sum("ulimit -n" in str(w.message) for w in seen), len(pool._pool.pids()) < 16)
print(pool.map(abs, [-1]))
"""
    out, err = run_script(tmp_path, code)
    assert out.splitlines() == ["1 True", "[1]"] and err == ""


def test_closed_standard_streams_are_not_taken(tmp_path: typing.Any) -> None:
    code = """
import os
for fd in (0, 1, 2):
    os.close(fd)
from pyhec import Pool
def scribble(i):
    for fd in (1, 2):
        try:
            os.write(fd, b"x" * 4096)
        except OSError:
            pass
    return i
with Pool(2) as pool:
    good = pool.map(scribble, range(20)) == list(range(20))
open("out", "w").write(str(good))
"""
    run_script(tmp_path, code)
    assert (tmp_path / "out").read_text() == "True"


@pytest.mark.parametrize("pidfd", ["0", "1"])
def test_a_dead_worker_whose_child_lives_on_is_seen(tmp_path: typing.Any, pidfd: str) -> None:
    code = """
import os, time
from pyhec import Pool, WorkerDied
def task(i):
    if i == 3:
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        os._exit(5)
    return i
began = time.monotonic()
with Pool(2) as pool:
    results = pool.map(task, range(6), on_error="return")
print([r for r in results if not isinstance(r, WorkerDied)], time.monotonic() - began < 10)
os.killpg(0, 9)
"""
    out, _ = run_script(tmp_path, code, env={"HEC_NO_PIDFD": pidfd}, status=-9)
    assert out == "[0, 1, 2, 4, 5] True\n"


class SlowToOpen:
    """Takes a worker longer to unpickle than an idle one waits for work."""

    def __init__(self, opened: str) -> None:
        self.opened = opened

    def __reduce__(self) -> tuple[typing.Any, ...]:
        return _open_slowly, (self.opened, 0.5)


def _open_slowly(opened: str, seconds: float) -> float:
    with open(opened, "a") as lines:
        lines.write(f"{os.getpid()}\n")
    time.sleep(seconds)
    return seconds


def test_a_task_that_is_being_opened_stays_where_it_is(tmp_path: typing.Any) -> None:
    opened = tmp_path / "opened"
    with pyhec.Pool(2) as pool:
        assert pool.apply(float, (SlowToOpen(str(opened)),)) == 0.5
    assert len(opened.read_text().split()) == 1
