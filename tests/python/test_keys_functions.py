# SPDX-License-Identifier: MIT
"""Keys of functions: what of their code counts, and what does not."""

from __future__ import annotations

import functools
import importlib
import pathlib
import sys
import textwrap
import threading
import types
import typing

import pytest

from pyhec import TaskKeyError, _code, _hec, _keys

numpy = pytest.importorskip("numpy")

_modules = 0


@pytest.fixture(autouse=True)
def path_as_before() -> typing.Iterator[None]:
    """load() leaves the folder of the last module on the path."""
    before = list(sys.path)
    yield
    sys.path[:] = before


def load(folder: pathlib.Path, source: str, name: str = "work", **others: str) -> types.ModuleType:
    """A module of the user's from this text; `others` are modules that it may import."""
    global _modules
    _modules += 1
    home = folder / f"m{_modules}"
    home.mkdir()
    for other, text in {**others, name: source}.items():
        (home / f"{other}.py").write_text(textwrap.dedent(text))
    sys.path.insert(0, str(home))
    for stale in (name, *others):
        sys.modules.pop(stale, None)
    importlib.invalidate_caches()
    return importlib.import_module(name)


def parts(function: typing.Any, item: object = 1) -> tuple[bytes, bytes]:
    """Site and key of one task."""
    return _keys.Keys(None).key(_hec.MAP, function, item)[:2]


def key(function: typing.Any, item: object = 1) -> bytes:
    return parts(function, item)[1]


BASE = """
    import math
    FACTOR = 3
    TABLE = [1, 2]
    def helper(x):
        return x + 1
    class Model:
        rate = 2
        def run(self, x):
            return x * self.rate
    def work(x, power=2, *, offset=1):
        model = Model()
        inner = lambda y: y + 1
        return helper(model.run(inner(x))) ** power * FACTOR + offset + len(TABLE) + math.pi
"""

CHANGES = {
    "a constant": ("y + 1", "y + 2"),
    "an operator": ("model.run(inner(x))) ** power", "model.run(inner(x))) * power"),
    "a default": ("power=2", "power=3"),
    "a keyword's default": ("offset=1", "offset=2"),
    "a helper": ("x + 1", "x - 1"),
    "a global": ("FACTOR = 3", "FACTOR = 4"),
    "a global list": ("[1, 2]", "[1, 2, 3]"),
    "a method": ("x * self.rate", "x / self.rate"),
    "an attribute of a class": ("rate = 2", "rate = 3"),
    "an attribute that is looked up": ("math.pi", "math.e"),
    "a new method": ("class Model:", "class Model:\n        def more(self): pass"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_code_changes_the_key_and_not_the_site(
    change: str, tmp_path: pathlib.Path
) -> None:
    old, new = CHANGES[change]
    assert BASE.count(old) == 1
    site, before = parts(load(tmp_path, BASE).work)
    site_after, after = parts(load(tmp_path, BASE.replace(old, new)).work)
    assert after != before
    assert site_after == site


NO_CHANGES = {
    "nothing": ("", ""),
    "lines": ("import math", "\n\n\n    import math\n\n"),
    "a comment": ("def work", "# What this does.\n    def work"),
    "a comment inside": ("model = Model()", "model = Model()  # made here"),
    "an import that is not used": ("import math", "import math, json"),
    "another function": ("def work", "def other(x): return FACTOR - 1\n    def work"),
    "another global": ("FACTOR = 3", "FACTOR = 3; OTHER = 4"),
    "an annotation of a class": ("rate = 2", "rate: int = 2"),
}


@pytest.mark.parametrize("change", NO_CHANGES)
def test_what_does_not_run_does_not_matter(change: str, tmp_path: pathlib.Path) -> None:
    old, new = NO_CHANGES[change]
    before = parts(load(tmp_path, BASE).work)
    assert parts(load(tmp_path, BASE.replace(old, new, 1) if old else BASE).work) == before


def test_the_text_of_a_docstring_does_not_matter_unless_it_is_used(tmp_path: pathlib.Path) -> None:
    text = """
        def work(x):
            "{}"
            def inner():
                "{}"
                class C:
                    "{}"
                return 1
            return inner() + x
    """
    first = load(tmp_path, text.format("What.", "Why.", "Same."))
    second = load(tmp_path, "\n\n\n" + text.format("What it does.", "Whatever.", "Same."))
    assert key(first.work) == key(second.work)
    used = 'def work(x):\n    "{0}"\n    return "{0}"\n'
    assert key(load(tmp_path, used.format("a")).work) != key(load(tmp_path, used.format("b")).work)


def test_what_a_function_closes_over_is_data(tmp_path: pathlib.Path) -> None:
    module = load(
        tmp_path,
        """
        import functools
        def make(n):
            def work(x):
                return x + n
            return work
        def over(f):
            def work(x):
                return f(x)
            return work
        def plus(x): return x + 1
        def minus(x): return x - 1
        class Model:
            def __init__(self, n):
                self.n = n
            def run(self, x):
                return x + self.n
            def __call__(self, x):
                return x * self.n
        """,
    )
    assert key(module.make(1)) == key(module.make(1))
    for one, other in (
        (module.make(1), module.make(2)),
        (module.over(module.plus), module.over(module.minus)),
        (module.over(module.make(1)), module.over(module.make(2))),
        (module.Model(1).run, module.Model(2).run),
        (module.Model(1), module.Model(2)),
        (functools.partial(pow, 2), functools.partial(pow, 3)),
        (functools.partial(pow, mod=2), functools.partial(pow, mod=3)),
        (functools.partial(pow, 2), functools.partial(pow, mod=2)),
        (functools.partial(module.make(1)), functools.partial(module.make(2))),
    ):
        assert parts(one)[0] != parts(other)[0], "another site: nothing was edited"
    assert key(module.Model(1).run) == key(module.Model(1).run)
    assert key(module.Model(1)) != key(module.Model(1).run)
    assert key([].append) != key([1].append)


def test_a_decorated_function_is_looked_through(tmp_path: pathlib.Path) -> None:
    text = """
        import functools, contextlib
        def twice(f):
            @functools.wraps(f)
            def wrapper(x):
                return 2 * f(x)
            return wrapper
        @twice
        def own(x): return x + {0}
        @functools.lru_cache(maxsize=None)
        def cached(x): return x + {0}
        @functools.wraps(own)
        def work(x): return own(x) + cached(x)
        class Model:
            @staticmethod
            def static(x): return x + {0}
            @classmethod
            def klass(cls, x): return x + {0}
            @property
            def plus(self): return {0}
    """
    one, same = load(tmp_path, text.format(1)), load(tmp_path, text.format(1))
    other = load(tmp_path, text.format(2))
    for get in (
        lambda m: m.own, lambda m: m.cached, lambda m: m.work, lambda m: m.Model.static,
        lambda m: m.Model.klass, lambda m: m.Model,
    ):  # fmt: skip
        assert parts(get(one)) == parts(get(same))
        assert key(get(one)) != key(get(other))
        assert parts(get(one))[0] == parts(get(other))[0]


def test_functions_of_one_name_are_told_apart(tmp_path: pathlib.Path) -> None:
    text = """
        def make(n): return lambda x: x + n
        A, B = {}, {}
        TABLE = [A, B]
        def work(x): return A(B(x))
        def tabled(x): return TABLE[0](x) - TABLE[1](x)
    """
    for one, other in (("make(1)", "make(2)"), ("lambda x: x + 1", "lambda x: x * 2")):
        there = load(tmp_path, text.format(one, other))
        back = load(tmp_path, text.format(other, one))
        again = load(tmp_path, text.format(one, other))
        assert key(there.work) == key(again.work)
        assert key(there.tabled) == key(again.tabled)
        assert key(there.work) != key(back.work)
        assert key(there.tabled) != key(back.tabled)


def test_functions_that_call_each_other(tmp_path: pathlib.Path) -> None:
    names = [f"f{i}" for i in range(30)]
    text = "".join(
        f"def {n}(x): return {' + '.join(m + '(x)' for m in names)} + {{{i}}}\n"
        for i, n in enumerate(names)
    )
    numbers = list(range(30))
    one = load(tmp_path, text.format(*numbers)).f0
    same = load(tmp_path, text.format(*numbers)).f0
    numbers[17] = 99
    other = load(tmp_path, text.format(*numbers)).f0
    assert key(one) == key(same)
    assert key(one) != key(other)


def test_own_modules_are_followed(tmp_path: pathlib.Path) -> None:
    def get(helper: str, how: str) -> bytes:
        return key(load(tmp_path, how, helper=helper).work)

    helper = "import math\nLIMIT = 5\ndef compute(x): return x + LIMIT\ndef other(x): return 1\n"
    for how in (
        "import helper\ndef work(x): return helper.compute(x)\n",
        "import helper as h\ndef work(x): return h.compute(x)\n",
        "from helper import compute\ndef work(x): return compute(x)\n",
        "def work(x):\n    import helper\n    return helper.compute(x)\n",
        "def work(x):\n    from helper import compute\n    return compute(x)\n",
    ):
        before = get(helper, how)
        assert get("# a comment\n" + helper, how) == before
        assert get(helper.replace("LIMIT = 5", "LIMIT = 6"), how) != before
        assert get(helper.replace("x + LIMIT", "x - LIMIT"), how) != before
    at_the_top = "import helper\ndef work(x): return helper.compute(x)\n"
    assert get(helper.replace("return 1", "return 2"), at_the_top) == get(helper, at_the_top)


def test_the_version_of_installed_modules_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(x: float) -> float:
        return float(numpy.sqrt(x))

    before = parts(work)
    monkeypatch.setattr(numpy, "__version__", "0.0")
    _code._sources.clear()  # within a process no version changes
    after = parts(work)
    assert before[0] == after[0]
    assert before[1] != after[1]


LOCK = threading.Lock()
CALLS: list[int] = []


def test_a_lock_is_no_obstacle_in_a_function_and_a_socket_is_named(tmp_path: pathlib.Path) -> None:
    def locked(x: int) -> int:
        with LOCK:
            return x

    assert key(locked) == key(locked)
    text = "import socket\nPLUG = socket.socket()\ndef work(x): return PLUG.fileno() + x\n"
    module = load(tmp_path, text)
    with pytest.raises(TaskKeyError, match="global 'PLUG' of work.work.*socket"):
        key(module.work)
    module.work.__pyhec_key__ = "first"
    first = key(module.work)
    module.work.__pyhec_key__ = "second"
    assert key(module.work) != first
    module.PLUG.close()


def test_a_function_is_looked_at_again_when_something_has_changed() -> None:
    def work(x: int) -> int:
        return x + len(CALLS) + NUMBER

    before = key(work)
    CALLS.append(1)
    changed = key(work)
    assert changed != before
    CALLS.pop()
    assert key(work) == before
    global NUMBER
    NUMBER = 2
    assert key(work) != before
    NUMBER = 1
    assert key(work) == before


NUMBER = 1


def test_all_kinds_of_own_classes(tmp_path: pathlib.Path) -> None:
    text = """
        import abc, dataclasses, enum, typing, collections
        class Base(abc.ABC):
            @abc.abstractmethod
            def run(self): ...
        class Derived(Base):
            __slots__ = ("a",)
            def run(self): return {0}
        @dataclasses.dataclass
        class Data:
            a: int
            b: list = dataclasses.field(default_factory=list)
            c: int = {0}
        class Kind(enum.Enum):
            ONE = {0}
            TWO = 20
            def describe(self): return self.name
        class Named(typing.NamedTuple):
            a: int
            b: int = {0}
        Plain = collections.namedtuple("Plain", "a b", defaults=[{0}])
        class Meta(type):
            def more(cls): return {0}
        class Made(metaclass=Meta):
            pass
        class Node:
            TABLE = {{}}
            def __init__(self): self.me = self
            def other(self): return Node() if self.me == {0} else Kind.ONE
        Node.TABLE[0] = Node
    """
    one, same = load(tmp_path, text.format(1)), load(tmp_path, text.format(1))
    other = load(tmp_path, text.format(2))
    for name in ("Derived", "Data", "Kind", "Named", "Plain", "Made", "Node"):
        assert key(getattr(one, name)) == key(getattr(same, name)), name
        assert key(getattr(one, name)) != key(getattr(other, name)), name
    assert key(abs, one.Node()) == key(abs, same.Node())
    assert key(abs, one.Data(5)) == key(abs, same.Data(5)) != key(abs, one.Data(6))
    assert key(abs, one.Node()) != key(abs, other.Node()), "an argument's class is part of it"


def test_a_partial_is_looked_at_once_and_again_when_it_has_changed() -> None:
    work = functools.partial(pow, 2, mod=5)
    assert _code.source_of(work) is _code.source_of(work)
    before = key(work)
    work.keywords["mod"] = 7
    assert key(work) != before
    work.keywords["mod"] = 5
    assert key(work) == before
    work.keywords["more"] = 1
    assert key(work) != before
