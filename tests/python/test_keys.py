# SPDX-License-Identifier: MIT
"""Keys of tasks: the same in every run, and others as soon as what would run is another thing."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import math
import pathlib
import re
import subprocess
import sys
import textwrap
import threading
import types
import typing

import pytest

from pyhec import TaskKeyError, _hec, _keys, _values

numpy = pytest.importorskip("numpy")
pandas = pytest.importorskip("pandas")

def digest(value: object) -> bytes:
    return _hec.digest(value, _values.describe)


def parts(function: typing.Any, item: object = 1, tag: object = None) -> tuple[bytes, bytes]:
    """Site and key of one task."""
    return _keys.Keys(tag).key(_hec.MAP, function, item)[:2]


def key(function: typing.Any, item: object = 1, tag: object = None) -> bytes:
    return parts(function, item, tag)[1]


# ---- values ----


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a: object) -> None:
        self.a = a


class Listed(list):  # type: ignore[type-arg]
    pass


Pair = collections.namedtuple("Pair", "a b")

EQUAL: list[tuple[object, object]] = [
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ({1, 2, 300, "x"}, {"x", 300, 2, 1}),
    (frozenset("abcdef"), frozenset("fedcba")),
    ("abc", "".join(["a", "bc"])),
    ((1, (2, [3])), (1, (2, [3]))),
    (10**30, 10**29 * 10),
    (Point(1.0), Point(1.0, 0.0)),
    (Slotted([1]), Slotted([1])),
    (Colour.RED, Colour(1)),
    (pathlib.Path("a/b"), pathlib.Path("a") / "b"),
    (datetime.date(2024, 1, 2), datetime.date.fromisoformat("2024-01-02")),
    (decimal.Decimal("1.5"), decimal.Decimal("1.5")),
    (collections.Counter("aab"), collections.Counter("baa")),
    (numpy.arange(6).reshape(2, 3), numpy.arange(6).reshape(3, 2, order="F").T.reshape(2, 3) * 0
     + numpy.arange(6).reshape(2, 3)),
    (numpy.arange(10)[::2], numpy.array([0, 2, 4, 6, 8])),
    (numpy.asfortranarray(numpy.ones((3, 4))), numpy.ones((3, 4))),
    (numpy.float64(2.5), numpy.array([2.5])[0]),
    (numpy.array(["a", None], dtype=object), numpy.array(["a", None], dtype=object)),
    (numpy.array(["2024-01-02"], dtype="M8[D]"), numpy.array(["2024-01-02"], dtype="M8[D]")),
    (memoryview(b"abcdef")[::2], memoryview(b"ace")),
    (pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
     pandas.DataFrame({"b": ["x", "y"], "a": [1, 2]})[["a", "b"]]),
    (pandas.Series([1.5, 2.5], name="s"), pandas.Series([1.5, 0.0, 2.5], name="s")[[True, False,
     True]].reset_index(drop=True)),
    (pandas.Categorical(["a", "b", "a"]), pandas.Categorical(list("aba"))),
    (pandas.date_range("2024-01-01", periods=3, tz="UTC"),
     pandas.date_range("2024-01-01", periods=3, tz="UTC")),
    (pandas.array([1, None], dtype="Int64"), pandas.array([1, None], dtype="Int64")),
]  # fmt: skip

DIFFERENT: list[object] = [
    None, True, False, 0, 1, -1, 1.0, 0.0, -0.0, float("nan"), 1 << 63, -(1 << 63) - 1, 1j,
    "", "a", "ab", "\N{SNOWMAN}", "\N{SNOWMAN}a", "a\0", b"", b"a", bytearray(b"a"), "x" * 300,
    "x" * 301, b"x" * 300, (), (1,), [1], [[1]], [1, [2]], [[1], 2], [(1, 2)], (1, 2), {1, 2},
    frozenset({1, 2}), {1: 2}, {2: 1}, {"a": {"b": 1}}, {"a": {"b": 2}}, Ellipsis, range(3),
    slice(1, 2), Point(1), Point(2), Pair(1, 2), Listed([1]), Colour.RED, Colour.BLUE,
    pathlib.Path("a"), datetime.date(2024, 1, 2), datetime.datetime(2024, 1, 2),
    datetime.timedelta(1), decimal.Decimal("1.5"), decimal.Decimal("1.50"), re.compile("a"),
    re.compile("a", re.I), collections.OrderedDict([(1, 2), (3, 4)]),
    collections.OrderedDict([(3, 4), (1, 2)]), numpy.arange(4), numpy.arange(4).reshape(2, 2),
    numpy.arange(4.0), numpy.arange(4, dtype="i4"), numpy.int64(1), numpy.float64(1),
    numpy.zeros(0), numpy.zeros((0, 2)), numpy.array(1), numpy.array("a"),
    numpy.array([1, 2], dtype=object), numpy.zeros(2, dtype=[("a", "i4"), ("b", "f8")]),
    numpy.zeros(2, dtype=[("a", "i4"), ("c", "f8")]), numpy.array([0], dtype="M8[D]"),
    numpy.array([0], dtype="M8[s]"), numpy.sin, numpy.cos, math.sin, print, len, int, str, math,
    memoryview(b"ab"), pandas.DataFrame({"a": [1, 2]}), pandas.DataFrame({"b": [1, 2]}),
    pandas.DataFrame({"a": [1, 3]}), pandas.DataFrame({"a": [1.0, 2.0]}),
    pandas.DataFrame({"a": [1, 2]}, index=[1, 2]), pandas.Series([1, 2]),
    pandas.Series([1, 2], name="a"), pandas.Index([1, 2]), pandas.RangeIndex(2),
    pandas.MultiIndex.from_tuples([(1, 2)]), pandas.Categorical(["a"]),
    pandas.Categorical(["a"], categories=["a", "b"]), pandas.Timestamp("2024-01-02"), pandas.NA,
    pandas.NaT, pandas.date_range("2024-01-01", periods=2),
    pandas.date_range("2024-01-01", periods=2, tz="UTC"),
]  # fmt: skip


@pytest.mark.parametrize("pair", EQUAL, ids=lambda p: type(p[0]).__name__)
def test_what_is_equal_has_one_digest(pair: tuple[object, object]) -> None:
    assert digest(pair[0]) == digest(pair[1])
    assert digest([pair[0]]) == digest([pair[1]])


def test_what_is_different_has_different_digests() -> None:
    found: dict[bytes, object] = {}
    for value in DIFFERENT:
        d = digest(value)
        assert d not in found, f"{value!r} as {found[d]!r}"
        found[d] = value


def test_what_is_shared_counts_like_what_is_equal() -> None:
    part = list(range(100))
    assert digest([part, part, {"p": part}]) == digest([list(part), list(part), {"p": list(part)}])
    big = numpy.arange(100000)
    assert digest([big, big]) == digest([big.copy(), big.copy()])


def test_doubling_by_sharing_takes_no_time() -> None:
    value: list[object] = [1]
    for _ in range(200):
        value = [value, value]
    assert len(digest(value)) == 16


def test_what_contains_itself_has_a_digest() -> None:
    def ring(n: int, last: object) -> list[object]:
        items: list[list[object]] = [[i] for i in range(n)]
        for i, item in enumerate(items):
            item.append(items[(i + 1) % n])
        items[-1].append(last)
        return items[0]

    assert digest(ring(5, "a")) == digest(ring(5, "a"))
    assert digest(ring(5, "a")) != digest(ring(5, "b"))
    assert digest(ring(5, "a")) != digest(ring(6, "a"))
    me: dict[str, object] = {}
    me["me"] = me
    assert digest(me) != digest({"me": {}})
    node = types.SimpleNamespace(name="n")
    node.next = types.SimpleNamespace(name="m", next=node)
    assert len(digest(node)) == 16


def test_what_is_too_deep_is_an_error() -> None:
    value: object = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(RecursionError):
        digest(value)
    with pytest.raises(TaskKeyError, match="deep|depth"):
        key(abs, value)
    while value != 1:  # not by the interpreter's own recursion
        value = value[0]  # type: ignore[index]


def test_what_is_entangled_is_an_error() -> None:
    nodes: list[list[object]] = [[i] for i in range(14)]
    for node in nodes:
        node.extend(nodes)
    with pytest.raises(RecursionError, match="entangled"):
        digest(nodes)


def test_what_has_no_key_is_named() -> None:
    with pytest.raises(TaskKeyError, match=r"input\['db'\]\[1\].*_thread.lock.*__pyhec_key__"):
        key(abs, {"db": [1, threading.Lock()]})
    with pytest.raises(TaskKeyError, match="generator"):
        key(abs, (i for i in range(3)))


def test_an_object_can_say_what_stands_for_it() -> None:
    class Connection:
        def __init__(self, url: str) -> None:
            self.url, self.lock = url, threading.Lock()

        def __pyhec_key__(self) -> str:
            return self.url

    assert key(abs, Connection("a")) == key(abs, Connection("a"))
    assert key(abs, Connection("a")) != key(abs, Connection("b"))


def test_a_changing_value_is_looked_at_each_time() -> None:
    item = [1]
    first = key(abs, item)
    item.append(2)
    assert key(abs, item) != first
    array = numpy.zeros(10)
    first = key(abs, array)
    array[3] = 1
    assert key(abs, array) != first


# ---- tasks ----


def test_the_way_a_task_is_called_does_not_matter() -> None:
    keys = _keys.Keys(None)
    by_map = keys.key(_hec.MAP, math.hypot, 3)
    by_star = _keys.Keys(None).key(_hec.STAR, math.hypot, (3,))
    by_task = _keys.Keys(None).key(_hec.TASKS, None, (math.hypot, (3,), {}))
    assert by_map == by_star == by_task
    assert _keys.Keys(None).key(_hec.MAP, math.hypot, (3,))[1] != by_map[1]
    with_keyword = _keys.Keys(None).key(_hec.TASKS, None, (math.hypot, (3,), {"a": 1}))
    assert with_keyword[1] != by_map[1]


def test_a_list_has_the_keys_of_its_items() -> None:
    items = [1, "a", (2, 3), [4], None]
    sites, keys, ns = _keys.Keys("t").keys(_hec.MAP, math.sqrt, items)
    for i, item in enumerate(items):
        one = _keys.Keys("t").key(_hec.MAP, math.sqrt, item)
        assert one == (sites[i * 16 : i * 16 + 16], keys[i * 16 : i * 16 + 16], 0)
    assert ns == bytes(4 * len(items))


def test_tasks_that_are_the_same_have_different_keys() -> None:
    sites, keys, ns = _keys.Keys(None).keys(_hec.MAP, abs, [7] * 1000 + [8])
    assert len({keys[i : i + 16] for i in range(0, len(keys), 16)}) == 1001
    assert len({sites[i : i + 16] for i in range(0, len(sites), 16)}) == 2
    assert [int.from_bytes(ns[i : i + 4], sys.byteorder) for i in range(0, len(ns), 4)] == [
        *range(1000), 0,
    ]  # fmt: skip
    again = _keys.Keys(None)
    assert [again.key(_hec.MAP, abs, 7)[1] for _ in range(3)] == [
        keys[i : i + 16] for i in range(0, 48, 16)
    ]


def test_a_tag_is_part_of_the_key() -> None:
    assert len({key(abs, 1, tag) for tag in (None, "a", "b", 1, ("a", 2))}) == 5


# ---- the same in every process ----

STABLE = """
    import dataclasses, functools, random, sys
    import numpy, pandas
    from pyhec import _hec, _keys, _values
    NAMES = {"alpha", "beta", "gamma", "delta"}
    @dataclasses.dataclass
    class Point:
        x: float
        tags: frozenset = frozenset(("p", "q", "r"))
    TYPES = {Point, int, str}
    def helper(x): return x in NAMES or type(x) in TYPES
    def make(n):
        return lambda x: helper(x) + n
    def work(x):
        def inner(y): return {"one", "two", "three"} - {y}
        return helper(inner(x)), numpy.sum(x), pandas.DataFrame
    values = [
        1, "text", {"a", "b", "c", "d"}, {("k", i): {str(i)} for i in range(20)}, Point(1.0),
        numpy.arange(10), pandas.DataFrame({"a": ["x", None], "b": [1.5, float("nan")]}),
        [Point, work, len], frozenset({Point, int}), slice(None),
    ]
    if "-r" in sys.argv:  # whatever happened before
        junk = [object() for _ in range(random.randrange(10000))]
        import decimal, fractions, json, email.mime.text
        values = values[::-1][::-1]
    functions = [work, make(1), make(2), Point, functools.partial(work, 1), Point(2.0).__eq__]
    for f in functions:
        for v in values:
            print(*(d.hex() for d in _keys.Keys("t").key(_hec.MAP, f, v)[:2]))
"""


def test_keys_are_the_same_in_every_process(tmp_path: pathlib.Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(STABLE))
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (moved / "script.py").write_text("# another place\n\n\n" + textwrap.dedent(STABLE))
    seen = set()
    for seed, path, options in (
        ("0", script, []), ("1", script, ["-r"]), ("7", moved / "script.py", ["-r"]),
        ("random", script, ["-r"]),
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, str(path), *options],
            env={"PYTHONHASHSEED": seed, "PATH": ""}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        lines = done.stdout.split("\n")
        assert len(set(lines)) == len(lines) == 61
        seen.add(done.stdout)
    assert len(seen) == 1


def test_the_scheme_has_not_changed() -> None:
    """Journals that exist must be found again: a change here is one of the format."""
    golden = "20df621b"
    assert digest([1, "a", None, 2.5, {"k": (b"x", {1, 2})}]).hex()[:8] == golden


def test_a_small_task_costs_little() -> None:
    import timeit

    keys = _keys.Keys(None)
    items: list[object] = list(range(10000))
    seconds = min(timeit.repeat(lambda: keys.keys(_hec.MAP, math.sqrt, items), number=1, repeat=5))
    assert seconds / len(items) < 20e-6  # measured: 0.2 us; the rest is for a busy machine


# ---- what becomes of keys ----


def test_marks_and_numbers(tmp_path: pathlib.Path) -> None:
    journal = _hec.Journal(str(tmp_path / "j"))
    keys, numbers, marks = _keys.Keys("t"), {}, {}
    assert keys.note(journal, _hec.MAP, math.sqrt, 4, 7, 0, numbers, marks)
    assert keys.note(None, _hec.MAP, math.sqrt, 9, 8, 1, numbers, marks)
    assert numbers == {0: 7, 1: 8}
    all_keys = b"".join(_keys.Keys("t").keys(_hec.MAP, math.sqrt, [0] * 7 + [4, 9])[1:2])
    assert marks[0] + marks[1] == _hec.marks(all_keys, [7, 8])
    assert keys.last() == _keys.Keys("t").key(_hec.MAP, math.sqrt, 9)
    journal.append(marks[0][:16], 7, 1, 0, None, [(1, 2, b"x")])
    assert not _keys.Keys("t").note(journal, _hec.MAP, math.sqrt, 4, 7, 5, numbers, marks)
    assert 5 not in numbers and 5 not in marks
    numbers.update({2: 30, 3: 20})
    assert _hec.renumber(numbers, [(2, ["a", "b"]), (0, KeyError)]) == [
        (30, ["a"]), (20, ["b"]), (7, KeyError),
    ]  # fmt: skip
    assert numbers == {1: 8}
    _hec.forget(numbers, [(1, ["c"])])
    assert numbers == {}
    journal.close()


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda: _hec.renumber({}, [(0, ["a"])]), KeyError),
        (lambda: _hec.forget({}, [(0, KeyError)]), KeyError),
        (lambda: _hec.renumber({}, [1]), TypeError),
        (lambda: _hec.marks(b"k" * 16, [1]), IndexError),
        (lambda: _hec.marks(b"", [-1]), OverflowError),
        (lambda: _keys.Keys("t").note("j", _hec.MAP, abs, 1, 0, 0, {}, {}), _keys.TaskKeyError),
        (lambda: _keys.Keys("t").note(None, 9, abs, 1, 0, 0, {}, {}), _keys.TaskKeyError),
    ],
)
def test_wrong_marks_and_numbers(call: typing.Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        call()
