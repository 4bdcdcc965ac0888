# SPDX-License-Identifier: MIT
"""Executor: what concurrent.futures promises of one."""

from __future__ import annotations

import concurrent.futures as cf
import itertools
import os
import threading
import typing

import pytest
from helpers import wait_until

import pyhec
from pyhec import Executor

Workers = typing.Iterator[Executor]


@pytest.fixture(scope="module")
def executor() -> Workers:
    with Executor(2) as e:
        yield e


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


def test_submit(executor: Executor) -> None:
    future = executor.submit(square, 3)
    assert isinstance(future, cf.Future)
    assert future.result(20) == 9
    assert future.done() and not future.running() and not future.cancelled()
    assert future.exception() is None
    assert executor.submit(lambda *a, **k: (a, k), 1, fn=2, self=3).result(20) == (
        (1,),
        {"fn": 2, "self": 3},
    )
    with pytest.raises(TypeError, match="fn must be callable"):
        executor.submit(3)  # type: ignore[arg-type]


def test_isinstance(executor: Executor) -> None:
    assert isinstance(executor, cf.Executor)


def test_wait_and_as_completed(executor: Executor) -> None:
    futures = [executor.submit(square, i) for i in range(300)]
    done, rest = cf.wait(futures, timeout=20)
    assert len(done) == 300 and not rest
    assert {f.result() for f in cf.as_completed(futures)} == {i * i for i in range(300)}


def test_wait_for_the_first(executor: Executor, tmp_path: typing.Any) -> None:
    slow = executor.submit(wait_for_file, str(tmp_path / "go"))
    bad = executor.submit(divmod, 1, 0)
    assert cf.wait([slow, bad], 20, cf.FIRST_EXCEPTION).done == {bad}
    (tmp_path / "go").touch()
    assert slow.result(20)


def test_map(executor: Executor, tmp_path: typing.Any) -> None:
    assert list(executor.map(square, range(100), chunksize=9)) == [i * i for i in range(100)]
    assert list(executor.map(pow, [2, 3, 4], [5, 2])) == [32, 9]
    assert list(executor.map(square, [])) == []
    results = executor.map(lambda x: 6 // x, [3, 0, 1])
    assert next(results) == 2
    with pytest.raises(ZeroDivisionError):
        next(results)
    late = executor.map(wait_for_file, [str(tmp_path / "go")], timeout=0.05)
    with pytest.raises(cf.TimeoutError):
        next(late)
    (tmp_path / "go").touch()


def test_a_timeout_leaves_the_task_alone(executor: Executor, tmp_path: typing.Any) -> None:
    future = executor.submit(wait_for_file, str(tmp_path / "go"))
    with pytest.raises(cf.TimeoutError):
        future.result(timeout=0.02)
    (tmp_path / "go").touch()
    assert future.result(20)


def test_exceptions(executor: Executor) -> None:
    future = executor.submit(divmod, 1, 0)
    error = future.exception(20)
    assert isinstance(error, ZeroDivisionError)
    assert "divmod(1, 0)" in str(error.__cause__)
    with pytest.raises(ZeroDivisionError):
        future.result()
    assert executor.submit(square, 2).result(20) == 4


def test_callbacks(executor: Executor) -> None:
    seen: list[int] = []
    all_seen = threading.Event()

    def note(future: cf.Future[int]) -> None:
        seen.append(future.result())
        if len(seen) == 50:
            all_seen.set()

    for i in range(50):
        executor.submit(square, i).add_done_callback(note)
    assert all_seen.wait(20)
    assert sorted(seen) == [i * i for i in range(50)]


def test_a_callback_may_submit_and_may_fail(executor: Executor) -> None:
    done = threading.Event()

    def more(future: cf.Future[int]) -> None:
        executor.submit(square, future.result()).add_done_callback(lambda f: done.set())
        raise RuntimeError("of the callback")

    executor.submit(square, 2).add_done_callback(more)
    assert done.wait(20)
    assert executor.submit(square, 2).result(20) == 4


def test_cancel(executor: Executor, tmp_path: typing.Any) -> None:
    gate = Gate(tmp_path, executor)
    mark = tmp_path / "ran"
    futures = [executor.submit(mark.touch) for _ in range(20)]
    late = futures[-1]
    assert not late.running()
    assert late.cancel() and late.cancelled() and late.cancel()
    assert not gate.futures[0].cancel()
    for future in futures:
        future.cancel()
    called = threading.Event()
    late.add_done_callback(lambda f: called.set())
    assert called.is_set()
    with pytest.raises(cf.CancelledError):
        late.result()
    gate.open()
    done, rest = cf.wait(futures + gate.futures, 20)
    assert not rest
    assert mark.exists() == any(not f.cancelled() for f in futures)


def test_many_threads_submit(executor: Executor) -> None:
    results: dict[int, list[int]] = {}

    def work(n: int) -> None:
        futures = [executor.submit(square, n * 1000 + i) for i in range(200)]
        results[n] = [f.result(30) for f in futures]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
        assert not thread.is_alive()
    for n in range(8):
        assert results[n] == [(n * 1000 + i) ** 2 for i in range(200)]


@pytest.mark.parametrize("n", [0, -1, True, "many", 5000])
def test_a_wrong_number_of_workers(n: typing.Any) -> None:
    with pytest.raises(ValueError, match="max_workers must be"):
        Executor(n)


def test_results_of_a_map_that_is_left(executor: Executor) -> None:
    results = executor.map(square, range(5000))
    assert list(itertools.islice(results, 3)) == [0, 1, 4]
    results.close()  # type: ignore[attr-defined]
    assert executor.submit(square, 5).result(20) == 25


def test_asyncio(executor: Executor) -> None:
    import asyncio

    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        return list(
            await asyncio.gather(*(loop.run_in_executor(executor, square, i) for i in range(50)))
        )

    assert asyncio.run(main()) == [i * i for i in range(50)]


def test_a_dead_worker_does_not_break_it(executor: Executor) -> None:
    bad = executor.submit(os._exit, 4)
    with pytest.raises(pyhec.WorkerDied, match="status 4"):
        bad.result(20)
    assert [f.result(20) for f in [executor.submit(square, i) for i in range(20)]][19] == 361
