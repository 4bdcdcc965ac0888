# SPDX-License-Identifier: MIT
"""Whether pyhec reaches what it wants to. Targets stand in the cases; here they are records, as the
header of a result file has them, so that an old file is judged by the targets of its time.
"""

from __future__ import annotations

from typing import Any

from bench.stats import Cell, number

Cells = dict[tuple[str, str], Cell]


def factor_text(factor: float) -> str:
    """1/30 rather than 0.0333."""
    if 0 < factor < 1 and abs(1 / factor - round(1 / factor)) < 1e-9:
        return f"1/{round(1 / factor)}"
    return f"{factor:g}"


def text(target: dict[str, Any], unit: str, labels: dict[str, str]) -> str:
    """The target in words: "≤ 1/30 of multiprocessing.Pool"."""
    sign = "≤" if target["bound"] == "at most" else "≥"
    if not target["of"]:
        return f"{sign} {target['plus']:g} {unit}"
    label = labels.get(target["of"], target["of"])
    times = "" if target["factor"] == 1 else f"{factor_text(target['factor'])} of "
    if target["factor"] > 1:
        times = f"{target['factor']:g} × "
    more = f" + {target['plus']:g} {unit}" if target["plus"] else ""
    return f"{sign} {times}{label}{more}"


def judge(target: dict[str, Any], base: Cell | None, others: dict[str, Cell]) -> tuple[str, str]:
    """("met", "missed" or "unknown", what was reached)."""
    if base is None or base.status != "ok":
        return "unknown", "not measured"
    limit, reached = target["plus"], number(base.median)
    if target["of"]:
        other = others.get(target["of"])
        if other is None or other.status != "ok" or other.median <= 0:
            return "unknown", f"{target['of']}: {other.status if other else 'not measured'}"
        limit += target["factor"] * other.median
        ratio = base.median / other.median
        reached = f"1/{number(1 / ratio)}" if 0 < ratio < 1 else f"{number(ratio)}×"
        if target["plus"]:
            reached = f"+ {number(base.median - target['factor'] * other.median)}"
    met = base.median <= limit if target["bound"] == "at most" else base.median >= limit
    return ("met" if met else "missed"), reached


def verdicts(run: dict[str, Any], found: Cells, name: str) -> list[tuple[str, str, str]]:
    """(target, verdict, what was reached) for each target of a case."""
    case = run["cases"][name]
    labels = {key: peer["label"] for key, peer in run["peers"].items()}
    others = {peer: cell for (n, peer), cell in found.items() if n == name}
    base = others.get(run["base"])
    return [(text(target, case["unit"], labels), *judge(target, base, others))
            for target in case.get("targets", [])]
