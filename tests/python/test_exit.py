# SPDX-License-Identifier: MIT
"""However a program ends, nothing of it is left: processes and files are counted before and after.

test_interrupt.py has the same for tasks that are busy in C, without files and signals apart.
"""

from __future__ import annotations

import os
import pathlib
import pty
import shutil
import signal
import subprocess
import sys
import time
import typing

import pytest
from helpers import Remains, Script, is_gone, wait_until

#: Generous against the load of other tests; what is promised is one second on a quiet machine, and
#: a fifth of one for Ctrl-C while tasks wait.
SOON_S = 4.0

PRELUDE = """
import atexit, itertools, os, signal, sys, threading, time
import pyhec
from pyhec import parallel_processing as pp, Parallel, Pool, Executor, delayed, run_commands

def say(text):
    os.write(1, (text + "\\n").encode())

def sleepy(x=0):
    open(f"began-{os.getpid()}.note", "w").close()
    time.sleep(1000)

def c_busy(x=0):
    open(f"began-{os.getpid()}.note", "w").close()
    sum(itertools.repeat(1, 10**12))

NAP = "echo > began-$$.note; sleep 1000"
"""

BODIES = {
    "parallelize": "pp.parallelize({f}, range(2), 2)",
    "Parallel": "Parallel(2)(delayed({f})(i) for i in range(20))",
    "Pool.map": "Pool(2).map({f}, range(20))",
    "Pool.imap": "for x in Pool(2).imap({f}, itertools.count()): pass",
    "Executor": "with Executor(2) as e: [e.submit({f}) for i in range(20)][-1].result()",
    "apply_async": "[Pool(2).apply_async({f}) for i in range(2)][1].get()",
    "thread": """
made = []
t = threading.Thread(target=lambda: made.append(Pool(2)))
t.start(); t.join()
made[0].map({f}, range(2))
""",
    "nested": "Pool(2).map(lambda i: Parallel(2)(delayed({f})() for _ in range(2)), range(2))",
    "commands": "run_commands([NAP] * 20, n_jobs=2)",
}


#: Ways to make a call, and how its workers come to be.
WAYS = [(api, "fork") for api in BODIES]
WAYS += [(api, "zygote") for api in ("Parallel", "Pool.map", "Executor", "nested")]


def body(api: str, task: str = "sleepy") -> str:
    return PRELUDE + BODIES[api].format(f=task) + "\n"


def began(folder: pathlib.Path) -> list[int]:
    """The processes that have begun a task."""
    return [int(p.name[6:-5]) for p in folder.glob("began-*.note")]


def wait_for_tasks(folder: pathlib.Path, count: int = 2) -> None:
    assert wait_until(lambda: len(began(folder)) >= count), began(folder)


# ---- Ctrl-C ----

ORDER = """
atexit.register(say, "atexit")
try:
    {body}
except KeyboardInterrupt:
    say("caught")
    raise
finally:
    say("finally")
"""

@pytest.mark.parametrize("to_all", [True, False], ids=["group", "program"])
@pytest.mark.parametrize(("api", "start"), [way for way in WAYS if way[0] != "thread"])
def test_one_interrupt_ends_everything_in_order(
    tmp_path: pathlib.Path, api: str, start: str, to_all: bool
) -> None:
    remains = Remains(tmp_path)
    code = PRELUDE + ORDER.format(body=BODIES[api].format(f="sleepy"))
    env = {**remains.env, "HEC_START": start}
    with Script(tmp_path, code, env=env) as script:
        wait_for_tasks(tmp_path)
        start = time.monotonic()
        # At a terminal everybody gets it; from a notebook or `kill -INT` the program alone does.
        (os.killpg if to_all else os.kill)(script.pid, signal.SIGINT)
        status, out, err = script.finish(20)
        took = time.monotonic() - start
        assert remains.nothing(SOON_S), remains
    assert out.split() == ["caught", "finally", "atexit"], out
    assert status == -signal.SIGINT and err.rstrip().endswith("KeyboardInterrupt"), err
    assert took < SOON_S, took
    assert all(is_gone(pid) for pid in began(tmp_path))


@pytest.mark.parametrize("gap_s", [0.0, 0.0005, 0.005, 0.05])
@pytest.mark.parametrize("api", ["Pool.imap", "Executor", "commands"])
def test_two_interrupts(tmp_path: pathlib.Path, api: str, gap_s: float) -> None:
    remains = Remains(tmp_path)
    with Script(tmp_path, body(api, "c_busy"), env=remains.env) as script:
        wait_for_tasks(tmp_path)
        start = time.monotonic()
        os.killpg(script.pid, signal.SIGINT)
        time.sleep(gap_s)  # the second may come at any moment of what the first has begun
        os.killpg(script.pid, signal.SIGINT)
        status, out, err = script.finish(20)
        assert time.monotonic() - start < SOON_S
        assert remains.nothing(SOON_S), remains
    assert status not in (0, -signal.SIGSEGV, -signal.SIGABRT), (status, out, err)


def test_the_second_interrupt_ends_what_the_first_is_stuck_in(tmp_path: pathlib.Path) -> None:
    remains = Remains(tmp_path)
    code = (
        PRELUDE
        + """
pool = Pool(2)
try:
    pool.map(sleepy, range(4))
except KeyboardInterrupt:
    say("caught")
    pool.map(c_busy, range(4))  # who clears up by another call that takes long
"""
    )
    with Script(tmp_path, code, env=remains.env) as script:
        wait_for_tasks(tmp_path)
        os.killpg(script.pid, signal.SIGINT)
        assert script.read_line() == "caught\n"
        first = set(began(tmp_path))
        assert wait_until(lambda: len(set(began(tmp_path)) - first) >= 2 or
                          any(not is_gone(p) for p in first))  # fmt: skip
        start = time.monotonic()
        os.killpg(script.pid, signal.SIGINT)
        status, _, err = script.finish(20)
        assert time.monotonic() - start < SOON_S and status == -signal.SIGINT, err
        assert remains.nothing(SOON_S), remains


# ---- killed ----


@pytest.mark.parametrize(("api", "start"), WAYS)
def test_the_program_is_killed(tmp_path: pathlib.Path, api: str, start: str) -> None:
    remains = Remains(tmp_path)
    env = {**remains.env, "HEC_START": start}
    with Script(tmp_path, body(api), env=env) as script:
        wait_for_tasks(tmp_path)
        assert len(remains.processes()) >= 3
        os.kill(script.pid, signal.SIGKILL)
        assert remains.nothing(SOON_S), remains


def test_a_program_that_is_killed_while_it_starts_workers(tmp_path: pathlib.Path) -> None:
    code = PRELUDE + "say('ready')\nwhile True: Parallel(4)(delayed(abs)(i) for i in range(8))\n"
    for number in range(8):
        folder = tmp_path / str(number)
        folder.mkdir()
        remains = Remains(folder)
        with Script(folder, code, env=remains.env) as script:
            assert script.read_line() == "ready\n"
            time.sleep(0.003 * number)  # anywhere within a call that takes some milliseconds
            os.kill(script.pid, signal.SIGKILL)
            assert remains.nothing(SOON_S), remains


@pytest.mark.parametrize("api", ["Pool.map", "Executor", "Parallel"])
def test_workers_are_killed_while_they_work(tmp_path: pathlib.Path, api: str) -> None:
    remains = Remains(tmp_path)
    with Script(tmp_path, body(api), env=remains.env) as script:
        wait_for_tasks(tmp_path)
        for round_ in range(3):
            seen = set(began(tmp_path))
            for pid in seen:
                if not is_gone(pid):
                    os.kill(pid, signal.SIGKILL)
            assert wait_until(lambda: len(set(began(tmp_path)) - seen) >= 2), round_
        os.killpg(script.pid, signal.SIGINT)
        assert script.finish(20)[0] == -signal.SIGINT
        assert remains.nothing(SOON_S), remains


def test_a_reader_that_goes_away(tmp_path: pathlib.Path) -> None:
    """As in `script.py | head`: the next line that is printed ends the program."""
    remains = Remains(tmp_path)
    code = PRELUDE + "for x in Pool(2).imap(abs, itertools.count()): print(x, flush=True)\n"
    with Script(tmp_path, code, env=remains.env) as script:
        assert script.read_line() == "0\n"
        assert script.process.stdout is not None
        script.process.stdout.close()
        assert script.process.wait(20) != 0
        assert remains.nothing(SOON_S), remains


# ---- the terminal ----


class Terminal:
    """A terminal that can be closed, with a program in it; what that writes is read and dropped."""

    def __init__(self, folder: pathlib.Path, code: str, env: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        os.set_blocking(self._master, False)
        self.script = Script(folder, code, env=env, terminal=slave)
        os.close(slave)

    def wait_for_tasks(self, folder: pathlib.Path) -> None:
        assert wait_until(lambda: self._drained() and len(began(folder)) >= 2)

    def _drained(self) -> bool:
        try:
            os.read(self._master, 65536)
        except OSError:
            pass
        return True

    def close(self) -> None:
        """What happens when the window is closed, or the ssh session lost."""
        os.close(self._master)


@pytest.mark.parametrize(("api", "start"), WAYS)
def test_the_terminal_is_closed(tmp_path: pathlib.Path, api: str, start: str) -> None:
    remains = Remains(tmp_path)
    env = {**remains.env, "HEC_START": start}
    terminal = Terminal(tmp_path, body(api, "c_busy"), env)
    with terminal.script as script:
        terminal.wait_for_tasks(tmp_path)
        assert len(remains.processes()) >= 3
        terminal.close()
        assert script.process.wait(20) == -signal.SIGHUP
        assert remains.nothing(SOON_S), remains


NOHUP = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
def wait_for_it(x):
    open(f"began-{os.getpid()}.note", "w").close()
    while not os.path.exists("go.note"):
        time.sleep(0.01)
    return -x
try:
    results = Pool(2).map(wait_for_it, range(20))
    open("out.note", "w").write(str(sum(results)))
except BaseException as e:
    open("out.note", "w").write(repr(e))
"""


def test_a_program_that_ignores_the_hangup_goes_on(tmp_path: pathlib.Path) -> None:
    """As under nohup: no terminal any more, and all results."""
    remains = Remains(tmp_path)
    terminal = Terminal(tmp_path, PRELUDE + NOHUP, remains.env)
    with terminal.script as script:
        terminal.wait_for_tasks(tmp_path)
        terminal.close()
        (tmp_path / "go.note").touch()
        script.process.wait(30)
        assert (tmp_path / "out.note").read_text() == "-190"
        assert remains.nothing(SOON_S), remains


@pytest.mark.parametrize("how", ["kill-session", "kill-server"])
def test_tmux_is_ended(tmp_path: pathlib.Path, how: str) -> None:
    if shutil.which("tmux") is None:
        pytest.skip("no tmux")
    remains = Remains(tmp_path)
    (tmp_path / "script.py").write_text(body("Pool.map"))
    # The path of its socket may be no longer than 107 characters, and tmp_path often is.
    folder = subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout
    tmux = ["tmux", "-S", f"{folder.strip()}/socket", "-f", "/dev/null"]
    env = {**os.environ, **remains.env}
    try:
        subprocess.run([*tmux, "new-session", "-d", f"exec {sys.executable} script.py"],
                       cwd=tmp_path, env=env, check=True, timeout=30)  # fmt: skip
        wait_for_tasks(tmp_path)
        assert len(remains.processes()) >= 4  # tmux itself is one
        subprocess.run([*tmux, how], env=env, check=True, timeout=30)
        assert remains.nothing(SOON_S), remains
    finally:
        subprocess.run([*tmux, "kill-server"], env=env, capture_output=True, timeout=30)
        shutil.rmtree(folder.strip())


# ---- without the standard streams ----


@pytest.mark.parametrize("closed", [(0,), (0, 1, 2)], ids=["stdin", "all"])
def test_without_standard_streams(tmp_path: pathlib.Path, closed: tuple[int, ...]) -> None:
    remains = Remains(tmp_path)
    code = (
        PRELUDE
        + """
try:
    with Pool(2) as pool: a = pool.map(lambda x: -x, range(100))
    b = Parallel(2)(delayed(abs)(x) for x in a)
    with Executor(2) as e: c = [f.result() for f in [e.submit(abs, x) for x in a]]
    d = [r.stdout for r in run_commands(["echo 1; cat"] * 4, n_jobs=2)]
    text = f"{sum(a)} {sum(b)} {sum(c)} {d}"
except BaseException as e:
    text = repr(e)
open("out.note", "w").write(text)
"""
    )
    (tmp_path / "script.py").write_text(code)

    def close_them() -> None:
        for fd in closed:
            os.close(fd)

    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, timeout=60,
                          env={**os.environ, **remains.env}, preexec_fn=close_them)  # fmt: skip
    assert (tmp_path / "out.note").read_text() == f"-4950 4950 4950 {['1' + chr(10)] * 4}"
    assert done.returncode == 0
    assert remains.nothing(SOON_S), remains
