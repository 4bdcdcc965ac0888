# SPDX-License-Identifier: MIT
"""Workers that a zygote forks: they do what forked ones do, and nothing of them stays."""

from __future__ import annotations

import os
import pathlib
import random
import signal
import sys
import time
import typing

import numpy as np
import pytest
from helpers import Script, children, is_gone, open_fds, run_script, wait_until

import pyhec
from pyhec import Executor, Parallel, Pool, _hec, delayed
from pyhec import parallel_processing as pp


@pytest.fixture(autouse=True)
def by_zygote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEC_START", "zygote")


def square(x: int) -> int:
    return x * x


class Mine:
    """A class that the workers have to find."""

    def __init__(self, value: int) -> None:
        self.value = value


def make_mine(value: int) -> Mine:
    return Mine(value)


def test_every_way_to_call() -> None:
    assert Parallel(2)(delayed(square)(i) for i in range(300)) == [i * i for i in range(300)]
    assert pp.parallelize(lambda c: [x + 1 for x in c], np.arange(50), 2) == list(range(1, 51))
    with Pool(2) as pool:
        assert pool.map(square, range(500)) == [i * i for i in range(500)]
        assert list(pool.imap(square, range(100))) == [i * i for i in range(100)]
        assert sorted(pool.imap_unordered(abs, range(100))) == list(range(100))
        assert pool.starmap(pow, [(2, 3), (3, 2)]) == [8, 9]
        assert pool.apply_async(square, (7,)).get(20) == 49
        parents = set(pool.map(lambda i: os.getppid(), range(20)))
        assert parents == {_hec.zygote_pid()} != {os.getpid()}
    with Executor(2) as executor:
        assert [f.result() for f in [executor.submit(square, i) for i in range(50)]] == [
            i * i for i in range(50)
        ]


def test_objects_come_back_as_what_they_are() -> None:
    (mine,) = Parallel(2)([delayed(make_mine)(3)])
    assert type(mine) is Mine and mine.value == 3
    big = np.arange(1 << 18, dtype=float)
    assert (Parallel(2)(delayed(np.negative)(big) for _ in range(3))[2] == -big).all()
    shared = pyhec.zeros(1 << 10)

    def fill(i: int) -> None:
        shared[i] = i

    Parallel(2)(delayed(fill)(i) for i in range(10))
    assert shared[:10].tolist() == list(range(10))


MAIN = """
import os, sys, logging
from pyhec import Parallel, Pool, delayed
OFFSET = 5
class Point:
    def __init__(self, x): self.x = x
    def __eq__(self, other): return type(other) is Point and other.x == self.x
def helper(p): return Point(p.x + OFFSET)
def work(p): return helper(p)
print("once")
os.environ["COLOUR"] = "red"; os.environ.pop("GONE", None); os.chdir("elsewhere"); sys.argv.append("more")
def around(_): return os.environ["COLOUR"], "GONE" in os.environ, os.getcwd(), sys.argv, sys.path[0]
# No main guard, and nothing of this script runs again.
assert Parallel(2)(delayed(work)(Point(i)) for i in range(5)) == [Point(i + 5) for i in range(5)]
with Pool(2) as pool:
    OFFSET = 7
    assert pool.map(work, [Point(1)]) == [Point(8)]
    assert pool.map(around, range(3)) == [("red", False, os.getcwd(), sys.argv, sys.path[0])] * 3
os.environ["COLOUR"] = "blue"; os.chdir("..")
assert Parallel(2)(delayed(around)(i) for i in range(3)) == [("blue", False, os.getcwd(), sys.argv, sys.path[0])] * 3
"""


def test_a_script_needs_no_main_guard(tmp_path: pathlib.Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    env = {"HEC_START": "zygote", "GONE": "1"}
    assert run_script(tmp_path, MAIN, env=env) == ("once\n", "")


def test_failures_are_told_as_ever() -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        Parallel(2)(delayed(divmod)(1, i) for i in range(3))
    assert "divmod" in str(raised.value.__cause__)
    with Pool(2) as pool:
        for how, match in ((lambda: os.kill(os.getpid(), signal.SIGSEGV), "SIGSEGV"),
                           (lambda: os._exit(7), "status 7")):  # fmt: skip
            found = pool.map(lambda i, how=how: how() if i == 3 else i, range(8), on_error="return")
            assert isinstance(found[3], pyhec.WorkerDied) and match in str(found[3])
            assert [x for i, x in enumerate(found) if i != 3] == [0, 1, 2, 4, 5, 6, 7]
    lock = __import__("threading").Lock()
    with pytest.raises(TypeError, match="input of task 1 cannot be sent"):
        Parallel(2)([delayed(id)(1), delayed(id)(lock)])
    with pytest.raises(TypeError, match="pickle"):
        pp.parallelize(lambda c, lock=lock: list(c), range(10), 2)


def draw(_: int) -> tuple[int, float, float]:
    end = time.monotonic() + 0.002
    while time.monotonic() < end:
        pass
    return os.getpid(), random.random(), float(np.random.random())


def test_random_numbers_differ() -> None:
    draws = Parallel(3)(delayed(draw)(i) for i in range(40))
    draws += Parallel(3)(delayed(draw)(i) for i in range(40))
    assert len({d[0] for d in draws}) > 2
    assert len({d[1] for d in draws}) == len({d[2] for d in draws}) == 80


def test_a_zygote_that_is_killed_is_replaced() -> None:
    with Pool(2) as pool:
        assert pool.map(abs, [-1, -2]) == [1, 2]
        before, pids = _hec.zygote_pid(), pool._pool.pids()
        os.kill(before, signal.SIGKILL)
        assert wait_until(lambda: all(map(is_gone, pids)))
        assert pool.map(square, range(100)) == [i * i for i in range(100)]
        assert _hec.zygote_pid() not in (0, before)

        def task(i: int) -> int:
            time.sleep(0.005)
            return i

        call = pool.imap(task, range(400))
        got: list[int] = [next(call) for _ in range(20)]
        os.kill(_hec.zygote_pid(), signal.SIGKILL)
        try:
            got += list(call)
        except pyhec.WorkerDied as e:  # the tasks that ran just then; the others are not lost
            assert e.signal == signal.SIGKILL
        found = pool.map(task, range(50), on_error="return")
        assert found == list(range(50))
    assert Parallel(2)(delayed(abs)(-i) for i in range(5)) == [0, 1, 2, 3, 4]


def test_a_zygote_that_is_killed_while_a_pool_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyhec import _zygote

    killed: list[int] = []
    real = _zygote.start_data

    def kill_it_first() -> bytes:
        if not killed:
            killed.append(_hec.zygote_pid())
            os.kill(killed[0], signal.SIGKILL)
        return real()

    monkeypatch.setattr(_zygote, "start_data", kill_it_first)
    with Pool(2) as pool:
        assert pool.map(abs, [-1, -2]) == [1, 2]
    assert killed and _hec.zygote_pid() != killed[0]


def test_nothing_grows() -> None:
    def everything() -> None:
        Parallel(2)(delayed(np.ones)(1 << 16) for _ in range(4))
        with Pool(2) as pool:
            pool.map(np.ones, [1 << 16] * 4)
            pool.map(lambda x: os._exit(1) if x else x, [0, 1, 0], on_error="return")

    everything()
    fds, procs = open_fds(), set(children())
    of_zygote = open_fds_of(_hec.zygote_pid())
    for _ in range(4):
        everything()
    assert wait_until(lambda: set(children()) <= procs and not children(_hec.zygote_pid()))
    assert open_fds() <= fds and open_fds_of(_hec.zygote_pid()) <= of_zygote


def open_fds_of(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


LIVING = """
import os, sys, time, threading
from pyhec import Parallel, Pool, delayed, _hec
def main():
    pool = Pool(2)
    assert pool.map(abs, [-1, -2]) == [1, 2]
    print(_hec.zygote_pid(), *pool._pool.pids(), flush=True)
    pool.map(time.sleep, [100, 100])
if sys.argv[1:] == ["thread"]:
    thread = threading.Thread(target=main); thread.start(); thread.join()
else:
    main()
"""


@pytest.mark.parametrize(
    ("end", "thread"),
    [
        (signal.SIGKILL, []),
        (signal.SIGTERM, []),
        (signal.SIGINT, []),
        (signal.SIGKILL, ["thread"]),
        (signal.SIGTERM, ["thread"]),
    ],
)
def test_all_end_with_the_program(
    tmp_path: pathlib.Path, end: signal.Signals, thread: list[str]
) -> None:
    with Script(tmp_path, LIVING, env={"HEC_START": "zygote"}, arguments=thread) as script:
        pids = [int(p) for p in script.read_line().split()]
        assert len(pids) == 3 and not any(map(is_gone, pids))
        os.kill(script.pid, end)
        script.process.wait(20)
        assert script.all_gone(5.0), script.processes()


CTRL_C = """
import time
from pyhec import Parallel, Pool, delayed, _hec
pool = Pool(2)
assert pool.map(abs, [-1, -2]) == [1, 2]
try:
    print(_hec.zygote_pid(), *pool._pool.pids(), flush=True)
    pool.map(time.sleep, [100, 100])
except KeyboardInterrupt:
    pool.terminate()
print(_hec.zygote_pid(), Parallel(2)(delayed(abs)(i) for i in (-3, -4)), flush=True)
"""


def test_ctrl_c_of_a_terminal_is_for_the_program(tmp_path: pathlib.Path) -> None:
    with Script(tmp_path, CTRL_C, env={"HEC_START": "zygote"}) as script:
        pids = [int(p) for p in script.read_line().split()]
        for pid in [*pids, script.pid]:
            os.kill(pid, signal.SIGINT)
        assert script.read_line() == f"{pids[0]} [3, 4]\n"
        assert script.finish()[0] == 0


def test_a_zygote_that_cannot_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    _hec.zygote_end()
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(OSError, match="zygote.*/no/such/python"):
        Pool(1)
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(RuntimeError, match="sys.executable"):
        Pool(1)
    monkeypatch.undo()
    with Pool(1, start="zygote") as pool:
        assert pool.apply(square, (3,)) == 9


def test_calls_inside_tasks_of_a_zygote() -> None:
    def task(i: int) -> tuple[list[int], str]:
        import pyhec

        return (
            Parallel(4)(delayed(square)(k) for k in range(i)),
            pyhec.start_method("auto")[0],
        )

    with Pool(2) as pool:
        found = pool.map(task, range(6))
    assert found == [([k * k for k in range(i)], "fork") for i in range(6)]


def test_a_manager_of_multiprocessing() -> None:
    import multiprocessing

    with multiprocessing.Manager() as manager:
        seen: typing.Any = manager.list()
        with Pool(1) as pool:
            pool.map(seen.append, range(3))
        assert list(seen) == [0, 1, 2]
