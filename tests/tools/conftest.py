# SPDX-License-Identifier: MIT
"""The tools are tested as they are used: as programs, on small trees made for the case."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Write = Callable[[str, str], pathlib.Path]


@pytest.fixture
def write(tmp_path: pathlib.Path) -> Write:
    """Writes a file below the test's folder."""

    def write_file(name: str, text: str) -> pathlib.Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write_file


@pytest.fixture
def run() -> Run:
    """Runs a tool with arguments; HEC_REQUIRE is unset unless the case sets it."""

    def run_tool(tool: str, *args: object, **env: str) -> subprocess.CompletedProcess[str]:
        base = {k: v for k, v in os.environ.items() if k != "HEC_REQUIRE"}
        return subprocess.run(
            [sys.executable, str(TOOLS / tool), *map(str, args)],
            capture_output=True,
            text=True,
            check=False,
            env={**base, **env},
        )

    return run_tool
