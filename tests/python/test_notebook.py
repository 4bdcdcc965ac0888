# SPDX-License-Identifier: MIT
"""In the kernel of a notebook: interrupted, restarted, shut down and killed, with a call under way."""

from __future__ import annotations

import os
import pathlib
import signal
import typing

import pytest
from helpers import Remains, wait_until

jupyter_client = pytest.importorskip("jupyter_client", reason="no jupyter_client")
pytest.importorskip("ipykernel", reason="no ipykernel")

#: Generous against the load of other tests; what is promised is one second.
SOON_S = 5.0

DEFINE = """
import os, time, itertools
from pyhec import Executor, Parallel, Pool, delayed
def sleepy(x=0):
    open(f"began-{os.getpid()}.note", "w").close()
    time.sleep(1000)
square = lambda x: x * x
"""


class Notebook:
    """A kernel, as a notebook server starts it, and the cells that are run in it."""

    def __init__(self, folder: pathlib.Path, env: dict[str, str]) -> None:
        self._folder = folder
        self.manager = jupyter_client.KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder), env={**os.environ, **env})
        self._connect()

    def _connect(self) -> None:
        self._client = self.manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)
        self.run(DEFINE)

    def pid(self) -> int:
        """The kernel's process."""
        return int(self.manager.provisioner.process.pid)

    def run(self, code: str) -> str:
        """Runs a cell to its end: what it printed, or the name of its exception."""
        return self.result(self.start(code))

    def start(self, code: str) -> str:
        """Begins a cell."""
        return str(self._client.execute(code))

    def result(self, cell: str) -> str:
        """Waits for a cell's end."""
        printed = ""
        while True:
            message = self._client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != cell:
                continue
            content, kind = message["content"], message["msg_type"]
            if kind == "stream":
                printed += content["text"]
            elif kind == "error":
                printed += content["ename"]
            elif kind == "status" and content["execution_state"] == "idle":
                return printed

    def busy(self, code: str, tasks: int = 2) -> str:
        """Begins a cell whose tasks wait, and waits until so many of them have begun."""
        before = len(list(self._folder.glob("began-*.note")))
        cell = self.start(code)
        assert wait_until(lambda: len(list(self._folder.glob("began-*.note"))) >= before + tasks)
        return cell

    def restart(self) -> None:
        """Kernel > Restart."""
        self._client.stop_channels()
        self.manager.restart_kernel(now=False)
        self._connect()

    def close(self) -> None:
        """Ends the kernel if it is there, and takes away its file."""
        self._client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


@pytest.fixture
def remains(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Remains:
    # Where a kernel keeps its connection file, its history and its settings.
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        folder = tmp_path.parent / f"{tmp_path.name}-jupyter" / name
        folder.mkdir(parents=True)
        monkeypatch.setenv(name, str(folder))
    return Remains(tmp_path)


@pytest.fixture
def notebook(tmp_path: pathlib.Path, remains: Remains) -> typing.Iterator[Notebook]:
    book = Notebook(tmp_path, remains.env)
    yield book
    book.close()


def test_cells_interrupts_and_a_restart(notebook: Notebook, remains: Remains) -> None:
    assert notebook.run("print(sum(Parallel(2)(delayed(square)(x) for x in range(9))))") == "204\n"
    idle = len(remains.processes())
    for code in ("Parallel(2)(delayed(sleepy)() for _ in range(4))", "Pool(2).map(sleepy, range(4))",
                 "e = Executor(2); [e.submit(sleepy) for _ in range(4)][0].result()"):  # fmt: skip
        cell = notebook.busy(code)
        notebook.manager.interrupt_kernel()
        assert notebook.result(cell) == "KeyboardInterrupt"
        # The pool of that cell may live on, the kernel keeps what a traceback refers to.
        assert notebook.run("print(Pool(2).map(square, [2, 3]))") == "[4, 9]\n"
    before = set(remains.processes())
    notebook.busy("pool = Pool(2); pool.map(sleepy, range(4))")
    assert len(remains.processes()) > idle
    notebook.restart()
    assert wait_until(lambda: not before & set(remains.processes()), SOON_S)
    assert notebook.run("print(Pool(2).map(square, [2, 3]))") == "[4, 9]\n"


def test_an_idle_kernel_is_shut_down(notebook: Notebook, remains: Remains) -> None:
    notebook.run("pool = Pool(2); e = Executor(2); print(pool.map(square, [1]), e.submit(abs, 1))")
    assert len(remains.processes()) >= 5
    notebook.manager.shutdown_kernel(now=False)
    assert remains.nothing(SOON_S), remains


def test_a_busy_kernel_is_killed(notebook: Notebook, remains: Remains) -> None:
    notebook.busy("e = Executor(2); [e.submit(sleepy) for _ in range(4)]; pool = Pool(2);"
                  "pool.map(sleepy, range(4))", tasks=4)  # fmt: skip
    assert len(remains.processes()) >= 5
    os.kill(notebook.pid(), signal.SIGKILL)
    assert remains.nothing(SOON_S), remains
