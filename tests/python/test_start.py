# SPDX-License-Identifier: MIT
"""When workers are forked and when a zygote forks them: what speaks against a fork, what does not,
and that no lock or device of the parent is waited for.
"""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys
import threading
import typing

import pytest
from helpers import run_script, wait_until

import pyhec
from pyhec import Executor, Parallel, Pool, _hec, delayed
from pyhec import parallel_processing as pp

#: What every script here begins with. `inherits()` tells a fork from a zygote without asking the
#: code under test: a generator cannot be sent.
HEAD = """
import os, sys, threading, time
import pyhec
from pyhec import Executor, Parallel, Pool, delayed, parallel_processing as pp

def inherits():
    numbers = (n for n in range(100, 200))
    def use(i): return next(numbers) * 0 + i
    try:
        return Parallel(2)(delayed(use)(i) for i in range(3)) == [0, 1, 2]
    except TypeError as e:
        assert "start='fork'" in str(e), e
        return False

def works():
    assert Parallel(2)(delayed(abs)(-i) for i in range(20)) == list(range(20))
    assert pp.parallelize(lambda c: [x + 1 for x in c], range(100), 2) == list(range(1, 101))
    with Pool(2) as pool:
        assert pool.map(lambda x: x * x, range(50)) == [x * x for x in range(50)]
    with Executor(2) as executor:
        assert executor.submit(pow, 2, 5).result() == 32
"""


#: Some of them import what takes seconds, on a machine that is busy.
LONG_S = 100.0


def run(folder: pathlib.Path, code: str, *arguments: str) -> str:
    """Runs the script, which must say nothing on stderr and leave nothing behind."""
    out, err = run_script(folder, HEAD + code, arguments=arguments, seconds=LONG_S)
    assert err == ""
    return out


# ---- what does not speak against a fork ----


def test_a_plain_program_is_forked(tmp_path: pathlib.Path) -> None:
    assert run(tmp_path, "print(pyhec.start_method(), inherits()); works()") == (
        "('fork', None) True\n"
    )


LIBRARIES = """
import concurrent.futures, numpy as np
from tqdm import tqdm
import numexpr, numba
numba.config.THREADING_LAYER = "workqueue"

a = np.random.default_rng(1).random((400, 400)); a @ a          # OpenBLAS
bar = tqdm(total=3, file=open(os.devnull, "w")); bar.update(1)   # a thread watches it
numexpr.set_num_threads(2); big = np.arange(1e6); numexpr.evaluate("big * 2 + 1")
@numba.njit(parallel=True)
def total(x):
    s = 0.0
    for i in numba.prange(x.size): s += x[i]
    return s
total(big)
idle = concurrent.futures.ThreadPoolExecutor(2); idle.submit(abs, -1).result()
ours = Executor(2); ours.submit(abs, -1).result()
assert threading.active_count() >= 4, threading.enumerate()
print(pyhec.start_method(), inherits())

def task(i):
    bar.update(1)
    return float((a @ a)[0, 0]), float(numexpr.evaluate("big * 2 + 1")[3]), total(big), \
        concurrent.futures.ThreadPoolExecutor(1).submit(abs, -i).result()
assert Parallel(2)(delayed(task)(i) for i in range(4)) == [task(i) for i in range(4)]
ours.shutdown()
"""


def test_threads_of_libraries_do_not_cost_the_inherited_input(tmp_path: pathlib.Path) -> None:
    assert run(tmp_path, LIBRARIES) == "('fork', None) True\n"


SKLEARN = """
import numpy as np
from sklearn.cluster import KMeans
data = np.random.default_rng(1).random((4000, 4))
def fit(seed): return round(float(KMeans(3, n_init=1, random_state=seed).fit(data).inertia_), 6)
expected = [fit(s) for s in range(4)]                       # OpenMP's threads have run
assert Parallel(2)(delayed(fit)(s) for s in range(4)) == expected
assert fit(0) == expected[0]                                 # and run again
with Pool(2) as pool:
    assert pool.map(fit, range(4)) == expected
    assert fit(1) == expected[1]
    assert pool.map(fit, range(4)) == expected
import ctypes
with open("/proc/self/maps") as f:
    runtimes = {line.split()[-1] for line in f if "libgomp" in line}
pausable = all(hasattr(ctypes.CDLL(path), "omp_pause_resource_all") for path in runtimes)
print(pyhec.start_method()[0] == ("fork" if pausable else "zygote"), inherits() == pausable)
"""


@pytest.mark.slow
def test_scikit_learn_with_openmp_was_used_before_and_is_after(tmp_path: pathlib.Path) -> None:
    # Older runtimes (GCC 8) cannot be paused, and a child that was forked would hang in them.
    assert run(tmp_path, SKLEARN) == "True True\n"


CELL = """
import os, pyhec
from pyhec import Parallel, delayed
numbers = (n for n in range(100, 200))
def use(i):
    print("cell", i, flush=True)
    return next(numbers) * 0 + i
print(Parallel(2)(delayed(use)(i) for i in range(4)) == [0, 1, 2, 3])
print(pyhec.start_method())
"""


@pytest.mark.slow
def test_a_notebook_is_forked() -> None:
    manager = pytest.importorskip("jupyter_client.manager")
    kernel, client = manager.start_new_kernel(kernel_name="python3")
    text: list[str] = []

    def hear(message: typing.Any) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            text.append(content["text"])
        elif message["msg_type"] == "error":
            text.extend(content["traceback"])

    try:
        for _ in range(3):
            client.execute_interactive(CELL, timeout=40, output_hook=hear)
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
    said = "".join(text)
    assert said.count("True\n") == 3 and said.count("('fork', None)\n") == 3, said


# ---- what does ----

THREADS = """
lock, go = threading.Lock(), threading.Event()
def hold():
    with lock:
        go.wait()
holder = threading.Thread(target=hold, name="holder", daemon=True)
holder.start()
while not lock.locked(): time.sleep(0.001)
def use(i):
    with lock: return i
print(*pyhec.start_method(), inherits(), sep=" | ")
works()
# A lock that another thread holds: the module's of a forked worker would never be released.
import json, decimal
assert Parallel(2)(delayed(json.loads)(str(i)) for i in range(4)) == [0, 1, 2, 3]
go.set(); holder.join()
print(*pyhec.start_method(), inherits(), sep=" | ")
assert Parallel(2)(delayed(use)(i) for i in range(4)) == [0, 1, 2, 3]
"""


def test_a_thread_that_holds_a_lock(tmp_path: pathlib.Path) -> None:
    lines = run(tmp_path, THREADS).splitlines()
    assert lines == [
        "zygote | thread 'holder' (hold) is running | False",
        "fork | None | True",
    ]


MODULE_LOCK = """
sys.path.insert(0, os.getcwd())
open("locked.py", "w").write('''
import threading
lock = threading.Lock()
def use(i):
    with lock: return i
''')
import locked, concurrent.futures
with concurrent.futures.ThreadPoolExecutor(1) as pool:
    began, go = threading.Event(), threading.Event()
    def hold():
        with locked.lock:
            began.set(); go.wait()
    pool.submit(hold); began.wait()
    print(*pyhec.start_method(), sep=" | ")
    assert Parallel(2)(delayed(locked.use)(i) for i in range(4)) == [0, 1, 2, 3]
    go.set()
"""


def test_a_lock_of_a_module_that_a_busy_thread_holds(tmp_path: pathlib.Path) -> None:
    out = run(tmp_path, MODULE_LOCK)
    assert out.startswith("zygote | thread 'ThreadPoolExecutor-0_0' (_worker) is running")


#: Locks of the interpreter and of logging, held by another thread over a fork that was asked for.
HELD = """
import logging, importlib
held, go = threading.Event(), threading.Event()

class Slow(logging.Handler):
    def emit(self, record):
        if threading.current_thread() is thread:
            held.set(); go.wait()
logger = logging.getLogger("held"); logger.propagate = False; logger.addHandler(Slow()); logger.setLevel(logging.INFO)

open("slow_module.py", "w").write("import __main__ as m; m.held.set(); m.go.wait(); value = 7")
sys.path.insert(0, os.getcwd())

def hold_logging(): logger.info("x")
def hold_import(): import slow_module

def use_logging(i): logging.getLogger("held").info("y"); logging.getLogger("new%d" % i); return i
def use_import(i): import decimal, json.tool; importlib.import_module("wave" if sys.version_info < (3, 13) else "mailbox"); return i

what = sys.argv[1]
thread = threading.Thread(target=globals()["hold_" + what], daemon=True)
thread.start(); held.wait()
assert pyhec.start_method()[0] == "zygote"
assert Parallel(2, start=sys.argv[2])(delayed(globals()["use_" + what])(i) for i in range(4)) == [0, 1, 2, 3]
go.set(); thread.join()
print("done")
"""


@pytest.mark.parametrize("what", ["logging", "import"])
def test_locks_that_are_made_anew_in_a_forked_worker(tmp_path: pathlib.Path, what: str) -> None:
    assert run(tmp_path, HELD, what, "fork") == "done\n"
    assert run(tmp_path, HELD, what, "auto") == "done\n"


STREAM = """
import array, fcntl, io, termios
r, w = os.pipe()
stream = io.TextIOWrapper(io.BufferedWriter(io.FileIO(w, "w")), write_through=False)
began = threading.Event()
def fill():
    began.set()
    stream.write("x" * (1 << 18)); stream.flush()      # waits in write(2), with the buffer's lock
thread = threading.Thread(target=fill, daemon=True); thread.start(); began.wait()
waiting = array.array("i", [0])
while waiting[0] < 1 << 16 and thread.is_alive():
    fcntl.ioctl(r, termios.FIONREAD, waiting); time.sleep(0.001)
def use(i): print(f"worker {i}\\n", end="", flush=True); return i
assert Parallel(2)(delayed(use)(i) for i in range(4)) == [0, 1, 2, 3]
os.set_blocking(r, False)
while thread.is_alive():
    try: os.read(r, 1 << 16)
    except BlockingIOError: time.sleep(0.001)
print("done")
"""


def test_a_thread_in_the_middle_of_writing(tmp_path: pathlib.Path) -> None:
    lines = run(tmp_path, STREAM).splitlines()
    assert sorted(lines) == ["done", *(f"worker {i}" for i in range(4))]


NATIVE = """
import ctypes
lib = ctypes.CDLL(sys.argv[1])
lib.begin()
print(*pyhec.start_method(), inherits(), sep=" | ")
works()
lib.finish()
print(*pyhec.start_method(), inherits(), sep=" | ")
"""

NATIVE_C = """
#include <pthread.h>
#include <semaphore.h>
static pthread_t thread;
static sem_t over;
static void *wait_for_end(void *unused) { sem_wait(&over); return unused; }
void begin(void)
{
    sem_init(&over, 0, 0);
    pthread_create(&thread, 0, wait_for_end, 0);
    pthread_setname_np(thread, "stranger");
}
void finish(void) { sem_post(&over); pthread_join(thread, 0); }
"""


def build(folder: pathlib.Path, name: str, code: str) -> pathlib.Path:
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler")
    source, library = folder / f"{name}.c", folder / name
    source.write_text("#define _GNU_SOURCE\n" + code)
    command = [compiler, "-shared", "-fPIC", "-pthread", str(source), "-o", str(library)]
    subprocess.run(command, check=True, capture_output=True)
    return library


def test_a_thread_of_native_code(tmp_path: pathlib.Path) -> None:
    library = build(tmp_path, "libstranger.so", NATIVE_C)
    assert run(tmp_path, NATIVE, str(library)).splitlines() == [
        "zygote | native threads are running (1: stranger) | False",
        "fork | None | True",
    ]


#: As the real one does: after cuInit() nothing works in a forked child.
CUDA_C = """
#include <unistd.h>
#define NOT_INITIALIZED 3
static pid_t owner;
int cuInit(unsigned int flags)
{
    (void)flags;
    if (owner && owner != getpid()) return NOT_INITIALIZED;
    owner = getpid();
    return 0;
}
int cuDeviceGetCount(int *n)
{
    if (owner != getpid()) return NOT_INITIALIZED;
    *n = 1;
    return 0;
}
int cuMemAlloc_v2(unsigned long long *at, unsigned long size)
{
    if (owner != getpid()) return NOT_INITIALIZED;
    *at = size;
    return 0;
}
"""

CUDA = """
import ctypes
path = sys.argv[1]
def compute(size):
    cuda = ctypes.CDLL(path)
    at = ctypes.c_ulonglong()
    status = cuda.cuInit(0), cuda.cuMemAlloc_v2(ctypes.byref(at), ctypes.c_ulong(size))
    return status, at.value
right = [((0, 0), s) for s in range(1, 5)]
ctypes.CDLL(path)
print(*pyhec.start_method(), inherits(), sep=" | ")         # loaded is not initialised
assert compute(1) == right[0]
print(*pyhec.start_method(), inherits(), sep=" | ")
works()
assert Parallel(2)(delayed(compute)(s) for s in range(1, 5)) == right
with Pool(2) as pool:
    assert pool.map(compute, range(1, 5)) == right
assert Parallel(2, start="fork")(delayed(compute)(s) for s in range(1, 5)) == [((3, 3), 0)] * 4
assert compute(2) == right[1]
"""


def test_cuda_was_initialised(tmp_path: pathlib.Path) -> None:
    library = build(tmp_path, "libcuda.so.1", CUDA_C)
    assert run(tmp_path, CUDA, str(library)).splitlines() == [
        "fork | None | True",
        "zygote | CUDA is in use in this process | False",
    ]


# ---- what can be asked for ----


def test_start_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[typing.Callable[[], object]] = [
        lambda: Pool(1, start="spawn"),
        lambda: Executor(1, start="spawn"),
        lambda: Parallel(2, start="spawn")([delayed(abs)(1)] * 2),
        lambda: pp.parallelize(list, [1, 2], 2, start="spawn"),
        lambda: pyhec.start_method("spawn"),
    ]
    for attempt in tries:
        with pytest.raises(ValueError, match="'auto', 'fork' or 'zygote', not 'spawn'"):
            attempt()
    monkeypatch.setenv("HEC_START", "spawn")
    with pytest.raises(ValueError, match="HEC_START must be"):
        Pool(1)


def test_the_environment_can_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEC_START", "zygote")
    assert pyhec.start_method()[0] == "zygote"
    with Pool(1) as pool:
        assert pool.apply(parent_of_the_worker) == _hec.zygote_pid() != 0
    with Pool(1, start="fork") as pool:  # who says it at the call means it
        assert pool.apply(parent_of_the_worker) != _hec.zygote_pid()


def parent_of_the_worker() -> int:
    import os

    return os.getppid()


def test_a_thread_ends_and_forks_are_back() -> None:
    go = threading.Event()
    thread = threading.Thread(target=go.wait, name="waits")
    thread.start()
    assert "waits" in str(pyhec.start_method()[1])
    go.set()
    thread.join()
    assert wait_until(lambda: "waits" not in str(pyhec.start_method()[1]))
