# SPDX-License-Identifier: MIT
"""When the time runs out: nothing more is begun, what runs comes to its end, and it is said so."""

from __future__ import annotations

import os
import pathlib
import signal
import threading
import time
import typing

import pytest
from helpers import PATIENCE_S, Script, run_script, wait_until

import pyhec
from pyhec import Executor, Parallel, Pool, delayed
from pyhec import parallel_processing as pp


def job(seconds: float) -> dict[str, str]:
    """The environment of a job of Slurm's that has so many seconds left."""
    return {
        "SLURM_JOB_ID": "7", "SLURM_CPUS_ON_NODE": "2",
        "SLURM_JOB_END_TIME": str(int(time.time() + seconds)),
    }  # fmt: skip


@pytest.fixture(autouse=True)
def undrained() -> typing.Iterator[None]:
    yield
    pyhec.drain(False)


class Drainer:
    """Drains the parent from within a task, and goes on for a little."""

    def __init__(self, folder: pathlib.Path, at: int) -> None:
        self.folder, self.at = folder, at
        self.parent = os.getpid()

    def __call__(self, x: int) -> int:
        (self.folder / str(x)).write_text("begun")
        if x == self.at:
            os.kill(self.parent, signal.SIGUSR1)
            time.sleep(0.1)
        time.sleep(0.005)
        return -x

    def begun(self) -> int:
        return len(list(self.folder.iterdir()))


@pytest.fixture
def drainer(tmp_path: pathlib.Path) -> typing.Iterator[Drainer]:
    before = pyhec.drain_on(signal.SIGUSR1)
    yield Drainer(tmp_path, 40)
    signal.signal(signal.SIGUSR1, before)


def check(error: pyhec.OutOfTime, drainer: Drainer, total: int) -> None:
    whole = pyhec.partial(error)
    assert whole is not None and len(whole.results) == total
    done = [i for i, r in enumerate(whole.results) if r == -i]
    skipped = [r for r in whole.results if isinstance(r, pyhec.Skipped)]
    assert drainer.at in done and len(done) == drainer.begun() < total
    assert len(done) + len(skipped) == total
    assert (error.done, error.total) == (len(done), total)
    assert f"drained: {len(done)} of {total} tasks are over" in str(error)
    assert error.code == os.EX_TEMPFAIL == 75
    words = {v.word for v in whole.verdicts.values()}
    assert words == {"skipped"}
    assert all(v.attempts == 0 for v in whole.verdicts.values())


@pytest.mark.parametrize("on_error", ["finish", "raise"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_signal_drains_a_call(drainer: Drainer, n_jobs: int, on_error: str) -> None:
    with pytest.raises(pyhec.OutOfTime) as caught:
        Parallel(n_jobs, on_error=on_error)(delayed(drainer)(x) for x in range(400))
    check(caught.value, drainer, 400)


def test_a_signal_drains_a_pool(drainer: Drainer) -> None:
    with Pool(2) as pool:
        with pytest.raises(pyhec.OutOfTime) as caught:
            pool.map(drainer, range(400))
        check(caught.value, drainer, 400)
        # What comes later is not begun either,
        with pytest.raises(pyhec.OutOfTime, match="0 of 5 tasks are over"):
            pool.map(abs, range(5))
        with pytest.raises(pyhec.OutOfTime, match="0 tasks are over"):
            list(pool.imap(abs, range(5)))
        assert {type(r) for r in pool.map(abs, range(5), on_error="return")} == {pyhec.Skipped}
        with pytest.raises(pyhec.Skipped):
            pool.apply_async(abs, (1,)).get(20)
        # until somebody takes it back.
        pyhec.drain(False)
        assert pool.map(abs, range(5)) == list(range(5))
        assert pool.apply_async(abs, (-1,), timeout=60).get(20) == 1


def test_a_signal_drains_chunks(drainer: Drainer) -> None:
    def chunk_of(chunk: typing.Sequence[int]) -> list[int]:
        return [drainer(x) for x in chunk]

    drainer.at = 0
    with pytest.raises(pyhec.OutOfTime) as caught:
        pp.parallelize(chunk_of, range(400), 2)
    assert 1 <= caught.value.done < 8


def test_a_signal_drains_a_stream(drainer: Drainer) -> None:
    import itertools

    with Pool(2) as pool:
        seen = []
        with pytest.raises(pyhec.OutOfTime) as caught:
            for x in pool.imap(drainer, itertools.count()):
                seen.append(x)
        assert seen == [-i for i in range(len(seen))] and len(seen) > drainer.at
        assert caught.value.done == drainer.begun() and caught.value.total is None
        pyhec.drain(False)
        drainer.at += 1000
        found = list(pool.imap_unordered(drainer, itertools.count(1000), on_error="return"))
        assert {type(x) for x in found} == {int, pyhec.Skipped}


def test_a_signal_drains_futures(drainer: Drainer) -> None:
    with Executor(2) as executor:
        futures = [executor.submit(drainer, x) for x in range(400)]
        errors = [f.exception(PATIENCE_S) for f in futures]
    assert {type(e) for e in errors} == {type(None), pyhec.Skipped}
    assert errors.count(None) == drainer.begun()


def test_a_thread_drains(tmp_path: pathlib.Path) -> None:
    def task(x: int) -> int:
        (tmp_path / str(x)).write_text("")
        time.sleep(0.01)
        return x

    def drain() -> None:
        wait_until(lambda: len(list(tmp_path.iterdir())) > 5)
        pyhec.drain()

    thread = threading.Thread(target=drain)
    thread.start()
    with pytest.raises(pyhec.OutOfTime, match="drained"):
        Parallel(2)(delayed(task)(x) for x in range(2000))
    thread.join()


def test_a_signal_drains_commands(tmp_path: pathlib.Path) -> None:
    before = pyhec.drain_on(signal.SIGUSR1)
    try:
        commands = [f"echo >{i}; test {i} != 5 || kill -USR1 {os.getpid()}" for i in range(500)]
        with pytest.raises(pyhec.OutOfTime) as caught:
            pyhec.run_commands(commands, n_jobs=2, cwd=tmp_path)
        assert caught.value.done == len(list(tmp_path.iterdir())) < 500
        whole = pyhec.partial(caught.value)
        assert whole is not None
        assert all(r.returncode == 0 for r in whole.results[: caught.value.done])
        with pytest.raises(pyhec.OutOfTime):
            list(pyhec.iter_commands(commands, n_jobs=2, cwd=tmp_path))
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_failures_are_told_as_well(drainer: Drainer) -> None:
    def task(x: int) -> int:
        if x == 3:
            raise ValueError("three")
        return drainer(x)

    with pytest.raises(pyhec.OutOfTime, match=r"1 failed \(the first: ValueError: three\)") as e:
        Parallel(2)(delayed(task)(x) for x in range(400))
    assert isinstance(e.value.__cause__, ValueError)


def test_a_deadline_of_ones_own() -> None:
    def task(x: int) -> int:
        time.sleep(0.05)
        return x

    with pytest.raises(pyhec.OutOfTime, match="out of time: .* start this again"):
        Parallel(2, deadline=1.0)(delayed(task)(x) for x in range(1000))
    with Pool(2) as pool:
        found = pool.map(task, range(1000), deadline=0.5, on_error="return")
        assert isinstance(found[-1], pyhec.Skipped) and "too little time" in str(found[-1])
        assert pool.map(abs, [-1]) == [1]
    assert Parallel(1, deadline=1e-9, on_error="return")([delayed(abs)(1)])[0].index == 0
    assert Parallel(2, deadline="1h")(delayed(abs)(x) for x in range(9)) == list(range(9))


WALLTIME = """
import sys, time
from pyhec import Parallel, delayed

def task(x):
    time.sleep(0.05)
    return x

Parallel(2, **eval(sys.argv[1]))(delayed(task)(x) for x in range(int(sys.argv[2])))
print("all done")
"""


def test_the_end_of_the_job(tmp_path: pathlib.Path) -> None:
    out, err = run_script(
        tmp_path, WALLTIME, env=job(4), arguments=["{}", "2000"], status=75
    )
    assert out == ""
    # One line, and no traceback.
    assert err.startswith("pyhec: out of time: ") and err.count("\n") == 1
    assert "exit status 75" in err
    out, err = run_script(tmp_path, WALLTIME, env=job(3600), arguments=["{}", "5"])
    assert (out, err) == ("all done\n", "")
    out, err = run_script(
        tmp_path, WALLTIME, env=job(0), arguments=["{'deadline': None}", "5"]
    )
    assert (out, err) == ("all done\n", "")


WARNED = """
import os, signal, sys, time
import pyhec

if sys.argv[1] == "mine":
    signal.signal(signal.SIGUSR1, lambda number, frame: pyhec.drain())
else:
    pyhec.drain_on(signal.SIGUSR1)

def task(x):
    os.write(1, b"task\\n")
    time.sleep(0.2)

with pyhec.Pool(2) as pool:
    pool.map(task, range(1000))
"""


@pytest.mark.parametrize("start", ["fork", "zygote"])
@pytest.mark.parametrize("whose", ["mine", "ours"])
def test_a_warning_from_the_batch_system(tmp_path: pathlib.Path, whose: str, start: str) -> None:
    with Script(tmp_path, WARNED, arguments=[whose], env={"HEC_START": start}) as script:
        assert script.read_line() == "task\n"
        # As Slurm does it: to all processes, the workers included; who drains by drain_on() has
        # workers that do not mind.
        for pid in script.processes() if whose == "ours" else [script.pid]:
            os.kill(pid, signal.SIGUSR1)
        status, _, err = script.finish()
    assert status == 75
    assert err.startswith("pyhec: drained: ") and err.count("\n") == 1


def test_drain_on_calls_what_was_there() -> None:
    heard: list[int] = []
    first = signal.signal(signal.SIGUSR2, lambda number, frame: heard.append(number))
    try:
        before = pyhec.drain_on(signal.SIGUSR2)
        os.kill(os.getpid(), signal.SIGUSR2)
        assert wait_until(lambda: heard == [signal.SIGUSR2])
        with pytest.raises(pyhec.OutOfTime):
            Parallel(2)([delayed(abs)(1)])
        signal.signal(signal.SIGUSR2, before)
    finally:
        signal.signal(signal.SIGUSR2, first)


def test_nothing_is_changed_without_being_asked(tmp_path: pathlib.Path) -> None:
    code = """
    import signal, faulthandler
    from pyhec import Parallel, delayed
    known = [signal.getsignal(n) for n in range(1, 32)]
    assert Parallel(2)(delayed(abs)(x) for x in range(9)) == list(range(9))
    assert [signal.getsignal(n) for n in range(1, 32)] == known
    assert not faulthandler.is_enabled()
    faulthandler.enable()
    assert Parallel(2)(delayed(abs)(x) for x in range(9)) == list(range(9))
    assert faulthandler.is_enabled()
    """
    assert run_script(tmp_path, code) == ("", "")
