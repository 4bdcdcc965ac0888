# SPDX-License-Identifier: MIT
"""What a call of commands has in its journal, and what it adds."""

from __future__ import annotations

import os

from . import _errors, _hec, _report
from ._commands import CommandResult, run_commands
from ._journal import Log, never_run, pickled

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

    from ._options import Options

#: Numbers of verdicts, and kinds of parts: see docs/formats/journal-v1.md.
_DONE, _KILLED, _EXITED, _REFUSED, _TIMED_OUT, _OVER_MEMORY = 1, 3, 4, 5, 6, 8
_MESSAGE, _ARGS, _STDERR, _TEXT = 4, 5, 7, 1
_STDERR_MAX = 65536


class Ledger:
    """A command is known by its arguments and by how it is run: what of its output is kept, where it
    runs, with what variables and input.
    """

    def __init__(self, options: Options, how: tuple[object, ...], check: bool) -> None:
        self._log = Log(options)
        self._log.begin_stream()
        self._how, self._check = how, check

    def look(
        self, command: typing.Any, index: int
    ) -> tuple[CommandResult, BaseException | None] | None:
        """The result of a command that the journal has, or what stands for it; None: it is to run."""
        args = command
        if not isinstance(command, (str, bytes)):
            args = [os.fsencode(a) for a in command]
        item = (args, self._how)
        known, value = self._log.look(_hec.MAP, run_commands, item, index, index)
        if not known:
            return None
        if isinstance(value, _errors.TaskError):
            return self._never_run(command, index, item)
        result = CommandResult(command, *value)
        if self._check and (result.returncode != 0 or result.timed_out):
            self._log.forget(index, index)  # it counted as a result when nothing was checked
            return None
        return result, None

    def _never_run(
        self, command: typing.Any, index: int, item: object
    ) -> tuple[CommandResult, BaseException]:
        result = CommandResult(command, None, None, None, 0.0, 0.0, 0.0, 0, False, False)
        return result, never_run(index, _hec.MAP, run_commands, item)

    def add(
        self,
        index: int,
        result: CommandResult,
        fields: tuple[typing.Any, ...],
        failure: BaseException | None,
        attempts: int,
    ) -> None:
        """A command has ended for good."""
        usage = (
            result.started, result.seconds, result.cpu_seconds, result.max_rss or 0, 0, attempts
        )  # fmt: skip
        if failure is None:
            self._log.append(index, _DONE, 0, usage, pickled([tuple(fields)], index))
            return
        verdict, detail = _EXITED, result.returncode or 0
        if result.timed_out:
            verdict, detail = _TIMED_OUT, 0
        elif result.over_memory:
            verdict, detail = _OVER_MEMORY, 0
        elif isinstance(failure, _errors.CommandError) and failure.errno is not None:
            verdict, detail = _REFUSED, 0
        elif result.returncode is None:
            detail = -1
        elif result.returncode < 0:
            verdict, detail = _KILLED, -result.returncode
        error = result.stderr or b""
        written = error.encode("utf-8", "replace") if isinstance(error, str) else bytes(error)
        parts = [
            (_MESSAGE, _TEXT, str(failure).encode("utf-8", "replace")),
            (_ARGS, _TEXT, _report.command_text(result.args).encode("utf-8", "replace")),
            (_STDERR, _TEXT, written[-_STDERR_MAX:]),
        ]
        self._log.append(index, verdict, detail, usage, parts)

    def sync(self) -> None:
        """Returns when all that was added is on disk."""
        self._log.sync()

    def close(self) -> None:
        """The call is over."""
        self._log.close()
