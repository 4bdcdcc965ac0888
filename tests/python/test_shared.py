# SPDX-License-Identifier: MIT
"""Arrays that several processes see, and inputs that are lent to workers and not copied."""

from __future__ import annotations

import functools
import gc
import os
import pathlib
import signal
import typing

import numpy as np
import pytest
from helpers import run_script, wait_until

import pyhec
from pyhec import Executor, Parallel, Pool, asshared, delayed, empty, full, memory, zeros

MEGA = 1_000_000


def put(array: np.ndarray, i: int, value: float) -> None:
    array[i] = value


def total(array: np.ndarray) -> float:
    return float(array.sum())


def with_number(array: np.ndarray, i: int) -> float:
    return float(array[0]) + i


def spoil(array: np.ndarray) -> float:
    before = float(array.sum())
    array[...] = -1
    return before


def settled() -> pyhec.Memory:
    gc.collect()
    return memory()


@pytest.fixture
def pool() -> typing.Iterator[Pool]:
    with Pool(2) as p:
        yield p


@pytest.mark.parametrize("size", [1, 1000, 4 * MEGA])
def test_what_a_worker_writes_the_parent_reads(pool: Pool, size: int) -> None:
    array = zeros(size)
    pool.apply(put, (array, size - 1, 7.0))
    assert array[-1] == 7 and array.sum() == 7
    array[0] = 5
    assert pool.apply(total, (array,)) == (5 if size == 1 else 12)


def test_all_workers_see_the_same(pool: Pool) -> None:
    array = zeros(64)
    pool.starmap(put, [(array, i, i) for i in range(64)])
    assert array.tolist() == list(range(64))


def test_a_slice_is_shared_too(pool: Pool) -> None:
    array = zeros(2 * MEGA)
    pool.apply(put, (array[1001:], 0, 3.0))
    assert array[1001] == 3 and array.sum() == 3
    matrix = zeros((100, 100))
    pool.apply(put, (matrix[7], 9, 1.0))
    assert matrix[7, 9] == 1


def test_one_shot_calls_and_executors_share_as_well() -> None:
    array = zeros(10)
    Parallel(n_jobs=2)(delayed(put)(array, i, 1.0) for i in range(5))
    with Executor(2) as executor:
        list(executor.map(put, [array] * 5, range(5, 10), [2.0] * 5))
    assert array.tolist() == [1.0] * 5 + [2.0] * 5


def test_a_pool_that_was_there_before_the_array_and_one_that_came_after(pool: Pool) -> None:
    array = full(3 * MEGA, 1.0)
    with Pool(2) as later:
        for p in (pool, later):
            p.apply(put, (array, 0, array[0] + 1))
    assert array[0] == 3


def test_a_function_that_carries_a_shared_array(pool: Pool) -> None:
    array = zeros(10)
    pool.map(functools.partial(put, array, value=4.0), range(10))
    assert array.tolist() == [4.0] * 10


def test_shapes_types_and_orders() -> None:
    assert empty((3, 4), "i2").shape == (3, 4)
    assert empty(0).size == 0 and empty((2, 0, 3)).shape == (2, 0, 3)
    assert zeros(5, bool).tolist() == [False] * 5
    assert full(3, 7).dtype == np.asarray(7).dtype
    assert full((2, 2), 1.5, "f4").tolist() == [[1.5, 1.5], [1.5, 1.5]]
    assert empty((4, 5), order="F").flags.f_contiguous
    assert full(2, "abc").tolist() == ["abc", "abc"]


def test_objects_cannot_be_shared() -> None:
    with pytest.raises(TypeError, match="dtype must not be object"):
        empty(3, object)
    with pytest.raises(TypeError, match="dtype must not be"):
        empty(3, [("a", "i4"), ("b", object)])


def test_a_shape_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="negative"):
        empty(-1)


def test_more_than_there_is() -> None:
    with pytest.raises(MemoryError, match=r"do not fit: only .* are available|too much"):
        empty(1 << 42, "u1")


def test_asshared(pool: Pool) -> None:
    plain = np.arange(12.0).reshape(3, 4)
    array = asshared(plain)
    assert (array == plain).all() and array is not plain
    assert asshared(array) is array and asshared(array[1:]).base is not None
    pool.apply(put, (array, (0, 0), 99.0))
    assert array[0, 0] == 99 and plain[0, 0] == 0
    assert asshared(np.asfortranarray(plain)).flags.f_contiguous
    assert asshared([1, 2, 3]).tolist() == [1, 2, 3]


def test_a_result_is_a_copy(pool: Pool) -> None:
    array = full(MEGA, 2.0)
    back = pool.apply(np.asarray, (array,))
    back[0] = 0
    assert array[0] == 2


def test_memory_of_arrays_comes_back(pool: Pool) -> None:
    before = settled()
    array = full(4 * MEGA, 1.0)
    now = memory()
    assert now.arrays == before.arrays + 1
    assert now.array_bytes >= before.array_bytes + 32 * MEGA
    pool.apply(total, (array,))
    del array
    assert wait_until(lambda: pool.apply(abs, (1,)) and settled().arrays == before.arrays)
    assert settled().array_bytes == before.array_bytes


def test_memory_of_a_dead_workers_array_comes_back() -> None:
    before = settled()
    array = full(4 * MEGA, 1.0)
    with Pool(2) as pool:
        with pytest.raises(pyhec.WorkerDied):
            pool.apply(kill_with, (array,))
        assert pool.apply(total, (array,)) == 4 * MEGA
    del array
    assert settled().arrays == before.arrays


def kill_with(array: np.ndarray) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


inherited: list[np.ndarray] = []


def test_an_array_that_a_running_worker_inherited_is_not_reused() -> None:
    before = settled()
    inherited.append(full(MEGA, 3.0))
    with Pool(1) as pool:
        inherited.clear()
        others = [full(MEGA, 4.0) for _ in range(4)]
        assert pool.apply(look_at_inherited, (1,)) == 3.0 * MEGA
        del others
    assert settled().array_bytes == before.array_bytes


def look_at_inherited(_: int) -> float:
    return float(inherited[0].sum())


def test_an_array_of_many_tasks_is_copied_once(pool: Pool) -> None:
    array = np.ones(4 * MEGA)
    pool.map(abs, range(4))
    before = settled()
    seen = 0
    for k, value in enumerate(pool.starmap(with_number, [(array, i) for i in range(64)])):
        assert value == k + 1
    seen = settled().array_bytes + settled().array_warm + settled().pools
    assert seen <= before.array_bytes + before.array_warm + before.pools + 2 * array.nbytes


def test_what_a_task_does_to_its_input_stays_with_it(pool: Pool) -> None:
    array = np.ones(MEGA)
    assert pool.map(spoil, [array] * 64) == [float(MEGA)] * 64
    assert (array == 1).all()


def test_a_changed_input_of_a_later_call_is_sent_anew(pool: Pool) -> None:
    array = np.ones(MEGA)
    for k in range(4):
        array[...] = k
        assert pool.map(total, [array] * 16) == [float(k * MEGA)] * 16


def test_a_stream_sends_what_the_array_is_at_its_turn(pool: Pool) -> None:
    def frames() -> typing.Iterator[np.ndarray]:
        frame = np.zeros(MEGA)
        for i in range(32):
            frame[...] = i
            yield frame

    sums = list(pool.imap(total, frames()))
    # Only a window is pulled ahead, and what was pulled is sent when a worker has room: an input
    # that is changed after it was given is the caller's risk, as with every pool.
    assert len(sums) == 32 and sums == sorted(sums)


def test_results_of_one_call_are_lent_to_the_next(pool: Pool) -> None:
    made = pool.map(functools.partial(np.full, MEGA), [float(i) for i in range(8)])
    before = settled()
    assert pool.map(total, made) == [float(i * MEGA) for i in range(8)]
    assert settled().pools <= before.pools
    assert pool.map(spoil, made) == [float(i * MEGA) for i in range(8)]
    assert [a[0] for a in made] == [float(i) for i in range(8)]


def test_a_result_that_was_changed_is_sent_as_it_is_now(pool: Pool) -> None:
    made = pool.map(functools.partial(np.full, MEGA), [1.0, 2.0])
    made[0][5] = 100
    assert pool.map(total, made) == [MEGA + 99.0, 2.0 * MEGA]
    assert pool.map(total, [made[0][10:], made[0][:10]]) == [MEGA - 10.0, 109.0]


def test_a_result_outlives_its_pool_while_it_is_lent() -> None:
    with Pool(2) as pool:
        made = pool.apply(np.full, (MEGA, 2.0))
        assert pool.apply(total, (made,)) == 2.0 * MEGA
    assert made.sum() == 2.0 * MEGA
    with Pool(2) as other:
        assert other.apply(total, (made,)) == 2.0 * MEGA


def test_a_thousand_large_results_take_a_few_blocks(pool: Pool) -> None:
    peak = 0
    for i, result in enumerate(pool.imap(functools.partial(np.full, 4 * MEGA), range(200))):
        assert result[-1] == i
        peak = max(peak, memory().pools)
        del result
    assert peak <= 16 * 32 * MEGA


def test_idle_workers_give_their_memory_back(pool: Pool) -> None:
    for result in pool.imap(functools.partial(np.full, 4 * MEGA), range(8)):
        del result
    assert wait_until(lambda: memory().pools == 0)


def test_shared_arrays_in_a_nested_pool() -> None:
    array = zeros(MEGA)
    assert Parallel(n_jobs=2)(delayed(nested)(array) for _ in range(2)) == [[0.0, 0.0]] * 2


def nested(array: np.ndarray) -> list[float]:
    own = zeros(MEGA)
    with Pool(2) as inner:
        return inner.map(total, [array, own])


def test_nothing_is_left_in_shm_and_nothing_open(tmp_path: pathlib.Path) -> None:
    out, err = run_script(
        tmp_path,
        """
        import os, pyhec
        before = len(os.listdir('/proc/self/fd'))
        for _ in range(50):
            with pyhec.Pool(2) as pool:
                a = pyhec.full(100000, 1.0)
                pool.map(sum, [a[:10]] * 4)
                del a
        left = [n for n in os.listdir('/dev/shm') if 'hec' in n]
        print(len(os.listdir('/proc/self/fd')) - before, left)
        """,
    )
    assert out.split() == ["1", "[]"], f"one file of arrays, no more: {err}"
