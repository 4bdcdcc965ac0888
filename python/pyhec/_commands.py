# SPDX-License-Identifier: MIT
"""Commands: programs with arguments, many of them, on all cores that were granted."""

from __future__ import annotations

import heapq
import os
import time

from . import _errors, _hec, _options, _report
from ._parallel import _jobs
from ._run import Bar, Cores, conclude, out_of_time

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import collections.abc
    import typing

    import typing_extensions

    from ._ledger import Ledger
    from ._options import CommandOptions, Options, Seconds

    Argument = typing.Union[str, bytes, os.PathLike[str], os.PathLike[bytes]]
    Command = typing.Union[str, bytes, typing.Sequence[Argument]]
    Environment = typing.Mapping[str, typing.Optional[str]]

#: Commands that may be running, or have ended and wait for their turn.
WINDOW = 4096
#: More than any number of a command.
_ALL = (1 << 64) - 1
#: The longest sleep while no command runs and one is to be run again, seconds.
_NAP_S = 0.5
#: Commands that the journal knows, one after the other, before a look is taken at others.
_FOUND_AT_ONCE = 1024
#: How long what runs may take to end in order when a call is left before its end, milliseconds.
_LEAVE_MS = 200


class CommandResult:
    """What became of a command.

    args: the command as it was given. returncode: its exit status; minus the signal's number where
    a signal ended it. stdout, stderr: what it wrote, None where nothing was captured. seconds: how
    long it took; cpu_seconds: processor time, with that of the processes it waited for; started:
    when, as time.time() counts. max_rss: the largest memory of one of its processes in bytes, None
    where that was not more than this process had, because the system then cannot tell. truncated:
    it wrote more than max_output, or than there was memory for; timed_out, over_memory: it was
    ended because its time was up, or because it took more memory than its limit.
    """

    __slots__ = (
        "args",
        "returncode",
        "stdout",
        "stderr",
        "seconds",
        "cpu_seconds",
        "started",
        "max_rss",
        "truncated",
        "timed_out",
        "over_memory",
    )

    def __init__(
        self,
        args: typing.Any,
        returncode: int | None,
        stdout: typing.Any,
        stderr: typing.Any,
        seconds: float,
        cpu_seconds: float,
        started: float,
        max_rss: int,
        truncated: bool,
        timed_out: bool,
        over_memory: bool = False,
    ) -> None:
        self.args: Command = args
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr
        self.seconds = seconds
        self.cpu_seconds = cpu_seconds
        self.started = started
        self.max_rss = max_rss or None
        self.truncated = truncated
        self.timed_out = timed_out
        self.over_memory = over_memory

    def __repr__(self) -> str:
        return (
            f"CommandResult(args={self.args!r}, returncode={self.returncode}, "
            f"stdout={_report.brief(self.stdout)}, stderr={_report.brief(self.stderr)}, "
            f"seconds={self.seconds:.3f})"
        )


def _changes(env: Environment | None) -> list[bytes] | None:
    """Changes to the environment as the engine takes them."""
    if env is None:
        return None
    changes = []
    for name, value in env.items():
        if not name or "=" in name:
            raise ValueError(f"env: {name!r} is no name of a variable")
        line = os.fsencode(name) + (b"" if value is None else b"=" + os.fsencode(value))
        if b"\0" in line:
            raise ValueError(f"env: a NUL in {name!r} or its value")
        changes.append(line)
    return changes


def _length(commands: collections.abc.Iterable[Command]) -> int | None:
    """How many there are, where that is known beforehand."""
    return len(commands) if hasattr(commands, "__len__") else None  # type: ignore[arg-type]


class _Source:
    """Gives commands to the engine, which counts whatever it gets: those that are to be run again
    when their time has come, else new ones, until no more are to be begun.
    """

    def __init__(
        self,
        commands: collections.abc.Iterable[Command],
        options: Options,
        ledger: Ledger | None = None,
    ) -> None:
        from ._here import Clock

        self._ledger = ledger
        #: Commands whose results the journal has: number, and result or the failure in its place.
        self.found: list[tuple[int, CommandResult, BaseException | None]] = []

        self._new = iter(commands)
        self._options = options
        self._again: list[tuple[float, int, Command]] = []  # a heap: when, number, command
        self._running: dict[int, tuple[int, Command]] = {}  # by the engine's number
        self._failed: dict[int, int] = {}
        self._given = 0
        self.clock = Clock(options)
        self.pulled = 0
        self.over = False  # there are no new ones
        self.stopped = False  # there may be, but the time is over

    def __iter__(self) -> _Source:
        return self

    def _look(self) -> tuple[int, Command] | None:
        """The next one that is to run; None after some that are not. StopIteration at the end."""
        for _ in range(_FOUND_AT_ONCE):
            command = next(self._new)
            known = self._ledger.look(command, self.pulled) if self._ledger is not None else None
            self.pulled += 1
            if known is None:
                return self.pulled - 1, command
            self.found.append((self.pulled - 1, *known))
        return None

    def __next__(self) -> Command | type[_hec.Commands]:
        if not self.over and self.clock.is_over():
            self.over = self.stopped = True
        if self._again and not self.stopped and self._again[0][0] <= time.monotonic():
            _, index, command = heapq.heappop(self._again)
        else:
            try:
                if self.over:
                    raise StopIteration
                looked = self._look()
            except StopIteration:
                self.over = True
                if self._again and not self.stopped or self._running and self._options.retries:
                    return _hec.Commands  # there may be more later
                raise
            if looked is None:
                return _hec.Commands
            index, command = looked
        self._running[self._given] = index, command
        self._given += 1
        return command

    @property
    def retried(self) -> int:
        """How many commands were given a second time, or more often."""
        return self._given - self.pulled + len(self._again)

    def attempts(self, index: int) -> int:
        """How often a command was run that has just ended."""
        return self._failed.get(index, 0) + 1

    def wait_ms(self) -> int:
        """How long until one is to be run again; -1: there is none."""
        if not self._again or self.stopped:
            return -1
        return max(0, round((self._again[0][0] - time.monotonic()) * 1000))

    def end(self, number: int) -> tuple[int, Command]:
        """What the engine knows by this number has ended: which command is it?"""
        return self._running.pop(number)

    def run_again(self, index: int, command: Command, failure: BaseException) -> bool:
        """Whether a command that failed will be."""
        o = self._options
        attempts = self.attempts(index)
        if attempts > o.retries or (o.retry_on and not isinstance(failure, o.retry_on)):
            return False
        self._failed[index] = attempts
        heapq.heappush(self._again, (time.monotonic() + o.delay(attempts), index, command))
        return True

    def skipped(self) -> list[int]:
        """The numbers of commands that wait to be run again and will not be."""
        return sorted(index for _, index, _ in self._again) if self.stopped else []


class _Run:
    """A call: its engine, and what one has to know to judge what comes out of it."""

    def __init__(
        self,
        commands: collections.abc.Iterable[Command],
        n_jobs: int | str | None,
        capture: bool,
        text: bool,
        max_output: int | None,
        cwd: typing.Any,
        env: Environment | None,
        input: str | bytes | None,
        check: bool,
        options: Options,
    ) -> None:
        if isinstance(commands, (str, bytes)):
            raise TypeError("commands must be a list of commands, not one command")
        if max_output is not None and max_output < 1:
            raise ValueError(f"max_output must be a positive number of bytes, not {max_output!r}")
        if isinstance(input, str):
            input = input.encode()
        self._check, self._timeout = check, options.timeout_ns / 1e9
        self.ledger: Ledger | None = None
        if options.journal is not None:
            from ._ledger import Ledger

            how = (capture, text, max_output, cwd, dict(env) if env else None, input)
            self.ledger = Ledger(options, how, check)
        self.source = _Source(commands, options, self.ledger)
        self._cores = Cores(_jobs(n_jobs))
        self.engine = _hec.Commands(
            self._cores.count,
            self.source,
            capture,
            text,
            max_output or 0,
            cwd,
            _changes(env),
            input,
            -(-options.timeout_ns // 1_000_000),
            options.memory_bytes,
        )

    def _judge(
        self, index: int, result: CommandResult, why: str | None, errno: int
    ) -> BaseException | None:
        """The failure that a result is, None if it is none."""
        attempts = self.source.attempts(index)
        good = result.returncode == 0 and not result.timed_out and not result.over_memory
        if why is None and (good or not self._check):
            return None
        from . import _command_errors  # not before one fails

        if why is not None:
            return _command_errors.command_refused(index, result, why, errno, attempts)
        return _command_errors.command_failed(index, result, self._timeout, attempts)

    def step(self, upto: int) -> list[tuple[int, CommandResult, BaseException | None]]:
        """Waits, and gives what has ended: number, result and, where it is one, the failure."""
        source = self.source
        ended = []
        wait_ms = source.wait_ms()
        taken = self.engine.step(min(upto + source.retried, _ALL), wait_ms)
        for number, fields, why, errno in taken:
            index, command = source.end(number)
            result = CommandResult(*fields)
            failure = self._judge(index, result, why, errno)
            source.clock.add(int(result.seconds * 1e9))
            if failure is None or not source.run_again(index, command, failure):
                if self.ledger is not None:
                    self.ledger.add(index, result, fields[1:], failure, source.attempts(index))
                ended.append((index, result, failure))
        ended += source.found
        source.found = []
        if not taken and wait_ms > 0 and self.engine.idle:
            time.sleep(min(wait_ms / 1000, _NAP_S))  # nothing runs, and the engine does not wait
        return ended

    def sync(self) -> None:
        """Returns when what step() gave is on disk, where there is a journal."""
        if self.ledger is not None:
            self.ledger.sync()

    def close(self) -> None:
        """Ends what runs; whatever was added to the journal stays."""
        self.engine.close(_LEAVE_MS)
        self._cores.close()
        if self.ledger is not None:
            self.ledger.close()


def _take(where: str, given: dict[str, typing.Any], on_error: str, progress: bool) -> Options:
    options = _options.take(where, given, on_error, progress)
    if options.verdicts or options.retry_memory:
        raise ValueError(
            f"{where}() takes no verdicts=: a CommandResult says what became of a command"
            if options.verdicts
            else f"{where}() takes no retry_memory=: all commands have the same limit"
        )
    return options


def run_commands(
    commands: collections.abc.Iterable[Command],
    *,
    n_jobs: int | str | None = None,
    capture: bool = True,
    text: bool = True,
    max_output: int | None = None,
    cwd: str | bytes | os.PathLike[str] | None = None,
    env: Environment | None = None,
    timeout: Seconds | None = None,
    input: str | bytes | None = None,
    check: bool = True,
    progress: bool = False,
    on_error: str = "finish",
    **options: typing_extensions.Unpack[CommandOptions],
) -> list[typing.Any]:
    """Runs many commands, n_jobs at a time, and returns a CommandResult for each, in order.

        run_commands([["./simulate", "--seed", str(seed)] for seed in range(1000)])

    commands: each a sequence of arguments, the first one the program; no shell touches them, so
    blanks, quotes and stars need no care. A command that is one string is run by /bin/sh -c. A
    generator is pulled as there is room.

    n_jobs: how many run at a time; None, 'max' or -1: all CPUs that were granted; -2: all but one.
    capture: keep what they write (text: as str, in UTF-8, what is not that replaced; else as
    bytes); False: they write where this program does. max_output: keep so many bytes of each of
    the two streams, the first ones. cwd: the folder to run in. env: variables to set beside those
    of this process, None takes one away. timeout: seconds a command may take; then its whole
    process group gets SIGTERM, and two seconds later SIGKILL. input: what each finds on its
    standard input, which else is /dev/null.

    check: a command that ends with another status than 0, by a signal or by its timeout has
    failed, and so a CommandError is raised; False: the result tells. A command that cannot be
    started has failed in any case. on_error: 'finish' runs the others and raises at the end,
    'raise' raises at once and ends the others, 'return' puts the exceptions in the results' places.
    progress: shows a bar (needs tqdm). memory, retries, backoff, retry_on, deadline, journal,
    resume, tag: see pyhec.Options.
    """
    chosen = _take("run_commands", {"timeout": timeout, **options}, on_error, progress)
    if progress and _length(commands) is None:
        commands = list(commands)  # a bar needs to know how many there are
    run = _Run(commands, n_jobs, capture, text, max_output, cwd, env, input, check, chosen)
    return _collect(run, _length(commands), chosen)


def _collect(run: _Run, total: int | None, options: Options) -> list[typing.Any]:
    """All results. total: how many commands there are, if that is known."""
    results: list[typing.Any] = [None] * (total or 0)
    failures: dict[int, BaseException] = {}
    done = 0
    try:
        with Bar(options.progress, total or 0) as bar:
            while run.engine.active and not (failures and options.on_error == "raise"):
                for index, result, failure in run.step(_ALL):
                    if index >= len(results):
                        results.extend([None] * (index + 1 - len(results)))
                    results[index] = result
                    if failure is not None:
                        failures[index] = failure
                    done += 1
                if bar.tick is not None:
                    bar.tick(done)
            run.sync()
    finally:
        run.close()
    if run.source.stopped:
        from . import _command_errors

        for index in (*run.source.skipped(), *range(run.source.pulled, len(results))):
            failures[index] = _command_errors.command_skipped(index)
        if total is None and options.on_error != "return":
            return _stop(results, failures)
    return conclude(results, failures, options)


def _stop(results: list[typing.Any], failures: dict[int, BaseException]) -> typing.NoReturn:
    """The time was over, and nobody knows how many commands there would have been."""
    for index, failure in failures.items():
        results[index] = failure
    error = out_of_time(None, len(results), [failures[i] for i in sorted(failures)])
    _errors.attach(error, _errors.Partial(results, failures))
    raise error


def iter_commands(
    commands: collections.abc.Iterable[Command],
    *,
    n_jobs: int | str | None = None,
    ordered: bool = True,
    capture: bool = True,
    text: bool = True,
    max_output: int | None = None,
    cwd: str | bytes | os.PathLike[str] | None = None,
    env: Environment | None = None,
    timeout: Seconds | None = None,
    input: str | bytes | None = None,
    check: bool = True,
    progress: bool = False,
    **options: typing_extensions.Unpack[CommandOptions],
) -> collections.abc.Iterator[CommandResult]:
    """As run_commands, but gives the results one by one: in the order of the commands, or, with
    ordered=False, as they end. The commands may be infinite: only a window of them is pulled
    ahead. What fails is raised at its turn and ends the iteration. Commands start with the first
    result that is asked for, and run on while you look at one; those that end meanwhile are
    followed by others when you ask for the next.
    """
    chosen = _take("iter_commands", {"timeout": timeout, **options}, "raise", progress)
    run = _Run(commands, n_jobs, capture, text, max_output, cwd, env, input, check, chosen)
    results = _iterate(run, ordered)
    if not progress:
        return results
    return Bar.around(results, _length(commands))


def _iterate(run: _Run, ordered: bool) -> collections.abc.Iterator[CommandResult]:
    early: dict[int, tuple[CommandResult, BaseException | None]] = {}
    given = 0
    try:
        while run.engine.active:
            for index, result, failure in run.step(given + WINDOW):
                early[index] = result, failure
            run.sync()
            while early:
                at = given if ordered else next(iter(early))
                if at not in early:
                    break
                result, failure = early.pop(at)
                given += 1
                if failure is not None:
                    raise failure
                yield result
        if run.source.stopped:
            raise out_of_time(None, given, [])
    finally:
        run.close()
