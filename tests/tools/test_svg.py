# SPDX-License-Identifier: MIT
"""The drawing that the benchmark's charts and the plots of the guide are made with."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.svg import Canvas, Scale, short  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


def parsed(canvas: Canvas) -> ET.Element:
    """The drawing as a program that shows it would read it."""
    return ET.fromstring(canvas.document())


def test_a_document_is_xml_with_its_size_and_title() -> None:
    root = parsed(Canvas(300, 200.5, "A & B <c>"))
    assert root.tag == SVG + "svg" and root.get("viewBox") == "0 0 300 200.5"
    assert root.findtext(SVG + "title") == "A & B <c>"


def test_text_may_hold_any_character() -> None:
    canvas = Canvas(10, 10, "t")
    canvas.text(1, 2, 'a<b>&"µs"', anchor="end", turn=-90)
    canvas.rect(0, 0, 5, 5, fill="red", hint='"<&>')
    root = parsed(canvas)
    assert root.findtext(SVG + "text") == 'a<b>&"µs"'
    assert root.findall(f"{SVG}rect/{SVG}title")[0].text == '"<&>'


@pytest.mark.parametrize(("low", "high", "ticks"), [
    (0, 10, [0, 2, 4, 6, 8, 10]), (-1, 1, [-1, -0.5, 0, 0.5, 1]), (0.1, 0.35, [0.1, 0.15, 0.2, 0.25,
                                                                           0.3, 0.35])])
def test_linear_ticks_are_round_and_inside(low: float, high: float, ticks: list[float]) -> None:
    assert Scale(low, high, 0, 100).ticks() == pytest.approx(ticks)


@pytest.mark.parametrize(("low", "high", "ticks"), [
    (0.05, 2000, [0.1, 1, 10, 100, 1000]), (1, 20, [1, 2, 5, 10, 20]),
    (1e-6, 1e6, [1e-6, 1e-3, 1, 1e3, 1e6])])
def test_log_ticks_are_powers_of_ten_or_finer_where_few(low: float, high: float,
                                                       ticks: list[float]) -> None:
    assert Scale(low, high, 0, 100, log=True).ticks(5) == pytest.approx(ticks)


def test_a_scale_maps_both_ends_and_the_middle() -> None:
    assert [Scale(0, 10, 100, 200).at(v) for v in (0, 5, 10, 20)] == [100, 150, 200, 300]
    log = Scale(0.01, 100, 400, 0, log=True)
    assert [log.at(v) for v in (0.01, 1, 100)] == pytest.approx([400, 200, 0])


@pytest.mark.parametrize(("low", "high", "log"), [(1, 1, False), (2, 1, False), (0, 1, True)])
def test_an_impossible_scale_is_refused(low: float, high: float, log: bool) -> None:
    with pytest.raises(ValueError, match="no scale"):
        Scale(low, high, 0, 1, log)


def test_what_is_no_number_is_not_drawn() -> None:
    with pytest.raises(ValueError, match="nan"):
        Canvas(1, 1, "t").line(0, float("nan"), 1, 1)


@pytest.mark.parametrize(("value", "text"), [(1e6, "1,000,000"), (0.001, "0.001"), (5.0, "5"),
                                             (1e-06, "1e-06")])
def test_numbers_at_ticks(value: float, text: str) -> None:
    assert short(value) == text


def test_axes_label_each_tick_and_a_legend_each_entry() -> None:
    canvas = Canvas(300, 200, "t")
    canvas.x_axis(Scale(0, 10, 50, 250), 150, label="seconds", grid_to=20)
    canvas.y_axis(Scale(1, 1000, 150, 20, log=True), 50, label="ms", unit="×")
    canvas.legend([("ours", "#000000"), ("theirs", "#ff0000")], 200, 30)
    canvas.polyline([(1, 2), (3, 4)], dash="4 3")
    canvas.circle(5, 5, 2, fill="red", hint="here")
    root = parsed(canvas)
    texts = [t.text for t in root.iter(SVG + "text")]
    assert texts == ["0", "2", "4", "6", "8", "10", "seconds", "1×", "10×", "100×", "1000×", "ms",
                     "ours", "theirs"]
    line = root.find(SVG + "polyline")
    assert line is not None and line.get("points") == "1,2 3,4"
