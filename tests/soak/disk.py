# SPDX-License-Identifier: MIT
"""A bad disk for one program: a library that is preloaded (slow_disk.c) and its rules."""

from __future__ import annotations

import errno
import random
import subprocess
from pathlib import Path

#: Of a million writes and syncs: slow_us write_p short_p fail_p errno sync_us sync_p errno.
GOOD = (0, 0, 0, 0, 0, 0, 0, 0)
KINDS = {
    "disk good": GOOD,
    "disk slow": (30_000, 200_000, 0, 0, 0, 50_000, 0, 0),
    "disk short of write": (2_000, 100_000, 300_000, 0, 0, 0, 0, 0),
    "disk full": (0, 0, 50_000, 30_000, errno.ENOSPC, 0, 0, 0),
    "disk failing": (0, 0, 0, 20_000, errno.EIO, 1_000, 30_000, errno.EIO),
}
#: Those with which a program may give up, if it says why.
BAD = {"disk short of write", "disk full", "disk failing"}
NAME = "results.hecj"


def build(folder: Path) -> Path:
    """The library."""
    library = folder / "slow_disk.so"
    source = Path(__file__).with_name("slow_disk.c")
    subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o",
                    str(library), str(source), "-ldl"], check=True)  # fmt: skip
    return library


class Disk:
    """The disk under a program's journal."""

    def __init__(self, library: Path, folder: Path) -> None:
        self._library, self._rules = library, folder / "rules"
        self.kind = ""
        self.become("disk good")

    def become(self, kind: str) -> None:
        """Changes at once, also under a program that runs."""
        self.kind = kind
        new = self._rules.with_suffix(".new")
        new.write_text(" ".join(map(str, KINDS[kind])))
        new.rename(self._rules)

    def change(self, rng: random.Random, failures: int) -> None:
        """Something new; nothing bad any more where it has been bad often."""
        kinds = [k for k in KINDS if failures < 3 or k not in BAD]
        self.become(rng.choice(["disk good", *kinds]))

    @property
    def env(self) -> dict[str, str]:
        """What the program has to have in its environment."""
        return {"LD_PRELOAD": str(self._library), "HEC_SLOW_PATH": NAME,
                "HEC_SLOW_RULES": str(self._rules)}  # fmt: skip
