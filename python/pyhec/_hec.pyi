# SPDX-License-Identifier: MIT
"""libhec for Python: what the extension offers to the package. Not for users."""

import concurrent.futures
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
def read_yaml(path: str | bytes | os.PathLike[typing.Any], /) -> list[typing.Any]: ...
def read_runs(
    patterns: typing.Sequence[str | bytes | os.PathLike[typing.Any]],
    schema: str | bytes | os.PathLike[typing.Any] | None,
    make: typing.Callable[[dict[str, typing.Any], str, int, int, str], typing.Any],
    /,
) -> list[typing.Any]: ...
def check_runs(
    patterns: typing.Sequence[str | bytes | os.PathLike[typing.Any]],
    schema: str | bytes | os.PathLike[typing.Any] | None,
    /,
) -> list[str]: ...
def save_runs(
    kind: str,
    patterns: typing.Sequence[str | bytes | os.PathLike[typing.Any]],
    path: str | bytes | os.PathLike[typing.Any],
    /,
) -> None: ...
def in_worker() -> bool: ...
def cores_free(wanted: int, /) -> int: ...
def cores_take(wanted: int, /) -> int: ...
def cores_give(taken: int, /) -> None: ...
def fork_look() -> tuple[str | None, int, list[tuple[int, str]]] | None: ...
def zygote_start(argv: list[bytes], /) -> None: ...
def zygote_pid() -> int: ...
def zygote_end() -> None: ...
def zygote_serve() -> None: ...
def is_shared(array: typing.Any, /) -> bool: ...
def array_memory() -> tuple[int, int, int, int]: ...
def pool_memory() -> int: ...

def digest(
    value: typing.Any,
    describe: typing.Callable[[typing.Any, bool], tuple[typing.Any, ...]],
    /,
) -> bytes: ...
def hash128(data: typing.Any, /) -> bytes: ...

class Keyer:
    def __init__(
        self,
        describe: typing.Callable[[typing.Any, bool], tuple[typing.Any, ...]],
        prefix: typing.Callable[[typing.Any], bytes],
    ) -> None: ...
    def keys(
        self, kind: int, func: typing.Any, items: list[typing.Any], /
    ) -> tuple[bytes, bytes, bytes]: ...
    def key(
        self, kind: int, func: typing.Any, item: typing.Any, /
    ) -> tuple[bytes, bytes, int]: ...
class NativeCall:
    def __init__(
        self,
        address: int,
        kind: str,
        scalars: int,
        writes: str,
        inputs: int,
        arrays: tuple[tuple[str, int], ...],
        /,
    ) -> None: ...
    def run(
        self, arguments: tuple[typing.Any, ...], out: typing.Any, threads: int, signals: bool, /
    ) -> bool: ...

class Block: ...

class Shared:
    def __init__(self, size: int) -> None: ...

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
    def __init__(
        self, workers: int, call: Call | None = None, start: bytes | None = None
    ) -> None: ...
    def open(self, call: Call, /) -> None: ...
    def extend(self, call: Call, total: int, /) -> None: ...
    def end(self, call: Call, /) -> None: ...
    def run(self, call: Call, /) -> None: ...
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

class Future:
    _tasks: Tasks
    _index: int
    def result(self, timeout: float | None = None) -> typing.Any: ...
    def exception(self, timeout: float | None = None) -> BaseException | None: ...
    def done(self) -> bool: ...

class FutureLock: ...

class Tasks:
    futures: dict[int, typing.Any]
    closing: bool
    asleep: bool
    def __init__(
        self,
        pool: Pool,
        call: Call,
        future_type: type[Future],
        wake: typing.Callable[[], None],
        close: typing.Callable[[], None],
    ) -> None: ...
    ring: typing.Callable[[None], None] | None
    def let_go(self, ref: typing.Any, /) -> None: ...
    def submit(
        self,
        function: typing.Callable[..., typing.Any],
        args: tuple[typing.Any, ...],
        kwargs: dict[str, typing.Any],
        /,
    ) -> concurrent.futures.Future[typing.Any]: ...
    def extend(self) -> None: ...
    def settle(self, taken: list[tuple[int, typing.Any]], /) -> None: ...
    def is_sent(self, index: int, /) -> bool: ...
    def recall(self, index: int, /) -> bool: ...
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
