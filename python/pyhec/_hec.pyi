# SPDX-License-Identifier: MIT
"""libhec for Python: what the extension offers to the package. Not for users."""

import os
import typing

MAP: int
STAR: int
TASKS: int
version: str

def cpus() -> int: ...
def host_json(root: str | os.PathLike[str] | None, /) -> str: ...
def encode_column(
    array: typing.Any, seen: dict[typing.Any, int], table: list[typing.Any], /
) -> bytearray | None: ...
def decode_column(
    codes: typing.Any, table: list[typing.Any], array: typing.Any, at: int, /
) -> None: ...
def run_native(
    address: int,
    kind: str,
    scalars: tuple[float, ...],
    arrays: tuple[typing.Any, ...],
    steps: tuple[int, ...],
    writes: str,
    inputs: int,
    n: int,
    threads: int,
    grain: int,
    signals: bool,
    /,
) -> None: ...
def capsule_function(capsule: typing.Any, /) -> tuple[int, str | None]: ...
def in_worker() -> bool: ...

class Block: ...

class Call:
    results: list[typing.Any] | None
    failures: dict[int, BaseException]
    total: int
    done: int
    sent: int
    def __init__(
        self,
        kind: int,
        func: typing.Any,
        items: list[typing.Any] | dict[int, typing.Any],
        stream: bool = False,
    ) -> None: ...
    def take(self) -> list[tuple[int, typing.Any]]: ...

class Pool:
    def __init__(self, workers: int, call: Call | None = None) -> None: ...
    def open(self, call: Call, /) -> None: ...
    def extend(self, call: Call, total: int, /) -> None: ...
    def end(self, call: Call, /) -> None: ...
    def step(self, timeout_ms: int = -1, /) -> None: ...
    def drive(
        self,
        call: Call,
        once: bool = False,
        progress: typing.Callable[[int], None] | None = None,
    ) -> None: ...
    def close(self, now: bool = False, /) -> None: ...
    def pids(self) -> list[int]: ...
    def memory(self) -> int: ...
