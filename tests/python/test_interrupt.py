# SPDX-License-Identifier: MIT
"""Ctrl-C, and a parent that is killed: everything ends, at once."""

from __future__ import annotations

import os
import pty
import signal
import time
import typing

import pytest
from helpers import Script, wait_until

#: Generous against the load of other tests; what is promised is one second on a quiet machine.
SOON_S = 3.0

PRELUDE = """
import os, sys, threading, time, itertools, zlib
import pyhec
from pyhec import parallel_processing as pp, Parallel, Pool, Executor, delayed

def c_busy(x=0):
    # Seconds of work in C that holds the interpreter's lock and sees no signal.
    os.write(2 if os.isatty(1) else 1, b"busy\\n")
    sum(itertools.repeat(1, 10**10))

def py_busy(x=0):
    os.write(2 if os.isatty(1) else 1, b"busy\\n")
    while True: pass

def sleepy(x=0):
    os.write(2 if os.isatty(1) else 1, b"busy\\n")
    time.sleep(1000)
"""

BODIES = {
    "parallelize": "pp.parallelize({f}, range(2), 2)",
    "Parallel": "Parallel(2)(delayed({f})(i) for i in range(20))",
    "map": "Pool(2).map({f}, range(20))",
    "map in a block": "with Pool(2) as pool: pool.map({f}, range(20))",
    "imap": "for x in Pool(2).imap({f}, itertools.count()): pass",
    "imap_unordered": "for x in Pool(2).imap_unordered({f}, itertools.count()): pass",
    "apply_async": "[Pool(2).apply_async({f}) for i in range(2)][1].get()",
    "result": "e = Executor(2); [e.submit({f}) for i in range(20)][-1].result()",
    "result in a block": "with Executor(2) as e: [e.submit({f}) for i in range(20)][-1].result()",
    "leaving a block": "with Executor(2) as e: [e.submit({f}) for i in range(20)]",
}


def interrupt(script: Script) -> None:
    os.killpg(script.pid, signal.SIGINT)


def check_end(script: Script, began: float) -> None:
    status, out, err = script.finish(20)
    took = time.monotonic() - began
    assert took < SOON_S, f"{took:.1f} s\n{err}"
    assert status == -signal.SIGINT, f"{status} {out} {err}"
    assert err.rstrip().endswith("KeyboardInterrupt"), err
    # It may come while Python handles an exception of its own, as it does in an import.
    shown = err.count("Traceback") - err.count("During handling of the above")
    assert shown <= 1 and "Process" not in err and "ignored" not in err, err
    assert script.all_gone(1.0)


@pytest.mark.parametrize("api", BODIES)
@pytest.mark.parametrize("task", ["c_busy", "sleepy"])
def test_an_interrupt(tmp_path: typing.Any, api: str, task: str) -> None:
    code = PRELUDE + BODIES[api].format(f=task) + "\n"
    with Script(tmp_path, code) as script:
        for _ in range(2):
            assert script.read_line() == "busy\n"
        began = time.monotonic()
        interrupt(script)
        check_end(script, began)


def test_an_interrupt_is_caught_and_the_next_call_works(tmp_path: typing.Any) -> None:
    code = (
        PRELUDE
        + """
pool = Pool(2)
for body in (lambda: pool.map(py_busy, range(4)), lambda: Parallel(2)([delayed(py_busy)()] * 4),
             lambda: next(pool.imap(py_busy, range(4)))):
    try:
        body()
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    assert Parallel(2)(delayed(abs)(-i) for i in range(9)) == list(range(9))
    pool.terminate()
    pool = Pool(2)
    assert pool.map(abs, range(-9, 0)) == list(range(9, 0, -1))
pool.terminate()
print("done", flush=True)
"""
    )
    with Script(tmp_path, code) as script:
        for _ in range(3):
            assert script.read_line() == "busy\n"
            assert script.read_line() == "busy\n"
            interrupt(script)
            assert script.read_line() == "interrupted\n"
        assert script.finish() == (0, "done\n", "")
        assert script.all_gone(1.0)


def test_ctrl_c_at_a_terminal(tmp_path: typing.Any) -> None:
    code = PRELUDE + "pp.parallelize(c_busy, range(2), 2)\n"
    master, slave = pty.openpty()
    seen = b""

    def look() -> bool:
        nonlocal seen
        try:
            seen += os.read(master, 4096)
        except (BlockingIOError, OSError):
            pass
        return seen.count(b"busy") >= 2

    os.set_blocking(master, False)
    try:
        with Script(tmp_path, code, terminal=slave) as script:
            assert wait_until(look), seen
            began = time.monotonic()
            os.write(master, b"\x03")
            assert script.process.wait(20) == -signal.SIGINT
            assert time.monotonic() - began < SOON_S
            assert script.all_gone(1.0)
            look()
    finally:
        os.close(master)
        os.close(slave)
    assert b"KeyboardInterrupt" in seen and seen.count(b"Traceback") == 1, seen


KILLED = {
    "one-shot": "Parallel(2)(delayed({f})() for i in range(2))",
    "pool": "Pool(2).map({f}, range(2))",
    "executor": "[Executor(2).submit({f}) for i in range(2)][1].result()",
    "other thread": """
t = threading.Thread(target=lambda: Parallel(2)(delayed({f})() for i in range(2)))
t.start(); t.join()
""",
    "thread that ended": """
made = []
t = threading.Thread(target=lambda: made.append(Pool(2)))
t.start(); t.join()
made[0].map({f}, range(2))
""",
}


@pytest.mark.parametrize("off", ["0", "1"])
@pytest.mark.parametrize("how", KILLED)
@pytest.mark.parametrize("task", ["c_busy", "sleepy"])
def test_a_killed_parent_leaves_nothing(
    tmp_path: typing.Any, how: str, task: str, off: str
) -> None:
    code = PRELUDE + KILLED[how].format(f=task)
    with Script(tmp_path, code, env={"HEC_NO_PIDFD": off}) as script:
        for _ in range(2):
            assert script.read_line() == "busy\n"
        assert len(script.processes()) >= 3
        os.kill(script.pid, signal.SIGKILL)
        assert script.all_gone(SOON_S), script.processes()


def test_a_killed_parent_of_idle_workers(tmp_path: typing.Any) -> None:
    code = """
import threading, time, pyhec
made = [pyhec.Pool(2)]
t = threading.Thread(target=lambda: made.append(pyhec.Pool(2)))
t.start(); t.join()
print(made[0].map(abs, [1]), made[1].map(abs, [2]))
time.sleep(1000)
"""
    with Script(tmp_path, code) as script:
        assert script.read_line() == "[1] [2]\n"
        # The second pool was made while another thread ran: its workers come from a zygote.
        assert len(script.processes()) == 6
        os.kill(script.pid, signal.SIGKILL)
        assert script.all_gone(SOON_S), script.processes()


def test_a_terminated_parent_leaves_nothing(tmp_path: typing.Any) -> None:
    with Script(tmp_path, PRELUDE + "Pool(2).map(c_busy, range(2))") as script:
        for _ in range(2):
            assert script.read_line() == "busy\n"
        script.process.terminate()
        assert script.process.wait(20) == -signal.SIGTERM
        assert script.all_gone(SOON_S)
