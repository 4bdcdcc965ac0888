# SPDX-License-Identifier: MIT
"""One task of many that does not come to its end: that one is named, and the others are there."""

from __future__ import annotations

import os
import signal
import time
import typing

import faults
import pytest
from faults import Task
from helpers import children, wait_until

import pyhec
from pyhec import Executor, Parallel, Pool, delayed
from pyhec import parallel_processing as pp

MANY = 10_000
BAD = 6_130

#: Long enough that a machine with a load does not end a task that does nothing.
TIMEOUT_S = 1.5
MEMORY = "200M"

FAULTS: dict[str, tuple[typing.Callable[[], object], dict[str, typing.Any], type[BaseException], str]]
FAULTS = {
    "SIGSEGV": (faults.segfault, {}, pyhec.WorkerDied, "killed"),
    "_exit": (faults.leave, {}, pyhec.WorkerDied, "exited"),
    "SIGKILL": (faults.kill, {}, pyhec.WorkerDied, "killed"),
    "overflow": (faults.overflow, {}, pyhec.WorkerDied, "killed"),
    "hang": (faults.hang_deaf, {"timeout": TIMEOUT_S}, pyhec.TaskTimeout, "timed out"),
    "hog": (faults.hog, {"memory": MEMORY}, pyhec.OverMemory, "over memory"),
}


@pytest.fixture(scope="module")
def pool() -> typing.Iterator[Pool]:
    with Pool(2) as p:
        yield p


@pytest.fixture(autouse=True)
def no_core(tmp_path: typing.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    monkeypatch.chdir(tmp_path)


def check(results: list[typing.Any], error: BaseException, kind: type, word: str) -> None:
    """The bad one is of this kind, and all others are right."""
    assert type(error) is kind
    assert isinstance(error, pyhec.TaskError) and error.index == BAD
    of = pyhec.verdict(error)
    assert of is not None
    assert (of.word, of.index, of.attempts) == (word, BAD, 1)
    assert of.arguments == error.arguments and f"({BAD})" in of.arguments
    assert of.error is error and of.host == os.uname().nodename
    assert of.pid and of.pid not in children()
    assert f"task {BAD}" in str(error)
    assert len(results) == MANY and results[BAD] is error
    del results[BAD]
    assert results == [-i for i in range(MANY) if i != BAD]


def parallel(pool: Pool, task: Task, options: dict[str, typing.Any]) -> typing.Any:
    return Parallel(2, **options)(delayed(task)(i) for i in range(MANY))


def pool_map(pool: Pool, task: Task, options: dict[str, typing.Any]) -> typing.Any:
    return pool.map(task, range(MANY), **options)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", [parallel, pool_map])
def test_one_of_many(pool: Pool, call: typing.Any, fault: str) -> None:
    way, options, kind, word = FAULTS[fault]
    with pytest.raises(kind) as caught:
        call(pool, Task(way, BAD), options)
    whole = pyhec.partial(caught.value)
    assert whole is not None and list(whole.failures) == [BAD]
    assert [v.word for v in whole.verdicts.values()] == [word]
    check(whole.results, caught.value, kind, word)
    assert pool.map(abs, range(-9, 0)) == list(range(9, 0, -1))


@pytest.mark.parametrize("fault", FAULTS)
def test_one_of_many_futures(fault: str) -> None:
    way, options, kind, word = FAULTS[fault]
    with Executor(2, **options) as executor:
        futures = [executor.submit(Task(way, BAD), i) for i in range(MANY)]
        error = futures[BAD].exception(60)
        assert error is not None
        check([f.exception(60) or f.result() for f in futures], error, kind, word)
        assert executor.submit(abs, -1).result(20) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_one_of_many_chunks(fault: str) -> None:
    way, options, kind, word = FAULTS[fault]
    task = Task(way, BAD)
    with pytest.raises(kind) as caught:
        pp.parallelize(lambda chunk: [task(x) for x in chunk], range(MANY), 2, **options)
    whole = pyhec.partial(caught.value)
    assert whole is not None and len(whole.failures) == 1
    rest = [x for part in whole.results if isinstance(part, list) for x in part]
    size = MANY // len(whole.results)
    gone = range(BAD // size * size, BAD // size * size + size)
    assert rest == [-i for i in range(MANY) if i not in gone]


def test_one_of_many_in_a_stream(pool: Pool) -> None:
    task = Task(faults.kill, BAD)
    seen = list(pool.imap(task, range(MANY), on_error="return"))
    check(seen, seen[BAD], pyhec.WorkerDied, "killed")
    stream = pool.imap(Task(faults.hang_deaf, 20), range(MANY), timeout=TIMEOUT_S)
    assert [next(stream) for _ in range(20)] == [-i for i in range(20)]
    with pytest.raises(pyhec.TaskTimeout):
        next(stream)


def test_a_busy_loop_in_c_is_ended() -> None:
    before = time.monotonic()
    with pytest.raises(TimeoutError, match=r"longer than its limit of 0.5 s") as caught:
        Parallel(1, timeout=0.5)([delayed(faults.hang_busy)()])
    assert time.monotonic() - before > 0.5
    assert "hang_busy()" in str(caught.value)
    of = pyhec.verdict(caught.value)
    assert of is not None and of.seconds is not None and of.seconds >= 0.5


def test_a_limit_is_kept_while_nobody_looks(tmp_path: typing.Any) -> None:
    def task(x: int) -> int:
        if x == 0:
            (tmp_path / "pid").write_text(str(os.getpid()))
            faults.hang_deaf()
        return x

    with Pool(1) as pool:
        stream = pool.imap(task, range(5), timeout=0.5, on_error="return")
        # The consumer of the stream does something else: nobody steps.
        assert wait_until(lambda: (tmp_path / "pid").exists())
        pid = int((tmp_path / "pid").read_text() or 0)
        assert wait_until(lambda: _is_over(pid))
        results = list(stream)
    assert isinstance(results[0], pyhec.TaskTimeout) and results[1:] == [1, 2, 3, 4]


def _is_over(pid: int) -> bool:
    from helpers import is_gone

    return pid == 0 or is_gone(pid)


def test_a_task_that_sleeps_is_ended_and_its_children_too(tmp_path: typing.Any) -> None:
    def task() -> None:
        import subprocess

        child = subprocess.Popen(["sleep", "1000"])
        (tmp_path / "child").write_text(str(child.pid))
        child.wait()

    with pytest.raises(pyhec.TaskTimeout):
        Parallel(1, timeout=0.5)([delayed(task)()])
    assert wait_until(lambda: _is_over(int((tmp_path / "child").read_text())))


def test_memory_is_an_error_of_memory(pool: Pool) -> None:
    with pytest.raises(MemoryError, match=r"took more memory than its limit of 200 MiB") as caught:
        pool.apply(faults.hog, memory=MEMORY)
    assert isinstance(caught.value, pyhec.OverMemory)
    # What an array of zeros takes, which has no pages yet, is limited by the kernel.
    with pytest.raises(pyhec.OverMemory) as caught:
        pool.apply(bytearray, (1 << 40,), memory=MEMORY)
    of = pyhec.verdict(caught.value)
    assert of is not None and of.word == "over memory"
    assert pool.apply(len, (bytes(50 << 20),), memory=MEMORY) == 50 << 20


def test_without_a_limit_it_is_the_tasks_own(pool: Pool) -> None:
    with pytest.raises(MemoryError) as caught:
        pool.apply(bytearray, (1 << 62,))
    assert type(caught.value) is MemoryError


def test_where_it_was_and_what_it_said(capfd: pytest.CaptureFixture[str]) -> None:
    def inner() -> None:
        os.write(2, b"about to crash\n")
        faults.segfault()

    def outer(x: int) -> None:
        inner()

    with pytest.raises(pyhec.WorkerDied) as caught:
        Parallel(2)([delayed(outer)(7)])
    of = pyhec.verdict(caught.value)
    assert of is not None and of.signal == signal.SIGSEGV and of.exitcode is None
    assert of.stderr.endswith("about to crash")
    assert "about to crash" in capfd.readouterr().err
    text = str(caught.value)
    assert "about to crash" in text
    # The frames of the task, the innermost first, and none of those below.
    where = [line.strip() for line in text.splitlines() if line.strip().startswith("File ")]
    names = [line.rpartition(" in ")[2] for line in where]
    assert names == ["string_at", "segfault", "inner", "outer"]
    assert "string_at" in of.python_stack


def test_where_it_hung(pool: Pool) -> None:
    def wait_for_nothing() -> None:
        time.sleep(1000)

    with pytest.raises(pyhec.TaskTimeout) as caught:
        pool.apply(wait_for_nothing, timeout=0.5)
    assert "in wait_for_nothing" in str(caught.value)


def test_options_that_are_not_used_change_nothing(pool: Pool) -> None:
    plain = pool.map(abs, range(-100, 0))
    assert pool.map(abs, range(-100, 0), timeout="1h", memory="4G", retries=3) == plain
    assert list(pool.imap_unordered(abs, [-1], timeout="1h")) == [1]
    assert pool.starmap(pow, [(2, 3)], memory="4G") == [8]
    assert pool.apply_async(pow, (2, 3), timeout="1h").get(20) == 8
    assert pp.parallelize(list, range(9), 2, timeout=3600) == list(range(9))
