# SPDX-License-Identifier: MIT
"""The chart of a run: one row a case, one mark a tool, at how many times better pyhec is, on a
logarithmic axis. Left of 1 pyhec loses: that side is shaded and the row's name is red.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.stats import Cell, Record, advantage, cells, number
from bench.svg import COLORS, FAINT, INK, Canvas, Scale

Cells = dict[tuple[str, str], Cell]

LEFT, RIGHT, TOP, ROW = 330, 330, 92, 26
PLOT = 560
LOSS, LOSS_INK = "#fdecea", "#b3261e"
FLOOR, CEILING = 0.001, 1e5


@dataclass(frozen=True)
class Style:
    """How a tool is drawn; references are hollow."""

    color: str
    square: bool
    hollow: bool


def styles(run: Record) -> dict[str, Style]:
    """A style for each tool but pyhec; no two alike."""
    keys = [key for key in run["peers"] if key != run["base"]]
    return {key: Style(COLORS[i % len(COLORS)], i >= len(COLORS), run["peers"][key]["reference"])
            for i, key in enumerate(keys)}


def mark(canvas: Canvas, x: float, y: float, style: Style, hint: str = "") -> None:
    """A tool's mark."""
    fill, stroke = ("#ffffff" if style.hollow else style.color), style.color
    if style.square:
        canvas.rect(x - 4.5, y - 4.5, 9, 9, fill=fill, stroke=stroke, hint=hint)
    else:
        canvas.circle(x, y, 5, fill=fill, stroke=stroke, hint=hint)


def ratios(run: Record, found: Cells, name: str) -> dict[str, float]:
    """How many times better pyhec is than each tool in a case, where both were measured."""
    base = found.get((name, run["base"]))
    if base is None or base.status != "ok":
        return {}
    pairs = {key: found.get((name, key)) for key in run["peers"] if key != run["base"]}
    all_ = {key: advantage(base.median, cell.median, run["cases"][name]["better"])
            for key, cell in pairs.items() if cell is not None and cell.status == "ok"}
    return {key: ratio for key, ratio in all_.items() if ratio > 0}


def remark(run: Record, found: Cells, name: str) -> str:
    """What a row's end says: who hung or broke, or why there is nothing."""
    base = found.get((name, run["base"]))
    if base is None or base.status != "ok":
        return f"pyhec: {base.status if base else 'not measured'}"
    if base.median <= 0:
        return f"pyhec: 0 {run['cases'][name]['unit']}, which gives no ratio"
    bad: dict[str, list[str]] = {}
    for key, peer in run["peers"].items():
        cell = found.get((name, key))
        if cell is not None and cell.status in ("HANG", "BROKEN", "error"):
            bad.setdefault(cell.status, []).append(peer["label"])
    return "; ".join(f"{status}: {', '.join(labels)}" for status, labels in bad.items())


def draw_row(canvas: Canvas, run: Record, name: str, y: float, scale: Scale,
             looks: dict[str, Style], found: Cells) -> None:
    """The marks of a case and its name."""
    points = ratios(run, found, name)
    beaten = [k for k, r in points.items() if r < 1 and not run["peers"][k]["reference"]]
    canvas.line(LEFT, y, LEFT + PLOT, y, color=FAINT)
    title = run["cases"][name]["title"]
    canvas.text(LEFT - 10, y + 4, f"loses: {title}" if beaten else title, anchor="end", size=11,
                color=LOSS_INK if beaten else INK, bold=bool(beaten))
    for key, ratio in points.items():
        label = run["peers"][key]["label"]
        x = scale.at(min(max(ratio, scale.low), scale.high))
        mark(canvas, x, y, looks[key], f"{title}: pyhec is {number(ratio)}× as good as {label}")
    lines = [line for line in remark(run, found, name).split("; ") if line]
    for i, line in enumerate(lines):
        canvas.text(LEFT + PLOT + 12, y + 4 + 10 * (i - (len(lines) - 1) / 2), line, size=9)


def legend(canvas: Canvas, run: Record, looks: dict[str, Style], shown: set[str]) -> None:
    """The tools that have a mark, in two lines above the plot."""
    x, y = 20.0, 46.0
    for key, style in looks.items():
        if key not in shown:
            continue
        label = run["peers"][key]["label"]
        width = 26 + 6.6 * len(label)
        if x + width > canvas.width - 20:
            x, y = 20.0, y + 20
        mark(canvas, x + 5, y - 4, style)
        canvas.text(x + 15, y, label, size=11)
        x += width


def svg(records: list[Record]) -> str:
    """The chart of a run's records."""
    run: dict[str, Any] = next(r for r in records if r["kind"] == "run")
    found, looks = cells(records), styles(run)
    points = {name: ratios(run, found, name) for name in run["cases"]}
    values = [r for row in points.values() for r in row.values()]
    low = min([0.5, *[max(v, FLOOR) / 1.5 for v in values]])
    high = max([10.0, *[min(v, CEILING) * 1.5 for v in values]])
    bottom = TOP + ROW * len(points) + 10
    canvas = Canvas(LEFT + PLOT + RIGHT, bottom + 60, "How many times better pyhec is")
    scale = Scale(low, high, LEFT, LEFT + PLOT, log=True)
    canvas.text(20, 24, "How many times better pyhec is, case by case (each tool a mark; hollow: "
                "for orientation)", size=14, bold=True)
    canvas.rect(LEFT, TOP - 12, scale.at(1) - LEFT, bottom - TOP + 12, fill=LOSS)
    canvas.x_axis(scale, bottom, grid_to=TOP - 12, unit="×",
                  label="← pyhec is worse  |  pyhec is better →")
    canvas.line(scale.at(1), TOP - 12, scale.at(1), bottom, color=INK, width=1.5)
    for i, name in enumerate(points):
        draw_row(canvas, run, name, TOP + ROW * i + 8, scale, looks, found)
    legend(canvas, run, looks, {key for row in points.values() for key in row})
    return canvas.document()
