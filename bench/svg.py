# SPDX-License-Identifier: MIT
"""SVG by hand: a document, text, lines, rectangles, scales with their ticks, a legend. Knows nothing
of benchmarks. Pixels count from the upper left corner, y downwards, as in SVG.

    canvas = Canvas(640, 400, "Memory over time")
    x = Scale(0, 10, 60, 620)
    canvas.x_axis(x, y=360, label="seconds")
    canvas.polyline([(x.at(0), 350), (x.at(10), 80)], color=COLORS[0])
    Path("plot.svg").write_text(canvas.document(), encoding="utf-8")
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

# Told apart by readers who do not see all colours (Okabe and Ito).
COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#7f7f7f", "#000000")
INK, FAINT = "#222222", "#dddddd"
FONT = "system-ui, 'DejaVu Sans', 'Liberation Sans', Arial, sans-serif"


def escape(text: str) -> str:
    """Text as XML holds it, in attributes too."""
    for char, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(char, name)
    return text


def short(value: float) -> str:
    """A coordinate or a number at a tick, without digits that say nothing."""
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be drawn")
    text = f"{value:.6g}"
    return f"{value:,.0f}" if "e+" in text else text


def pixel(value: float) -> str:
    """A coordinate, to a tenth."""
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be drawn")
    return f"{value:.1f}".rstrip("0").rstrip(".")


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` onto pixels from `start` to `end`; logarithmic if `log`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(f"no scale goes from {self.low} to {self.high}")

    def at(self, value: float) -> float:
        """The pixel of a value. Outside the scale it goes on in the same way."""
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log(value), math.log(low), math.log(high)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, about: int = 6) -> list[float]:
        """Round values within the scale: powers of ten on a logarithmic one (with 2 and 5 where
        there would be fewer than three), else multiples of 1, 2 or 5 times a power of ten.
        """
        if not self.log:
            return _linear_ticks(self.low, self.high, about)
        first = math.ceil(math.log10(self.low) - 1e-9)
        last = math.floor(math.log10(self.high) + 1e-9)
        every = max(1, math.ceil((last - first + 1) / max(about, 1)))
        powers = [10.0 ** n for n in range(first, last + 1) if n % every == 0]
        if len(powers) >= 3:
            return powers
        return [m * 10.0 ** n for n in range(first - 1, last + 1) for m in (1, 2, 5)
                if self._holds(m * 10.0 ** n)]

    def _holds(self, value: float) -> bool:
        return self.low * (1 - 1e-9) <= value <= self.high * (1 + 1e-9)


def _linear_ticks(low: float, high: float, about: int) -> list[float]:
    rough = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    # Adding zero turns a -0.0 into what a person writes.
    return [round(n * step, 12) + 0.0 for n in range(first, last + 1)]


@dataclass
class Canvas:
    """A drawing under construction; what comes later lies on top."""

    width: float
    height: float
    title: str
    parts: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, *, size: float = 12, anchor: str = "start",
             color: str = INK, bold: bool = False, turn: float = 0) -> None:
        """Text on the base line y; `anchor` is start, middle or end; `turn` in degrees."""
        more = ' font-weight="bold"' if bold else ""
        if turn:
            more += f' transform="rotate({pixel(turn)} {pixel(x)} {pixel(y)})"'
        self.parts.append(f'<text x="{pixel(x)}" y="{pixel(y)}" font-size="{pixel(size)}" '
                          f'text-anchor="{anchor}" fill="{color}"{more}>{escape(text)}</text>')

    def line(self, x1: float, y1: float, x2: float, y2: float, *, color: str = INK,
             width: float = 1, dash: str = "") -> None:
        """A straight line; `dash` as SVG has it ("4 3")."""
        more = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<line x1="{pixel(x1)}" y1="{pixel(y1)}" x2="{pixel(x2)}" '
                          f'y2="{pixel(y2)}" stroke="{color}" stroke-width="{pixel(width)}"{more}/>')

    def polyline(self, points: Iterable[tuple[float, float]], *, color: str = INK,
                 width: float = 1.5, dash: str = "") -> None:
        """Lines from point to point."""
        more = f' stroke-dasharray="{dash}"' if dash else ""
        where = " ".join(f"{pixel(x)},{pixel(y)}" for x, y in points)
        self.parts.append(f'<polyline points="{where}" fill="none" stroke="{color}" '
                          f'stroke-width="{pixel(width)}" stroke-linejoin="round"{more}/>')

    def rect(self, x: float, y: float, width: float, height: float, *, fill: str,
             stroke: str = "none", hint: str = "") -> None:
        """A rectangle; `hint` is what a browser shows when the pointer rests on it."""
        inner = f"><title>{escape(hint)}</title></rect>" if hint else "/>"
        self.parts.append(f'<rect x="{pixel(x)}" y="{pixel(y)}" width="{pixel(width)}" '
                          f'height="{pixel(height)}" fill="{fill}" stroke="{stroke}"{inner}')

    def circle(self, x: float, y: float, radius: float, *, fill: str, stroke: str = "none",
               hint: str = "") -> None:
        """A dot."""
        inner = f"><title>{escape(hint)}</title></circle>" if hint else "/>"
        self.parts.append(f'<circle cx="{pixel(x)}" cy="{pixel(y)}" r="{pixel(radius)}" '
                          f'fill="{fill}" stroke="{stroke}"{inner}')

    def x_axis(self, scale: Scale, y: float, *, label: str = "", grid_to: float | None = None,
               unit: str = "") -> None:
        """Ticks below y with their numbers, and with `grid_to` faint lines up to there."""
        for tick in scale.ticks():
            x = scale.at(tick)
            if grid_to is not None:
                self.line(x, y, x, grid_to, color=FAINT)
            self.line(x, y, x, y + 4)
            self.text(x, y + 17, short(tick) + unit, size=11, anchor="middle")
        self.line(min(scale.start, scale.end), y, max(scale.start, scale.end), y)
        if label:
            self.text((scale.start + scale.end) / 2, y + 35, label, anchor="middle")

    def y_axis(self, scale: Scale, x: float, *, label: str = "", grid_to: float | None = None,
               unit: str = "") -> None:
        """Ticks left of x with their numbers, and with `grid_to` faint lines to there."""
        for tick in scale.ticks():
            y = scale.at(tick)
            if grid_to is not None:
                self.line(x, y, grid_to, y, color=FAINT)
            self.line(x - 4, y, x, y)
            self.text(x - 7, y + 4, short(tick) + unit, size=11, anchor="end")
        self.line(x, min(scale.start, scale.end), x, max(scale.start, scale.end))
        if label:
            self.text(x - 46, (scale.start + scale.end) / 2, label, anchor="middle", turn=-90)

    def legend(self, entries: Sequence[tuple[str, str]], x: float, y: float) -> None:
        """A column of (text, colour), its first line at y."""
        for i, (text, color) in enumerate(entries):
            self.rect(x, y + 18 * i - 10, 12, 12, fill=color)
            self.text(x + 18, y + 18 * i, text)

    def document(self) -> str:
        """The file's text. The background is white, so that it can be read on a dark page."""
        size = f'width="{pixel(self.width)}" height="{pixel(self.height)}"'
        return "\n".join(
            [f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
             f'viewBox="0 0 {pixel(self.width)} {pixel(self.height)}" role="img" '
             f'font-family="{escape(FONT)}">',
             f"<title>{escape(self.title)}</title>",
             f'<rect {size} fill="#ffffff"/>', *self.parts, "</svg>", ""])
