# SPDX-License-Identifier: MIT
"""Tasks that fail: the exception, where it came from, and what is there nevertheless."""

from __future__ import annotations

import pickle
import threading
import traceback
import typing

import pytest

import pyhec
from pyhec import Parallel, Pool, delayed
from pyhec import parallel_processing as pp


@pytest.fixture(scope="module")
def pool() -> typing.Iterator[Pool]:
    with Pool(2) as p:
        yield p


class TwoArguments(Exception):
    def __init__(self, a: int, b: int) -> None:
        super().__init__(f"a={a} b={b}")
        self.a, self.b = a, b


class WithLock(Exception):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lock = threading.Lock()


class WithCode(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
        self.extra = {"more": [code]}


class BadStr(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def deep(x: int) -> int:
    return deeper(x)


def deeper(x: int) -> int:
    if x == 7:
        raise KeyError("seven")
    return x


APIS: dict[str, typing.Callable[..., typing.Any]] = {
    "parallelize": lambda pool, f, xs, **k: pp.parallelize(lambda c: [f(x) for x in c], xs, 2, **k),
    "Parallel": lambda pool, f, xs, **k: Parallel(2, **k)(delayed(f)(x) for x in xs),
    "map": lambda pool, f, xs, **k: pool.map(f, xs, **k),
    "starmap": lambda pool, f, xs, **k: pool.starmap(f, [(x,) for x in xs], **k),
    "imap": lambda pool, f, xs: list(pool.imap(f, xs)),
    "apply": lambda pool, f, xs: [pool.apply(f, (x,)) for x in xs],
    "apply_async": lambda pool, f, xs: [r.get(20) for r in
                                        [pool.apply_async(f, (x,)) for x in xs]],
}  # fmt: skip


@pytest.fixture(params=APIS)
def run(request: pytest.FixtureRequest, pool: Pool) -> typing.Callable[..., typing.Any]:
    return lambda *a, **k: APIS[request.param](pool, *a, **k)


def test_the_original_exception_and_its_traceback(run: typing.Any) -> None:
    with pytest.raises(KeyError, match="seven") as caught:
        run(deep, range(20))
    cause = caught.value.__cause__
    assert isinstance(cause, pyhec.RemoteTraceback)
    text = str(cause)
    assert "in deeper" in text and 'raise KeyError("seven")' in text and "in task" in text
    assert text in "".join(traceback.format_exception(KeyError, caught.value, None))


def test_an_exception_without_a_text_travels(run: typing.Any) -> None:
    def fail(x: int) -> None:
        raise BadStr()

    with pytest.raises(BadStr) as caught:
        run(fail, [1])
    assert "in fail" in str(caught.value.__cause__)


@pytest.mark.parametrize("make", [lambda: TwoArguments(1, 2), lambda: WithLock("l")])
def test_an_exception_that_does_not_travel(run: typing.Any, make: typing.Any) -> None:
    def fail(x: int) -> None:
        raise make()

    name = type(make()).__name__
    with pytest.raises(pyhec.TaskError, match=f"{name}|failed") as caught:
        run(fail, [1])
    assert caught.value.index >= 0
    assert caught.value.__cause__ is not None


def test_attributes_of_an_exception_travel(run: typing.Any) -> None:
    def fail(x: int) -> None:
        raise WithCode(3)

    with pytest.raises(WithCode) as caught:
        run(fail, [1])
    assert caught.value.code == 3 and caught.value.extra == {"more": [3]}


def test_an_exception_of_a_local_class(pool: Pool) -> None:
    class Mine(Exception):
        pass

    def fail(x: int) -> None:
        raise Mine("local")

    with pytest.raises(Mine, match="local"):
        pool.map(fail, [1])


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, BaseException])
def test_what_would_end_a_program_does_not_end_this(run: typing.Any, kind: typing.Any) -> None:
    def fail(x: int) -> None:
        raise kind("bye")

    with pytest.raises(pyhec.TaskError, match=f"raised {kind.__name__}: bye") as caught:
        run(fail, [1])
    assert caught.value.index >= 0
    assert run(abs, [-1]) == [1]


def test_stop_iteration_is_an_error_like_others(run: typing.Any) -> None:
    def fail(x: int) -> None:
        raise StopIteration("mine")

    # From a generator (imap) Python turns it into a RuntimeError.
    with pytest.raises((StopIteration, RuntimeError)):
        run(fail, [1])


def test_exceptions_with_causes_and_notes(pool: Pool) -> None:
    def fail(x: int) -> None:
        try:
            raise KeyError("inner")
        except KeyError as e:
            raise ValueError("outer") from e

    with pytest.raises(ValueError, match="outer") as caught:
        pool.map(fail, [1])
    assert "inner" in str(caught.value.__cause__)


def mixed(x: int) -> int:
    if x % 10 == 3:
        raise ValueError(f"bad {x}")
    return -x


@pytest.mark.parametrize("api", ["Parallel", "map", "starmap"])
def test_on_error(pool: Pool, api: str) -> None:
    call = APIS[api]
    with pytest.raises(ValueError, match="bad 3") as caught:
        call(pool, mixed, range(30))
    whole = pyhec.partial(caught.value)
    assert whole is not None
    assert sorted(whole.failures) == [3, 13, 23]
    assert [r for r in whole.results if isinstance(r, int)] == [-x for x in range(30) if x % 10 != 3]
    assert whole.results[13] is whole.failures[13]

    found = call(pool, mixed, range(30), on_error="return")
    assert [str(found[i]) for i in (3, 13, 23)] == ["bad 3", "bad 13", "bad 23"]
    assert found[4] == -4

    with pytest.raises(ValueError, match="bad"):
        call(pool, mixed, range(30), on_error="raise")
    with pytest.raises(ValueError, match="on_error must be"):
        call(pool, mixed, range(30), on_error="ignore")


def test_raise_does_not_wait_for_the_others(pool: Pool, tmp_path: typing.Any) -> None:
    def task(x: int) -> None:
        if x == 1:
            raise KeyError("early")
        while True:
            pass

    # It would never return.
    with pytest.raises(KeyError, match="early"):
        Parallel(2, on_error="raise")(delayed(task)(i) for i in range(2))


def test_partial_of_something_else() -> None:
    assert pyhec.partial(ValueError()) is None


def test_our_exceptions_can_be_pickled() -> None:
    for kind in (pyhec.TaskError, pyhec.WorkerDied, pyhec.ResultError, pyhec.FileReadError):
        error = kind("text")
        error.index = 4
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is kind and str(again) == "text" and again.index == 4
    assert str(pickle.loads(pickle.dumps(pyhec.RemoteTraceback("t")))) == "t"
