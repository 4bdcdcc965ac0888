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

class Commands:
    active: bool
    def __init__(
        self,
        width: int,
        source: typing.Iterable[typing.Any],
        capture: bool = True,
        text: bool = True,
        limit: int = 0,
        cwd: str | bytes | os.PathLike[str] | None = None,
        env: list[bytes] | None = None,
        input: bytes | None = None,
        timeout_ms: int = 0,
    ) -> None: ...
    def step(
        self, upto: int = ..., timeout_ms: int = -1, /
    ) -> list[tuple[int, tuple[typing.Any, ...], str | None, int]]: ...
    def close(self, grace_ms: int = 0, /) -> None: ...
