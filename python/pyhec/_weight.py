# SPDX-License-Identifier: MIT
"""About how many bytes an object takes: for deciding how many to have at a time, not for accounts."""

from __future__ import annotations

import itertools
import sys

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

#: Of a container so many elements are looked at; the others are taken to be like them.
_LOOK_AT = 8
#: Containers within containers are looked into so deep.
_DEPTH = 4


def weigh(value: object, depth: int = _DEPTH) -> int:
    """Arrays and tables by what they say of themselves, containers and instances by some of what
    they hold, anything else by its own size. An object that fails when it is asked weighs nothing:
    whatever is wrong with it will be said where it is used.
    """
    try:
        return _weigh(value, depth)
    except Exception:
        return 0


def _weigh(value: typing.Any, depth: int) -> int:
    size = sys.getsizeof(value, 0) if isinstance(value, (str, bytes, bytearray)) else _told(value)
    if size is not None:
        return size
    size = object.__sizeof__(value)
    if depth == 0:
        return size
    if isinstance(value, dict):
        return size + _some(value.values(), len(value), depth)
    if isinstance(value, (list, tuple, set, frozenset)):
        return size + _some(value, len(value), depth)
    held = getattr(value, "__dict__", None)
    if isinstance(held, dict) and not isinstance(value, type):
        size += sum(weigh(v, depth - 1) for v in itertools.islice(held.values(), 64))
    return size


def _some(values: typing.Iterable[object], count: int, depth: int) -> int:
    weights = [weigh(v, depth - 1) for v in itertools.islice(values, _LOOK_AT)]
    return sum(weights) * count // len(weights) if weights else 0


def _told(value: typing.Any) -> int | None:
    """What arrays, pyarrow's tables (nbytes) and pandas' frames (memory_usage) say; None: nothing."""
    if isinstance(value, (type, int, float)):
        return None
    told = getattr(value, "nbytes", None)
    if told is None and hasattr(value, "memory_usage"):
        told = value.memory_usage(deep=False).sum()
    return int(told) if told is not None else None
