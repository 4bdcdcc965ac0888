# SPDX-License-Identifier: MIT
"""Functions as batch jobs: ``pyhec.submit``, ``pyhec.map_jobs`` and the ``Job`` that they give.

A job is a run of hec, a folder that outlives this process; nothing of it is kept here but its path.
Function and arguments are in it, and later the result, as pickles: nobody else can write there.
"""

from __future__ import annotations

import os
import pickle
import sys
import time

from . import _hec

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

    from .job_submission import Site

_ASK_NOBODY = 0
_ASK_GENTLY = 1
_GRACE_MS = 10_000  # between SIGTERM and SIGKILL, of a job on this machine
_LATE_S = 10.0  # a network file system may show the result later than the end
_TAIL = 20  # lines of what it wrote to stderr, in an error
_JOBS = 10  # that map_jobs() makes if it is not told how many


class JobError(RuntimeError):
    """A job ended without a result. state, reason: how; job: the job; stderr: its last lines."""

    def __init__(self, job: Job, state: str, reason: str | None, stderr: str) -> None:
        super().__init__(job, state, reason, stderr)
        self.job = job
        self.state = state
        self.reason = reason
        self.stderr = stderr

    def __str__(self) -> str:
        text = f"the job {self.job.id} has no result: {self.state}"
        if self.reason:
            text += f" ({self.reason})"
        return f"{text}\n{self.stderr.rstrip()}" if self.stderr.strip() else text


class Job:
    """A function that runs, or has run, as a batch job.

    ``Job(id)`` is the job of that id, the beginning of one, a path, or ``"last"``, also in another
    process: ``job = pyhec.submit(...)``, later ``pyhec.Job(job.id).result()``. It can be pickled
    and awaited; whatever becomes of this object, the job goes on.
    """

    def __init__(self, run: str | os.PathLike[str]) -> None:
        self._id, self._path, self._kind, self._name, self._created_ms = _hec.run_open(run)

    @property
    def id(self) -> str:
        """The id of its run: ``hec status ID`` tells the same."""
        return self._id

    @property
    def path(self) -> str:
        """The folder of its run."""
        return self._path

    @property
    def state(self) -> str:
        """"waiting", "running", "done", "failed", "timed out", "out of memory", "cancelled", "node
        failure" or "lost". A scheduler is asked at most every 30 seconds.
        """
        return _hec.run_jobs(self._path, _ASK_GENTLY)[0]

    @property
    def reason(self) -> str | None:
        """Why it waits, or how it ended."""
        return _hec.run_jobs(self._path, _ASK_GENTLY)[1]

    def done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return _hec.run_jobs(self._path, _ASK_GENTLY)[2]

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until it has ended; timeout: so many seconds at most. Whether it has: it does not
        wait for one that will not begin before somebody does something about it.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = -1 if until is None else max(0, int((until - time.monotonic()) * 1000))
            if _hec.run_wait(self._path, left):
                return bool(_hec.run_jobs(self._path, _ASK_NOBODY)[2])
            if until is not None and time.monotonic() >= until:
                return False

    def _read(self, name: str) -> str:
        try:
            with open(os.path.join(self._path, name), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def _read_all(self, stream: str) -> str:
        """Of an array one element after the other."""
        names = [name for name in os.listdir(self._path) if name.split(".")[0] == stream]
        numbered = sorted(
            (int(rest), name)
            for name in names
            for rest in [name[len(stream) + 1 :]]
            if rest.isdigit()
        )
        return "".join(self._read(name) for name in [stream, *(name for _, name in numbered)])

    def stdout(self) -> str:
        """What it has printed so far."""
        return self._read_all("out")

    def stderr(self) -> str:
        """What it has printed to its standard error so far."""
        return self._read_all("err")

    def cancel(self) -> bool:
        """Ends it. False: it had ended already."""
        return _hec.run_cancel(self._path, _GRACE_MS)

    def remove(self) -> None:
        """Removes its folder, with everything in it. ValueError: it has not ended."""
        if not self.done() and self.state != "not submitted":
            raise ValueError(f"the job {self._id} has not ended: cancel it first")
        _hec.run_remove(self._path)

    def _outcome(self, name: str) -> typing.Any:
        """(True, value) or (False, exception, traceback); None: there is none."""
        try:
            with open(os.path.join(self._path, name), "rb") as f:
                return pickle.load(f)
        except FileNotFoundError:
            return None

    def _late_outcome(self, name: str, state: str) -> typing.Any:
        until = time.monotonic() + (_LATE_S if state == "done" else 0)
        while True:
            outcome = self._outcome(name)
            if outcome is not None or time.monotonic() >= until:
                return outcome
            time.sleep(0.1)

    def _error(self, state: str, reason: str | None) -> JobError:
        tail = "\n".join(self.stderr().splitlines()[-_TAIL:])
        return JobError(self, state, reason, tail)

    def _take(self, name: str) -> typing.Any:
        state, reason, _, _ = _hec.run_jobs(self._path, _ASK_NOBODY)
        outcome = self._late_outcome(name, state)
        if outcome is None:
            raise self._error(state, reason)
        if outcome[0]:
            return outcome[1]
        raise _with_traceback(outcome[1], outcome[2])

    def result(self, timeout: float | None = None) -> typing.Any:
        """What the function returned; waits for it. Raises what the function raised, with its
        traceback there as the cause; JobError where the job ended without a result, or cannot
        begin; TimeoutError where it has not ended within timeout seconds.
        """
        until = None if timeout is None else time.monotonic() + timeout
        if not self.wait(timeout):
            if until is None or time.monotonic() < until:
                state, reason, _, _ = _hec.run_jobs(self._path, _ASK_NOBODY)
                raise self._error(state, reason)
            raise TimeoutError(f"the job {self._id} has not ended within {timeout} s")
        jobs = self._outcome("jobs.pickle")
        if jobs is None:
            return self._take("result.pickle")
        return [value for k in range(jobs) for value in self._take_part(k)]

    def _take_part(self, k: int) -> typing.Iterator[typing.Any]:
        for outcome in self._take(f"result.{k}.pickle"):
            if not outcome[0]:
                raise _with_traceback(outcome[1], outcome[2])
            yield outcome[1]

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What result() would raise; None where it would return."""
        try:
            self.result(timeout)
        except TimeoutError:
            if not self.done():
                raise
            return sys.exc_info()[1]
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return error
        return None

    def __await__(self) -> typing.Generator[typing.Any, None, typing.Any]:
        import asyncio

        return asyncio.get_running_loop().run_in_executor(None, self.result).__await__()

    def __reduce__(self) -> tuple[type[Job], tuple[str]]:
        return (Job, (self._path,))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and self._path == other._path

    def __hash__(self) -> int:
        return hash(self._path)

    def __repr__(self) -> str:
        return f"<pyhec.Job {self._id}>"


def _with_traceback(error: BaseException, text: str) -> BaseException:
    from ._errors import RemoteTraceback

    if error.__cause__ is None:
        error.__cause__ = RemoteTraceback(text)
    return error


def _write(folder: str, name: str, value: typing.Any) -> None:
    """As a pickle, whole or not at all."""
    try:
        data = pickle.dumps(value)
        if b"__main__" in data:
            raise ValueError  # there is another __main__ in the job
    except Exception:  # what pickle cannot do, cloudpickle may; its error stands
        import cloudpickle

        data = cloudpickle.dumps(value)
    path = os.path.join(folder, name)
    with open(path + ".new", "wb", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
    os.replace(path + ".new", path)


# Grid Engine and others begin a job without the variables of who submits it.
_FIND = "import runpy, sys; sys.path.append(sys.argv[1]); runpy.run_module('pyhec._job_main', None, '__main__')"


def _command() -> list[str]:
    """What a job runs; where this package is found by PYTHONPATH alone, with its place."""
    if not os.environ.get("PYTHONPATH"):
        return [sys.executable, "-m", "pyhec._job_main"]
    return [sys.executable, "-c", _FIND, os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]


def _submit(
    call: dict[str, typing.Any], site: Site, options: dict[str, typing.Any], jobs: int | None
) -> Job:
    from .job_submission import _pairs

    import cloudpickle

    paths = pickle.dumps([os.path.abspath(p) for p in sys.path])
    data = paths + cloudpickle.dumps(call)  # before there is a run: it may fail
    if "after" in options:
        options["after"] = _after(options["after"])
    run_dir, snapshot = options.pop("run_dir", None), snapshot_kind(options.pop("snapshot", None))
    command = _command()
    _, path, *_ = _hec.run_plan(site, _pairs(options), command, run_dir, snapshot)
    try:
        with open(os.path.join(path, "call.pickle"), "xb") as f:
            f.write(data)
        if jobs is not None:
            from ._packing import note_function

            _write(path, "jobs.pickle", jobs)
            note_function(path, call["func"])
        _hec.run_submit(path, site)
    except BaseException:
        if not _hec.run_jobs(path, 0)[3]:  # nobody has taken it
            _hec.run_remove(path)
        raise
    return Job(path)


def snapshot_kind(snapshot: bool | None) -> int:
    """As C has it: 0 automatic, 1 always, 2 never."""
    return 0 if snapshot is None else 1 if snapshot else 2


def _after(after: typing.Any) -> list[typing.Any]:
    """Jobs as their ids."""
    several = after if isinstance(after, (list, tuple)) else [after]
    return [one.id if isinstance(one, Job) else one for one in several]


def _check(function: typing.Any, options: dict[str, typing.Any]) -> None:
    if not callable(function):
        raise TypeError(f"a function is needed, not {type(function).__name__}")
    function_name = getattr(function, "__name__", "call")
    name = "".join(c for c in function_name if c.isalnum() or c == "_").strip("_")
    options.setdefault("name", name if name[:1].isalpha() and name.isascii() else "call")


def submit(
    func: typing.Callable[..., typing.Any],
    /,
    *args: typing.Any,
    kwargs: dict[str, typing.Any] | None = None,
    site: Site = None,
    **options: typing.Any,
) -> Job:
    """Runs ``func(*args, **kwargs)`` as a batch job; in the background where there is no scheduler.

        job = pyhec.submit(train, "data.csv", cpus=8, memory="16G", time="2h")
        print(job.id, job.state)
        model = job.result()

    func: any callable, also a lambda or a function of a notebook. The job has this Python and this
    ``sys.path``, and begins in this folder.
    site: a name that ``job_submission.list_sites()`` has, or a file; without one ``HEC_SITE``, or
    what is found here; ``"local"``: this machine.
    options: as of ``job_submission.generate_submission_script``: nodes, cpus, gpus, memory, time,
    partition, account, name, after (jobs, or their ids), module, setup, env ...; run_dir: the folder
    of the run, which must not exist yet; snapshot: whether the job runs in a copy of the code as it
    is now (True, False; if not given, where this folder lies in a work tree of git).
    """
    _check(func, options)
    if options.get("array") is not None:
        raise ValueError("array= is for programs; for many calls there is map_jobs()")
    return _submit({"func": func, "args": args, "kwargs": kwargs or {}}, site, options, None)


class PackedWarning(UserWarning):
    """Calls became fewer jobs than usual, as they are known to be short."""

    __module__ = "pyhec"


def _packed(
    func: typing.Any, calls: int, most: int, site: Site, options: dict[str, typing.Any]
) -> int:
    """How many jobs, by what a call took earlier; as many as before where nothing is known."""
    from . import _packing
    from .job_submission import read_site

    known = _packing.known_seconds(func, str(options["name"]))
    if known is None or read_site(site)["scheduler"] == "local":
        return most
    seconds, run = known
    cpus = int(options.get("cpus") or 1)
    n = _packing.jobs_for(calls, seconds, cpus, most)
    if n < most:
        import warnings

        warnings.warn(
            f"{calls} calls of {seconds:.3g} s each, as {run} tells, become {n} "
            f"{'job' if n == 1 else 'jobs'} and not {most}, so that each lasts ten minutes; "
            f"jobs= or pack=False decides otherwise",
            PackedWarning,
            stacklevel=3,
        )
    return n


def map_jobs(
    func: typing.Callable[[typing.Any], typing.Any],
    xs: typing.Iterable[typing.Any],
    /,
    *,
    jobs: int | None = None,
    pack: bool = True,
    site: Site = None,
    **options: typing.Any,
) -> Job:
    """Runs ``func(x)`` for each x, many calls packed into few batch jobs: the elements of an array.

        results = pyhec.map_jobs(simulate, range(10_000), jobs=20, cpus=16, time="4h").result()

    jobs: how many, 10 if not given; never more than there are inputs. Each runs its share on the
    cpus= that it has.
    pack: where jobs is not given and an earlier run of the same function says how long a call takes,
    there are fewer, so that each lasts ten minutes, and a PackedWarning says so. Not on this machine,
    where a job costs nothing to begin.

    Options are those of ``submit``. The result of the Job is the list of all results in the order of
    the inputs; the first exception is raised when all have ended.
    """
    items = list(xs)
    _check(func, options)
    if "array" in options:
        raise ValueError("map_jobs() makes the array itself: say jobs=")
    if not items:
        raise ValueError("there are no inputs")
    if jobs is not None and jobs < 1:
        raise ValueError("jobs must be at least 1")
    n = min(len(items), _JOBS if jobs is None else jobs)
    if jobs is None and pack and n > 1:
        n = _packed(func, len(items), n, site, options)
    call = {"func": func, "items": items, "jobs": n, "cpus": int(options.get("cpus") or 1)}
    return _submit(call, site, {**options, "array": f"0-{n - 1}"}, n)
