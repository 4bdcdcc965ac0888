# SPDX-License-Identifier: MIT
"""When the time runs out: no further task is begun, and those that run are waited for."""

from __future__ import annotations

from . import _hec

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing


def drain(on: bool = True) -> None:
    """From here on no call of this process begins another task. Those that run are waited for;
    then the calls raise pyhec.OutOfTime, which ends the program with status 75 where nobody catches
    it. May be called from any thread and from a function for signals. drain(False) takes it back
    for calls, and executors, that are still to come.
    """
    _hec.drain(on)


def drain_on(signum: int) -> typing.Any:
    """Installs a function for a signal that calls drain(), and then what was installed before. A
    batch system can send one some time before it ends the job: Slurm by ``--signal=USR1@120``.

    To be called from the main thread, before workers are started: they ignore the signal, which a
    batch system sends to them too. Returns what was installed before, as signal.signal() does.
    """
    import signal

    before = signal.getsignal(signum)

    def on_signal(number: int, frame: typing.Any) -> None:
        drain()
        if callable(before):
            before(number, frame)

    if before is signal.default_int_handler:
        before = None  # the signal is to drain, and not to interrupt
    known = signal.signal(signum, on_signal)
    _hec.drain_on(signum)
    return known
