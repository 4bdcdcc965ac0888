# SPDX-License-Identifier: MIT
"""Large data: arrays of every layout come back equal, writable and nobody else's."""

from __future__ import annotations

import gc
import typing

import numpy as np
import pandas as pd
import pytest
from helpers import run_script

from pyhec import Parallel, Pool, delayed

MEGA = 1_000_000


@pytest.fixture(scope="module")
def pool() -> typing.Iterator[Pool]:
    with Pool(2) as p:
        yield p


def read_only() -> np.ndarray:
    array = np.arange(MEGA)
    array.flags.writeable = False
    return array


LAYOUTS: dict[str, typing.Callable[[], typing.Any]] = {
    "C": lambda: np.arange(MEGA).reshape(1000, 1000),
    "F": lambda: np.asfortranarray(np.arange(MEGA).reshape(1000, 1000)),
    "strided": lambda: np.arange(2 * MEGA)[::2],
    "reversed": lambda: np.arange(MEGA)[::-1],
    "transposed 3d": lambda: np.arange(MEGA).reshape(100, 100, 100).transpose(2, 0, 1),
    "read-only": read_only,
    "broadcast": lambda: np.broadcast_to(np.arange(1000), (1000, 1000)),
    "structured": lambda: np.zeros(MEGA, dtype=[("a", "i4"), ("b", "f8", 3)]),
    "object": lambda: np.array([None, "x", 3, [1]] * 1000, dtype=object),
    "zero-size": lambda: np.empty((0, 5)),
    "scalar": lambda: np.array(3.5),
    "text": lambda: np.array(["abc", "de"] * MEGA),
    "time": lambda: np.arange(MEGA).astype("datetime64[s]"),
    "big-endian": lambda: np.arange(MEGA, dtype=">i8"),
    "bool": lambda: np.arange(MEGA) % 3 == 0,
    "masked": lambda: np.ma.masked_greater(np.arange(MEGA), 5),
    "bytearray": lambda: bytearray(b"x" * MEGA),
    "bytes": lambda: b"y" * MEGA,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_there_and_back(pool: Pool, layout: str) -> None:
    value = LAYOUTS[layout]()
    for back in (pool.apply(lambda x: x, (value,)), *Parallel(2)(delayed(LAYOUTS[layout])()
                                                                for _ in range(2))):  # fmt: skip
        assert type(back) is type(value)
        if not isinstance(value, np.ndarray):
            assert back == value
            continue
        assert back.dtype == value.dtype and back.shape == value.shape
        assert np.array_equal(back, value)
        if layout not in ("read-only", "broadcast"):
            assert back.flags.writeable


@pytest.mark.parametrize("one_shot", [True, False])
def test_many_large_results_are_apart_from_each_other(pool: Pool, one_shot: bool) -> None:
    def make(i: int) -> np.ndarray:
        return np.full(MEGA, i, dtype=float)

    results = Parallel(2)(delayed(make)(i) for i in range(64)) if one_shot else pool.map(make, range(64))
    for i, array in enumerate(results):
        assert array.flags.writeable and array.shape == (MEGA,)
        assert (array == i).all()
        array += 1000
    assert [int(a[0]) for a in results] == list(range(1000, 1064))
    assert [int(a[-1]) for a in results] == list(range(1000, 1064))


def test_one_array_in_many_places(pool: Pool) -> None:
    a, b = pool.apply(lambda: [np.ones(MEGA)] * 2)
    assert a is b
    first, second = pool.map(lambda x: x, [np.zeros(MEGA)] * 2)
    first += 1
    assert not second.any()


def test_a_worker_changes_its_copy_only(pool: Pool) -> None:
    data = np.zeros(MEGA)

    def change(array: np.ndarray) -> float:
        array += 1
        return float(array.sum())

    assert pool.map(change, [data] * 8) == [MEGA] * 8
    assert Parallel(1 + 1)(delayed(change)(data) for _ in range(2))[0] in (MEGA, 2 * MEGA)
    assert not data.any()


def test_results_as_inputs_of_the_next_call(pool: Pool) -> None:
    for _ in range(3):
        first = pool.map(lambda i: np.full(MEGA, i), range(8))
        second = Parallel(2)(delayed(np.sum)(a) for a in first)  # forked with live views
        assert second == [i * MEGA for i in range(8)]
        third = pool.map(np.copy, first)
        assert [a[7] for a in third] == list(range(8))


def test_inputs_that_are_deleted_during_the_call(pool: Pool) -> None:
    for _ in range(3):
        arrays = pool.map(lambda i: np.full(MEGA, i), range(12))
        stream = pool.imap(lambda a: (a[0], a[-1], a + 1), iter(arrays))
        seen = [next(stream)]
        del arrays
        gc.collect()
        junk = pool.map(lambda i: np.full(MEGA, -1), range(12))  # would take the freed memory
        seen += stream
        assert [(a, b) for a, b, _ in seen] == [(i, i) for i in range(12)]
        assert all((c == i + 1).all() for i, (_, _, c) in enumerate(seen))
        del junk


def test_a_fork_with_live_views_sees_them_whatever_comes_next(pool: Pool) -> None:
    arrays = pool.map(lambda i: np.full(MEGA, i), range(4))
    later = Pool(2)  # inherits the views
    try:
        keep = {i: a for i, a in enumerate(arrays)}

        def look(i: int) -> bool:
            return bool((keep[i] == i).all())

        calls = [delayed(look)(i) for i in range(4)]
        assert Parallel(2)(calls) == [True] * 4
        del arrays
        keep.clear()
        gc.collect()
        assert pool.map(lambda i: np.full(MEGA, 9), range(8))[7][0] == 9
    finally:
        later.terminate()


def test_frames(pool: Pool) -> None:
    frame = pd.DataFrame(np.random.rand(200_000, 5), columns=list("abcde"))
    frame["text"] = "x"
    back = pool.apply(lambda f: f, (frame,))
    pd.testing.assert_frame_equal(back, frame)
    back.loc[0, "a"] = 5.0
    assert frame.loc[0, "a"] != 5.0


def test_a_hundred_thousand_tasks(pool: Pool) -> None:
    n = 100_000
    expected = [-i for i in range(n)]
    assert pool.map(int.__neg__, range(n)) == expected
    assert Parallel(2)(delayed(int.__neg__)(i) for i in range(n)) == expected
    assert list(pool.imap(int.__neg__, range(n))) == expected


def test_results_of_mixed_size(pool: Pool) -> None:
    def make(i: int) -> bytes:
        return bytes([i % 251]) * (i % 97 if i % 500 else 300_000 + i)

    n = 20_000
    for results in (pool.map(make, range(n)), Parallel(2)(delayed(make)(i) for i in range(n))):
        assert all(r == make(i) for i, r in enumerate(results))


def test_more_buffers_than_fit_beside_a_message(pool: Pool) -> None:
    arrays = pool.apply(lambda: [np.full(40_000, i) for i in range(1100)])
    assert len(arrays) == 1100 and all(a[-1] == i for i, a in enumerate(arrays))


def test_many_workers() -> None:
    with Pool(64) as pool:
        assert pool.map(int.__neg__, range(5000)) == [-i for i in range(5000)]
    assert Parallel(64)(delayed(int.__neg__)(i) for i in range(500)) == [-i for i in range(500)]


TOO_BIG = """
import numpy as np
from pyhec import Parallel, Pool, TaskError, delayed

def make(i):
    return np.zeros(400_000_000 // 8) if i == 3 else i

for call in (lambda: Pool(2).map(make, range(6)), lambda: Parallel(2)(delayed(make)(i) for i in range(6))):
    try:
        call()
    except TaskError as e:
        print(e.index, e)
with Pool(2) as pool:
    try:
        pool.map(np.sum, [np.zeros(10), np.zeros(400_000_000 // 8)])
    except (MemoryError, TaskError) as e:
        print(e)
    print(pool.map(abs, [-1]))
"""


def test_a_result_that_is_larger_than_the_memory(tmp_path: typing.Any) -> None:
    out, err = run_script(tmp_path, TOO_BIG, env={"HEC_MEMORY": "256M"})
    lines = out.splitlines()
    assert len(lines) == 4 and err == "", out + err
    for line in lines[:2]:
        assert line.startswith("3 ") and "task 3" in line and "MiB" in line
    assert "MiB" in lines[2]
    assert lines[3] == "[1]"
