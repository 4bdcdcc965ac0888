# SPDX-License-Identifier: MIT
"""Journals: which are refused, and what is said of them."""

from __future__ import annotations

import os
import pathlib

import pytest

import pyhec
from pyhec import Pool


@pytest.fixture
def journal(tmp_path: pathlib.Path) -> str:
    return str(tmp_path / "test.journal")


def test_a_journal_that_others_can_write_is_refused(journal: str, tmp_path: pathlib.Path) -> None:
    with Pool(2) as pool:
        pool.map(abs, range(3), journal=journal)
        assert os.stat(journal).st_mode & 0o777 == 0o600
        os.chmod(journal, 0o622)
        with pytest.raises(PermissionError, match="write.*test.journal"):
            pool.map(abs, range(3), journal=journal)
        os.chmod(journal, 0o600)
        shared = tmp_path / "shared"
        shared.mkdir()
        shared.chmod(0o777)
        with pytest.raises(PermissionError, match="write.*shared"):
            pool.map(abs, range(3), journal=str(shared / "a.journal"))
        assert pool.map(abs, range(3), journal=journal) == [0, 1, 2]


@pytest.mark.skipif(os.geteuid() != 0, reason="hardware: only root can give a file away")
def test_a_journal_of_somebody_else_is_refused(journal: str) -> None:
    with Pool(2) as pool:
        pool.map(abs, range(3), journal=journal)
        os.chown(journal, 12345, -1)
        with pytest.raises(PermissionError, match="test.journal"):
            pool.map(abs, range(3), journal=journal)


def test_a_file_that_is_no_journal_is_not_touched(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes\n" * 100)
    path.chmod(0o600)
    with Pool(2) as pool, pytest.raises(ValueError, match="notes.txt"):
        pool.map(abs, range(3), journal=str(path))
    assert path.read_text() == "my notes\n" * 100


def test_wrong_options_are_said(journal: str) -> None:
    with Pool(2) as pool:
        with pytest.raises(ValueError, match="resume"):
            pool.map(abs, range(3), journal=journal, resume="perhaps")
        with pytest.raises(ValueError, match="journal"):
            pool.map(abs, range(3), resume="failed")
        with pytest.raises(ValueError, match="journal"):
            pool.map(abs, range(3), tag="x")
        with pytest.raises(TypeError, match="journal"):
            pool.map(abs, range(3), journal=7)  # type: ignore[arg-type]
        with open(os.devnull) as f, pytest.raises(pyhec.TaskKeyError, match="input"):
            pool.map(abs, [f], journal=journal)
        with pytest.raises(FileNotFoundError):
            pool.map(abs, range(3), journal=os.path.dirname(journal) + "/none/j")


def test_info_and_verdicts_say_how_many_came_from_the_journal(journal: str) -> None:
    with Pool(2) as pool:
        pool.map(abs, range(5), journal=journal)
        verdicts = pool.map(abs, range(8), journal=journal, verdicts=True)
    assert [v.from_journal for v in verdicts] == [True] * 5 + [False] * 3
    assert [v.value for v in verdicts] == list(range(8))
    assert [(v.word, v.index, v.attempts) for v in verdicts] == [("done", i, 1) for i in range(8)]
    info = pyhec.journal_info(journal)
    assert (info.results, info.failures) == (8, 0)
    assert "8 results" in str(info)


def test_the_bar_begins_with_what_is_there(
    journal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tqdm")
    with Pool(2) as pool:
        pool.map(abs, range(5), journal=journal)
        capsys.readouterr()
        pool.map(abs, range(5), journal=journal, progress=True)
        pool.map(abs, range(8), journal=journal, progress=True)
    err = capsys.readouterr().err
    assert "5/5" in err and "8/8" in err and "5 from the journal" in err
