# SPDX-License-Identifier: MIT
"""batch_read_csv(): equal to a loop over pandas.read_csv, and errors that name the file."""

from __future__ import annotations

import pathlib
import typing

import pandas as pd
import pytest

import pyhec
from pyhec import parallel_processing as pp

FILES = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("csv")
    for i in reversed(range(FILES)):
        pd.DataFrame(
            {
                "when": pd.date_range(f"2020-01-{i + 1:02d}", periods=5, freq="h"),
                "value": [i * 10.5 + k for k in range(5)],
                "name": [f"n{i}-{k}" for k in range(5)],
                "count": [i + k for k in range(5)],
            }
        ).to_csv(path / f"part-{i:02d}.csv", index=False)
    below = path / "deep" / "er"
    below.mkdir(parents=True)
    (below / "x.csv").write_text("when,value,name,count\n2021-01-01,1,n,2\n")
    return path


def serial(pattern: pathlib.Path, **kwargs: typing.Any) -> pd.DataFrame:
    paths = sorted(pattern.parent.glob(pattern.name))
    frames = [pd.read_csv(p, **kwargs) for p in paths]
    return pd.concat(frames, ignore_index=kwargs.get("index_col") is None)


@pytest.mark.parametrize(
    "kwargs",
    [{}, {"usecols": ["value", "name"]}, {"dtype": {"count": "int16", "name": "category"}},
     {"index_col": "name"}, {"index_col": 0}, {"parse_dates": ["when"]}, {"nrows": 2},
     {"skiprows": [1]}, {"header": None, "skiprows": 1}, {"na_values": ["n1-1"]},
     {"converters": {"count": lambda text: int(text) * 2}}],
    ids=str,
)  # fmt: skip
def test_equal_to_a_serial_loop(folder: pathlib.Path, kwargs: dict[str, typing.Any]) -> None:
    pattern = folder / "part-*.csv"
    found = pp.batch_read_csv(str(pattern), n_cores=2, **kwargs)
    pd.testing.assert_frame_equal(found, serial(pattern, **kwargs))


def test_files_come_in_the_order_of_their_names(folder: pathlib.Path) -> None:
    found = pp.batch_read_csv(folder / "part-*.csv", n_cores=3)
    assert found["name"].tolist() == [f"n{i}-{k}" for i in range(FILES) for k in range(5)]
    assert found.index.tolist() == list(range(FILES * 5))


def test_two_stars_go_into_folders(folder: pathlib.Path) -> None:
    assert len(pp.batch_read_csv(f"{folder}/**/*.csv", n_cores=2)) == FILES * 5 + 1


def test_one_file_and_one_core(folder: pathlib.Path) -> None:
    path = folder / "part-03.csv"
    expected = pd.read_csv(path)
    pd.testing.assert_frame_equal(pp.batch_read_csv(path), expected)
    pd.testing.assert_frame_equal(pp.batch_read_csv(str(path), n_cores=1), expected)


def test_no_match_names_the_pattern(tmp_path: pathlib.Path) -> None:
    pattern = tmp_path / "nothing-*.csv"
    with pytest.raises(pyhec.NoFilesError) as caught:
        pp.batch_read_csv(pattern)
    assert isinstance(caught.value, FileNotFoundError)
    assert isinstance(caught.value, ValueError)
    assert str(pattern) in str(caught.value)


def corrupt(path: pathlib.Path) -> None:
    path.write_bytes(b"a,b\n1,2\n\xff\xfe,3\n")


def ragged(path: pathlib.Path) -> None:
    path.write_text("a,b\n1,2\n1,2,3,4\n")


def empty(path: pathlib.Path) -> None:
    path.touch()


def directory(path: pathlib.Path) -> None:
    path.mkdir()


def dangling(path: pathlib.Path) -> None:
    path.symlink_to("/nonexistent/target.csv")


@pytest.mark.parametrize("spoil", [corrupt, ragged, empty, directory, dangling])
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: pathlib.Path, spoil: typing.Callable[[pathlib.Path], None]
) -> None:
    for i in range(5):
        (tmp_path / f"{i}.csv").write_text("a,b\n1,2\n")
    bad = tmp_path / "2b.csv"
    spoil(bad)
    with pytest.raises(pyhec.FileReadError, match="2b.csv") as caught:
        pp.batch_read_csv(tmp_path / "*.csv", n_cores=2)
    assert isinstance(caught.value, ValueError)
    assert caught.value.filename == str(bad)
    assert caught.value.__cause__ is not None
    assert caught.value.index == 3


def test_options_that_read_in_pieces_are_refused(folder: pathlib.Path) -> None:
    with pytest.raises(TypeError, match="leave out chunksize"):
        pp.batch_read_csv(folder / "part-*.csv", n_cores=2, chunksize=2)


def test_a_wrong_option_says_so(folder: pathlib.Path) -> None:
    with pytest.raises((TypeError, pyhec.FileReadError), match="nonsense"):
        pp.batch_read_csv(folder / "part-*.csv", n_cores=2, nonsense=1)


def test_a_wrong_number_of_cores(folder: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="n_cores must be"):
        pp.batch_read_csv(folder / "part-*.csv", n_cores=0)


def test_a_name_that_is_no_path() -> None:
    with pytest.raises(TypeError):
        pp.batch_read_csv(3)  # type: ignore[arg-type]
