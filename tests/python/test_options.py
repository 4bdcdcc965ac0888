# SPDX-License-Identifier: MIT
"""The options of a call: what they accept, and what they say of what they do not."""

from __future__ import annotations

import datetime
import time
import typing

import pytest

import pyhec
from pyhec import Executor, Parallel, Pool
from pyhec import parallel_processing as pp

WRONG: list[tuple[dict[str, typing.Any], type[Exception], str]] = [
    ({"timeout": 0}, ValueError, "timeout must be more than 0"),
    ({"timeout": -1}, ValueError, "timeout must be a number of seconds"),
    ({"timeout": "soon"}, ValueError, "timeout: 'soon' is not a duration"),
    ({"timeout": True}, ValueError, "timeout must be"),
    ({"timeout": []}, TypeError, r"timeout must be .*, not \[\]"),
    ({"timeout": float("nan")}, ValueError, "timeout must be"),
    ({"memory": 2}, ValueError, "memory=2 is 2 bytes, which cannot be meant: write '500M'"),
    ({"memory": "much"}, ValueError, "memory: 'much' is not a size"),
    ({"memory": 1.5}, TypeError, "memory must be a number of bytes"),
    ({"memory": True}, ValueError, "memory=True"),
    ({"retries": -1}, ValueError, "retries must be 0 or more"),
    ({"retries": 1.5}, TypeError, "retries must be a whole number"),
    ({"retries": True}, ValueError, "retries must be"),
    ({"backoff": 1}, ValueError, "backoff says how to run failed tasks again; say how often"),
    ({"retry_on": OSError}, ValueError, "retry_on says how .* retries=3"),
    ({"retries": 1, "retry_on": "OSError"}, TypeError, "retry_on must be a class of exceptions"),
    ({"retries": 1, "retry_on": ()}, ValueError, "retry_on is empty"),
    ({"retries": 1, "retry_memory": 2}, ValueError, "retry_memory multiplies a limit"),
    ({"retries": 1, "memory": "1G", "retry_memory": 1}, ValueError, "retry_memory must be more"),
    ({"retries": 1, "memory": "1G", "retry_memory": "x"}, TypeError, "retry_memory must be a num"),
    ({"retries": 1, "backoff": "x"}, ValueError, "backoff: 'x' is not a duration"),
    ({"deadline": "x"}, ValueError, "deadline: 'x' is not a duration"),
    ({"retrys": 5}, TypeError, "unexpected keyword argument 'retrys': did you mean 'retries'"),
    ({"nonsense": 5}, TypeError, "unexpected keyword argument 'nonsense'"),
]


@pytest.mark.parametrize(("options", "kind", "text"), WRONG)
def test_what_is_wrong_is_said(options: typing.Any, kind: typing.Any, text: str) -> None:
    with pytest.raises(kind, match=text):
        Parallel(2, **options)
    with Pool(1) as pool:
        for call in (
            lambda: pool.map(abs, [1], **options),
            lambda: pool.starmap(abs, [(1,)], **options),
            lambda: pool.imap(abs, [1], **options),
            lambda: pool.imap_unordered(abs, [1], **options),
            lambda: pool.apply(abs, (1,), **options),
            lambda: pool.apply_async(abs, (1,), **options),
        ):
            with pytest.raises(kind, match=text):
                call()
    with pytest.raises(kind, match=text):
        Executor(1, **options)
    if "did you" not in text and "nonsense" not in text:  # where those are the function's
        with pytest.raises(kind, match=text):
            pp.parallelize(list, [1], 1, **options)


def test_durations_and_sizes() -> None:
    def ns(value: typing.Any) -> int:
        return pyhec.Options(timeout=value).timeout_ns

    assert [ns(v) for v in (1, 0.5, "90s", "10m", "1h30m", "01:00:00")] == [
        1_000_000_000, 500_000_000, 90_000_000_000, 600_000_000_000, 5_400_000_000_000,
        3_600_000_000_000,
    ]  # fmt: skip
    assert ns(datetime.timedelta(minutes=1)) == 60_000_000_000 and ns(None) == 0
    assert pyhec.Options(memory="2G").memory_bytes == 2 << 30
    assert pyhec.Options(memory=3 << 30).memory_bytes == 3 << 30
    now = time.monotonic_ns()
    for later in (60, "1m", datetime.datetime.now() + datetime.timedelta(seconds=60)):
        assert abs(pyhec.Options(deadline=later).deadline_ns - now - 60_000_000_000) < 30e9
    assert pyhec.Options(deadline=None).deadline_ns == 0
    assert not pyhec.Options(deadline=None).walltime and pyhec.Options().walltime


def test_backoff_doubles_and_jitters() -> None:
    o = pyhec.Options(retries=9, backoff=1.0)
    delays = [[o.delay(failed) for _ in range(100)] for failed in (1, 2, 5)]
    for most, seen in zip((1, 2, 16), delays):
        assert most / 2 <= min(seen) < max(seen) <= most and len(set(seen)) > 50


def test_arguments_of_a_function_that_have_the_name_of_an_option() -> None:
    import functools

    def func(chunk: list[int], timeout: int) -> list[int]:
        return [timeout] * len(chunk)

    assert pp.parallelize(functools.partial(func, timeout=7), [1], 1, timeout=60) == [7]


def test_kinds_of_options_of_single_tasks_do_not_pile_up() -> None:
    with Pool(1) as pool:
        for i in range(60):
            assert pool.apply_async(abs, (-i,), timeout=1000 + i).get(20) == i
        assert len(pool._desks) <= 16
        slow = [pool.apply_async(time.sleep, (0.01,), timeout=2000 + i) for i in range(20)]
        for result in slow:
            result.get(20)
