# SPDX-License-Identifier: MIT
"""The package itself: what it imports, says, and knows of this machine."""

from __future__ import annotations

import importlib.util
import inspect
import os
import pathlib
import re
import subprocess
import sys
import typing

import pytest
from helpers import run_script

import pyhec

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_importing_imports_next_to_nothing(tmp_path: typing.Any) -> None:
    code = """
    import sys
    before = set(sys.modules)
    import pyhec
    new = set(sys.modules) - before
    print(*sorted(n for n in new if not n.startswith(("pyhec", "typing", "importlib"))))
    for name in ("numpy", "pandas", "concurrent.futures", "multiprocessing", "cloudpickle", "tqdm"):
        assert name not in sys.modules, name
    from pyhec import Pool, Parallel, parallel_processing as pp
    for name in ("numpy", "pandas", "multiprocessing", "tqdm", "asyncio"):
        assert name not in sys.modules, name
    with Pool(1) as pool:
        pool.map(abs, [1])
    assert "numpy" not in sys.modules and "pandas" not in sys.modules
    """
    run_script(tmp_path, code)


def test_version_and_names() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", pyhec.__version__)
    from importlib.metadata import version

    assert version("pyhec") == pyhec.__version__
    for name in pyhec.__all__:
        assert name in dir(pyhec) and getattr(pyhec, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        pyhec.nonsense  # type: ignore[attr-defined]  # noqa: B018
    space: dict[str, typing.Any] = {}
    exec("from pyhec import *", space)
    assert set(pyhec.__all__) <= set(space)


def test_every_public_thing_has_a_docstring() -> None:
    assert pyhec.__doc__
    for name in pyhec.__all__:
        thing = getattr(pyhec, name)
        if name == "__version__":
            continue
        assert inspect.getdoc(thing), name
        if inspect.isclass(thing) and thing.__module__.startswith("pyhec"):
            for method, value in vars(thing).items():
                if callable(value) and not method.startswith("_"):
                    assert inspect.getdoc(getattr(thing, method)), f"{name}.{method}"


def test_host() -> None:
    found = pyhec.host()
    assert isinstance(found, dict) and found
    assert pyhec.cpu_count() >= 1
    assert pyhec.cpu_count() <= len(os.sched_getaffinity(0))


def test_the_user_may_lower_the_cpus(tmp_path: typing.Any) -> None:
    code = "import pyhec; print(pyhec.cpu_count(), len(pyhec.Pool()._pool.pids()))"
    assert run_script(tmp_path, code, env={"HEC_CPUS": "1"})[0] == "1 1\n"


def test_affinity_counts(tmp_path: typing.Any) -> None:
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    code += "import pyhec; print(pyhec.cpu_count())"
    assert run_script(tmp_path, code)[0] == "1\n"


def test_a_root_that_is_not_there() -> None:
    with pytest.raises((OSError, ValueError)):
        pyhec.host("/nonexistent/machine")
    with pytest.raises(TypeError):
        pyhec.host(3)  # type: ignore[arg-type]


SUB = """
import sys
try:
    import _interpreters as inner                  # 3.13
except ImportError:
    import _xxsubinterpreters as inner
code = '''
try:
    import pyhec
    from pyhec import Pool
    with Pool(1) as pool:
        assert pool.map(abs, [-1]) == [1]
except (ImportError, RuntimeError) as e:
    pass
'''
number = inner.create()
failed = inner.run_string(number, code)
inner.destroy(number)
assert failed is None, failed
import pyhec
with pyhec.Pool(1) as pool:
    print(pool.map(abs, [-1]))
"""


def test_a_second_interpreter_works_or_refuses(tmp_path: typing.Any) -> None:
    assert run_script(tmp_path, SUB)[0] == "[1]\n"


TYPED = """
from __future__ import annotations
import pyhec
from pyhec import Executor, Parallel, Pool, delayed
from pyhec import parallel_processing as pp

def twice(chunk: list[int]) -> list[int]:
    return [2 * x for x in chunk]

n: int = pyhec.cpu_count()
version: str = pyhec.__version__
with Pool(2) as pool:
    values: list[int] = pool.map(abs, [1, 2])
with Executor(2) as executor:
    total: int = executor.submit(abs, -1).result()
print(pp.parallelize(twice, [1, 2], n_cores=2), Parallel(n_jobs=2)(delayed(abs)(x) for x in [1]))
"""


def test_a_typed_program(tmp_path: pathlib.Path) -> None:
    if not importlib.util.find_spec("mypy"):
        pytest.skip("no mypy")
    (tmp_path / "user.py").write_text(TYPED)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", "user.py"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


EXAMPLES = {
    "fibonacci_serial.py": [], "fibonacci_multiprocessing.py": ["300"], "fibonacci_joblib.py": ["300"],
    "executor.py": ["4"], "demo.py": ["--stations", "4", "--values", "40"],
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(tmp_path: pathlib.Path, name: str) -> None:
    import shutil

    folder = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", folder, ignore=shutil.ignore_patterns("data"))
    done = subprocess.run(
        [sys.executable, str(folder / name), *EXAMPLES[name]],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout
