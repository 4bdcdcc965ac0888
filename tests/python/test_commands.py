# SPDX-License-Identifier: MIT
"""run_commands and iter_commands."""

from __future__ import annotations

import errno
import itertools
import os
import pathlib
import pickle
import resource
import signal
import sys
import threading
import time
import typing

import helpers
import pyhec
import pytest
from helpers import Script, wait_until
from pyhec import iter_commands, run_commands

SOON_S = 5.0


def test_results_in_order() -> None:
    n = 40
    results = run_commands(
        [["sh", "-c", f"sleep 0.0{(n - i) % 7}; echo {i}"] for i in range(n)], n_jobs=4
    )
    assert [r.stdout for r in results] == [f"{i}\n" for i in range(n)]
    assert all(r.returncode == 0 and r.stderr == "" and not r.truncated for r in results)


def test_arguments_arrive_as_they_are() -> None:
    words = ["a b", "", "'", '"', "*", "$HOME", ";", "-n", "\n", "ü", "\udcff", "x" * 100_000]
    code = "import os, sys; print([os.fsencode(a).hex() for a in sys.argv[1:]])"
    (result,) = run_commands([[sys.executable, "-c", code, *words]])
    assert result.stdout == f"{[os.fsencode(w).hex() for w in words]}\n"
    assert result.args[3:] == words


def test_bytes_and_paths(tmp_path: pathlib.Path) -> None:
    (tmp_path / "x").touch()
    results = run_commands([(b"ls", tmp_path), ("ls", str(tmp_path)), f"ls '{tmp_path}' | cat"])
    assert [r.stdout for r in results] == ["x\n"] * 3


def test_a_string_is_for_the_shell() -> None:
    (result,) = run_commands(["echo one; echo two | tr t T"])
    assert result.stdout == "one\nTwo\n" and result.args == "echo one; echo two | tr t T"


def test_what_a_result_knows() -> None:
    began = time.time()
    (result,) = run_commands(["sleep 0.1; exit 3"], check=False)
    assert result.returncode == 3
    assert 0.1 <= result.seconds < 5 and 0 < result.cpu_seconds < 5
    assert began - 1 < result.started < time.time() + 1
    assert not result.timed_out
    assert repr(result).startswith("CommandResult(args='sleep 0.1; exit 3', returncode=3, ")


def test_the_memory_of_a_command() -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # a child's begins with it
    size = peak + 300_000_000
    code = f"x = bytearray({size}); x[::4096] = b'x' * len(x[::4096])"
    large, small = run_commands([[sys.executable, "-c", code], ["true"]])
    assert large.max_rss > size - 100_000_000
    assert small.max_rss is None  # the system would tell this process's


def test_output_that_is_not_text() -> None:
    command = ["printf", r"\377x\r\n"]
    assert run_commands([command])[0].stdout == "\ufffdx\r\n"
    assert run_commands([command], text=False)[0].stdout == b"\xffx\r\n"


def test_output_beyond_the_limit() -> None:
    long, short = run_commands(["head -c 1000000 /dev/zero", "echo x"], max_output=10, text=False)
    assert long.stdout == b"\0" * 10 and long.truncated
    assert short.stdout == b"x\n" and not short.truncated


def test_output_that_is_not_captured(capfd: pytest.CaptureFixture[str]) -> None:
    (result,) = run_commands(["echo out; echo err >&2"], capture=False)
    assert result.stdout is None and result.stderr is None
    assert capfd.readouterr() == ("out\n", "err\n")


@pytest.mark.parametrize(
    "data",
    ["ü" * 300_000, b"\0\xff" * 300_000, "", b""],
    # Short ones: the name of a test is in its environment, and so in that of its commands.
    ids=["text", "bytes", "no text", "no bytes"],
)
def test_input(data: str | bytes) -> None:
    raw = data.encode() if isinstance(data, str) else data
    results = run_commands([["cat"], ["true"], ["cat"]], input=data, text=False)
    assert [r.stdout for r in results] == [raw, b"", raw]


def test_no_input_is_an_empty_one() -> None:
    assert run_commands([["cat"]])[0].stdout == ""


def test_folder_and_environment(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEC_TEST_KEPT", "kept")
    monkeypatch.setenv("HEC_TEST_GONE", "there")
    (result,) = run_commands(
        ["pwd; echo $HEC_TEST_KEPT $HEC_TEST_NEW ${HEC_TEST_GONE-gone}"],
        cwd=tmp_path,
        env={"HEC_TEST_NEW": "new=er", "HEC_TEST_GONE": None},
    )
    assert result.stdout == f"{tmp_path}\nkept new=er gone\n"


# ---- failures ----


def test_a_failure_names_the_command() -> None:
    with pytest.raises(pyhec.CommandError) as caught:
        run_commands([["true"], ["sh", "-c", "seq 100 >&2; exit 3"], ["echo", "x"]])
    error = caught.value
    assert str(error) == (
        "command 1, sh -c 'seq 100 >&2; exit 3', ended with exit status 3\n"
        "    96\n    97\n    98\n    99\n    100"
    )
    assert (error.index, error.returncode, error.signal, error.errno) == (1, 3, None, None)
    assert error.result.stderr.startswith("1\n2\n")
    whole = pyhec.partial(error)
    assert whole is not None and whole.results[1] is error
    assert whole.results[0].returncode == 0 and whole.results[2].stdout == "x\n"


def test_a_signal() -> None:
    with pytest.raises(pyhec.CommandError, match=r"command 0, .* was killed by signal 11") as c:
        run_commands(["kill -SEGV $$"])
    assert (c.value.signal, c.value.returncode) == (signal.SIGSEGV, -signal.SIGSEGV)


def test_what_cannot_be_started(tmp_path: pathlib.Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("#!/bin/sh\n")
    cases = [
        (["hec-no-such-program"], errno.ENOENT, "'hec-no-such-program': no such program in PATH"),
        (["/nowhere/x"], errno.ENOENT, "'/nowhere/x': No such file or directory"),
        ([str(plain)], errno.EACCES, "Permission denied"),
        (["true", *(["x" * 100_000] * 100)], errno.E2BIG, "'true': Argument list too long"),
        ([""], errno.ENOENT, "''"),
    ]
    results = run_commands([c for c, *_ in cases], on_error="return", check=False)
    for error, (_, code, text) in zip(results, cases):
        assert isinstance(error, pyhec.CommandError)
        assert error.errno == code and text in str(error) and error.returncode is None
    with pytest.raises(pyhec.CommandError, match="in the folder '/nowhere'"):
        run_commands([["true"]], cwd="/nowhere")


def test_failures_as_results() -> None:
    good, bad = run_commands(["exit 0", "exit 4"], on_error="return")
    assert good.returncode == 0 and isinstance(bad, pyhec.CommandError) and bad.returncode == 4
    assert [r.returncode for r in run_commands(["exit 0", "exit 4"], check=False)] == [0, 4]


def test_raising_at_once(tmp_path: pathlib.Path) -> None:
    began = time.monotonic()
    with pytest.raises(pyhec.CommandError, match="command 1") as caught:
        run_commands(["sleep 60", "exit 1", "sleep 60"], n_jobs=2, on_error="raise")
    assert time.monotonic() - began < SOON_S
    whole = pyhec.partial(caught.value)
    assert whole is not None and whole.results[0] is None and len(whole.results) == 3
    assert helpers.children() == []


def test_a_time_limit() -> None:
    began = time.monotonic()
    with pytest.raises(pyhec.CommandError, match=r"took longer than 0.2 s") as caught:
        run_commands(["echo begun; sleep 60 & sleep 60"], timeout=0.2)
    assert time.monotonic() - began < SOON_S
    assert caught.value.timed_out and caught.value.result.stdout == "begun\n"
    (result,) = run_commands([["sleep", "60"]], timeout=0.1, check=False)
    assert result.timed_out and result.returncode == -signal.SIGTERM


def test_an_error_can_be_pickled() -> None:
    (error,) = run_commands(["exit 5"], on_error="return")
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error) and copy.returncode == 5 and copy.result.args == "exit 5"


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"commands": "echo x"}, TypeError),
        ({"commands": [5]}, TypeError),
        ({"commands": [["ls", 5]]}, TypeError),
        ({"commands": [[]]}, ValueError),
        ({"commands": [["a\0b"]]}, ValueError),
        ({"commands": [], "n_jobs": 0}, ValueError),
        ({"commands": [], "timeout": 0}, ValueError),
        ({"commands": [], "timeout": -1}, ValueError),
        ({"commands": [], "max_output": 0}, ValueError),
        ({"commands": [], "env": {"a=b": "c"}}, ValueError),
        ({"commands": [], "env": {"a": "b\0"}}, ValueError),
        ({"commands": [], "on_error": "ignore"}, ValueError),
    ],
)
def test_wrong_arguments(arguments: dict[str, typing.Any], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        run_commands(**arguments)


def test_a_wrong_command_is_named() -> None:
    with pytest.raises(TypeError, match="command 2: .*int"):
        run_commands([["true"], ["true"], ["ls", 5]])  # type: ignore[list-item]


def test_no_commands() -> None:
    assert run_commands([]) == [] == list(iter_commands(iter([])))


# ---- streams ----


def test_an_infinite_stream() -> None:
    pulled = 0

    def commands() -> typing.Iterator[list[str]]:
        nonlocal pulled
        for pulled in itertools.count():
            yield ["echo", str(pulled)]

    results = iter_commands(commands(), n_jobs=2)
    assert [r.stdout for r in itertools.islice(results, 20)] == [f"{i}\n" for i in range(20)]
    assert pulled < 40
    results.close()  # type: ignore[attr-defined]
    assert helpers.children() == []


def test_as_they_end() -> None:
    results = iter_commands(["sleep 0.4; echo slow", "echo fast"], n_jobs=2, ordered=False)
    assert [r.stdout for r in results] == ["fast\n", "slow\n"]


def test_a_failure_in_a_stream() -> None:
    results = iter_commands(["echo a", "exit 2", "echo c"], n_jobs=1)
    assert next(results).stdout == "a\n"
    with pytest.raises(pyhec.CommandError, match="command 1"):
        next(results)
    with pytest.raises(StopIteration):
        next(results)


def test_a_source_that_fails() -> None:
    def commands() -> typing.Iterator[list[str]]:
        yield ["echo", "a"]
        yield ["sleep", "60"]
        raise LookupError("out of commands")

    with pytest.raises(LookupError, match="out of commands"):
        run_commands(commands(), n_jobs=2)
    results = iter_commands(commands(), n_jobs=1, timeout=0.1, check=False)
    assert next(results).stdout == "a\n" and next(results).timed_out
    with pytest.raises(LookupError):
        next(results)
    assert helpers.children() == []


def test_a_source_that_runs_commands() -> None:
    def commands() -> typing.Iterator[list[str]]:
        for i in range(3):
            (inner,) = run_commands([["echo", str(i)]])
            yield ["echo", inner.stdout.strip() + "!"]

    assert [r.stdout for r in run_commands(commands(), n_jobs=2)] == ["0!\n", "1!\n", "2!\n"]


def test_progress(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    assert len(run_commands((["true"] for _ in range(5)), progress=True)) == 5
    assert "5/5" in capsys.readouterr().err
    assert len(list(iter_commands([["true"]] * 5, progress=True))) == 5
    assert "5/5" in capsys.readouterr().err


# ---- together with the rest ----


def test_many_leave_nothing() -> None:
    before = helpers.open_fds()
    assert len(run_commands([["true"]] * 2000, n_jobs=8)) == 2000
    assert helpers.open_fds() == before and helpers.children() == []


def test_nothing_is_forked() -> None:
    assert helpers.forks_during(lambda: run_commands([["true"]] * 10)) == 0


def test_other_threads_run_meanwhile() -> None:
    count, stop = 0, threading.Event()

    def work() -> None:
        nonlocal count
        while not stop.is_set():
            count += 1
            time.sleep(0.001)

    thread = threading.Thread(target=work)
    thread.start()
    run_commands([["sleep", "0.2"]])
    stop.set()
    thread.join()
    assert count > 20


def test_in_several_threads() -> None:
    results: dict[int, list[str]] = {}

    def work(k: int) -> None:
        results[k] = [r.stdout for r in run_commands([["echo", f"{k}.{i}"] for i in range(50)])]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {k: [f"{k}.{i}\n" for i in range(50)] for k in range(4)}


def test_in_a_worker() -> None:
    def task(i: int) -> str:
        return str(run_commands([["echo", str(i)]])[0].stdout)

    with pyhec.Pool(2) as pool:
        assert pool.map(task, range(6)) == [f"{i}\n" for i in range(6)]


# ---- ends ----

BODY = """
import pyhec, threading
commands = ["echo begun >&2; sleep 60 & sleep 60 | sleep 60", "trap '' INT; echo begun >&2; sleep 60"]
def run():
    pyhec.run_commands(commands, n_jobs=2, capture=False)
"""


def begun(script: Script) -> None:
    assert script.process.stderr is not None
    for _ in range(2):
        assert script.process.stderr.readline() == "begun\n"
    assert wait_until(lambda: len(script.processes()) == 7), script.processes()


def test_an_interrupt(tmp_path: pathlib.Path) -> None:
    with Script(tmp_path, BODY + "run()") as script:
        begun(script)
        began = time.monotonic()
        os.kill(script.pid, signal.SIGINT)
        status, _, err = script.finish(20)
        assert time.monotonic() - began < SOON_S
        assert status == -signal.SIGINT and err.rstrip().endswith("KeyboardInterrupt"), err
        assert script.all_gone(1.0), script.processes()


@pytest.mark.parametrize("off", ["0", "1"])
@pytest.mark.parametrize("how", ["run()", "t = threading.Thread(target=run); t.start(); t.join()"])
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_parent_leaves_nothing(
    tmp_path: pathlib.Path, off: str, how: str, by: signal.Signals
) -> None:
    with Script(tmp_path, BODY + how, env={"HEC_NO_PIDFD": off}) as script:
        begun(script)
        os.kill(script.pid, by)
        assert script.all_gone(SOON_S), script.processes()


def test_a_stream_that_is_dropped(tmp_path: pathlib.Path) -> None:
    results = iter_commands([["echo", "x"], ["sleep", "60"]], n_jobs=2)
    assert next(results).stdout == "x\n"
    assert len(helpers.children()) == 1
    del results
    assert helpers.children() == []
