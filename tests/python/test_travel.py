# SPDX-License-Identifier: MIT
"""Inputs, functions and results that cannot be sent: who is to blame is named, the others arrive."""

from __future__ import annotations

import threading
import typing

import pytest

import pyhec
from pyhec import Parallel, Pool, delayed

APIS: dict[str, typing.Callable[..., typing.Any]] = {
    "Parallel": lambda pool, f, xs: Parallel(2)(delayed(f)(x) for x in xs),
    "map": lambda pool, f, xs: pool.map(f, xs),
    "imap": lambda pool, f, xs: list(pool.imap(f, xs)),
    "apply_async": lambda pool, f, xs: [r.get(20) for r in
                                        [pool.apply_async(f, (x,)) for x in xs]],
}  # fmt: skip


@pytest.fixture(scope="module")
def pool() -> typing.Iterator[Pool]:
    with Pool(2) as p:
        yield p



class Unpicklable:
    def __reduce__(self) -> typing.Any:
        raise TypeError("I stay here")


class Unreadable:
    def __reduce__(self) -> typing.Any:
        return fail_to_load, ()


def fail_to_load() -> None:
    raise RuntimeError("cannot be made again")


@pytest.mark.parametrize("api", ["Parallel", "map", "apply_async", "imap"])
def test_a_result_that_does_not_pickle_is_named(pool: Pool, api: str) -> None:
    def task(x: int) -> typing.Any:
        return {"fine": 1, "deep": [0, threading.Lock()]} if x == 3 else x

    with pytest.raises(pyhec.ResultError) as caught:
        APIS[api](pool, task, range(10))
    text = str(caught.value)
    assert "result['deep'][1]" in text and "type lock" in text
    if api != "apply_async":
        assert "task 3" in text and caught.value.index == 3


def test_the_other_results_of_a_message_arrive(pool: Pool) -> None:
    def task(x: int) -> typing.Any:
        return (Unpicklable(), Unreadable(), -x)[0 if x == 500 else 1 if x == 700 else 2]

    found = pool.map(task, range(1000), on_error="return")
    wrong = {i for i, x in enumerate(found) if x != -i}
    assert 500 in wrong and 700 in wrong
    assert isinstance(found[500], pyhec.ResultError) and "I stay here" in str(found[500])
    assert isinstance(found[700], pyhec.ResultError)
    assert "cannot be unpickled here" in str(found[700]) and "made again" in str(found[700])


def test_an_input_that_does_not_pickle_fails_alone(pool: Pool) -> None:
    items: list[typing.Any] = list(range(50))
    items[20] = {"key": [threading.Lock()]}
    items[30] = (x for x in "ab")
    found = pool.map(lambda x: x, items, on_error="return")
    for i in range(50):
        if i not in (20, 30):
            assert found[i] == i
    assert isinstance(found[20], TypeError) and "input of task 20" in str(found[20])
    assert "['key'][0]" in str(found[20])
    assert isinstance(found[30], TypeError) and "generator" in str(found[30])
    with pytest.raises(TypeError, match="cannot be sent to a worker"):
        pool.apply_async(abs, (threading.Lock(),)).get(20)


def test_an_input_that_cannot_be_read_by_the_worker(pool: Pool) -> None:
    with pytest.raises(RuntimeError, match="cannot be made again"):
        pool.map(abs, [Unreadable()])
    assert pool.map(abs, [-1]) == [1]


def test_a_function_that_does_not_pickle(pool: Pool) -> None:
    lock = threading.Lock()
    for _ in range(3):
        with pytest.raises(TypeError, match="lock"):
            pool.map(lambda x: lock, [1, 2])
    assert pool.map(abs, [-1]) == [1]


def test_a_function_that_cannot_be_read_by_the_worker(pool: Pool) -> None:
    class Loads:
        __call__ = abs

        def __reduce__(self) -> typing.Any:
            return fail_to_load, ()

    with pytest.raises(RuntimeError, match="cannot be made again"):
        pool.map(Loads(), [1, 2])
    assert pool.map(abs, [-1]) == [1]


def test_a_pool_used_from_its_own_pickling(pool: Pool) -> None:
    class Calls:
        def __reduce__(self) -> typing.Any:
            return int, (pool.map(abs, [-1])[0],)

    with pytest.raises(TypeError, match="cannot be sent to a worker"):
        pool.map(abs, [Calls()])
    assert pool.map(abs, [-1]) == [1]


def use_pool_while_loading() -> object:
    return _loading.map(abs, [-1])


_loading: typing.Any = None


class CallsWhenLoaded:
    def __reduce__(self) -> typing.Any:
        return use_pool_while_loading, ()


def test_a_pool_used_while_its_results_are_read() -> None:
    global _loading
    with Pool(2) as pool:
        _loading = pool
        with pytest.raises(pyhec.ResultError, match="used from inside itself"):
            pool.map(lambda x: CallsWhenLoaded(), [1])
        assert pool.map(abs, [-1]) == [1]


def test_a_huge_and_a_recursive_error(pool: Pool) -> None:
    def huge(x: int) -> None:
        raise ValueError("x" * 3_000_000)

    def endless(x: int) -> typing.Any:
        return endless(x)

    with pytest.raises(ValueError) as caught:
        pool.map(huge, [1])
    assert len(str(caught.value)) == 3_000_000
    with pytest.raises(RecursionError):
        pool.map(endless, [1])
    with pytest.raises((RecursionError, pyhec.ResultError)):
        pool.map(nested_list, [1])


def nested_list(x: int) -> list[typing.Any]:
    out: list[typing.Any] = []
    for _ in range(100_000):
        out = [out]
    return out
