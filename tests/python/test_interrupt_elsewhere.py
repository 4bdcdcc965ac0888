# SPDX-License-Identifier: MIT
"""Ctrl-C that another thread of the program gets.

The kernel gives a signal of a process to any of its threads. Python's function for it runs in the
main thread, whose wait the signal does not interrupt then; nor does one that comes in the moment
before a wait begins, which is the same without the luck that it takes to meet it. So no wait of the
main thread may be one that only an interruption ends.
"""

from __future__ import annotations

import time
import typing

import pytest
from helpers import Script
from test_interrupt import BODIES, PRELUDE, check_end

#: A thread that interrupts itself as soon as there is a file named `now`.
ELSEWHERE = """
import signal
def interrupt_myself():
    while not os.path.exists("now"):
        time.sleep(0.005)
    time.sleep(0.3)  # by then the main thread waits
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
threading.Thread(target=interrupt_myself, daemon=True).start()
NAP = "echo busy; exec sleep 1000"
"""

OTHERS = {
    "AsyncResult.wait": "[Pool(2).apply_async(sleepy) for i in range(2)][1].wait()",
    "exception": "e = Executor(2); [e.submit(sleepy) for i in range(2)][1].exception()",
    "Executor.map": "list(Executor(2).map(sleepy, range(2)))",
    "shutdown": "e = Executor(2); f = [e.submit(sleepy) for i in range(2)]; e.shutdown()",
    "join": """
pool = Pool(2)
waiting = [pool.apply_async(sleepy) for i in range(2)]
pool.close()
pool.join()
""",
    "run_commands": "pyhec.run_commands([NAP] * 2, n_jobs=2, capture=False)",
    "iter_commands": "for r in pyhec.iter_commands([NAP] * 2, n_jobs=2, capture=False): pass",
    "Job.wait": """
job = pyhec.submit(sleepy)
print("busy", flush=True)
try:
    job.wait()
finally:
    job.cancel()
""",
    "Job.result": """
job = pyhec.submit(sleepy)
print("busy", flush=True)
try:
    job.result()
finally:
    job.cancel()
""",
}


def check(tmp_path: typing.Any, body: str, lines: int = 2) -> None:
    env = {"HEC_RUNS": str(tmp_path / "runs"), "HEC_SITE": "local"}
    with Script(tmp_path, PRELUDE + ELSEWHERE + body + "\n", env=env) as script:
        for _ in range(lines):
            assert script.read_line() == "busy\n"
        began = time.monotonic()
        (tmp_path / "now").touch()
        check_end(script, began)


@pytest.mark.parametrize("api", BODIES)
def test_a_call(tmp_path: typing.Any, api: str) -> None:
    check(tmp_path, BODIES[api].format(f="sleepy"))


@pytest.mark.parametrize("api", OTHERS)
def test_another_wait(tmp_path: typing.Any, api: str) -> None:
    check(tmp_path, OTHERS[api], 1 if api.startswith("Job") else 2)
