# SPDX-License-Identifier: MIT
"""progress=True: a bar on stderr that ends at 100 %, or a clear word that tqdm is missing."""

from __future__ import annotations

import re
import sys
import typing

import pytest

from pyhec import Parallel, Pool, delayed
from pyhec import parallel_processing as pp

CALLS: dict[str, typing.Callable[[], typing.Any]] = {
    "parallelize": lambda: pp.parallelize(list, range(70), 2, progress=True),
    "Parallel": lambda: Parallel(2, progress=True)(delayed(abs)(i) for i in range(70)),
    "one job": lambda: Parallel(1, progress=True)(delayed(abs)(i) for i in range(70)),
    "map": lambda: in_pool(lambda p: p.map(abs, range(70), progress=True)),
    "starmap": lambda: in_pool(lambda p: p.starmap(max, [(i, 0) for i in range(70)], progress=True)),
    "imap": lambda: in_pool(lambda p: list(p.imap(abs, range(70), progress=True))),
    "imap_unordered": lambda: in_pool(
        lambda p: sorted(p.imap_unordered(abs, range(70), progress=True))
    ),
}


def in_pool(body: typing.Callable[[Pool], typing.Any]) -> typing.Any:
    with Pool(2) as pool:
        return body(pool)


@pytest.mark.parametrize("call", CALLS)
def test_a_bar(call: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert CALLS[call]() == list(range(70))
    captured = capsys.readouterr()
    assert captured.out == ""
    last = captured.err.rstrip("\n").rpartition("\r")[2]
    assert "100%" in last and "70/70" in last
    counts = [int(n) for n in re.findall(r"(\d+)/70", captured.err)]
    assert counts == sorted(counts)


@pytest.mark.parametrize("call", CALLS)
def test_without_tqdm(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] == "tqdm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match="pip install tqdm"):
        CALLS[call]()


def test_csv(tmp_path: typing.Any, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(3):
        (tmp_path / f"{i}.csv").write_text("a\n1\n")
    assert len(pp.batch_read_csv(tmp_path / "*.csv", n_cores=2, progress=True)) == 3
    assert "3/3" in capsys.readouterr().err


def test_an_endless_stream_has_a_bar_without_a_total(capsys: pytest.CaptureFixture[str]) -> None:
    def body(pool: Pool) -> typing.Any:
        stream = pool.imap(abs, iter(range(10**9)), progress=True)
        return next(iter(stream))

    assert in_pool(body) == 0
    assert "%" not in capsys.readouterr().err


def test_a_failure_closes_the_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        Parallel(2, progress=True)(delayed(divmod)(1, i) for i in range(5))
    assert capsys.readouterr().err.endswith("\n")
