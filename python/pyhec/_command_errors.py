# SPDX-License-Identifier: MIT
"""How commands fail: the exceptions, made of what is known of a command's end."""

from __future__ import annotations

from . import _errors
from ._report import command_text, signal_name
from ._verdicts import Verdict, hang

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

    from ._commands import CommandResult

_TAIL_LINES = 5  # of a failed command's errors that its exception quotes
_TAIL_CHARS = 1000


def _tail(stderr: object) -> str:
    """The last lines that a command wrote to its stderr, as an appendix to a message."""
    lines = _text(stderr)[-_TAIL_CHARS:].rstrip().splitlines()[-_TAIL_LINES:]
    return "".join("\n    " + line for line in lines)


def _command_error(
    index: int, result: CommandResult, word: str, text: str, attempts: int
) -> _errors.CommandError:
    error = _errors.CommandError(text)
    error.index, error.arguments = index, command_text(result.args)
    error.result = result
    error.returncode, error.timed_out = result.returncode, result.timed_out
    if result.returncode is not None and result.returncode < 0:
        error.signal = -result.returncode
    usage = (
        result.started, result.seconds, result.cpu_seconds, result.max_rss or 0, 0, attempts
    )  # fmt: skip
    of = Verdict(word, index, error.arguments, attempts, usage, _text(result.stderr))
    of.signal = error.signal
    of.exitcode = result.returncode if error.signal is None else None
    hang(error, of)
    return error


def _text(written: object) -> str:
    return written.decode("utf-8", "replace") if isinstance(written, bytes) else str(written or "")


def command_failed(
    index: int, result: CommandResult, timeout: float | None, attempts: int
) -> _errors.CommandError:
    """A command that ran, and ended in another way than with exit status 0."""
    word = "killed"
    if result.timed_out:
        word, how = "timed out", f"was ended because it took longer than {timeout:g} s"
    elif result.over_memory:
        word, how = "over memory", "was ended because it took more memory than its limit"
    elif result.returncode is None:
        how = "ended in a way the system did not tell (this program reaps its children itself)"
    elif result.returncode < 0:
        how = f"was killed by {signal_name(-result.returncode)}"
    else:
        word, how = "exited", f"ended with exit status {result.returncode}"
    if attempts > 1:
        how += f" (attempt {attempts})"
    text = f"command {index}, {command_text(result.args)}, {how}"
    return _command_error(index, result, word, text + _tail(result.stderr), attempts)


def command_refused(
    index: int, result: CommandResult, why: str, errno: int, attempts: int
) -> _errors.CommandError:
    """A command that could not be started."""
    error = _command_error(index, result, "refused", f"command {index}: {why}", attempts)
    error.errno = errno or None
    return error


def command_skipped(index: int) -> _errors.Skipped:
    """A command that was not begun because the time was over."""
    error = _errors.Skipped(f"command {index} was not begun: the time was over")
    error.index = index
    hang(error, Verdict("skipped", index, "", 0))
    return error
