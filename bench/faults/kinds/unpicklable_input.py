# SPDX-License-Identifier: MIT
"""One input that cannot be sent to a worker."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from bench.faults.base import BAD, TASKS, Fault, answer


def inputs() -> Sequence[Any]:
    items: list[Any] = list(range(TASKS))
    items[BAD] = threading.Lock()
    return items


FAULT = Fault(
    "one input that cannot be pickled",
    "One of the thousand inputs is a lock.",
    answer, items=inputs, cause=r"pickle|serializ")
