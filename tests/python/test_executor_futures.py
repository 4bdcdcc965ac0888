# SPDX-License-Identifier: MIT
"""The futures of an Executor: as the standard library's to all who look, and many at a time."""

from __future__ import annotations

import asyncio
import concurrent.futures as cf
import gc
import logging
import math
import os
import pickle
import signal
import threading
import time
import typing
import weakref

import pytest
from helpers import wait_until

import pyhec
from pyhec import Executor, Pool

Workers = typing.Iterator[Executor]


@pytest.fixture(scope="module")
def executor() -> Workers:
    with Executor(2) as e:
        yield e


def square(x: int) -> int:
    return x * x


def wait_for_file(path: str) -> str:
    while not os.path.exists(path):
        time.sleep(0.001)
    return path


class Gate:
    """Keeps both workers busy until it is opened; at the latest when the test is over."""

    def __init__(self, folder: typing.Any, executor: Executor) -> None:
        self.path = str(folder / "gate")
        self.futures = [executor.submit(wait_for_file, self.path) for _ in range(2)]
        assert wait_until(lambda: all(f.running() for f in self.futures))

    def open(self) -> None:
        open(self.path, "w").close()

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, *exc: object) -> None:
        self.open()


class Box:
    """Something that a weak reference can be made to."""


def make_box(_: object) -> Box:
    return Box()


def test_a_hundred_thousand(executor: Executor) -> None:
    n = 100_000
    futures = {executor.submit(square, i): i for i in range(n)}
    seen = 0
    for future in cf.as_completed(futures, timeout=60):
        assert future.result() == futures[future] ** 2
        seen += 1
    assert seen == n
    assert not executor._desk._tasks.futures


def test_all_come_without_a_further_call(executor: Executor, tmp_path: typing.Any) -> None:
    left = list(range(5000))
    done = threading.Event()

    def note(future: cf.Future[int]) -> None:
        left.remove(future.result())
        if not left:
            done.set()

    with Gate(tmp_path, executor):
        for i in range(5000):
            executor.submit(int, i).add_done_callback(note)
    assert done.wait(30)


def test_one_at_a_time_between_others(executor: Executor) -> None:
    for i in range(300):
        executor.submit(square, i)
        assert executor.submit(square, i).result(20) == i * i


def test_many_threads_wait_each_for_its_own(executor: Executor, tmp_path: typing.Any) -> None:
    n = 400
    got: dict[int, int] = {}
    with Gate(tmp_path, executor):
        futures = [executor.submit(square, i) for i in range(n)]

        def work(i: int) -> None:
            got[i] = futures[i].result(30)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(n)]
        for thread in threads:
            thread.start()
        assert not got
    for thread in threads:
        thread.join(40)
    assert got == {i: i * i for i in range(n)}


def test_many_threads_wait_for_the_same(executor: Executor, tmp_path: typing.Any) -> None:
    got: list[object] = []
    with Gate(tmp_path, executor):
        bad, good = executor.submit(divmod, 1, 0), executor.submit(square, 3)
        threads = [
            threading.Thread(target=lambda: got.append((type(bad.exception(30)), good.result(30))))
            for _ in range(50)
        ]
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join(40)
    assert got == [(ZeroDivisionError, 9)] * 50


def test_threads_that_look_at_all_of_them_at_once(executor: Executor) -> None:
    """wait() and as_completed() lock all futures while these come to their ends."""
    futures = [executor.submit(square, i) for i in range(3000)]
    sizes: list[int] = []

    def work(k: int) -> None:
        if k % 2:
            sizes.append(len(cf.wait(futures, 30).done))
        else:
            sizes.append(sum(1 for _ in cf.as_completed(futures, 30)))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    assert sizes == [3000] * 8


def test_wait_for_the_first_of_several_kinds(executor: Executor, tmp_path: typing.Any) -> None:
    with cf.ThreadPoolExecutor(1) as threads, Executor(1) as other, Gate(tmp_path, executor) as gate:
        late = executor.submit(square, 1)
        done, rest = cf.wait([late, other.submit(square, 2), *gate.futures], 20, "FIRST_COMPLETED")
        assert [f.result() for f in done] == [4] and late in rest
        done, rest = cf.wait([late, threads.submit(square, 3)], 20, cf.FIRST_COMPLETED)
        assert [f.result() for f in done] == [9] and rest == {late}
        never: cf.Future[int] = cf.Future()
        assert cf.wait([late, never], 0.05) == (set(), {late, never})
        gate.open()
        mixed = [never, late, *(e.submit(square, 5) for e in (threads, other, executor))]
        assert len(cf.wait(mixed, 0.5).done) == 4
        never.set_result(7)
        assert sorted(f.result() for f in cf.as_completed(mixed, 20)) == [1, 7, 25, 25, 25]


def test_who_holds_the_condition_holds_the_end_back(
    executor: Executor, tmp_path: typing.Any
) -> None:
    with Gate(tmp_path, executor) as gate:
        future, after = executor.submit(square, 3), executor.submit(square, 4)
        with future._condition:
            with future._condition:  # as often as one likes
                gate.open()
            assert not future.done()
            with pytest.raises(cf.TimeoutError):
                future.result(0.1)
            assert not future.done() and future._state == "PENDING"
        assert future.result(20) == 9 and after.result(20) == 16
        with pytest.raises(RuntimeError, match="not held"):
            future._condition.release()


def test_asyncio_wraps_and_cancels(executor: Executor, tmp_path: typing.Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        wrapped = [asyncio.wrap_future(executor.submit(square, i)) for i in range(500)]
        assert await asyncio.gather(*wrapped) == [i * i for i in range(500)]
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(executor, divmod, 1, 0)
        with Gate(tmp_path, executor):
            unsent = [executor.submit(square, i) for i in range(50)][-1]
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.wrap_future(unsent), 0.05)
            assert unsent.cancelled()

    asyncio.run(main())


def test_callbacks_that_raise(executor: Executor, caplog: typing.Any, tmp_path: typing.Any) -> None:
    order: list[str] = []

    def bad(future: cf.Future[int]) -> None:
        order.append("bad")
        raise KeyError("of the callback")

    with Gate(tmp_path, executor), caplog.at_level(logging.ERROR, "concurrent.futures"):
        future = executor.submit(square, 2)
        future.add_done_callback(bad)
        future.add_done_callback(lambda f: order.append("good"))
        future.add_done_callback(lambda f: order.append(str(f.result())))
        assert not order
    assert wait_until(lambda: order == ["bad", "good", "4"])
    assert [r.getMessage()[:27] for r in caplog.records] == ["exception calling callback "]
    future.add_done_callback(lambda f: order.append("at once"))
    assert order[3:] == ["at once"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_callback_that_wants_to_exit(
    executor: Executor, monkeypatch: typing.Any, tmp_path: typing.Any
) -> None:
    seen: list[typing.Any] = []
    monkeypatch.setattr("sys.unraisablehook", lambda u: seen.append((u.exc_type, u.object)))

    def leave(future: cf.Future[int]) -> None:
        raise SystemExit(3)

    with Gate(tmp_path, executor):
        future = executor.submit(square, 2)
        future.add_done_callback(leave)
    assert executor.submit(square, 3).result(20) == 9
    assert wait_until(lambda: seen == [(SystemExit, future)])
    seen.clear()


def test_callbacks_that_submit_more(executor: Executor) -> None:
    done = threading.Event()

    def more(future: cf.Future[int]) -> None:
        left = future.result() - 1
        if left:
            executor.submit(int, left).add_done_callback(more)
        else:
            done.set()

    executor.submit(int, 200).add_done_callback(more)
    assert done.wait(30)


def test_a_timeout_is_kept_under_load(executor: Executor, tmp_path: typing.Any) -> None:
    stop = threading.Event()

    def load() -> None:
        with Executor(1) as other:
            while not stop.is_set():
                for _ in cf.as_completed([other.submit(square, i) for i in range(500)]):
                    pass

    loader = threading.Thread(target=load)
    loader.start()
    try:
        with Gate(tmp_path, executor) as gate:
            for wait in (gate.futures[0].result, gate.futures[0].exception):
                for seconds in (0.003, 0.05, 0.4):
                    began = time.monotonic()
                    with pytest.raises(cf.TimeoutError):
                        wait(timeout=seconds)
                    took = time.monotonic() - began
                    assert seconds <= took < seconds + 1  # the machine may have other work
    finally:
        stop.set()
        loader.join(30)


def test_timeouts_of_all_kinds(executor: Executor, tmp_path: typing.Any) -> None:
    with Gate(tmp_path, executor) as gate:
        pending = gate.futures[0]
        for timeout in (0, -1, -math.inf, False):
            with pytest.raises(cf.TimeoutError):
                pending.result(timeout)
        with pytest.raises(ValueError, match="NaN"):
            pending.result(math.nan)
        with pytest.raises(TypeError):
            pending.result("1")  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            pending.result(1, 2)  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            pending.exception(seconds=1)  # type: ignore[call-arg]
        threading.Timer(0.1, gate.open).start()
        assert pending.result(math.inf) == gate.path
    assert gate.futures[1].result(timeout=None) == gate.path
    assert gate.futures[1].exception(1e300) is None


def test_a_signal_in_a_wait(executor: Executor, tmp_path: typing.Any) -> None:
    calls: list[int] = []

    def note(*_: object) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, note)
    try:
        with Gate(tmp_path, executor) as gate:
            signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
            began = time.monotonic()
            with pytest.raises(KeyboardInterrupt):
                gate.futures[0].result(30)
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert len(calls) == 3 and time.monotonic() - began < 10
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            began = time.monotonic()
            with pytest.raises(cf.TimeoutError):
                gate.futures[0].result(0.3)  # a function that returns does not end the wait
            assert len(calls) == 4 and time.monotonic() - began >= 0.3
        assert gate.futures[0].result(20) == gate.path
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_what_is_dropped_is_freed(executor: Executor) -> None:
    future = executor.submit(make_box, Box())
    result = weakref.ref(future.result(20))
    watched = weakref.ref(future)
    assert result() is not None
    del future
    assert wait_until(lambda: result() is None and watched() is None)
    argument = Box()
    watched_argument = weakref.ref(argument)
    future = executor.submit(make_box, argument)
    del argument
    future.result(20)
    assert wait_until(lambda: watched_argument() is None)
    kept = [executor.submit(make_box, i) for i in range(200)]
    boxes = [weakref.ref(f.result()) for f in cf.as_completed(kept)]
    kept.clear()
    assert wait_until(lambda: not any(box() for box in boxes))


def test_a_cycle_through_a_future_is_collected(executor: Executor) -> None:
    future = executor.submit(make_box, 1)
    box = future.result(20)
    box.future = future
    watched = weakref.ref(box)
    del box, future
    assert wait_until(lambda: gc.collect() >= 0 and watched() is None)


def test_an_exception_can_be_raised_again(executor: Executor) -> None:
    future = executor.submit(divmod, 1, 0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError) as caught:
            future.result(20)
        assert caught.value is future.exception()
        assert "divmod(1, 0)" in str(caught.value.__cause__)


def test_what_a_future_looks_like(executor: Executor, tmp_path: typing.Any) -> None:
    with Gate(tmp_path, executor):
        unsent = [executor.submit(square, i) for i in range(50)][-1]
        assert "state=pending" in repr(unsent)
        assert unsent.cancel()
        assert "state=cancelled" in repr(unsent)
        with pytest.raises(cf.CancelledError):
            unsent.exception()
    future = executor.submit(square, 3)
    assert future.result(20) == 9
    assert "state=finished returned int" in repr(future)
    assert "raised ZeroDivisionError" in repr(cf.wait([executor.submit(divmod, 1, 0)]).done)
    assert future._state is cf._base.FINISHED
    with pytest.raises(cf.InvalidStateError):
        future.set_result(1)
    with pytest.raises(TypeError, match="by submitting"):
        type(future)()
    with pytest.raises(TypeError):
        pickle.dumps(future)
    with pytest.raises(ValueError, match="not a state"):
        future._state = "ELSEWHERE"


def test_ends_by_hand(executor: Executor, tmp_path: typing.Any) -> None:
    """Not what futures of an executor are for, but concurrent.futures' methods are there."""
    got: list[int] = []
    with Gate(tmp_path, executor):
        future, failed = executor.submit(square, 3), executor.submit(square, 3)
        waiter = threading.Thread(target=lambda: got.append(future.result(30)))
        waiter.start()
        assert future.set_running_or_notify_cancel()
        future.set_result(8)
        failed.set_exception(KeyError())
        waiter.join(30)
        assert got == [8] and isinstance(failed.exception(0), KeyError)
    assert executor.submit(square, 2).result(20) == 4
    assert future.result(0) == 8


def test_an_end_that_comes_while_the_first_task_is_submitted() -> None:
    for _ in range(30):
        executor = Executor(1)
        futures: list[cf.Future[int]] = []
        refused: list[str] = []
        began = threading.Event()

        def submit(
            executor: Executor = executor,
            futures: list[cf.Future[int]] = futures,
            refused: list[str] = refused,
            began: threading.Event = began,
        ) -> None:
            began.set()
            try:
                futures.append(executor.submit(square, 3))
            except RuntimeError as e:
                refused.append(str(e))

        thread = threading.Thread(target=submit)
        thread.start()
        began.wait()
        executor.shutdown(wait=True)
        thread.join(20)
        if refused:
            assert refused == ["cannot schedule new futures after shutdown"] and not futures
        else:
            assert [f.result(20) for f in futures] == [9]


def test_an_engine_that_ends_under_its_tasks(tmp_path: typing.Any) -> None:
    executor = Executor(2)
    gate = Gate(tmp_path, executor)
    futures = [executor.submit(square, i) for i in range(100)]
    executor._desk.kill()
    for future in gate.futures + futures:
        with pytest.raises(pyhec.TaskError, match="the pool has ended"):
            future.result(20)
    executor.shutdown()


def test_apply_async_beside_a_map(tmp_path: typing.Any) -> None:
    """Both have a thread that waits for the same workers."""
    with Pool(2) as pool:
        results: list[typing.Any] = []
        for _ in range(20):
            results += [pool.apply_async(square, (i,)) for i in range(100)]
            assert pool.map(square, range(100)) == [i * i for i in range(100)]
        assert [r.get(20) for r in results] == [i * i for i in range(100)] * 20
