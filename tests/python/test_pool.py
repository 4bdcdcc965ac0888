# SPDX-License-Identifier: MIT
"""Pool: its methods, its streams, and its end."""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import os
import signal
import typing

import pytest
from helpers import children, is_gone, run_script, wait_until

from pyhec import Pool
from pyhec._stream import WINDOW


@pytest.fixture(scope="module")
def pool() -> typing.Iterator[Pool]:
    with Pool(2) as p:
        yield p


def square(x: int) -> int:
    return x * x


def add(a: int, b: int = 0) -> int:
    return a + b


def wait_for_file(path: str) -> str:
    while not os.path.exists(path):
        pass
    return path


def hang(_: object = None) -> None:
    signal.pause()


def test_map_and_starmap(pool: Pool) -> None:
    assert pool.map(square, range(100)) == [x * x for x in range(100)]
    assert pool.map(square, iter([3]), chunksize=7) == [9]
    assert pool.map(square, []) == []
    assert pool.starmap(add, [(1, 2), [3, 4], iter((5, 6)) and (5, 6), (7,)]) == [3, 7, 11, 7]


def test_apply(pool: Pool) -> None:
    assert pool.apply(add, (1,), {"b": 2}) == 3
    assert pool.apply(add, [1]) == 1
    assert pool.apply(os.getpid) != os.getpid()
    with pytest.raises(ZeroDivisionError):
        pool.apply(divmod, (1, 0))


def test_apply_async(pool: Pool, tmp_path: typing.Any) -> None:
    go = str(tmp_path / "go")
    result = pool.apply_async(wait_for_file, (go,))
    assert not result.ready()
    with pytest.raises(ValueError, match="not ready"):
        result.successful()
    with pytest.raises(multiprocessing.TimeoutError):
        result.get(timeout=0.01)
    result.wait(0.01)
    open(go, "w").close()
    assert result.get(timeout=20) == go
    assert result.ready() and result.successful()
    failed = pool.apply_async(divmod, (1, 0))
    with pytest.raises(ZeroDivisionError):
        failed.get(20)
    assert not failed.successful()


def test_a_timeout_error_of_the_task_is_the_tasks(pool: Pool) -> None:
    def late() -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        pool.apply_async(late).get(20)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 1000, 3 * WINDOW])
def test_imap_keeps_the_order(pool: Pool, n: int) -> None:
    assert list(pool.imap(square, range(n))) == [x * x for x in range(n)]
    assert sorted(pool.imap_unordered(square, range(n))) == [x * x for x in range(n)]


def test_imap_pulls_a_bounded_window_of_an_infinite_input(pool: Pool) -> None:
    pulled = 0

    def endless() -> typing.Iterator[int]:
        nonlocal pulled
        for i in itertools.count():
            pulled += 1
            yield i

    for results in (pool.imap(square, endless()), pool.imap_unordered(square, endless())):
        pulled = 0
        assert pulled == 0  # nothing is pulled before the first is asked for
        for taken, _ in enumerate(itertools.islice(results, 3 * WINDOW), 1):
            # Those that came in one message with the one that is yielded count as taken.
            assert pulled - taken <= 2 * WINDOW
        del results
        gc.collect()
    assert pool.map(square, [4]) == [16]


def test_a_stream_that_is_left_midway_ends_its_tasks(pool: Pool) -> None:
    for _ in range(20):
        results = pool.imap(square, itertools.count())
        assert [next(results), next(results)] == [0, 1]
        results.close()  # type: ignore[attr-defined]
    assert pool.map(square, range(5)) == [0, 1, 4, 9, 16]


def test_two_streams_at_once(pool: Pool) -> None:
    pairs = zip(pool.imap(square, itertools.count()), pool.imap(add, itertools.count()))
    assert list(itertools.islice(pairs, 500)) == [(i * i, i) for i in range(500)]
    outer = pool.imap(square, range(50))
    assert [pool.apply(add, (x, 1)) for x in outer] == [x * x + 1 for x in range(50)]


def test_an_error_comes_at_its_turn_and_ends_the_stream(pool: Pool) -> None:
    seen = []
    with pytest.raises(ZeroDivisionError):
        for x in pool.imap(lambda i: 10 // (3 - i), range(10)):
            seen.append(x)
    assert seen == [3, 5, 10]
    with pytest.raises(ZeroDivisionError):
        list(pool.imap_unordered(lambda i: 10 // (3 - i), range(10)))
    assert pool.apply(add, (1,)) == 1


def test_an_error_of_the_input_is_its_own(pool: Pool) -> None:
    def source() -> typing.Iterator[int]:
        yield 1
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        list(pool.imap(square, source()))
    with pytest.raises(KeyError, match="mine"):
        pool.map(square, source())
    with pytest.raises(TypeError):
        pool.map(square, 3)  # type: ignore[arg-type]


def test_what_cannot_be_called_is_refused_at_once(pool: Pool) -> None:
    for method in (pool.map, pool.starmap, pool.imap, pool.imap_unordered):
        with pytest.raises(TypeError, match="must be callable"):
            method(3, [1])  # type: ignore[operator]
    for method in (pool.apply, pool.apply_async):
        with pytest.raises(TypeError, match="must be callable"):
            method("f")  # type: ignore[operator]


def test_starmap_of_something_else_than_arguments(pool: Pool) -> None:
    with pytest.raises(TypeError):
        pool.starmap(add, [3])  # type: ignore[list-item]


@pytest.mark.parametrize("n", [0, -1, True, "many", 5000])
def test_a_wrong_number_of_processes(n: typing.Any) -> None:
    with pytest.raises(ValueError, match="processes must be"):
        Pool(n)


def test_the_workers_stay(pool: Pool) -> None:
    pids = set(pool._pool.pids())
    assert len(pids) == 2
    assert set(pool.map(lambda _: os.getpid(), range(100))) <= pids
    assert set(pool._pool.pids()) == pids


def test_close_and_join() -> None:
    pool = Pool(2)
    with pytest.raises(ValueError, match="still open"):
        pool.join()
    pids = pool._pool.pids()
    results = [pool.apply_async(square, (i,)) for i in range(50)]
    pool.close()
    for use in (lambda: pool.map(square, [1]), lambda: pool.imap(square, [1]), pool.__enter__,
                lambda: pool.apply(square, (1,)), lambda: pool.apply_async(square, (1,))):  # fmt: skip
        with pytest.raises(ValueError, match="closed"):
            use()
    pool.join()
    pool.join()
    assert [r.get(1) for r in results] == [i * i for i in range(50)]
    assert all(map(is_gone, pids))
    pool.terminate()


def test_terminate_ends_busy_workers_and_fails_what_waits() -> None:
    pool = Pool(2)
    pids = pool._pool.pids()
    results = [pool.apply_async(hang) for _ in range(10)]
    pool.terminate()
    assert all(map(is_gone, pids))
    for result in results:
        with pytest.raises(RuntimeError):
            result.get(5)
    pool.terminate()


def test_leaving_the_block_ends_the_workers() -> None:
    with Pool(2) as pool:
        pids = pool._pool.pids()
        assert all(stat in children() for stat in pids)
        pool.apply_async(hang)
    assert all(map(is_gone, pids))


def test_a_stream_outlives_its_pool_in_peace(
    capsys: pytest.CaptureFixture[str], recwarn: typing.Any
) -> None:
    with Pool(2) as pool:
        results = pool.imap(square, itertools.count())
        assert next(results) == 0
        other = pool.imap(square, itertools.count())
        next(other)
    other.close()  # type: ignore[attr-defined]
    del results
    gc.collect()
    assert capsys.readouterr().err == ""
    assert not [w for w in recwarn if "Unraisable" in str(w.category)]


def test_a_dropped_pool_ends_its_workers() -> None:
    pool = Pool(2)
    pids = pool._pool.pids()
    assert pool.map(square, range(10))
    del pool
    gc.collect()
    assert all(map(is_gone, pids))


def test_a_dropped_pool_that_ran_single_tasks_ends_too() -> None:
    pool = Pool(2)
    pids = pool._pool.pids()
    assert pool.apply_async(square, (2,)).get(20) == 4
    del pool
    gc.collect()
    assert wait_until(lambda: all(map(is_gone, pids)), 5)


LATER = """
import pyhec

limit = 1
pool = pyhec.Pool(2)

class Point:                       # made after the pool
    def __init__(self, x): self.x = x
    def moved(self): return Point(self.x + limit)

def move(p):
    assert isinstance(p, Point), type(p)
    return p.moved()

def above(x): return x > limit

points = pool.map(move, [Point(i) for i in range(10)])
assert all(isinstance(p, Point) and type(p) is Point for p in points)
assert [p.x for p in points] == list(range(1, 11))
assert isinstance(pool.apply(Point, (3,)), Point)
assert pool.map(above, [0, 1, 2, 3]) == [False, False, True, True]
limit = 2                          # changed later: seen by a function sent later
assert pool.map(above, [0, 1, 2, 3]) == [False, False, False, True]

class Broken(Exception):
    def __init__(self, code): super().__init__(f"code {code}"); self.code = code
    def __reduce__(self): return Broken, (self.code,)

def fail(x): raise Broken(x)
try:
    pool.map(fail, [5])
except Broken as e:
    assert e.code == 5
else:
    raise AssertionError
print("done")
"""


def test_what_was_defined_after_the_pool(tmp_path: typing.Any) -> None:
    assert run_script(tmp_path, LATER) == ("done\n", "")
