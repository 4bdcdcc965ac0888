# SPDX-License-Identifier: MIT
"""What is known of every task: verdicts, of those that came to their end too."""

from __future__ import annotations

import gc
import os
import pickle
import time
import typing
import weakref

import faults
import pytest

import pyhec
from pyhec import Executor, Parallel, Pool, delayed
from pyhec import parallel_processing as pp


@pytest.fixture(scope="module")
def pool() -> typing.Iterator[Pool]:
    with Pool(2) as p:
        yield p


def task(x: int) -> int:
    if x == 3:
        raise ValueError("three")
    if x == 5:
        faults.kill()
    return -x


def check(found: list[pyhec.Verdict], pids: list[int] | None = None) -> None:
    words = ["done"] * 8
    words[3], words[5] = "raised", "killed"
    assert [v.word for v in found] == words
    assert [v.index for v in found] == list(range(8))
    assert [v.value for v in found] == [0, -1, -2, None, -4, None, -6, -7]
    assert [type(v.error) for v in found if v.error is not None] == [ValueError, pyhec.WorkerDied]
    for v in found:
        assert v.arguments == f"task({v.index})" and v.attempts == 1
        assert v.host == os.uname().nodename and v.pid
        assert v.started is not None and abs(v.started - time.time()) < 3600
        assert v.seconds is not None and 0 <= v.seconds < 3600
        assert f"task {v.index}, task({v.index}): {v.word}" in str(v)
        assert v.word in repr(v)


def test_of_every_api(pool: Pool) -> None:
    check(Parallel(2, verdicts=True)(delayed(task)(x) for x in range(8)))
    check(pool.map(task, range(8), verdicts=True))
    check(pool.starmap(task, [(x,) for x in range(8)], verdicts=True))
    check(list(pool.imap(task, range(8), verdicts=True)))
    check(sorted(pool.imap_unordered(task, range(8), verdicts=True), key=lambda v: v.index))
    with Executor(2, verdicts=True) as executor:
        check([f.result(20) for f in [executor.submit(task, x) for x in range(8)]])
    of = pool.apply(task, (3,), verdicts=True)
    assert of.word == "raised" and type(of.error) is ValueError
    assert pool.apply_async(task, (2,), verdicts=True).get(20).value == -2


def test_of_chunks() -> None:
    found = pp.parallelize(lambda chunk: [-x for x in chunk], range(8), 2, verdicts=True)
    assert [x for v in found for x in v.value] == [-x for x in range(8)]
    assert all(v.word == "done" for v in found)


def test_of_a_serial_run() -> None:
    def mild(x: int) -> int:
        if x == 3:
            raise ValueError("three")
        return -x

    found = Parallel(1, verdicts=True)(delayed(mild)(x) for x in range(5))
    assert [v.word for v in found] == ["done", "done", "done", "raised", "done"]
    assert all(v.pid == os.getpid() and v.seconds >= 0 for v in found)


def test_what_is_measured() -> None:
    def burn(seconds: float) -> int:
        held = bytearray(b"x") * (100 << 20)
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass
        return len(held)

    busy, idle = Parallel(2, verdicts=True)([delayed(burn)(0.3), delayed(time.sleep)(0.3)])
    assert busy.cpu_seconds >= 0.25 and busy.seconds >= 0.25
    assert idle.cpu_seconds < 0.25 <= idle.seconds
    assert busy.max_rss > 100 << 20


def test_on_error_with_verdicts(pool: Pool) -> None:
    with pytest.raises(ValueError, match="three"):
        pool.map(task, range(4), verdicts=True, on_error="raise")
    assert len(pool.map(task, range(8), verdicts=True, on_error="return")) == 8


def test_of_an_exception(pool: Pool) -> None:
    with pytest.raises(ValueError) as caught:
        pool.map(task, range(8))
    of = pyhec.verdict(caught.value)
    assert of is not None and (of.word, of.index, of.arguments) == ("raised", 3, "task(3)")
    assert of.error is caught.value
    whole = pyhec.partial(caught.value)
    assert whole is not None
    assert {i: v.word for i, v in whole.verdicts.items()} == {3: "raised", 5: "killed"}
    assert pyhec.verdict(ValueError("of nobody")) is None


def test_of_a_result_that_does_not_arrive(pool: Pool) -> None:
    class Bad:
        def __reduce__(self) -> typing.Any:
            return _fail_here, (os.getpid(),)

    with pytest.raises(pyhec.ResultError, match="cannot be unpickled here") as caught:
        pool.apply(Bad)
    of = pyhec.verdict(caught.value)
    assert of is not None and of.word == "refused"


def _fail_here(pid: int) -> int:
    if os.getpid() != pid:
        raise RuntimeError("not here")
    return pid


def test_exceptions_with_verdicts_travel_and_go(pool: Pool) -> None:
    with pytest.raises(pyhec.WorkerDied) as caught:
        pool.apply(task, (5,))
    copy = pickle.loads(pickle.dumps(caught.value))
    of = pyhec.verdict(copy)
    assert of is not None and of.word == "killed" and str(copy) == str(caught.value)
    # No cycle: the exception goes with the last reference to it.
    error = pool.map(task, [5], on_error="return")[0]
    gone = weakref.ref(error)
    gc.disable()
    try:
        pyhec.verdict(error)
        del error
        assert gone() is None
    finally:
        gc.enable()


def test_names_are_the_packages() -> None:
    for name in ("TaskError", "WorkerDied", "TaskTimeout", "OverMemory", "OutOfMemory", "Verdict",
                 "TaskCancelled", "NodeLost", "Skipped", "OutOfTime", "Partial"):  # fmt: skip
        cls = getattr(pyhec, name)
        assert (cls.__module__, cls.__qualname__) == ("pyhec", name)
        assert pickle.loads(pickle.dumps(cls)) is cls


def test_kinds() -> None:
    assert issubclass(pyhec.TaskTimeout, TimeoutError)
    assert issubclass(pyhec.OverMemory, MemoryError) and issubclass(pyhec.OutOfMemory, MemoryError)
    assert issubclass(pyhec.OutOfMemory, pyhec.WorkerDied)
    for kind in (pyhec.WorkerDied, pyhec.TaskTimeout, pyhec.OverMemory, pyhec.TaskCancelled,
                 pyhec.NodeLost, pyhec.Skipped):  # fmt: skip
        assert issubclass(kind, pyhec.TaskError)
    assert not issubclass(pyhec.OutOfTime, Exception)
