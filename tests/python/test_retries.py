# SPDX-License-Identifier: MIT
"""Tasks that are run again: which, how often, when, and with what limits."""

from __future__ import annotations

import os
import pathlib
import sys
import time
import typing

import faults
import pytest

import pyhec
from pyhec import Executor, Parallel, Pool, delayed
from pyhec import parallel_processing as pp


@pytest.fixture(scope="module")
def pool() -> typing.Iterator[Pool]:
    with Pool(2) as p:
        yield p


class Flaky:
    """A task that fails in some way as often as is said, and then returns its number of attempts."""

    def __init__(self, folder: pathlib.Path, fail: typing.Callable[[], object], times: int) -> None:
        self.folder, self.fail, self.times = folder, fail, times

    def __call__(self, x: int) -> tuple[int, int]:
        with open(self.folder / str(x), "a") as f:
            f.write("x")
            attempt = f.tell()
        if x % 10 == 3 and attempt <= self.times:
            self.fail()
        return x, attempt

    def attempts(self, x: int) -> int:
        return len((self.folder / str(x)).read_text())


def raise_os_error() -> None:
    raise OSError("flaky")


def raise_key_error() -> None:
    raise KeyError("wrong")


APIS: dict[str, typing.Callable[..., list[typing.Any]]] = {
    "Parallel": lambda pool, f, n, **k: Parallel(2, **k)(delayed(f)(x) for x in range(n)),
    "serial": lambda pool, f, n, **k: Parallel(1, **k)(delayed(f)(x) for x in range(n)),
    "map": lambda pool, f, n, **k: pool.map(f, range(n), **k),
    "starmap": lambda pool, f, n, **k: pool.starmap(f, [(x,) for x in range(n)], **k),
    "imap": lambda pool, f, n, **k: list(pool.imap(f, range(n), **k)),
    "imap_unordered": lambda pool, f, n, **k: sorted(pool.imap_unordered(f, range(n), **k)),
    "apply": lambda pool, f, n, **k: [pool.apply(f, (x,), **k) for x in range(n)],
    "apply_async": lambda pool, f, n, **k: [
        r.get(60) for r in [pool.apply_async(f, (x,), **k) for x in range(n)]
    ],
    "parallelize": lambda pool, f, n, **k: pp.parallelize(
        lambda chunk: [f(x) for x in chunk], range(n), 2, **k
    ),
    "submit": lambda pool, f, n, **k: _submit(f, n, k),
}


def _submit(f: typing.Any, n: int, options: dict[str, typing.Any]) -> list[typing.Any]:
    with Executor(2, **options) as executor:
        return [r.result(60) for r in [executor.submit(f, x) for x in range(n)]]


@pytest.mark.parametrize("api", APIS)
def test_an_exception_is_tried_again(pool: Pool, tmp_path: pathlib.Path, api: str) -> None:
    flaky = Flaky(tmp_path, raise_os_error, 2)
    assert [x for x, _ in APIS[api](pool, flaky, 8, retries=2)] == list(range(8))
    assert flaky.attempts(3) == 3
    if api != "parallelize":  # there a task is a chunk, and all of it is tried again
        assert [flaky.attempts(x) for x in range(8)] == [1, 1, 1, 3, 1, 1, 1, 1]


@pytest.mark.parametrize("api", [a for a in APIS if a != "serial"])
def test_a_death_is_tried_again_where_that_is_said(
    pool: Pool, tmp_path: pathlib.Path, api: str
) -> None:
    flaky = Flaky(tmp_path, faults.kill, 1)
    with pytest.raises(pyhec.WorkerDied):
        APIS[api](pool, flaky, 8)
    assert flaky.attempts(3) == 1
    (tmp_path / "3").unlink()
    assert [x for x, _ in APIS[api](pool, flaky, 8, retries=1)] == list(range(8))
    assert flaky.attempts(3) == 2


def test_not_more_often_than_is_said(pool: Pool, tmp_path: pathlib.Path) -> None:
    flaky = Flaky(tmp_path, raise_os_error, 100)
    with pytest.raises(OSError, match="flaky") as caught:
        pool.map(flaky, range(8), retries=3)
    of = pyhec.verdict(caught.value)
    assert of is not None and (of.index, of.attempts, of.word) == (3, 4, "raised")
    assert flaky.attempts(3) == 4
    flaky = Flaky(tmp_path, faults.kill, 100)
    with pytest.raises(pyhec.WorkerDied, match="attempt 2 of 2"):
        Parallel(2, retries=1)(delayed(flaky)(x) for x in range(8))
    assert flaky.attempts(3) == 4 + 2


def test_only_after_what_is_said(pool: Pool, tmp_path: pathlib.Path) -> None:
    flaky = Flaky(tmp_path, raise_key_error, 1)
    with pytest.raises(KeyError):
        pool.map(flaky, range(8), retries=5, retry_on=(OSError, pyhec.WorkerDied))
    assert flaky.attempts(3) == 1
    flaky = Flaky(tmp_path, faults.kill, 2)
    assert len(pool.map(flaky, range(8), retries=5, retry_on=pyhec.WorkerDied)) == 8
    assert flaky.attempts(3) == 3
    (tmp_path / "3").unlink()
    with pytest.raises(pyhec.WorkerDied):
        pool.map(flaky, range(8), retries=5, retry_on=OSError)


def test_a_timeout_is_tried_again(tmp_path: pathlib.Path) -> None:
    flaky = Flaky(tmp_path, faults.hang_deaf, 1)
    results = Parallel(2, timeout=1, retries=1, retry_on=TimeoutError)(
        delayed(flaky)(x) for x in range(8)
    )
    assert [x for x, _ in results] == list(range(8)) and flaky.attempts(3) == 2


def test_more_memory_for_another_attempt(tmp_path: pathlib.Path) -> None:
    def task(megabytes: int) -> int:
        with open(tmp_path / "attempts", "a") as f:
            f.write("x")
        return faults.hog(megabytes, hold_s=1.0)

    options: dict[str, typing.Any] = {"memory": "100M", "retries": 3, "verdicts": True}
    (of,) = Parallel(1, retry_memory=2.0, **options)([delayed(task)(300)])
    assert (of.word, of.value, of.attempts) == ("done", 30, 3)  # 100, 200, 400 MB
    (of,) = Parallel(1, retry_memory=1.1, **options)([delayed(task)(300)])
    assert (of.word, of.attempts) == ("over memory", 4)
    assert "its limit of 133 MiB" in str(of.error)


def test_retries_wait(pool: Pool, tmp_path: pathlib.Path) -> None:
    times = tmp_path / "times"

    def task() -> None:
        with open(times, "a") as f:
            f.write(f"{time.monotonic()}\n")
        raise OSError("again")

    with pytest.raises(OSError):
        pool.apply(task, retries=2, backoff=0.4)
    began = [float(line) for line in times.read_text().splitlines()]
    # At least half of 0.4, and half of 0.8; a machine with a load may take longer.
    assert len(began) == 3
    assert began[1] - began[0] >= 0.19 and began[2] - began[1] >= 0.39


def test_others_do_not_wait_for_a_retry(pool: Pool, tmp_path: pathlib.Path) -> None:
    def task(x: int) -> int:
        path = tmp_path / str(x)
        if x == 0 and not path.exists():
            path.write_text("")
            raise OSError("later")
        return x

    order = list(pool.imap_unordered(task, range(200), retries=1, backoff=1.0))
    assert order[-1] == 0 and sorted(order) == list(range(200))


def test_retries_of_many(pool: Pool, tmp_path: pathlib.Path) -> None:
    flaky = Flaky(tmp_path, raise_os_error, 1)
    for api in ("Parallel", "map", "submit"):
        assert [x for x, _ in APIS[api](pool, flaky, 300, retries=1)] == list(range(300))
        assert [flaky.attempts(x) for x in range(300)] == [1 + (x % 10 == 3) for x in range(300)]
        for path in tmp_path.iterdir():
            path.unlink()


def test_a_death_costs_only_its_own_attempts(tmp_path: pathlib.Path) -> None:
    flaky = Flaky(tmp_path, faults.kill, 2)
    results = Parallel(2, retries=2, verdicts=True)(delayed(flaky)(x) for x in range(100))
    assert [v.value[0] for v in results] == list(range(100))
    assert [v.attempts for v in results] == [3 if x % 10 == 3 else 1 for x in range(100)]


def test_on_error_raise_waits_for_the_last_attempt(tmp_path: pathlib.Path) -> None:
    flaky = Flaky(tmp_path, raise_os_error, 1)
    assert len(Parallel(2, retries=1, on_error="raise")(delayed(flaky)(x) for x in range(8))) == 8


def test_views_of_an_executor(tmp_path: pathlib.Path) -> None:
    flaky = Flaky(tmp_path, raise_os_error, 1)
    with Executor(2) as executor:
        patient = executor.with_options(retries=1)
        assert patient.submit(flaky, 3).result(20) == (3, 2)
        (tmp_path / "3").unlink()
        with pytest.raises(OSError):
            executor.submit(flaky, 3).result(20)
        assert patient.submit(os.getpid).result(20) in executor._pool.pids()
        assert list(patient.map(abs, [-1, -2])) == [1, 2]
        patient.shutdown()
        with pytest.raises(RuntimeError, match="after shutdown"):
            patient.submit(abs, 1)
        assert executor.submit(abs, -1).result(20) == 1
        other = executor.with_options(timeout="1h")
        slow = other.submit(time.sleep, 0.2)
    assert slow.done() and slow.exception() is None
    with pytest.raises(RuntimeError, match="after shutdown"):
        other.submit(abs, 1)


def test_commands_have_a_limit_of_memory(tmp_path: pathlib.Path) -> None:
    hog = "import time; x = bytearray(b'x') * (300 << 20); time.sleep(60)"
    commands = [[sys.executable, "-c", "pass"], [sys.executable, "-c", hog]]
    with pytest.raises(pyhec.CommandError, match="took more memory than its limit") as caught:
        pyhec.run_commands(commands, memory="100M")
    assert caught.value.index == 1 and caught.value.result.over_memory
    of = pyhec.verdict(caught.value)
    assert of is not None and of.word == "over memory"
    results = pyhec.run_commands(commands, memory="100M", check=False)
    assert [r.over_memory for r in results] == [False, True]
    with pytest.raises(pyhec.CommandError, match="more memory"):
        pyhec.run_commands(commands, memory="100M", journal=tmp_path / "journal")
    with pytest.raises(ValueError, match="no verdicts"):
        pyhec.run_commands(commands, verdicts=True)


def test_commands_are_run_again(tmp_path: pathlib.Path) -> None:
    script = 'echo x >>"$0"; test $(wc -l <"$0") -ge "$1"'
    commands = [["sh", "-c", script, str(tmp_path / f"{i}"), str(i)] for i in (1, 2, 3)]
    results = pyhec.run_commands(commands, retries=2, backoff=0.01)
    assert [r.returncode for r in results] == [0, 0, 0]
    assert [(tmp_path / f"{i}").read_text().count("x") for i in (1, 2, 3)] == [1, 2, 3]
    with pytest.raises(pyhec.CommandError, match="attempt 2") as caught:
        pyhec.run_commands([["false"], ["true"]], retries=1)
    of = pyhec.verdict(caught.value)
    assert of is not None and (of.word, of.attempts, of.exitcode) == ("exited", 2, 1)
    with pytest.raises(pyhec.CommandError):
        pyhec.run_commands([["false"]], retries=5, retry_on=OSError)
    seen = [r.returncode for r in pyhec.iter_commands([["true"]] * 50, retries=1)]
    assert seen == [0] * 50
