# SPDX-License-Identifier: MIT
"""The example data: the same bytes for the same seed, made again when incomplete, and plausible."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("numpy")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))

import make_csv  # noqa: E402


def test_the_bytes_are_what_they_have_always_been(tmp_path: Path) -> None:
    stamp = make_csv.make(tmp_path, seed=7, stations=3, days=10)
    assert str(stamp["sha256"]).startswith("cb4dfe5bc3b89423"), "raise FORMAT when the bytes change"


def test_another_seed_gives_other_weather(tmp_path: Path) -> None:
    one = make_csv.make(tmp_path / "1", seed=1, stations=1, days=2)
    two = make_csv.make(tmp_path / "2", seed=2, stations=1, days=2)
    assert one["sha256"] != two["sha256"]


def test_complete_data_is_left_alone_and_incomplete_data_is_made_again(tmp_path: Path) -> None:
    def ensure() -> str:
        return make_csv.ensure(tmp_path, seed=1, stations=3, days=2)

    assert "made in" in ensure()
    assert "already there" in ensure()
    (tmp_path / "weather" / "W001.csv").unlink()
    assert "made in" in ensure()
    assert "made in" in make_csv.ensure(tmp_path, seed=1, stations=2, days=2)
    assert len(list((tmp_path / "weather").iterdir())) == 2, "files of before are gone"


def test_the_weather_is_plausible(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    make_csv.make(tmp_path, seed=2025, stations=4, days=365)
    frame = pd.concat([pd.read_csv(path, parse_dates=["time"])
                       for path in sorted((tmp_path / "weather").iterdir())])
    assert len(frame) == 4 * 365 * 24
    assert frame["temperature_c"].between(-50, 50).sum() == frame["temperature_c"].notna().sum()
    assert 0.005 < (frame["quality"] == 2).mean() < 0.02
    assert frame.loc[frame["quality"] == 2, "temperature_c"].isna().all()
    month = frame.groupby(frame["time"].dt.month)["temperature_c"].mean()
    hour = frame.groupby(frame["time"].dt.hour)["temperature_c"].mean()
    assert month.idxmax() in (7, 8) and month.max() - month.min() > 12
    assert hour.idxmax() in (14, 15, 16) and hour.max() - hour.min() > 5
