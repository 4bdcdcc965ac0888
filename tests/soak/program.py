# SPDX-License-Identifier: MIT
"""The program that a soak torments: one of the ways to make a call, over tasks that follow from a
seed. Ends with 0 and writes what became of every task, or is killed and started again.

    python tests/soak/program.py HOW SEED TASKS OUT [OPTIONS of the call, as JSON]
"""

from __future__ import annotations

import faulthandler
import functools
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Any

import work

import pyhec
from pyhec import parallel_processing as pp

#: Signals by which others kill workers: whoever dies of these did nothing wrong and runs again.
FOREIGN = {signal.SIGKILL, signal.SIGTERM, signal.SIGABRT, signal.SIGBUS}
WORKERS = 3

Found = Iterable[tuple[int, Any]]
Options = dict[str, Any]


class Account:
    """What is known of every task. Each is said once, at once."""

    def __init__(self, seed: int, total: int) -> None:
        self.seed, self.total = seed, total
        self.ends: dict[int, str] = {}

    def settle(self, i: int, end: str) -> None:
        """Task i has ended in this way."""
        if self.ends.get(i, end) != end:
            raise SystemExit(f"task {i} ended as {self.ends[i]!r}, and then as {end!r}")
        if i not in self.ends:
            work.log("acks", f"{os.environ['HEC_SOAK_LIFE']} {i}")
        self.ends[i] = end

    def take(self, i: int, result: Any) -> None:
        """A result, or an exception in its place. Who died by another's hand stays open."""
        if isinstance(result, pyhec.WorkerDied):
            if result.signal in FOREIGN:
                return
            how = result.signal, result.exitcode
            self.settle(i, f"died of signal {how[0]}" if how[0] else f"left with {how[1]}")
        elif isinstance(result, pyhec.TaskTimeout):
            # Somebody may have stopped its worker for so long: those run again.
            if work.fate(self.seed, i, True) == "late":
                self.settle(i, "late")
        elif isinstance(result, pyhec.OverMemory):
            self.settle(i, "over memory")
        elif isinstance(result, work.Trouble):
            self.settle(i, f"raised {result}")
        elif isinstance(result, BaseException):
            raise result
        elif result[0] != i:
            raise SystemExit(f"task {i} has the result of task {result[0]}")
        else:
            self.settle(i, work.digest(result))

    def left(self) -> list[int]:
        """The tasks that are not over."""
        return [i for i in range(self.total) if i not in self.ends]


def pool_map(task: Callable[[int], Any], numbers: list[int], options: Options) -> Found:
    with pyhec.Pool(WORKERS) as pool:
        return zip(numbers, pool.map(task, numbers, on_error="return", **options))


def parallel(task: Callable[[int], Any], numbers: list[int], options: Options) -> Found:
    calls = (pyhec.delayed(task)(i) for i in numbers)
    return zip(numbers, pyhec.Parallel(WORKERS, on_error="return", **options)(calls))


def executor(task: Callable[[int], Any], numbers: list[int], options: Options) -> Found:
    with pyhec.Executor(WORKERS, **options) as executor_:
        futures = [executor_.submit(task, i) for i in numbers]
        for i, future in zip(numbers, futures):
            yield i, future.exception() or future.result()


def imap(task: Callable[[int], Any], numbers: list[int], options: Options) -> Found:
    with pyhec.Pool(WORKERS) as pool:
        yield from zip(numbers, pool.imap(task, iter(numbers), **options))


def imap_unordered(task: Callable[[int], Any], numbers: list[int], options: Options) -> Found:
    with pyhec.Pool(WORKERS) as pool:
        for result in pool.imap_unordered(task, iter(numbers), **options):
            yield result[0], result


def chunk(task: Callable[[int], Any], numbers: list[int]) -> list[tuple[int, Any]]:
    return [task(i) for i in numbers]


def parallelize(task: Callable[[int], Any], numbers: list[int], options: Options) -> Found:
    whole = pp.parallelize(functools.partial(chunk, task), numbers, WORKERS, **options)
    for result in whole:
        yield result[0], result


WAYS: dict[str, Callable[[Callable[[int], Any], list[int], Options], Found]] = {
    "map": pool_map, "parallel": parallel, "executor": executor, "imap": imap,
    "imap_unordered": imap_unordered, "parallelize": parallelize,
}  # fmt: skip
#: Ways that can go on after a task has failed.
FAILING = {"map", "parallel", "executor"}


def salvage(account: Account, error: BaseException) -> None:
    """What a call had done when it ended in an error, where it says so."""
    whole = pyhec.partial(error)
    for part in whole.results if whole is not None else []:
        for result in part if isinstance(part, list) else []:
            account.take(result[0], result)


def run_tasks(how: str, seed: int, account: Account, options: Options) -> None:
    """Calls until every task is over: workers die of signals that are not the tasks' fault."""
    task = functools.partial(work.task, seed, how in FAILING)
    if how in FAILING:
        options = {**options, "timeout": work.TIMEOUT_S, "memory": work.MEMORY}
    while account.left():
        try:
            for i, result in WAYS[how](task, account.left(), options):
                account.take(i, result)
        except pyhec.WorkerDied as error:
            if error.signal not in FOREIGN:
                raise
            salvage(account, error)
        except OSError as error:
            # A zygote that was killed each of the three times that it was started.
            if "the zygote" not in str(error):
                raise


def judge(account: Account, i: int, result: Any) -> None:
    """A command's result, or its failure. Who died by another's hand stays open."""
    if isinstance(result, pyhec.CommandError):
        if result.signal in FOREIGN:
            return
        result = result.result
    account.settle(i, f"{result.returncode} {result.stdout}")


def run_commands(how: str, seed: int, account: Account, options: Options) -> None:
    """The same with programs; some of these fail."""
    while account.left():
        numbers = account.left()
        commands = [work.command(seed, i) for i in numbers]
        if how == "commands":
            results = pyhec.run_commands(commands, n_jobs=WORKERS, on_error="return", **options)
            for i, result in zip(numbers, results):
                judge(account, i, result)
            continue
        try:
            stream = pyhec.iter_commands(iter(commands), n_jobs=WORKERS, **options)
            for i, result in zip(numbers, stream):
                judge(account, i, result)
        except pyhec.CommandError as error:
            judge(account, numbers[error.index], error)


def main() -> None:
    how, seed, tasks, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    account = Account(seed, tasks)
    options = json.loads(sys.argv[5]) if len(sys.argv) > 5 else {}
    (run_commands if how.endswith("commands") else run_tasks)(how, seed, account, options)
    ends = [account.ends[i] for i in range(tasks)]
    with open(out + ".new", "w", encoding="utf-8") as stream:
        json.dump(ends, stream)
    os.rename(out + ".new", out)


if __name__ == "__main__":
    main()
