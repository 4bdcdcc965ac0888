# SPDX-License-Identifier: MIT
"""Streams without an end: how far the input is pulled ahead, and that memory does not grow."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import subprocess
import sys
import time
import typing

import pytest
from helpers import children
from pyhec import Pool
from pyhec._stream import WINDOW, WINDOW_BYTES, _Window
from pyhec._weight import weigh

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORKERS = 2


class Source:
    """Inputs without an end; knows how many were pulled."""

    def __init__(self, make: typing.Callable[[int], typing.Any] = int) -> None:
        self.pulled = 0
        self._make = make

    def __iter__(self) -> typing.Iterator[typing.Any]:
        for i in itertools.count():
            self.pulled = i + 1
            yield self._make(i)


def furthest(
    results: typing.Iterator[typing.Any], source: Source, count: int, pause_s: float = 0.0
) -> int:
    """The most that was pulled ahead while so many results were taken."""
    ahead = 0
    for taken, _ in enumerate(itertools.islice(results, count)):
        if pause_s:
            time.sleep(pause_s)
        ahead = max(ahead, source.pulled - taken)
    return ahead


def stream(pool: Pool, ordered: bool) -> typing.Callable[..., typing.Iterator[typing.Any]]:
    return pool.imap if ordered else pool.imap_unordered


@pytest.fixture
def pool() -> typing.Iterator[Pool]:
    with Pool(WORKERS) as p:
        yield p


@pytest.mark.parametrize("ordered", [True, False])
def test_no_more_than_the_window_is_pulled_ahead(pool: Pool, ordered: bool) -> None:
    source = Source()
    ahead = furthest(stream(pool, ordered)(abs, source), source, 5 * WINDOW)
    assert WINDOW // 16 < ahead <= WINDOW


@pytest.mark.parametrize("ordered", [True, False])
def test_memory_is_flat(ordered: bool) -> None:
    """After a million tasks as after 200,000: parent and workers, shared pages and others."""
    # The address sanitizer keeps 256 MB of freed memory back per process, to see it used.
    options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "stream_memory.py"), "--json", "--items", "1000000",
         "--workers", str(WORKERS), *(["--ordered"] if ordered else [])],
        capture_output=True, text=True, timeout=100, env={**os.environ, "ASAN_OPTIONS": options},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    samples = [json.loads(line) for line in done.stdout.splitlines()]
    assert [s["items"] for s in samples] == list(range(100_000, 1_000_001, 100_000))
    for what in ("pss", "parent_rss", "workers_rss"):
        assert samples[-1][what] - samples[1][what] < 5_000_000, what
    assert samples[-1]["ahead"] <= WINDOW


def test_the_script_sees_memory_that_grows(tmp_path: pathlib.Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from bench import stream_memory;"
        "kept = []; task = stream_memory.record_of;"
        "stream_memory.record_of = lambda i: kept.append(bytes(1000)) or task(i);"
        "sys.exit(stream_memory.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT), "--items", "20000"],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 1 and "more than at the beginning" in done.stderr


def test_large_inputs_are_not_pulled_far_ahead(pool: Pool) -> None:
    source = Source(lambda i: bytes(1_000_000))
    ahead = furthest(pool.imap_unordered(len, source), source, 600)
    assert 4 * WORKERS <= ahead <= WINDOW_BYTES // 1_000_000


@pytest.mark.parametrize("ordered", [True, False])
def test_large_results_do_not_pile_up_where_they_are_taken_slowly(
    pool: Pool, ordered: bool
) -> None:
    source = Source()
    results = stream(pool, ordered)(lambda i: bytes(1_000_000), source)
    assert furthest(results, source, 400, pause_s=0.001) <= WINDOW_BYTES // 1_000_000 + 1


def test_large_results_do_not_pile_up_behind_a_slow_one(pool: Pool) -> None:
    source = Source()

    def task(i: int) -> bytes:
        time.sleep(0.3 if i == 0 else 0)
        return bytes(1_000_000)

    results = pool.imap(task, source)
    next(results)
    assert source.pulled <= WINDOW_BYTES // 1_000_000 + 1


def test_workers_have_something_to_do_however_large_it_is() -> None:
    window = _Window(WORKERS)
    window.see_input(bytearray(WINDOW_BYTES))
    assert window.size == 4 * WORKERS


def test_the_window_opens_again_when_what_comes_is_small() -> None:
    window = _Window(WORKERS)
    window.see_results([(0, [bytes(10_000_000)])])
    assert window.size < 16
    for i in range(1000):
        window.see_results([(i, [b"small"])])
    assert window.size == WINDOW


def test_an_unknown_result_is_waited_for_before_much_is_pulled(pool: Pool) -> None:
    source = Source()
    results = pool.imap_unordered(lambda i: time.sleep(0.1), source)
    next(results)
    assert WORKERS <= source.pulled <= 16 * WORKERS


def test_a_stream_that_is_dropped_leaves_the_pool_in_order(pool: Pool) -> None:
    for _ in range(20):
        source = Source()
        assert next(pool.imap(abs, source)) == 0
        assert source.pulled <= WINDOW
    assert pool.map(abs, [-1, 2]) == [1, 2]
    assert len(children()) >= WORKERS


class Holder:
    def __init__(self, held: object) -> None:
        self.held = held


class Grumpy:
    @property
    def nbytes(self) -> int:
        raise RuntimeError("do not ask")


@pytest.mark.parametrize("wrap", [
    lambda b: b, lambda b: [b], lambda b: (1, {"a": [b]}), lambda b: {"k": b}, lambda b: {b},
    lambda b: Holder([b]), lambda b: memoryview(b), lambda b: [b[:100_000]] * 10,
])  # fmt: skip
def test_weights(wrap: typing.Callable[[bytes], object]) -> None:
    assert 1_000_000 <= weigh(wrap(bytes(1_000_000))) < 1_010_000


def test_weights_of_arrays_and_tables() -> None:
    numpy, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    array = numpy.ones(125_000)
    frame = pandas.DataFrame({"a": array, "b": array})
    assert weigh(array) == 1_000_000
    assert 2_000_000 <= weigh(frame) < 2_010_000
    assert 1_000_000 <= weigh(frame["a"]) < 1_010_000


def test_weights_of_what_cannot_be_weighed() -> None:
    ring: list[object] = []
    ring.append(ring)
    assert weigh(Grumpy()) == 0
    assert 0 < weigh(ring) < 10_000
    for value in (None, 1, 1.5, "", [], {}, set(), Grumpy, len, object()):
        assert 0 <= weigh(value) < 10_000, value
