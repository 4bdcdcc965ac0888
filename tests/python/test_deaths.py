# SPDX-License-Identifier: MIT
"""Tasks that take their worker with them: blamed by name, and nobody else is hurt."""

from __future__ import annotations

import ctypes
import os
import signal
import typing

import pytest
from helpers import children, run_script

import pyhec
from pyhec import Executor, Parallel, Pool, delayed
from pyhec import parallel_processing as pp

MANY = 1000
BAD = 613


def segfault() -> None:
    ctypes.string_at(0)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def overflow() -> None:
    # A pickle of C frames without end: the C stack runs out, not Python's limit.
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    callback = ctypes.CFUNCTYPE(None)

    @callback
    def again() -> None:
        again()

    import sys

    sys.setrecursionlimit(10**9)
    again()
    os.kill(os.getpid(), signal.SIGSEGV)  # where Python itself stops it


WAYS: list[tuple[typing.Callable[[], object], int | None, int | None]] = [
    (segfault, signal.SIGSEGV, None),
    (kill, signal.SIGKILL, None),
    (terminate, signal.SIGTERM, None),
    (os.abort, signal.SIGABRT, None),
    (overflow, signal.SIGSEGV, None),
    (lambda: os._exit(0), None, 0),
    (lambda: os._exit(3), None, 3),
    (lambda: os._exit(117), None, 117),
]
NAMES = ["segfault", "SIGKILL", "SIGTERM", "abort", "overflow", "exit0", "exit3", "exit117"]


class Task:
    def __init__(self, way: typing.Callable[[], object], bad: int = BAD) -> None:
        self.way, self.bad = way, bad

    def __call__(self, x: int) -> int:
        if x == self.bad:
            self.way()
        return -x

    __qualname__ = "Task"


@pytest.fixture(scope="module")
def pool() -> typing.Iterator[Pool]:
    with Pool(2) as p:
        yield p


@pytest.fixture(autouse=True)
def no_core(tmp_path: typing.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    monkeypatch.chdir(tmp_path)


def check(error: pyhec.WorkerDied, by_signal: int | None, status: int | None) -> None:
    assert (error.signal, error.exitcode) == (by_signal, status)
    assert error.pid > 0 and error.pid not in children()
    text = str(error)
    assert f"task {error.index}" in text and error.arguments in text
    assert (signal.Signals(by_signal).name if by_signal else f"status {status}") in text


def check_others(results: list[typing.Any] | None, bad: int = BAD) -> None:
    assert results is not None and len(results) == MANY
    assert isinstance(results[bad], pyhec.WorkerDied)
    assert [r for i, r in enumerate(results) if i != bad] == [-i for i in range(MANY) if i != bad]


@pytest.mark.parametrize(("way", "by_signal", "status"), WAYS, ids=NAMES)
def test_one_of_a_thousand(pool: Pool, way: typing.Any, by_signal: typing.Any, status: typing.Any
                           ) -> None:  # fmt: skip
    task = Task(way)
    with pytest.raises(pyhec.WorkerDied) as caught:
        Parallel(2)(delayed(task)(i) for i in range(MANY))
    assert caught.value.index == BAD and f"({BAD})" in caught.value.arguments
    check(caught.value, by_signal, status)
    check_others(caught.value.results)

    with pytest.raises(pyhec.WorkerDied) as caught:
        pool.map(task, range(MANY))
    assert caught.value.index == BAD
    check(caught.value, by_signal, status)
    check_others(caught.value.results)

    stream = pool.imap(task, range(MANY))
    seen = []
    with pytest.raises(pyhec.WorkerDied) as caught:
        for x in stream:
            seen.append(x)
    assert seen == [-i for i in range(BAD)] and caught.value.index == BAD
    assert pool.map(abs, range(100)) == list(range(100))


@pytest.mark.parametrize(("way", "by_signal", "status"), WAYS[:2], ids=NAMES[:2])
def test_one_of_a_thousand_futures(way: typing.Any, by_signal: typing.Any, status: typing.Any
                                   ) -> None:  # fmt: skip
    with Executor(2) as executor:
        futures = [executor.submit(Task(way), i) for i in range(MANY)]
        error = futures[BAD].exception(20)
        assert isinstance(error, pyhec.WorkerDied)
        check(error, by_signal, status)
        assert [f.result(20) for f in futures[:BAD]] == [-i for i in range(BAD)]
        assert [f.result(20) for f in futures[BAD + 1 :]] == [-i for i in range(BAD + 1, MANY)]
        assert executor.submit(abs, -1).result(20) == 1


def test_a_chunk_of_parallelize() -> None:
    with pytest.raises(pyhec.WorkerDied) as caught:
        pp.parallelize(lambda c: kill() if 3 in c else list(c), range(8), 2)
    assert caught.value.results is not None
    assert [4, 5, 6, 7] in caught.value.results
    assert pp.parallelize(list, range(8), 2) == list(range(8))


def test_a_file_of_batch_read_csv(tmp_path: typing.Any) -> None:
    for i in range(4):
        (tmp_path / f"{i}.csv").write_text(f"a\n{i}\n")
    with pytest.raises(pyhec.WorkerDied, match="2.csv"):
        pp.batch_read_csv(tmp_path / "*.csv", n_cores=2,
                          converters={"a": lambda x: kill() if x == "2" else int(x)})  # fmt: skip


@pytest.mark.parametrize("bad", [0, MANY - 1])
def test_the_first_and_the_last(pool: Pool, bad: int) -> None:
    for call in (lambda t: pool.map(t, range(MANY), on_error="return"),
                 lambda t: Parallel(2, on_error="return")(delayed(t)(i) for i in range(MANY))):  # fmt: skip
        check_others(call(Task(kill, bad)), bad)


def test_all_of_them(pool: Pool) -> None:
    results = pool.map(lambda x: kill(), range(30), on_error="return")
    assert all(isinstance(r, pyhec.WorkerDied) for r in results)
    assert sorted(r.index for r in results) == list(range(30))
    results = Parallel(2, on_error="return")(delayed(kill)() for _ in range(30))
    assert all(isinstance(r, pyhec.WorkerDied) for r in results)
    assert pool.map(abs, [-3]) == [3]


def test_a_task_that_kills_is_not_run_again(pool: Pool, tmp_path: typing.Any) -> None:
    def task(x: int) -> int:
        with open(tmp_path / f"{x}", "a") as f:
            f.write("x")
        if x % 50 == 7:
            kill()
        return x

    for call in (lambda: pool.map(task, range(200), on_error="return"),
                 lambda: Parallel(2, on_error="return")(delayed(task)(i) for i in range(200))):  # fmt: skip
        results = call()
        assert [isinstance(r, pyhec.WorkerDied) for r in results] == [
            i % 50 == 7 for i in range(200)
        ]
        # Others may run again: those whose results had not been sent when the worker died.
        assert len(list(tmp_path.iterdir())) == 200
        for path in tmp_path.iterdir():
            assert path.read_text() == "x" or int(path.name) % 50 != 7
            path.unlink()


def test_an_idle_worker_that_dies_is_replaced(pool: Pool) -> None:
    for _ in range(3):
        for pid in pool._pool.pids():
            os.kill(pid, signal.SIGKILL)
        assert pool.map(abs, range(100)) == list(range(100))


def test_a_worker_with_a_child_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    # The grandchild holds copies of what its worker had open; the death must be noticed anyway.
    # (Not so without pidfd, as sys/child.h says: there it delays the news.)
    monkeypatch.delenv("HEC_NO_PIDFD", raising=False)

    def task() -> None:
        if os.fork() == 0:
            signal.pause()
        kill()

    with Pool(2) as pool:
        with pytest.raises(pyhec.WorkerDied):
            pool.apply(task)
    for pid in _strays():
        os.kill(pid, signal.SIGKILL)


def _strays() -> list[int]:
    from helpers import processes

    group = os.getpgrp()
    known = {os.getpid(), *children()}
    return [p for p in processes(2, group) if p not in known and _is_copy(p)]


def _is_copy(pid: int) -> bool:
    with open(f"/proc/{pid}/cmdline", "rb") as a, open("/proc/self/cmdline", "rb") as b:
        return a.read() == b.read()


WITHOUT_PIDFD = """
import os, signal
from pyhec import Executor, Parallel, Pool, WorkerDied, delayed

def task(x):
    if x % 100 == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return -x

def right(results):
    return all(isinstance(r, WorkerDied) and r.signal == 9 if i % 100 == 13 else r == -i
               for i, r in enumerate(results))

for _ in range(3):
    assert right(Parallel(2, on_error="return")(delayed(task)(i) for i in range(1000)))
with Pool(2) as pool:
    for _ in range(3):
        assert right(pool.map(task, range(1000), on_error="return"))
with Executor(2) as executor:
    futures = [executor.submit(task, i) for i in range(200)]
    assert right([f.exception() or f.result() for f in futures])
print("done")
"""


@pytest.mark.parametrize("off", ["0", "1"])
def test_without_pidfd(tmp_path: typing.Any, off: str) -> None:
    assert run_script(tmp_path, WITHOUT_PIDFD, env={"HEC_NO_PIDFD": off}) == ("done\n", "")
