# SPDX-License-Identifier: MIT
"""parallelize(): what goes in, what comes out, and what is refused."""

from __future__ import annotations

import functools
import threading
import os
import typing

import numpy as np
import pandas as pd
import pytest
from helpers import children, forks_during

from pyhec import parallel_processing as pp

N = 37


def double(chunk: typing.Any) -> list[typing.Any]:
    return [2 * x for x in chunk]


def kind(chunk: typing.Any) -> list[type]:
    return [type(chunk)]


class Scale:
    def __init__(self, by: int) -> None:
        self.by = by

    def __call__(self, chunk: typing.Any) -> list[typing.Any]:
        return [self.by * x for x in chunk]

    method = __call__


@pytest.mark.parametrize(
    "data",
    [list(range(N)), tuple(range(N)), range(N), np.arange(N), pd.Series(range(N)), iter(range(N)),
     (x for x in range(N)), set(range(N)), dict.fromkeys(range(N)), bytes(range(N))],
    ids=lambda d: type(d).__name__,
)  # fmt: skip
def test_any_input_gives_results_in_its_order(data: typing.Any) -> None:
    assert pp.parallelize(double, data, n_cores=2) == [2 * x for x in range(N)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [([1, 2], list), ((1, 2), tuple), (range(3), range), (np.arange(9), np.ndarray),
     (pd.Series([1, 2, 3]), pd.Series), (pd.DataFrame({"a": [1, 2]}), pd.DataFrame), ("ab", str),
     ({1, 2}, list), (iter([1, 2]), list)],
)  # fmt: skip
def test_a_chunk_is_of_the_type_of_the_input(data: typing.Any, expected: type) -> None:
    assert set(pp.parallelize(kind, data, n_cores=2)) == {expected}


def test_chunks_are_balanced_and_cover_the_input_once() -> None:
    chunks = pp.parallelize(lambda c: [list(c)], range(103), n_cores=2)
    assert [x for c in chunks for x in c] == list(range(103))
    assert len(chunks) > 2
    assert max(map(len, chunks)) - min(map(len, chunks)) <= 1


def test_rows_of_a_matrix_and_of_a_frame() -> None:
    matrix = np.arange(40).reshape(10, 4)
    assert pp.parallelize(lambda c: c.sum(axis=1).tolist(), matrix, 2) == matrix.sum(1).tolist()
    rows = pp.parallelize(lambda c: [*c], matrix, 2)
    assert np.array_equal(np.array(rows), matrix)


def test_keyword_arguments_reach_the_function() -> None:
    def power(chunk: list[int], exponent: int, *, plus: int = 0) -> list[int]:
        return [x**exponent + plus for x in chunk]

    assert pp.parallelize(power, [1, 2, 3], 2, exponent=2, plus=1) == [2, 5, 10]


def test_none_adds_nothing() -> None:
    def odd_only(chunk: list[int]) -> list[int] | None:
        return None if chunk[0] % 2 else chunk

    found = pp.parallelize(odd_only, list(range(8)), n_cores=8)
    assert found == [0, 2, 4, 6]
    assert pp.parallelize(lambda c: None, [1, 2, 3], 2) == []
    assert pp.parallelize(lambda c: None, [1, 2, 3], 2, return_as="dataframe").empty


def test_arrays_and_generators_of_results_are_flattened() -> None:
    assert pp.parallelize(np.square, np.arange(5), 2) == [0, 1, 4, 9, 16]
    assert pp.parallelize(lambda c: c.map(str), pd.Series([1, 2, 3]), 2) == ["1", "2", "3"]


def frame() -> pd.DataFrame:
    n = 23
    return pd.DataFrame(
        {
            "int8": np.arange(n, dtype="int8"),
            "uint64": np.arange(n, dtype="uint64"),
            "float32": np.linspace(0, 1, n, dtype="float32"),
            "complex": np.arange(n) * 1j,
            "bool": np.arange(n) % 2 == 0,
            "text": [f"t{i}" for i in range(n)],
            "object": [[i] for i in range(n)],
            "category": pd.Categorical([f"c{i % 3}" for i in range(n)]),
            "time": pd.date_range("2020-01-01", periods=n),
            "zone": pd.date_range("2020-01-01", periods=n, tz="Europe/Berlin"),
            "delta": pd.to_timedelta(np.arange(n), unit="s"),
            "period": pd.period_range("2020-01", periods=n, freq="D"),
            "interval": pd.interval_range(0, n),
            "Int64": pd.array([None, *range(n - 1)], dtype="Int64"),
            "string": pd.array([None, *map(str, range(n - 1))], dtype="string"),
        },
        index=pd.Index(range(100, 100 + n), name="row"),
    )


def test_a_frame_of_every_dtype_comes_back_as_it_was() -> None:
    data = frame()
    pd.testing.assert_frame_equal(
        pp.parallelize(lambda c: c, data, 2, return_as="dataframe"), data, check_freq=False
    )


def test_series_become_a_dataframe_or_series_of_all_rows() -> None:
    data = frame()
    whole = pp.parallelize(lambda c: c["int8"] * 2, data, 2, return_as="dataframe")
    assert whole.tolist() == (data["int8"] * 2).tolist()
    assert whole.index.equals(data.index)


@pytest.mark.parametrize("result", [7, 2.5, "text", b"bytes", object()], ids=repr)
def test_a_result_that_is_no_list_is_refused_by_name(result: object) -> None:
    with pytest.raises(TypeError, match="must return a list for each chunk.*Pool"):
        pp.parallelize(lambda c: result if isinstance(result, (int, float, str, bytes)) else 1j,
                       [1, 2], 2)  # fmt: skip


def test_the_wrong_return_as_is_explained() -> None:
    data = pd.DataFrame({"a": [1, 2]})
    with pytest.raises(TypeError, match="return_as='dataframe'"):
        pp.parallelize(lambda c: c, data, 2)
    with pytest.raises(TypeError, match="must return a DataFrame for each chunk"):
        pp.parallelize(lambda c: [1], data, 2, return_as="dataframe")
    with pytest.raises(ValueError, match="return_as must be"):
        pp.parallelize(double, [1], return_as="set")


@pytest.mark.parametrize(
    "data", [[], (), range(0), np.array([]), np.empty((0, 3)), pd.Series([], dtype=float), set(), ""]
)
def test_no_input_starts_nothing(data: typing.Any) -> None:
    results: list[typing.Any] = []
    assert forks_during(lambda: results.append(pp.parallelize(double, data, n_cores=2))) == 0
    assert results == [[]]


def test_an_empty_frame_keeps_its_columns() -> None:
    data = frame().iloc[:0]
    assert forks_during(lambda: pp.parallelize(double, data, 2, return_as="dataframe")) == 0
    out = pp.parallelize(double, data, 2, return_as="dataframe")
    assert list(out.columns) == list(data.columns)


def test_no_more_workers_than_items() -> None:
    siblings = pp.parallelize(lambda chunk: [len(children(os.getppid()))], [1, 2], n_cores=64)
    assert max(siblings) <= 2


@pytest.mark.parametrize("n", [0, -1, 5000, "many", "", True, False, b"max"])
def test_a_wrong_number_of_cores(n: typing.Any) -> None:
    with pytest.raises(ValueError, match="n_cores must be"):
        pp.parallelize(double, [1, 2], n_cores=n)


@pytest.mark.parametrize("n", [2.5, [2], object(), np.float64(2)])
def test_a_number_of_cores_of_a_wrong_type(n: typing.Any) -> None:
    with pytest.raises(TypeError, match="n_cores must be"):
        pp.parallelize(double, [1, 2], n_cores=n)


@pytest.mark.parametrize("n", [None, "max", 1, 2, np.int64(2), np.uint8(3)])
def test_a_right_number_of_cores(n: typing.Any) -> None:
    assert pp.parallelize(double, range(10), n_cores=n) == list(range(0, 20, 2))


@pytest.mark.parametrize("func", [None, 3, "double", [double]], ids=repr)
def test_what_cannot_be_called_is_refused(func: typing.Any) -> None:
    with pytest.raises(TypeError, match="func must be callable"):
        pp.parallelize(func, [1])


@pytest.mark.parametrize("data", [None, 3, 2.5, object()], ids=lambda d: type(d).__name__)
def test_what_cannot_be_iterated_is_refused(data: typing.Any) -> None:
    with pytest.raises(TypeError, match="iterable must be a list"):
        pp.parallelize(double, data)


def test_on_error_is_checked() -> None:
    for bad in ("return", "ignore", None, []):
        with pytest.raises(ValueError, match="on_error must be"):
            pp.parallelize(double, [1], on_error=bad)  # type: ignore[arg-type]


def test_every_kind_of_callable() -> None:
    by = 3
    expected = [3, 6, 9]
    data = [1, 2, 3]

    def closure(chunk: list[int]) -> list[int]:
        return [by * x for x in chunk]

    def adder(factor: int, chunk: list[int]) -> list[int]:
        return [factor * x for x in chunk]

    for func in (closure, lambda c: [by * x for x in c], functools.partial(adder, 3), Scale(3),
                 Scale(3).method, functools.lru_cache(lambda c: [3 * x for x in c])):  # fmt: skip
        assert pp.parallelize(func, tuple(data), 2) == expected
    assert pp.parallelize(sorted, [3, 1, 2], 1) in ([1, 2, 3], [3, 1, 2])


def test_input_that_cannot_be_pickled_is_inherited(tmp_path: typing.Any) -> None:
    class Local:
        value = 5

    path = tmp_path / "file"
    path.write_text("hello")
    lock = threading.Lock()
    generator = (x for x in "ab")
    with open(path) as file:
        def use(chunk: list[typing.Any]) -> list[typing.Any]:
            found: list[typing.Any] = []
            for item in chunk:
                if item is file:
                    found.append(item.read())
                elif item is lock:
                    found.append(item.acquire(timeout=1))
                elif item is generator:
                    found.append("".join(item))
                else:
                    found.append(item.value)
            return found

        assert pp.parallelize(use, [file, lock, generator, Local()], 4) == ["hello", True, "ab", 5]


def test_the_input_is_not_changed_by_the_workers() -> None:
    data = np.zeros(1000)

    def fill(chunk: np.ndarray) -> list[float]:
        chunk += 1
        return chunk.tolist()

    assert pp.parallelize(fill, data, 2) == [1.0] * 1000
    assert not data.any()
