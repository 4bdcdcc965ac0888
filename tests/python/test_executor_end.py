# SPDX-License-Identifier: MIT
"""How an Executor ends: by shutdown, by a block, by being dropped, by the interpreter's end."""

from __future__ import annotations

import gc
import os
import threading
import typing

import pytest
from helpers import children, is_gone, run_script, wait_until

from pyhec import Executor


def square(x: int) -> int:
    return x * x


def wait_for_file(path: str) -> str:
    while not os.path.exists(path):
        pass
    return path


class Gate:
    """Keeps both workers busy until it is opened."""

    def __init__(self, folder: typing.Any, executor: Executor) -> None:
        self.path = str(folder / "gate")
        self.futures = [executor.submit(wait_for_file, self.path) for _ in range(2)]
        assert wait_until(lambda: all(f.running() for f in self.futures))

    def open(self) -> None:
        open(self.path, "w").close()


def test_what_was_submitted_is_finished_by_shutdown() -> None:
    executor = Executor(2)
    pids = executor._pool.pids()
    futures = [executor.submit(square, i) for i in range(500)]
    executor.shutdown()
    assert [f.result(0) for f in futures] == [i * i for i in range(500)]
    assert all(map(is_gone, pids))
    executor.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(square, 1)


def test_shutdown_without_waiting(tmp_path: typing.Any) -> None:
    executor = Executor(2)
    pids = executor._pool.pids()
    gate = Gate(tmp_path, executor)
    rest = [executor.submit(square, i) for i in range(20)]
    executor.shutdown(wait=False)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(square, 1)
    assert not rest[0].done()
    gate.open()
    assert [f.result(20) for f in rest] == [i * i for i in range(20)]
    assert wait_until(lambda: all(map(is_gone, pids)))  # although the executor is still there


def test_shutdown_that_cancels(tmp_path: typing.Any) -> None:
    executor = Executor(2)
    gate = Gate(tmp_path, executor)
    futures = [executor.submit(square, i) for i in range(100)]
    executor.shutdown(wait=False, cancel_futures=True)
    assert futures[-1].cancelled()
    gate.open()
    executor.shutdown(wait=True)
    assert all(f.done() for f in futures)
    assert all(f.cancelled() or f.result() == i * i for i, f in enumerate(futures))
    assert [f.result(1) for f in gate.futures] == [gate.path] * 2


def test_an_unused_executor() -> None:
    with Executor(2) as executor:
        pids = executor._pool.pids()
    assert all(map(is_gone, pids))
    executor = Executor(2)
    pids = executor._pool.pids()
    executor.shutdown(wait=False)
    assert wait_until(lambda: all(map(is_gone, pids)))


def test_a_callback_may_shut_it_down() -> None:
    executor = Executor(2)
    futures = [executor.submit(square, i) for i in range(50)]
    futures[0].add_done_callback(lambda f: executor.shutdown(wait=True))
    assert [f.result(20) for f in futures] == [i * i for i in range(50)]


def test_a_dropped_executor_ends_its_workers() -> None:
    before = set(children())
    threads = threading.active_count()

    def body() -> int:
        executor = Executor(2)
        return typing.cast(int, executor.submit(square, 3).result(20))

    assert [body() for _ in range(3)] == [9, 9, 9]
    gc.collect()
    assert wait_until(lambda: set(children()) <= before)
    assert wait_until(lambda: threading.active_count() <= threads)


def test_an_error_in_the_block_still_finishes_the_tasks() -> None:
    with pytest.raises(KeyError):
        with Executor(2) as executor:
            futures = [executor.submit(square, i) for i in range(50)]
            raise KeyError
    assert [f.result(0) for f in futures] == [i * i for i in range(50)]


NOT_SHUT_DOWN = """
import os, sys
from pyhec import Executor, Pool
def f(i):
    os.write(1, b"%d\\n" % i)  # in one piece, where print() may make two
executor = Executor(2)
for i in range(100):
    executor.submit(f, i)
pool = Pool(2)
pool.map(abs, range(10))
stream = pool.imap(abs, range(10**6))
next(stream)
pool.apply_async(f, (100,))
sys.exit(5)
"""


def test_tasks_are_finished_at_the_end_of_the_interpreter(tmp_path: typing.Any) -> None:
    out, err = run_script(tmp_path, NOT_SHUT_DOWN, status=5)
    assert sorted(map(int, out.split())) == list(range(101))
    assert err == ""
