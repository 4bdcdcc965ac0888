# SPDX-License-Identifier: MIT
"""What holds for every Python test.

The package under test is the installed one, never the source tree. Where HEC_REQUIRE is set (CI
sets it) a skip is a failure, so that no test is lost because something it needs went missing;
only a skip whose reason begins with "hardware:" stays one.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Generator
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


#: Scripts of the tests take two workers also where there is one CPU, and many are to say nothing.
QUIET = ",".join(f"ignore:{n} workers were asked for" for n in range(2, 65))


def pytest_configure(config: pytest.Config) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        os.environ.setdefault("PYTHONWARNINGS", QUIET)
    os.environ.setdefault("HEC_SITE", "local")  # the tests may run on a login node
    config.addinivalue_line("markers", "slow: takes more than a second or two")
    import pyhec

    where = pathlib.Path(pyhec.__file__ or "").resolve()
    if where.is_relative_to(ROOT / "python"):
        raise pytest.UsageError(f"the tests import the sources, {where}, not the installed package")


def _refuse_skip(report: Any) -> None:
    """Turn a skip into a failure, unless it is one that installing things would not change."""
    if not os.environ.get("HEC_REQUIRE") or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if reason.removeprefix("Skipped: ").startswith("hardware:"):
        return
    report.outcome = "failed"
    report.longrepr = f"skipped although HEC_REQUIRE is set: {reason}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    outcome = yield
    _refuse_skip(outcome.get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, None]:
    outcome = yield
    _refuse_skip(outcome.get_result())
