# SPDX-License-Identifier: MIT
"""Native functions over arrays: from ctypes, cffi, Numba and Cython, right and wrong."""

from __future__ import annotations

import array
import ctypes
import importlib.util
import os
import pathlib
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import typing

import pytest
from helpers import Script, run_script

import pyhec
from pyhec import Parallel, delayed, map_native

np: typing.Any = pytest.importorskip("numpy")

SOURCE = r"""
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
double twice(double x) { return 2 * x; }
double add(double x, double y) { return x + y; }
double fma3(double x, double y, double z) { return x * y + z; }
float twicef(float x) { return 2 * x; }
int64_t mod(int64_t x, int64_t y) { return x % y; }
int32_t neg(int32_t x) { return -x; }
double mixed(double x, int64_t k) { return x + k; }
void hypot2(const double *a, const double *b, double *out, size_t n)
{ for (size_t i = 0; i < n; i++) out[i] = a[i] * a[i] + b[i] * b[i]; }
void axpy(double a, const double *x, double *y, size_t n)
{ for (size_t i = 0; i < n; i++) y[i] += a * x[i]; }
void halves(const int64_t *x, int64_t *quotient, uint8_t *rest, int64_t n)
{ for (int64_t i = 0; i < n; i++) { quotient[i] = x[i] / 2; rest[i] = x[i] % 2; } }
void row_sum(const double *rows, double *out, size_t n)
{ for (size_t i = 0; i < n; i++) out[i] = rows[3 * i] + rows[3 * i + 1] + rows[3 * i + 2]; }
int positive(const double *x, int n)
{ for (int i = 0; i < n; i++) if (x[i] < 0) return 7; return 0; }
void square(double *x, size_t n) { for (size_t i = 0; i < n; i++) x[i] *= x[i]; }
void six(double a, double b, double c, const double *p, const double *q, const double *r,
         const double *s, const double *t, double *out, size_t n)
{ for (size_t i = 0; i < n; i++) out[i] = a * p[i] + b * q[i] + c * r[i] + s[i] - t[i]; }
int threads_seen(const int64_t *x, int64_t *out, size_t n)
{ for (size_t i = 0; i < n; i++) { usleep(300); out[i] = gettid(); } return 0; }
double slow(double x) { usleep(1000); return x; }
"""

D, I64, SIZE = ctypes.c_double, ctypes.c_int64, ctypes.c_size_t
PD, P64, P8 = ctypes.POINTER(D), ctypes.POINTER(I64), ctypes.POINTER(ctypes.c_uint8)
TYPES: dict[str, tuple[list[typing.Any], typing.Any]] = {
    "twice": ([D], D), "add": ([D, D], D), "fma3": ([D, D, D], D),
    "twicef": ([ctypes.c_float], ctypes.c_float), "mod": ([I64, I64], I64),
    "neg": ([ctypes.c_int32], ctypes.c_int32), "mixed": ([D, I64], D),
    "hypot2": ([PD, PD, PD, SIZE], None), "axpy": ([D, PD, PD, SIZE], None),
    "halves": ([P64, P64, P8, I64], None), "row_sum": ([PD, PD, SIZE], None),
    "positive": ([PD, ctypes.c_int], ctypes.c_int), "square": ([PD, SIZE], None),
    "six": ([D, D, D, PD, PD, PD, PD, PD, PD, SIZE], None),
    "threads_seen": ([P64, P64, SIZE], ctypes.c_int), "slow": ([D], D),
}  # fmt: skip
N = 100003


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("native")
    (folder / "f.c").write_text("#define _GNU_SOURCE\n" + SOURCE)
    done = subprocess.run(
        ["cc", "-O2", "-shared", "-fPIC", "-o", folder / "libf.so", folder / "f.c"]
    )
    if done.returncode != 0:
        pytest.skip("no C compiler")
    return str(folder / "libf.so")


@pytest.fixture(scope="module")
def lib(path: str) -> typing.Any:
    library = ctypes.CDLL(path)
    for name, (argtypes, restype) in TYPES.items():
        function = getattr(library, name)
        function.argtypes, function.restype = argtypes, restype
    return library


@pytest.fixture
def x() -> typing.Any:
    return np.linspace(-3.0, 3.0, N)


# ---- what is computed ----


@pytest.mark.parametrize("n_cores", [None, "max", 1, 2, 5])
@pytest.mark.parametrize("n", [0, 1, 2, 7, 64, 1000, N])
def test_results_are_those_of_the_serial_loop(lib: typing.Any, n: int, n_cores: typing.Any) -> None:
    x = np.arange(n, dtype="f8")
    assert (map_native(lib.twice, x, n_cores=n_cores) == 2 * x).all()
    assert (map_native(lib.hypot2, x, x, n_cores=n_cores) == 2 * x * x).all()
    assert map_native(lib.twice, x).shape == (n,)


def test_elements(lib: typing.Any, x: typing.Any) -> None:
    y = x[::-1].copy()
    whole = np.arange(1, N, dtype="i8")
    assert (map_native(lib.add, x, y) == x + y).all()
    assert (map_native(lib.fma3, x, y, x) == x * y + x).all()
    assert map_native(lib.twicef, x.astype("f4")).dtype == np.float32
    assert (map_native(lib.mod, whole, 7) == whole % 7).all()
    assert (map_native(lib.mod, 1000003, whole) == 1000003 % whole).all()
    assert (map_native(lib.neg, whole.astype("i4")) == -whole).all()
    assert (map_native(lib.fma3, 2, x, np.float64(1.5)) == 2 * x + 1.5).all()


def test_shapes_of_elements(lib: typing.Any, x: typing.Any) -> None:
    cube = x[:60000].reshape(3, 100, 200)
    assert (map_native(lib.twice, cube) == 2 * cube).all()


def test_rows_of_blocks(lib: typing.Any, x: typing.Any) -> None:
    rows = x[:99999].reshape(-1, 3)
    out = np.empty(len(rows))
    assert map_native(lib.row_sum, rows, out=out) is out
    assert np.array_equal(out, rows[:, 0] + rows[:, 1] + rows[:, 2])


def test_several_results(lib: typing.Any) -> None:
    whole = np.arange(N)
    quotient, rest = map_native(lib.halves, whole)
    assert rest.dtype == np.uint8
    assert (quotient == whole // 2).all() and (rest == whole % 2).all()
    mine = np.empty(N, "i8"), np.empty(N, "u1")
    assert map_native(lib.halves, whole, out=mine) is mine
    assert (mine[0] == quotient).all() and (mine[1] == rest).all()


def test_numbers_before_the_arrays_of_blocks(lib: typing.Any, x: typing.Any) -> None:
    y = np.ones(N)
    map_native(lib.axpy, 2, x, out=y)
    assert (y == 1 + 2 * x).all()
    got = map_native(lib.six, 1.0, 2.0, 3.0, x, x, x, x, y)
    assert np.array_equal(got, 1.0 * x + 2.0 * x + 3.0 * x + x - y)


def test_in_place(lib: typing.Any, x: typing.Any) -> None:
    expected = x * x
    y = x.copy()
    assert map_native(lib.square, y) is None
    assert (y == expected).all()
    assert map_native(lib.hypot2, x, x, out=x) is x
    assert (x == expected + expected).all()


def test_any_buffer(lib: typing.Any) -> None:
    values, out = array.array("d", range(1000)), array.array("d", [0.0]) * 1000
    map_native(lib.twice, values, out=out)
    assert list(out) == [2.0 * i for i in range(1000)]
    mine = (ctypes.c_double * 3)(1.0, 2.0, 3.0)
    assert map_native(lib.twice, mine, out=mine)[2] == 6.0
    raw = bytearray(8)
    map_native(lib.twice, memoryview(b"\0" * 8).cast("d"), out=memoryview(raw).cast("d"))


def test_threads(lib: typing.Any) -> None:
    whole = np.arange(300)
    assert len(set(map_native(lib.threads_seen, whole, n_cores=3))) == 3
    assert set(map_native(lib.threads_seen, whole, n_cores=1)) == {threading.get_native_id()}
    assert len(set(map_native(lib.threads_seen, whole))) <= pyhec.cpu_count()


def test_grain(lib: typing.Any, x: typing.Any) -> None:
    whole = np.arange(300)
    assert len(set(map_native(lib.threads_seen, whole, n_cores=3, grain=300))) == 1
    assert (map_native(lib.twice, x, grain=1000, n_cores=3) == 2 * x).all()


# ---- where functions come from ----


def test_an_address(lib: typing.Any, x: typing.Any) -> None:
    address = ctypes.cast(lib.add, ctypes.c_void_p).value
    assert (map_native(address, x, 1.0, signature="double(double, double)") == x + 1.0).all()
    address = ctypes.cast(lib.hypot2, ctypes.c_void_p).value
    prototype = "void hypot2(const double *a, const double *b, double *out, size_t n)"
    assert (map_native(address, x, x, signature=prototype) == x * x + x * x).all()


def test_a_ctypes_function_that_does_not_know_its_type(path: str, x: typing.Any) -> None:
    twice = ctypes.CDLL(path).twice
    with pytest.raises(TypeError, match="set its argtypes and restype, or pass signature="):
        map_native(twice, x)
    assert (map_native(twice, x, signature="double (*)(double)") == 2 * x).all()


def test_ndpointer(path: str, x: typing.Any) -> None:
    hypot2 = ctypes.CDLL(path).hypot2
    pointer = np.ctypeslib.ndpointer("f8", flags="C")
    hypot2.argtypes, hypot2.restype = [pointer, pointer, pointer, SIZE], None
    assert (map_native(hypot2, x, x) == x * x + x * x).all()
    with pytest.raises(TypeError, match="has float32 and the function takes float64"):
        map_native(hypot2, x, x.astype("f4"))


def test_cffi(path: str, x: typing.Any) -> None:
    cffi = pytest.importorskip("cffi", reason="no cffi")
    ffi = cffi.FFI()
    ffi.cdef(
        "double add(double, double);"
        "void hypot2(const double *, const double *, double *, size_t);"
    )
    library = ffi.dlopen(path)
    assert (map_native(library.add, x, x) == x + x).all()
    assert (map_native(library.hypot2, x, x) == x * x + x * x).all()
    with pytest.raises(TypeError, match="pointer to a function"):
        map_native(ffi.new("double *"), x)


def test_numba(x: typing.Any) -> None:
    numba = pytest.importorskip("numba", reason="no numba")

    @numba.cfunc("float64(float64, float64)")  # type: ignore[untyped-decorator, unused-ignore]
    def product(a: float, b: float) -> float:
        return a * b

    t = numba.types
    pointer = t.CPointer(t.float64)

    @numba.cfunc(t.void(pointer, pointer, t.uintp))  # type: ignore[untyped-decorator, unused-ignore]
    def triple(a: typing.Any, out: typing.Any, n: int) -> None:
        inputs, outputs = numba.carray(a, n), numba.carray(out, n)
        for i in range(n):
            outputs[i] = 3.0 * inputs[i]

    assert (map_native(product, x, x) == x * x).all()
    assert (map_native(triple, x) == 3.0 * x).all()
    with pytest.raises(TypeError, match="float32 and the function takes float64"):
        map_native(product, x, x.astype("f4"))
    with pytest.raises(TypeError, match="@cfunc"):
        map_native(numba.njit(lambda a: a), x)


CYTHON = """
cdef api double cube(double x) noexcept nogil:
    return x * x * x
cdef api void cubes(const double *x, double *out, size_t n) noexcept nogil:
    cdef size_t i
    for i in range(n):
        out[i] = x[i] * x[i] * x[i]
"""


def test_cython(tmp_path: pathlib.Path, x: typing.Any) -> None:
    pytest.importorskip("Cython", reason="no Cython")
    (tmp_path / "cubes_.pyx").write_text(CYTHON)
    subprocess.run([sys.executable, "-m", "cython", "-3", "cubes_.pyx"], cwd=tmp_path, check=True)
    include = sysconfig.get_paths()["include"]
    made = tmp_path / ("cubes_" + sysconfig.get_config_var("EXT_SUFFIX"))
    subprocess.run(
        ["cc", "-O1", "-shared", "-fPIC", f"-I{include}", "-o", made, tmp_path / "cubes_.c"],
        check=True,
    )
    spec = importlib.util.spec_from_file_location("cubes_", made)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    functions = module.__pyx_capi__
    assert (map_native(functions["cube"], x) == x * x * x).all()
    assert (map_native(functions["cubes"], x) == x * x * x).all()


# ---- what is wrong, and how it is said ----

A = "argument 0 "
WRONG: list[tuple[str, typing.Any, type[Exception], str]] = [
    ("twice", lambda x: dict(a=[x[::2]]), ValueError, A + "is not contiguous"),
    ("twice", lambda x: dict(a=[x.astype("f4")]), TypeError, r"pass it as .astype\('float64'\)"),
    ("twice", lambda x: dict(a=[x.astype(">f8")]), TypeError, "elements of format '>d'"),
    ("twice", lambda x: dict(a=[x.astype("M8[s]")]), TypeError, A + "must be an array"),
    ("twice", lambda x: dict(a=[[1.0, 2.0]]), TypeError, r"numpy.asarray\(...\)"),
    ("twice", lambda x: dict(a=["text"]), TypeError, A + "must be an array"),
    ("twice", lambda x: dict(a=[1.0]), TypeError, "at least one must be an array"),
    ("twice", lambda x: dict(a=[x, x]), TypeError, "takes 1 arrays or numbers, 2 were given"),
    ("twice", lambda x: dict(a=[]), TypeError, "takes 1 arrays or numbers, 0 were given"),
    ("add", lambda x: dict(a=[x, x[1:]]), ValueError, "argument 1 has shape"),
    ("mod", lambda x: dict(a=[x.astype("i8"), 1.5]), TypeError, "1.5, which is no int64"),
    ("mod", lambda x: dict(a=[x.astype("i8"), 1 << 64]), TypeError, "which is no int64"),
    ("twice", lambda x: dict(a=[x], out=x[1:].copy()), ValueError, "out has shape"),
    ("twice", lambda x: dict(a=[x], out=x.astype("i8")), TypeError, "out has int64"),
    ("twice", lambda x: dict(a=[x], out=[0.0]), TypeError, "out must be an array"),
    ("twice", lambda x: dict(a=[x[1:]], out=x[:-1]), ValueError, "out shares memory with argument 0"),
    ("twice", lambda x: dict(a=[x], out=memoryview(bytes(x))), TypeError, "out has uint8"),
    ("twice", lambda x: dict(a=[x], n_cores=0), ValueError, "n_cores"),
    ("twice", lambda x: dict(a=[x], grain=0), ValueError, "grain must be a positive"),
    ("twice", lambda x: dict(a=[x], grain="all"), ValueError, "grain must be a positive"),
    ("twice", lambda x: dict(a=[x], signature="float(float)"), ValueError, "func says it is"),
    ("twice", lambda x: dict(a=[x], signature=7), TypeError, "signature must be a string"),
    ("mixed", lambda x: dict(a=[x, x]), TypeError, "write it for blocks"),
    ("hypot2", lambda x: dict(a=[x, x[1:]]), ValueError, "argument 1 has length"),
    ("hypot2", lambda x: dict(a=[x, 1.0]), TypeError, "argument 1 must be an array, not 1.0"),
    ("hypot2", lambda x: dict(a=[x, x], out=(x, x)), TypeError, "2 were given, and 2 in out"),
    ("hypot2", lambda x: dict(a=[x, x, x, x]), TypeError, "at most 3 arrays, 4 arguments"),
    ("axpy", lambda x: dict(a=[x, x], out=x), TypeError, A + "must be a number"),
    ("axpy", lambda x: dict(a=[2.0, x[:-1]], out=x[1:]), ValueError, "memory with argument 1"),
    ("row_sum", lambda x: dict(a=[]), ValueError, "pass out="),
]


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_what_is_wrong_is_said(lib: typing.Any, x: typing.Any, case: int) -> None:
    name, make, error, text = WRONG[case]
    options = make(x[:1000])
    with pytest.raises(error, match=text):
        map_native(getattr(lib, name), *options.pop("a"), **options)


def test_read_only(lib: typing.Any, x: typing.Any) -> None:
    y = x.copy()
    x.flags.writeable = False
    assert (map_native(lib.twice, x) == 2 * y).all()
    for call in (lambda: map_native(lib.twice, y, out=x), lambda: map_native(lib.square, x)):
        with pytest.raises(ValueError, match="is read-only: pass a copy"):
            call()
    address = ctypes.cast(lib.square, ctypes.c_void_p).value
    with pytest.raises(ValueError, match="that is const"):
        map_native(address, signature="void(const double *, size_t)", out=y)


@pytest.mark.parametrize(
    "func, text",
    [(len, "parallelize"), (None, "a native function is"), (0, "no address"), (True, "func is")],
)
def test_no_function(x: typing.Any, func: typing.Any, text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        map_native(func, x, signature="double(double)")


@pytest.mark.parametrize(
    "signature, text",
    [
        ("double", "C prototype"), ("double()", "no parameters"), ("double(thing)", "not known"),
        ("double(long double)", "not known"), ("void(double **, size_t)", "not known"),
        ("long(double *, size_t)", "function of blocks is like"),
        ("void(double *)", "function of blocks is like"), ("void(double)", "function of elements"),
    ],
)  # fmt: skip
def test_signatures_that_are_refused(x: typing.Any, signature: str, text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        map_native(1, x, signature=signature)


def test_a_function_of_python(x: typing.Any) -> None:
    with pytest.raises(ValueError, match="interpreter's lock"):
        map_native(ctypes.pythonapi.PyLong_AsDouble, x, signature="double(double)")


def test_a_status_stops_the_loop(lib: typing.Any, x: typing.Any) -> None:
    assert map_native(lib.positive, abs(x)) is None
    with pytest.raises(RuntimeError, match="the function returned 7 for the indices from"):
        map_native(lib.positive, x)


# ---- among threads, processes and signals ----


def test_other_threads_run_meanwhile(lib: typing.Any) -> None:
    ticks, done = 0, threading.Event()

    def call() -> None:
        map_native(lib.slow, np.zeros(400), n_cores=2)
        done.set()

    thread = threading.Thread(target=call)
    thread.start()
    while not done.wait(0.001):
        ticks += 1
    thread.join()
    assert ticks > 20


def test_calls_from_several_threads(lib: typing.Any, x: typing.Any) -> None:
    wrong = []

    def call() -> None:
        for _ in range(20):
            if not (map_native(lib.twice, x, n_cores=3) == 2 * x).all():
                wrong.append(1)

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_in_a_worker(lib: typing.Any, x: typing.Any) -> None:
    expected = 2 * x
    map_native(lib.twice, x, n_cores=3)  # the parent has threads when it forks

    def work(i: int) -> tuple[bool, int]:
        good = bool((map_native(lib.twice, x) == expected).all())
        good = good and bool((map_native(lib.twice, x, n_cores=3) == expected).all())
        return good, len(set(map_native(lib.threads_seen, np.arange(20))))

    done = Parallel(2)(delayed(work)(i) for i in range(4))
    # One thread, or, when the other worker is through, its core as well.
    assert all(good and threads in (1, 2) for good, threads in done), done


def test_after_a_fork(lib: typing.Any, x: typing.Any) -> None:
    map_native(lib.twice, x, n_cores=3)
    child = os.fork()
    if child == 0:
        seen = len(set(map_native(lib.threads_seen, np.arange(300), n_cores=3)))
        os._exit(seen)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3


def test_an_interrupt(path: str, tmp_path: pathlib.Path) -> None:
    code = f"""
import ctypes, numpy, pyhec
slow = ctypes.CDLL({path!r}).slow
x = numpy.zeros(60000)
try:
    print("go", flush=True)
    pyhec.map_native(slow, x, signature="double(double)", n_cores=2)
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(pyhec.map_native(slow, x[:9], signature="double(double)").sum(), flush=True)
"""
    with Script(tmp_path, code) as script:
        assert script.read_line() == "go\n"
        began = time.monotonic()
        os.killpg(script.pid, signal.SIGINT)
        assert script.read_line() == "interrupted\n"
        assert time.monotonic() - began < 3.0
        assert script.finish() == (0, "0.0\n", "")


def test_import_is_light(tmp_path: pathlib.Path) -> None:
    code = """
import sys, pyhec
pyhec.map_native
print([m for m in ("numpy", "ctypes", "re", "threading", "pyhec._pool") if m in sys.modules])
"""
    out, err = run_script(tmp_path, code, env={"PYTHONWARNINGS": ""})  # filters of texts need re
    assert err == "" and out == "[]\n"
