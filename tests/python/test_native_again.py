# SPDX-License-Identifier: MIT
"""map_native called again and again: what was found out before is used only where it still holds."""

from __future__ import annotations

import array
import ctypes
import gc
import pathlib
import subprocess
import typing
import weakref

import pytest
from helpers import run_script

from pyhec import _native, map_native

np: typing.Any = pytest.importorskip("numpy")

SOURCE = r"""
#include <stddef.h>
#include <stdint.h>
void axpy(double a, const double *x, double *y, size_t n)
{ for (size_t i = 0; i < n; i++) y[i] += a * x[i]; }
void square(double *x, size_t n) { for (size_t i = 0; i < n; i++) x[i] *= x[i]; }
double twice(double x) { return 2 * x; }
"""
PD = ctypes.POINTER(ctypes.c_double)


@pytest.fixture
def lib(tmp_path: pathlib.Path) -> typing.Any:
    (tmp_path / "f.c").write_text(SOURCE)
    command = ["cc", "-O2", "-shared", "-fPIC", "-o", tmp_path / "f.so", tmp_path / "f.c"]
    if subprocess.run(command).returncode != 0:
        pytest.skip("no C compiler")
    library = ctypes.CDLL(str(tmp_path / "f.so"))
    library.axpy.argtypes = (ctypes.c_double, PD, PD, ctypes.c_size_t)
    library.square.argtypes = (PD, ctypes.c_size_t)
    library.twice.argtypes, library.twice.restype = (ctypes.c_double,), ctypes.c_double
    for function in (library.axpy, library.square):
        function.restype = None
    return library


def noted(function: typing.Any) -> bool:
    return _native._name(function, None) in _native._seen


def test_the_same_call_again(lib: typing.Any) -> None:
    x, y = np.arange(1000.0), np.zeros(1000)
    for k in range(5):
        assert map_native(lib.axpy, 2.0, x, out=y) is y
        assert noted(lib.axpy)
        assert (y == 2.0 * (k + 1) * x).all()
    squares = np.arange(7.0)
    for _ in range(2):
        assert map_native(lib.square, squares) is None
    assert (squares == np.arange(7.0) ** 4).all()


@pytest.mark.parametrize("n", [1, 3, 1000, 100_003])
def test_other_arrays_of_other_lengths(lib: typing.Any, n: int) -> None:
    map_native(lib.axpy, 1.0, np.ones(10), out=np.ones(10))
    assert noted(lib.axpy)
    x = np.arange(float(n))
    assert (map_native(lib.axpy, 3, x, out=np.zeros(n)) == 3 * x).all()
    plain = array.array("d", [1.0] * n)
    map_native(lib.axpy, -1.5, plain, out=plain.__class__("d", plain))
    out = map_native(lib.axpy, 0.5, plain, out=np.zeros(n))
    assert (out == 0.5).all()


def test_what_does_not_fit_is_still_refused(lib: typing.Any) -> None:
    x, y = np.ones(10), np.ones(10)
    map_native(lib.axpy, 1.0, x, out=y)
    with pytest.raises(TypeError, match="float32"):
        map_native(lib.axpy, 1.0, x.astype("f4"), out=y)
    with pytest.raises(ValueError, match="has 9"):
        map_native(lib.axpy, 1.0, x[:9].copy(), out=y)
    with pytest.raises(ValueError, match="not contiguous"):
        map_native(lib.axpy, 1.0, np.ones(20)[::2], out=y)
    frozen = np.ones(10)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        map_native(lib.axpy, 1.0, x, out=frozen)
    long = np.ones(11)
    with pytest.raises(ValueError, match="shares memory"):
        map_native(lib.axpy, 1.0, long[:10], out=long[1:])
    with pytest.raises(TypeError, match="must be a number"):
        map_native(lib.axpy, "1.0", x, out=y)
    with pytest.raises(TypeError, match="arguments were given"):
        map_native(lib.axpy, 1.0, x, x, x, out=y)
    with pytest.raises((TypeError, OverflowError)):
        map_native(lib.axpy, 10**400, x, out=y)
    assert (y == 2.0).all()


def test_arrays_of_more_dimensions_go_the_long_way(lib: typing.Any) -> None:
    map_native(lib.square, np.ones(4))
    assert noted(lib.square)
    rows = np.full((4, 1), 3.0)
    map_native(lib.square, rows)
    assert (rows == 9.0).all()
    empty = np.ones(0)
    assert map_native(lib.square, empty) is None


def test_a_function_that_says_something_else_now(lib: typing.Any) -> None:
    x = np.ones(10)
    map_native(lib.twice, x, out=np.ones(10))
    assert noted(lib.twice)
    lib.twice.argtypes = (ctypes.c_float,)
    with pytest.raises(TypeError):
        map_native(lib.twice, x, out=np.ones(10))
    lib.twice.argtypes = (ctypes.c_double,)
    assert (map_native(lib.twice, x, out=np.ones(10)) == 2.0).all()


def test_types_in_a_list_that_changes(lib: typing.Any) -> None:
    types: list[typing.Any] = [ctypes.c_double]
    lib.twice.argtypes = types
    x = np.ones(10)
    for _ in range(2):
        assert (map_native(lib.twice, x, out=np.ones(10)) == 2.0).all()
        assert noted(lib.twice)
    types[0] = ctypes.c_float
    with pytest.raises(TypeError):
        map_native(lib.twice, x, out=np.ones(10))


def test_no_array_is_kept(lib: typing.Any) -> None:
    x = np.ones(10)
    gone = weakref.ref(x)
    for _ in range(3):
        map_native(lib.square, x)
    del x
    gc.collect()
    assert gone() is None


def test_what_is_noted_is_bounded(lib: typing.Any) -> None:
    address = ctypes.cast(lib.square, ctypes.c_void_p).value
    for i in range(_native._SEEN_MAX + 50):
        map_native(address, np.ones(2), signature="void(double *, size_t)" + " " * i)
        assert len(_native._seen) <= _native._SEEN_MAX


def test_a_script_of_numbers_does_without_the_pickler(tmp_path: pathlib.Path) -> None:
    out, _ = run_script(
        tmp_path,
        """
import sys
before = set(sys.modules)
from pyhec import Pool
def f(x):
    return x * x
with Pool(2) as pool:
    assert pool.map(f, range(100)) == [x * x for x in range(100)]
new = set(sys.modules) - before
print(sorted(new & {"_pickle", "pickle", "cloudpickle", "reprlib", "collections", "functools"}))
with Pool(2) as pool:
    assert pool.map(len, [[1], {2: 3}]) == [1, 1]
print("_pickle" in sys.modules)
""",
        env={"PYTHONPATH": "", "COVERAGE_PROCESS_START": ""},
    )
    assert out.splitlines() == ["[]", "True"]
