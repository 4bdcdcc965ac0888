# SPDX-License-Identifier: MIT
"""Parallel and delayed: joblib's way of writing it, and its way of counting."""

from __future__ import annotations

import functools
import math
import operator
import os
import typing

import joblib
import numpy as np
import pytest
from helpers import forks_during, run_script

import pyhec
from pyhec import Parallel, delayed


def add(a: int, b: int = 0, *, c: int = 0) -> int:
    return a + b + c


def test_what_joblib_gives() -> None:
    calls = [(math.sqrt, i) for i in range(50)]
    ours = Parallel(n_jobs=2)(delayed(f)(x) for f, x in calls)
    theirs = joblib.Parallel(n_jobs=1)(joblib.delayed(f)(x) for f, x in calls)
    assert ours == theirs


def test_joblibs_own_delayed_will_do() -> None:
    assert Parallel(n_jobs=2)(joblib.delayed(add)(i, c=1) for i in range(9)) == list(range(1, 10))


def test_arguments_of_all_kinds_and_different_functions() -> None:
    tasks = [delayed(add)(1), delayed(add)(1, 2), delayed(add)(1, b=2, c=3), delayed(os.getpid)(),
             delayed(lambda *a, **k: (a, k))(1, x=2), delayed(functools.partial(add, 5))(6)]  # fmt: skip
    found = Parallel(n_jobs=2)(tasks)
    assert found[:3] == [1, 3, 6]
    assert found[3] != os.getpid()
    assert found[4:] == [((1,), {"x": 2}), 11]


def test_delayed_keeps_the_name_and_refuses_what_cannot_be_called() -> None:
    assert delayed(add).__name__ == "add"
    for thing in (functools.partial(add, 1), operator.itemgetter(0), Parallel):
        assert callable(delayed(thing))
    with pytest.raises(TypeError, match="must be callable"):
        delayed(3)  # type: ignore[arg-type]


def test_the_count_of_jobs() -> None:
    cpus = pyhec.cpu_count()
    assert Parallel().n_jobs == Parallel(n_jobs=-1).n_jobs == Parallel("max").n_jobs == cpus
    assert Parallel(n_jobs=-2).n_jobs == max(cpus - 1, 1)
    assert Parallel(n_jobs=-1000).n_jobs == 1
    assert Parallel(n_jobs=np.int64(3)).n_jobs == 3
    with pytest.raises(ValueError, match="n_jobs must not be 0"):
        Parallel(n_jobs=0)
    for bad in ("many", True, 5000):
        with pytest.raises(ValueError, match="n_jobs must be"):
            Parallel(n_jobs=bad)
    with pytest.raises(TypeError, match="n_jobs must be"):
        Parallel(n_jobs=1.5)  # type: ignore[arg-type]


def test_one_job_runs_here() -> None:
    found: list[list[int]] = []

    def body() -> None:
        found.append(Parallel(n_jobs=1)(delayed(os.getpid)() for _ in range(3)))

    assert forks_during(body) == 0
    assert found == [[os.getpid()] * 3]


def test_no_tasks() -> None:
    assert forks_during(lambda: Parallel(n_jobs=2)([])) == 0
    assert Parallel(n_jobs=2)(delayed(add)(i) for i in range(0)) == []


def test_as_many_processes_as_jobs() -> None:
    def slow_pid(path: str, i: int) -> int:
        # Waits until both workers have begun, so that neither can take both tasks.
        open(os.path.join(path, str(i)), "w").close()
        while len(os.listdir(path)) < 2:
            pass
        return os.getpid()

    import tempfile

    with tempfile.TemporaryDirectory() as path:
        pids = Parallel(n_jobs=2)(delayed(slow_pid)(path, i) for i in range(2))
    assert len(set(pids)) == 2


def test_used_as_a_context_and_more_than_once() -> None:
    with Parallel(n_jobs=2) as parallel:
        for n in range(3):
            assert parallel(delayed(add)(i, n) for i in range(4)) == [n, n + 1, n + 2, n + 3]


def test_joblibs_options_are_accepted_and_others_refused() -> None:
    parallel = Parallel(2, backend="loky", batch_size="auto", max_nbytes="1M", mmap_mode="r",
                        pre_dispatch="2*n_jobs", prefer="threads", require=None, temp_folder="/x",
                        verbose=10)  # fmt: skip
    assert parallel([delayed(add)(1)]) == [1]
    with pytest.raises(TypeError, match="nonsense"):
        Parallel(2, nonsense=1)
    with pytest.raises(ValueError, match="return_as"):
        Parallel(2, return_as="generator")


@pytest.mark.parametrize("task", [3, None, (add, 1), (3, (), {}), add], ids=repr)
def test_what_is_no_task_is_refused(task: typing.Any) -> None:
    with pytest.raises(TypeError, match="item 1 is not a call: write delayed"):
        Parallel(n_jobs=2)([delayed(add)(1), task])


def test_an_error_of_the_generator_is_its_own() -> None:
    def tasks() -> typing.Iterator[typing.Any]:
        yield delayed(add)(1)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        Parallel(n_jobs=2)(tasks())


SHAPES = {
    "main": """
        def f(x): return x + offset
        offset = 1
        if __name__ == "__main__": main()
    """,
    "exec": """
        space = {"__name__": "__main__"}
        exec("offset = 1\\ndef f(x): return x + offset", space)
        f = space["f"]
        main()
    """,
    "notebook": """
        import sys, types
        module = types.ModuleType("__main__")     # a __main__ without a file, as in a notebook
        sys.modules["__main__"] = module
        exec(compile("offset = 1\\ndef f(x): return x + offset", "<cell>", "exec"), vars(module))
        f = module.f
        main()
    """,
}

MAIN = """
import pyhec
from pyhec import parallel_processing as pp

def main():
    early = pyhec.Pool(2)
    assert early.map(f, range(20)) == list(range(1, 21))
    assert list(early.imap(f, range(20))) == list(range(1, 21))
    assert pp.parallelize(lambda c: [f(x) for x in c], range(20), 2) == list(range(1, 21))
    assert pyhec.Parallel(2)(pyhec.delayed(f)(i) for i in range(20)) == list(range(1, 21))
    with pyhec.Executor(2) as executor:
        assert executor.submit(f, 1).result() == 2
    early.close(); early.join()
    print("done")
"""


@pytest.mark.parametrize("shape", SHAPES)
def test_functions_of_a_script_and_of_a_notebook(tmp_path: typing.Any, shape: str) -> None:
    import textwrap

    out, err = run_script(tmp_path, MAIN + textwrap.dedent(SHAPES[shape]))
    assert out == "done\n"
    assert not err


def test_a_script_from_stdin_and_from_c(tmp_path: typing.Any) -> None:
    import subprocess
    import sys

    code = MAIN + "def f(x): return x + 1\nmain()\n"
    for command, text in (([sys.executable, "-"], code), ([sys.executable, "-c", code], "")):
        done = subprocess.run(command, input=text, text=True, capture_output=True, cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
