# SPDX-License-Identifier: MIT
"""Calls with a journal: what is finished is not run again, whatever happened in between."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import typing
import warnings

import pytest

import pyhec
from helpers import Script, run_script, wait_until
from pyhec import Executor, Parallel, Pool, delayed, iter_commands, run_commands
from pyhec import parallel_processing as pp

numpy = pytest.importorskip("numpy")
pandas = pytest.importorskip("pandas")


class Runs:
    """Counts runs of tasks by what they leave behind: a byte in a file of their own."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)

    def __pyhec_key__(self) -> str:
        return "runs"

    def note(self, name: object) -> None:
        fd = os.open(f"{self.folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(fd, b"x")
        os.close(fd)

    def counts(self) -> dict[str, int]:
        return {name: os.path.getsize(f"{self.folder}/{name}") for name in os.listdir(self.folder)}

    def total(self) -> int:
        return sum(self.counts().values())


@pytest.fixture
def runs(tmp_path: pathlib.Path) -> Runs:
    return Runs(tmp_path / "runs")


@pytest.fixture
def journal(tmp_path: pathlib.Path) -> str:
    return str(tmp_path / "test.journal")


def square_in(runs: Runs) -> typing.Callable[[int], int]:
    def square(x: int) -> int:
        runs.note(x)
        return x * x

    return square


def by_parallelize(runs: Runs, journal: str, n: int) -> list[int]:
    square = square_in(runs)
    return list(pp.parallelize(lambda c: [square(x) for x in c], list(range(n)), 2,
                               journal=journal))  # fmt: skip


def by_parallel(runs: Runs, journal: str, n: int) -> list[int]:
    square = delayed(square_in(runs))
    return Parallel(n_jobs=2, journal=journal)(square(x) for x in range(n))


def by_parallel_here(runs: Runs, journal: str, n: int) -> list[int]:
    square = delayed(square_in(runs))
    return Parallel(n_jobs=1, journal=journal)(square(x) for x in range(n))


def by_map(runs: Runs, journal: str, n: int) -> list[int]:
    with Pool(2) as pool:
        return pool.map(square_in(runs), range(n), journal=journal)


def by_starmap(runs: Runs, journal: str, n: int) -> list[int]:
    with Pool(2) as pool:
        return pool.starmap(square_in(runs), [(x,) for x in range(n)], journal=journal)


def by_imap(runs: Runs, journal: str, n: int) -> list[int]:
    with Pool(2) as pool:
        return list(pool.imap(square_in(runs), iter(range(n)), journal=journal))


def by_imap_unordered(runs: Runs, journal: str, n: int) -> list[int]:
    with Pool(2) as pool:
        return sorted(pool.imap_unordered(square_in(runs), range(n), journal=journal))


def by_apply(runs: Runs, journal: str, n: int) -> list[int]:
    with Pool(2) as pool:
        return [pool.apply(square_in(runs), (x,), journal=journal) for x in range(n)]


def by_apply_async(runs: Runs, journal: str, n: int) -> list[int]:
    with Pool(2) as pool:
        waiting = [pool.apply_async(square_in(runs), (x,), journal=journal) for x in range(n)]
        return [w.get() for w in waiting]


def by_submit(runs: Runs, journal: str, n: int) -> list[int]:
    with Executor(2, journal=journal) as executor:
        square = square_in(runs)
        return [f.result() for f in [executor.submit(square, x) for x in range(n)]]


def by_executor_map(runs: Runs, journal: str, n: int) -> list[int]:
    with Executor(2, journal=journal) as executor:
        return list(executor.map(square_in(runs), range(n)))


WAYS = [
    by_parallelize, by_parallel, by_parallel_here, by_map, by_starmap, by_imap, by_imap_unordered,
    by_apply, by_apply_async, by_submit, by_executor_map,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_what_is_finished_is_not_run_again(
    way: typing.Callable[[Runs, str, int], list[int]], runs: Runs, journal: str
) -> None:
    expected = [x * x for x in range(12)]
    assert way(runs, journal, 12) == expected
    assert runs.counts() == {str(x): 1 for x in range(12)}
    assert way(runs, journal, 12) == expected
    assert runs.total() == 12
    if way is not by_parallelize:  # there a task is a slice
        assert way(runs, journal, 15) == [x * x for x in range(15)]
        assert runs.total() == 15


def test_a_result_is_found_by_every_way(runs: Runs, journal: str) -> None:
    expected = by_map(runs, journal, 10)
    for way in WAYS[1:]:
        assert way(runs, journal, 10) == expected
    assert runs.total() == 10


def test_results_are_what_they_were(journal: str) -> None:
    def make(n: int) -> typing.Any:
        return [
            None, {"a": [n, 2.5]}, numpy.arange(200_000.0) + n, "text", {1, 2},
            pandas.DataFrame({"x": numpy.arange(n + 1), "y": ["a"] * (n + 1)}),
            (numpy.ones((300, 300), order="F"), numpy.zeros(3)), b"x" * 300_000, 10**40, Fine(n),
        ][n]  # fmt: skip

    results = []
    for _ in range(2):
        with Pool(2) as pool:
            results.append(pool.map(make, range(10), journal=journal))
    assert pyhec.journal_info(journal).results == 10
    for before, after in zip(*results):
        assert type(before) is type(after)
        if isinstance(before, pandas.DataFrame):
            pandas.testing.assert_frame_equal(before, after)
        elif isinstance(before, numpy.ndarray):
            assert (before == after).all()
            after[0] = 7  # it is the caller's own
        elif isinstance(before, tuple):
            assert all((b == a).all() for b, a in zip(before, after))
        else:
            assert before == after


class Fine:
    def __init__(self, n: int) -> None:
        self.n = n

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fine) and other.n == self.n


def test_tasks_that_are_the_same_have_their_own_results(journal: str, tmp_path: pathlib.Path) -> None:
    def unique(_: int) -> str:
        return os.urandom(8).hex()

    with Pool(2) as pool:
        first = pool.map(unique, [0] * 20, journal=journal)
        assert len(set(first)) == 20
        assert pool.map(unique, [0] * 20, journal=journal) == first
        assert list(pool.imap(unique, [0] * 20, journal=journal)) == first
        assert pool.map(unique, [0] * 22, journal=journal)[:20] == first
        other = pool.map(unique, [0] * 20, journal=journal, tag="again")
        assert not set(other) & set(first)
        applied = [pool.apply(unique, (0,), journal=journal, tag="a") for _ in range(3)]
        assert len(set(applied)) == 3


def test_resume_never_runs_all_again_and_the_last_result_counts(runs: Runs, journal: str) -> None:
    def stamp(x: int) -> str:
        runs.note(x)
        return os.urandom(4).hex()

    with Pool(2) as pool:
        first = pool.map(stamp, range(5), journal=journal)
        second = pool.map(stamp, range(5), journal=journal, resume="never")
        assert not set(first) & set(second)
        assert pool.map(stamp, range(5), journal=journal) == second
    assert runs.total() == 10


def flaky_in(runs: Runs, marker: pathlib.Path) -> typing.Callable[[int], int]:
    where = Path(marker)

    def flaky(x: int) -> int:
        runs.note(x)
        if x % 3 == 0 and not os.path.exists(where.path):
            raise ValueError(f"not yet: {x}")
        if x == 4 and not os.path.exists(where.path):
            os._exit(3)
        return x

    return flaky


class Path:
    """A path that is not part of a key."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = str(path)

    def __pyhec_key__(self) -> str:
        return "a path"


def test_what_failed_is_run_again(runs: Runs, journal: str, tmp_path: pathlib.Path) -> None:
    marker = tmp_path / "marker"
    with Pool(2) as pool:
        flaky = flaky_in(runs, marker)
        with pytest.raises(ValueError, match="not yet: 0") as caught:
            pool.map(flaky, range(8), journal=journal)
        whole = pyhec.partial(caught.value)
        assert whole is not None and sorted(whole.failures) == [0, 3, 4, 6]
        info = pyhec.journal_info(journal)
        assert (info.results, info.failures) == (4, 4)
        with pytest.raises(ValueError, match="not yet: 0"):
            pool.map(flaky, range(8), journal=journal)
        assert runs.counts() == {str(i): 2 if i in (0, 3, 4, 6) else 1 for i in range(8)}
        marker.touch()
        assert pool.map(flaky, range(8), journal=journal) == list(range(8))
        assert pool.map(flaky, range(8), journal=journal) == list(range(8))
    assert runs.counts() == {str(i): 3 if i in (0, 3, 4, 6) else 1 for i in range(8)}
    info = pyhec.journal_info(journal)
    assert (info.results, info.failures) == (8, 0)


def test_failures_can_be_read_in_a_terminal(
    runs: Runs, journal: str, tmp_path: pathlib.Path
) -> None:
    program = os.path.join(os.path.dirname(sys.executable), "hec")
    with Pool(2) as pool:
        pool.map(flaky_in(runs, tmp_path / "none"), range(5), journal=journal, on_error="return")
    out = subprocess.run(
        [program, "results", "--failed", journal], capture_output=True, text=True, check=True
    ).stdout
    assert "ValueError: not yet: 3" in out and "exited" in out and "flaky(4)" in out
    assert "done" not in out


def test_resume_failed_runs_what_failed_and_nothing_else(
    runs: Runs, journal: str, tmp_path: pathlib.Path
) -> None:
    marker = tmp_path / "marker"
    flaky = flaky_in(runs, marker)
    with Pool(2) as pool:
        pool.map(flaky, range(5), journal=journal, on_error="return")
        marker.touch()
        got = pool.map(flaky, range(7), journal=journal, resume="failed", on_error="return")
        assert got[:5] == list(range(5))
        assert [type(g) for g in got[5:]] == [pyhec.TaskError] * 2
        assert "never run" in str(got[5]) and got[5].index == 5
    assert runs.counts() == {"0": 2, "1": 1, "2": 1, "3": 2, "4": 2}


def test_retries_end_as_one_result(runs: Runs, journal: str) -> None:
    def third(x: int) -> int:
        runs.note(x)
        if os.path.getsize(f"{runs.folder}/{x}") < 3:
            raise OSError("busy")
        return x

    with Pool(2) as pool:
        assert pool.map(third, range(4), journal=journal, retries=2) == list(range(4))
        assert pool.map(third, range(4), journal=journal, retries=2) == list(range(4))
    assert set(runs.counts().values()) == {3}
    info = pyhec.journal_info(journal)
    assert (info.results, info.failures) == (4, 0)


def test_changed_code_is_noticed_and_said(tmp_path: pathlib.Path, journal: str) -> None:
    code = """
        import sys, warnings
        from pyhec import Pool, Executor
        def helper(x): return x + {}
        def work(x): return helper(x) * 2
        with warnings.catch_warnings(record=True) as said, Pool(2) as pool:
            warnings.simplefilter("always")
            print(pool.map(work, range(10), journal=sys.argv[1]))
            list(pool.imap(work, range(10), journal=sys.argv[1], tag="stream"))
            with Executor(1, journal=sys.argv[1], tag="single") as executor:
                executor.submit(work, 3).result()
            for w in said:
                print(w.category.__name__, w.message, w.filename == __file__)
    """
    out, _ = run_script(tmp_path, code.format(1), arguments=[journal])
    assert "ChangedCodeWarning" not in out
    out, _ = run_script(tmp_path, "\n\n        # moved\n" + code.format(1), arguments=[journal])
    assert "ChangedCodeWarning" not in out
    out, _ = run_script(tmp_path, code.format(2), arguments=[journal])
    lines = out.splitlines()
    assert lines[0] == str([(x + 2) * 2 for x in range(10)])
    assert lines[1].startswith("ChangedCodeWarning")
    assert "work" in lines[1] and "10 results" in lines[1] and lines[1].endswith("True")
    assert sum("ChangedCodeWarning" in line for line in lines) == 3
    out, _ = run_script(tmp_path, code.format(1), arguments=[journal])  # changed back: found again
    assert out.splitlines()[0] == str([(x + 1) * 2 for x in range(10)])
    assert "ChangedCodeWarning" not in out
    out, _ = run_script(tmp_path, code.format(2), arguments=[journal])
    assert "ChangedCodeWarning" not in out


def test_another_value_is_no_change_of_code(journal: str) -> None:
    with warnings.catch_warnings(), Pool(2) as pool:
        warnings.simplefilter("error")
        for factor in (1, 2, 3):
            got = pool.map(lambda x: x * factor, range(5), journal=journal)
            assert got == [x * factor for x in range(5)]


def test_commands(tmp_path: pathlib.Path, journal: str) -> None:
    runs = tmp_path / "ran"

    def commands(n: int) -> list[typing.Any]:
        script = f'echo x >> {runs}; echo "$1"; echo err >&2; [ "$1" != 3 ] || [ -e {tmp_path}/go ]'
        return [["sh", "-c", script, "sh", str(i)] for i in range(n)]

    with pytest.raises(pyhec.CommandError):
        run_commands(commands(5), n_jobs=2, journal=journal)
    assert len(runs.read_text().split()) == 5
    (tmp_path / "go").touch()
    results = run_commands(commands(5), n_jobs=2, journal=journal)
    assert [r.stdout for r in results] == [f"{i}\n" for i in range(5)]
    assert [(r.returncode, r.stderr, r.args[-1]) for r in results] == [
        (0, "err\n", str(i)) for i in range(5)
    ]
    assert len(runs.read_text().split()) == 6
    given = list(iter_commands(commands(7), n_jobs=2, journal=journal))
    assert [r.stdout for r in given] == [f"{i}\n" for i in range(7)]
    given = list(iter_commands(commands(7), n_jobs=2, journal=journal, ordered=False))
    assert sorted(r.stdout for r in given) == [f"{i}\n" for i in range(7)]
    assert len(runs.read_text().split()) == 8
    run_commands(commands(1), journal=journal, env={"A": "b"})
    run_commands(commands(1), journal=journal, input="text")
    assert len(runs.read_text().split()) == 10


def test_csv_files(tmp_path: pathlib.Path, journal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(6):
        (tmp_path / f"{i}.csv").write_text(f"a,b\n{i},x\n{i + 1},y\n")
    expected = pp.batch_read_csv(tmp_path / "*.csv")
    first = pp.batch_read_csv(tmp_path / "*.csv", n_cores=2, journal=journal)
    again = pp.batch_read_csv(tmp_path / "*.csv", n_cores=3, journal=journal)
    pandas.testing.assert_frame_equal(first, expected)
    pandas.testing.assert_frame_equal(again, expected)
    assert pyhec.journal_info(journal).results == 6
    (tmp_path / "3.csv").write_text("a,b\n30,x\n")
    changed = pp.batch_read_csv(tmp_path / "*.csv", n_cores=2, journal=journal)
    pandas.testing.assert_frame_equal(changed, pp.batch_read_csv(tmp_path / "*.csv"))
    assert pyhec.journal_info(journal).results == 7


def test_an_infinite_stream(journal: str, runs: Runs) -> None:
    import itertools

    square = square_in(runs)
    with Pool(2) as pool:
        for _ in range(2):
            results = pool.imap(square, itertools.count(), journal=journal)
            assert [next(results) for _ in range(30)] == [x * x for x in range(30)]
            results.close()
    assert all(runs.counts()[str(x)] == 1 for x in range(30))


# ---- whatever happens ----

KILLED = """
    import os, sys, time
    from pyhec import Pool, Executor, Parallel, delayed
    folder, journal, way = sys.argv[1:]
    def note(name, text=b"x"):
        fd = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(fd, text)
        os.close(fd)
    note.__pyhec_key__ = "note"
    def work(x):
        note(x)
        time.sleep(0.003)
        return x * x
    N = 120
    def see(i, value):
        assert value == i * i, (i, value)
        note("seen", b"%d\\n" % i)
    if way == "imap":
        with Pool(3) as pool:
            for i, value in enumerate(pool.imap(work, range(N), journal=journal)):
                see(i, value)
    elif way == "submit":
        with Executor(3, journal=journal) as executor:
            for i, future in enumerate([executor.submit(work, x) for x in range(N)]):
                see(i, future.result())
    else:
        values = Parallel(n_jobs=3, journal=journal)(delayed(work)(x) for x in range(N))
        for i, value in enumerate(values):
            see(i, value)
    print("complete")
"""


@pytest.mark.slow
@pytest.mark.parametrize("way", ["imap", "submit", "parallel"])
def test_kill_it_at_any_time_and_start_it_again(
    way: str, tmp_path: pathlib.Path, journal: str
) -> None:
    import random

    folder = tmp_path / "runs"
    folder.mkdir()
    chance = random.Random(way)
    acknowledged: dict[int, int] = {}

    def counts() -> dict[int, int]:
        return {int(p.name): p.stat().st_size for p in folder.iterdir() if p.name != "seen"}

    for attempt in range(40):
        begun = sum(counts().values())
        with Script(tmp_path, KILLED, arguments=[str(folder), journal, way]) as script:
            def is_over() -> bool:
                return script.process.poll() is not None

            assert wait_until(lambda: is_over() or sum(counts().values()) > begun)
            wait_until(is_over, 0.08 * chance.random() if attempt < 12 else 30.0)
            if not is_over():
                os.kill(script.pid, signal.SIGKILL)
            status, out, err = script.finish()
            assert script.all_gone(5.0)
        assert status in (0, -signal.SIGKILL), err
        now = counts()
        for i, before in acknowledged.items():
            assert now[i] == before, f"task {i} was finished, and has been run again"
        seen = folder / "seen"
        for line in seen.read_text().splitlines() if seen.exists() else []:
            acknowledged.setdefault(int(line), now[int(line)])
        if status == 0:
            assert out == "complete\n"
            assert sorted(now) == list(range(120))
            break
    else:
        pytest.fail("it never came to its end")
    assert attempt >= 3, "it was not killed often enough for this to show anything"
    assert pyhec.journal_info(journal).results == 120


def test_ctrl_c_loses_nothing(tmp_path: pathlib.Path, journal: str) -> None:
    code = """
        import os, sys, time
        from pyhec import Parallel, delayed
        folder, journal = sys.argv[1:]
        class Folder:
            def __pyhec_key__(self): return "folder"
            path = folder
        def work(x):
            fd = os.open(f"{Folder.path}/{x}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.write(fd, b"x")
            time.sleep(0.05 if x < 20 else 60)
            return x
        print("begun", flush=True)
        Parallel(n_jobs=2, journal=journal)(delayed(work)(x) for x in range(40))
    """
    folder = tmp_path / "runs"
    folder.mkdir()
    with Script(tmp_path, code, arguments=[str(folder), journal]) as script:
        assert script.read_line() == "begun\n"
        assert wait_until(lambda: len(os.listdir(folder)) == 22)
        os.kill(script.pid, signal.SIGINT)
        status, _, err = script.finish()
        assert status == -signal.SIGINT or "KeyboardInterrupt" in err
    assert pyhec.journal_info(journal).results == 20


def test_a_full_disk_is_an_error_and_loses_nothing(tmp_path: pathlib.Path, journal: str) -> None:
    code = """
        import resource, signal, sys
        from pyhec import Pool
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        def work(x): return b"%08d" % x * 1000
        limit = int(sys.argv[2])
        with Pool(2) as pool:
            if limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                results = pool.map(work, range(100), journal=sys.argv[1])
                assert results == [b"%08d" % x * 1000 for x in range(100)]
                print("all")
            except OSError as e:
                print(e)
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
                print(len(pool.map(work, range(10), journal=sys.argv[1])))
    """
    out, _ = run_script(tmp_path, code, arguments=[journal, "300000"])
    assert "journal" in out and "too large" in out and out.endswith("\n10\n")
    before = pyhec.journal_info(journal).results
    assert 10 <= before < 100
    out, _ = run_script(tmp_path, code, arguments=[journal, "0"])
    assert out == "all\n"
    assert pyhec.journal_info(journal).results == 100
