# SPDX-License-Identifier: MIT
"""What a function is made of, so that a change of it can be seen.

A function is looked at together with what it would run: the functions, classes and values of the
user's own modules that it names, and what those name in turn. Of other modules, which are
installed, name and version stand for everything. Two digests come out of it: of the *code*, which is
what one edits, and of the *data*, which is what it was made with: the variables that it closes
over, the arguments of a partial, the object of a method. Comments, line numbers, names of files and
the texts of docstrings are in neither.
"""

from __future__ import annotations

import functools
import opcode
import os
import sys
import types

from . import _hec, _values
from ._modules import (
    PYTHON, digest_of_file, find_source, is_own, is_own_file, metadata_version, version_of,
)  # fmt: skip

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import collections.abc
    import typing

    #: (get, name, value): get(name) was value. While all are, what was made of them holds.
    Fact = tuple[typing.Callable[[str], typing.Any], str, typing.Any]

_FUNCTION_FLAGS = 0x1 | 0x2  # CO_OPTIMIZED, CO_NEWLOCALS
_HAS_DOCSTRING = 0x4000000  # CO_HAS_DOCSTRING, from 3.14 on

_EXTENDED = opcode.opmap["EXTENDED_ARG"]
#: Instructions that look a name up in the module: how far their argument is to be shifted.
_GLOBALS = {
    opcode.opmap[name]: shift
    for name, shift in (
        ("LOAD_GLOBAL", 1 if sys.version_info >= (3, 11) else 0),
        ("LOAD_NAME", 0),
        ("LOAD_FROM_DICT_OR_GLOBALS", 0),
    )
    if name in opcode.opmap
}
_IMPORT, _FROM = opcode.opmap["IMPORT_NAME"], opcode.opmap["IMPORT_FROM"]
_CONSTANTS = frozenset(opcode.hasconst)

#: Of a class, what says nothing of what it does, or differs from run to run.
_NOT_OF_A_CLASS = frozenset((
    "__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__annotations__",
    "__annotate__", "__annotate_func__", "__annotations_cache__", "__firstlineno__",
    "__static_attributes__", "__classdictcell__", "__orig_bases__", "__parameters__",
    "__type_params__", "__abstractmethods__", "_abc_impl", "__dataclass_fields__",
    "__dataclass_params__", "__match_args__", "__pyhec_key__",
))  # fmt: skip

#: What has no value that a result could depend on: of these the type will do.
_INERT = frozenset((
    ("_thread", "lock"), ("_thread", "RLock"), ("threading", "Condition"), ("threading", "Event"),
    ("threading", "Semaphore"), ("threading", "BoundedSemaphore"), ("threading", "Barrier"),
    ("_thread", "_local"), ("logging", "Logger"), ("logging", "RootLogger"),
    ("multiprocessing.synchronize", "Lock"), ("multiprocessing.synchronize", "RLock"),
    ("_io", "TextIOWrapper"), ("_io", "BufferedReader"), ("_io", "BufferedWriter"),
    ("_io", "FileIO"), ("weakref", "WeakKeyDictionary"), ("weakref", "WeakValueDictionary"),
    ("weakref", "WeakSet"), ("_weakref", "ReferenceType"),
))  # fmt: skip

_FUNCTIONS = (
    types.FunctionType, types.BuiltinFunctionType, types.MethodType, type, functools.partial,
    staticmethod, classmethod, property, types.MethodWrapperType, types.WrapperDescriptorType,
    types.MethodDescriptorType, types.ClassMethodDescriptorType, functools.cached_property,
)  # fmt: skip
_SLOTS = (types.GetSetDescriptorType, types.MemberDescriptorType)


# ---- code objects ----


def _instructions(code: types.CodeType) -> collections.abc.Iterator[tuple[int, int]]:
    raw, more = code.co_code, 0
    for i in range(0, len(raw), 2):
        argument = raw[i + 1] | more
        more = argument << 8 if raw[i] == _EXTENDED else 0
        yield raw[i], argument


def _is_used(code: types.CodeType, index: int, more_than: int = 0) -> bool:
    """Whether a constant is loaded by more than so many instructions."""
    uses = sum(1 for op, argument in _instructions(code) if op in _CONSTANTS and argument == index)
    return uses > more_than


def _without_text(code: types.CodeType) -> tuple[typing.Any, ...]:
    """The constants of code, but for its docstring, and the line where a class begins."""
    consts = code.co_consts
    is_function = code.co_flags & _FUNCTION_FLAGS == _FUNCTION_FLAGS
    if is_function and consts and isinstance(consts[0], str):
        documented = (
            code.co_flags & _HAS_DOCSTRING
            if sys.version_info >= (3, 14)
            else not code.co_name.startswith("<")
        )
        if documented and not _is_used(code, 0):
            return (None, *consts[1:])
    if not is_function and "__firstlineno__" in code.co_names:
        line = code.co_firstlineno
        for i, value in enumerate(consts):
            if type(value) is int and value == line and not _is_used(code, i, 1):
                return (*consts[:i], 0, *consts[i + 1 :])
    return consts


def describe_code(code: types.CodeType) -> tuple[typing.Any, ...]:
    """What code does, as plain values."""
    return (
        code.co_name,
        code.co_flags & ~_HAS_DOCSTRING,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_code,
        getattr(code, "co_exceptiontable", b""),
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        tuple(
            describe_code(c) if isinstance(c, types.CodeType) else c for c in _without_text(code)
        ),
    )


def _nested(code: types.CodeType) -> collections.abc.Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)


@functools.lru_cache(maxsize=4096)
def _names(code: types.CodeType) -> tuple[tuple[str, ...], frozenset[str], tuple[str, ...]]:
    """Names that code, with the code inside it, looks up in its module, all that it mentions, and
    modules that it imports.
    """
    looked_up: set[str] = set()
    mentioned: set[str] = set()
    imported: set[str] = set()
    for part in _nested(code):
        names, module = part.co_names, ""
        mentioned.update(names)
        for op, argument in _instructions(part):
            shift = _GLOBALS.get(op)
            if shift is not None:
                looked_up.add(names[argument >> shift])
            elif op == _IMPORT:
                module = names[argument]
                imported.add(module)
            elif op == _FROM:  # which may be a module as well
                imported.add(f"{module}.{names[argument]}".lstrip("."))
    return tuple(sorted(looked_up)), frozenset(mentioned), tuple(sorted(imported))


# ---- modules that a function imports itself ----


@functools.lru_cache(maxsize=64)
def _compiled(path: str, size: int, mtime_ns: int) -> types.CodeType:
    with open(path, "rb") as f:
        return compile(f.read(), "<module>", "exec", dont_inherit=True)


def _imported(name: str, seen: dict[str, typing.Any]) -> None:
    """Adds what a function will find when it imports a module, and what that one imports."""
    path = None if name in seen or not name else find_source(name)
    if path is None:
        return
    if not is_own_file(path):
        seen[name] = metadata_version(name.partition(".")[0]) if "-packages" in path else PYTHON
        return
    if not path.endswith(".py"):
        seen[name] = digest_of_file(path)
        return
    status = os.stat(path)
    try:
        code = _compiled(path, status.st_size, status.st_mtime_ns)
    except SyntaxError:
        seen[name] = digest_of_file(path)
        return
    seen[name] = describe_code(code)
    package = name if os.path.basename(path) == "__init__.py" else name.rpartition(".")[0]
    _all_imported(_names(code)[2], package, seen)


def _all_imported(names: tuple[str, ...], package: str, seen: dict[str, typing.Any]) -> None:
    """The same for all modules that code imports, be it by their names in its package."""
    for name in names:
        _imported(name, seen)
        if package:
            _imported(f"{package}.{name}", seen)


# ---- functions and classes ----


class _Unit:
    """A function or class that was met: two digests of itself, and the others that it refers to."""

    def __init__(self, what: typing.Any, name: str) -> None:
        self.what, self.name = what, name
        self.code = self.data = b""
        #: number of another unit, and whether it was met in a set, where there is no order
        self.code_refs: list[tuple[int, bool]] = []
        self.data_refs: list[tuple[int, bool]] = []


def _own_name(what: typing.Any) -> str:
    module = getattr(what, "__module__", None)
    name = getattr(what, "__qualname__", None) or getattr(what, "__name__", None)
    if not isinstance(name, str):
        module, name = type(what).__module__, type(what).__qualname__
    return f"{module if isinstance(module, str) else ''}.{name}"


class Source:
    """What a function is made of. name: as a person would call it; code, data: see above; facts:
    while these hold, so does this; None if that cannot be told.
    """

    __slots__ = ("name", "code", "data", "facts")

    def __init__(self, name: str, code: bytes, data: bytes, facts: tuple[Fact, ...] | None) -> None:
        self.name, self.code, self.data, self.facts = name, code, data, facts

    def holds(self) -> bool:
        """Whether nothing of it has changed since."""
        if self.facts is None:
            return False
        for get, name, value in self.facts:
            if get(name) is not value:
                return False
        return True


class _Walk:
    """One look at a function and all that it reaches."""

    def __init__(self) -> None:
        self.units: list[_Unit] = []
        self._numbers: dict[int, int] = {}
        self._refs: list[tuple[int, bool]] = []
        self._where: _Unit | None = None
        self.facts: list[Fact] = []
        self.volatile = False

    def unit(self, what: typing.Any) -> int:
        """The number of the unit for a function or class; it is looked at later."""
        number = self._numbers.get(id(what))
        if number is None:
            number = self._numbers[id(what)] = len(self.units)
            self.units.append(_Unit(what, _own_name(what)))
        return number

    def describe(self, what: typing.Any, unordered: bool) -> tuple[typing.Any, ...]:
        """For values that are met on the way: see _hec.digest()."""
        if is_function(what):
            number = self.unit(what)
            self._refs.append((number, unordered))
            return "unit", self.units[number].name
        key = _values.own_key(what)
        if key is not None:
            return key
        if (type(what).__module__, type(what).__name__) in _INERT:
            return "inert", type(what).__module__, type(what).__name__
        if isinstance(what, types.CodeType):
            return ("code", *describe_code(what))
        return _values.describe(what)

    def _digest(self, value: typing.Any, refs: list[tuple[int, bool]]) -> bytes:
        self._refs = refs
        return _hec.digest(value, self.describe)

    def _value(self, label: str, value: typing.Any, refs: list[tuple[int, bool]]) -> bytes:
        """The digest of something that a function uses, named in the error if it has none."""
        if not is_function(value) and not _is_fixed(value):
            self.volatile = True
        try:
            return self._digest(value, refs)
        except Exception as e:
            assert self._where is not None
            name = self._where.name.replace("__main__.", "")
            raise _values.no_key(f"{label} of {name}", value, e, self.describe) from e

    def run(self, what: typing.Any) -> None:
        """Looks at everything that is reached from here."""
        self.unit(what)
        done = 0
        while done < len(self.units):
            unit = self._where = self.units[done]
            done += 1
            code, data = self._look(unit)
            unit.code = self._digest((unit.name, *code), unit.code_refs)
            unit.data = self._digest((unit.name, *data), unit.data_refs)

    def _look(self, unit: _Unit) -> tuple[typing.Any, typing.Any]:
        """Code and data of a unit, where what may fail is a digest already."""
        what = unit.what
        key = _values.own_key(what)
        if isinstance(what, types.FunctionType):
            get = what.__dict__.get
            self.facts.append((get, "__pyhec_key__", get("__pyhec_key__")))
        if key is not None:
            self.volatile = self.volatile or not _is_fixed(key)
            return (key,), ()
        if isinstance(what, types.FunctionType):
            return self._function(unit, what)
        if isinstance(what, type):
            return self._class(unit, what), ()
        if isinstance(what, types.MethodType):
            of = what.__self__ if isinstance(what.__self__, type) else type(what.__self__)
            code = ("method", what.__func__, of)
            return code, (self._value("the object", what.__self__, unit.data_refs),)
        if isinstance(what, functools.partial):
            keywords = what.keywords
            self.facts.append((_Length(keywords).get, "", len(keywords)))
            self.facts += [(keywords.get, name, value) for name, value in keywords.items()]
            arguments = tuple(
                self._value("an argument", a, unit.data_refs)
                for a in (*what.args, *(keywords[name] for name in sorted(keywords)))
            )
            return ("partial",), (what.func, len(what.args), sorted(keywords), arguments)
        if isinstance(what, (staticmethod, classmethod)):
            return (type(what).__name__, what.__func__), ()
        if isinstance(what, property):
            return ("property", what.fget, what.fset, what.fdel), ()
        if isinstance(what, functools.cached_property):
            return ("cached_property", what.func), ()
        if not is_function(what):  # an object that can be called
            return ("object", type(what)), (self._value("the object", what, unit.data_refs),)
        wrapped = _wrapped(what)
        if wrapped is not None:
            return ("wrapper", _foreign(type(what))), (wrapped,)
        return self._builtin(unit, what)

    def _builtin(self, unit: _Unit, what: typing.Any) -> tuple[typing.Any, typing.Any]:
        """A function that is not Python's code: its name, and what is known of its module."""
        me = getattr(what, "__self__", None)
        if me is None or isinstance(me, (types.ModuleType, type)):
            return ("builtin", _foreign(what)), ()
        data = self._value("the object", me, unit.data_refs)
        return ("builtin method", type(me), what.__name__), (data,)

    def _function(
        self, unit: _Unit, f: types.FunctionType
    ) -> tuple[tuple[typing.Any, ...], tuple[typing.Any, ...]]:
        module = f.__globals__.get("__name__")
        own = is_own(module)
        data = self._cells(unit, f, own)
        get = f.__getattribute__
        self.facts += [(get, n, get(n)) for n in ("__code__", "__defaults__", "__kwdefaults__")]
        if not own:
            where = f"{module}.{f.__code__.co_name}"
            return ("installed", where, f.__qualname__, version_of(str(module))), data
        refs = unit.code_refs
        defaults = self._value("a default", (f.__defaults__, f.__kwdefaults__), refs)
        looked_up, mentioned, imported = _names(f.__code__)
        used: list[typing.Any] = []
        for name in looked_up:
            self._global(name, f.__globals__, mentioned, used, refs)
        imports: dict[str, typing.Any] = {}
        _all_imported(imported, str(f.__globals__.get("__package__") or ""), imports)
        code = describe_code(f.__code__)
        return ("function", code, defaults, used, sorted(imports.items())), data

    def _cells(self, unit: _Unit, f: types.FunctionType, own: bool) -> tuple[typing.Any, ...]:
        """What a function closes over."""
        found = []
        wrapped = getattr(f, "__wrapped__", None)
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or ()):
            self.facts.append((_Cell(cell).get, name, _Cell(cell).get(name)))
            try:
                value = cell.cell_contents
            except ValueError:
                continue  # empty yet: a name that is defined later
            # A decorator of somebody else's may keep anything there, for itself.
            if not own and wrapped is not None and not (is_function(value) or _is_fixed(value)):
                continue
            found.append((name, self._value(f"variable '{name}'", value, unit.data_refs)))
        return tuple(found)

    def _global(
        self,
        name: str,
        space: dict[str, typing.Any],
        mentioned: frozenset[str],
        used: list[typing.Any],
        refs: list[tuple[int, bool]],
        prefix: str = "",
    ) -> None:
        """Adds what a name stands for in a module."""
        value = space.get(name, _MISSING)
        self.facts.append((space.get, name, space.get(name)))
        label = prefix + name
        if value is _MISSING:
            return  # built in, or not there
        if not isinstance(value, types.ModuleType):
            used.append((label, self._value(f"global '{label}'", value, refs)))
        elif not is_own(value.__name__):
            used.append((label, "module", value.__name__, version_of(value.__name__)))
        elif label.count(".") < 8:  # own modules may know each other
            used.append((label, "module", value.__name__))
            inside = vars(value)
            for attribute in sorted(mentioned & inside.keys()):
                self._global(attribute, inside, mentioned, used, refs, label + ".")

    def _class(self, unit: _Unit, c: type) -> tuple[typing.Any, ...]:
        if not is_own(c.__module__):
            return ("installed class", c.__qualname__, version_of(c.__module__))
        parts: list[typing.Any] = ["class", c.__bases__]
        if type(c) is not type:
            parts.append(type(c))
        members: typing.Any = getattr(c, "__members__", None)
        is_enum = isinstance(members, types.MappingProxyType)
        if is_enum:
            values = [(k, v.value) for k, v in members.items()]
            parts.append(self._value("the members", values, unit.code_refs))
        get = vars(c).get
        for name in sorted(vars(c)):
            value = get(name)
            self.facts.append((get, name, value))
            if name in _NOT_OF_A_CLASS or isinstance(value, _SLOTS):
                continue
            if is_enum and (name in members or (name[:1] == "_" and not is_function(value))):
                continue
            parts.append((name, self._value(f"attribute '{name}'", value, unit.code_refs)))
        return tuple(parts)

    def _colours(self) -> tuple[bytes, bytes]:
        """The digests of the whole. Each unit's digest is made anew from its own and those that it
        refers to, until no more units can be told apart by that: so units may refer to each other.
        """
        units = self.units
        code, data = [u.code for u in units], [u.data for u in units]
        known = 0
        for _ in range(len(units) + 1):
            code, data = (
                [
                    _hec.hash128(
                        u.code
                        + _joined([(code[i] + data[i], free) for i, free in u.code_refs])
                        + _joined([(code[i], free) for i, free in u.data_refs])
                    )
                    for u in units
                ],
                [
                    _hec.hash128(u.data + _joined([(data[i], free) for i, free in u.data_refs]))
                    for u in units
                ],
            )
            now = len(set(zip(code, data)))
            if now == known:
                break
            known = now
        inside, todo = {0}, [0]
        while todo:
            for i, _free in units[todo.pop()].data_refs:
                if i not in inside:
                    inside.add(i)
                    todo.append(i)
        return (
            _hec.hash128(code[0] + b"".join(sorted(code))),
            _hec.hash128(data[0] + b"".join(sorted(data[i] for i in inside))),
        )

    def source(self) -> Source:
        """After run()."""
        code, data = self._colours()
        facts = None if self.volatile else tuple(self.facts)
        return Source(_plain_name(self.units), code, data, facts)


_MISSING = object()


class _Cell:
    """The content of a closure's cell, to be compared later."""

    __slots__ = ("cell",)

    def __init__(self, cell: types.CellType) -> None:
        self.cell = cell

    def get(self, _name: str) -> typing.Any:
        try:
            return self.cell.cell_contents
        except ValueError:
            return _MISSING


class _Length:
    """How many there are in a dict, to be compared later."""

    __slots__ = ("items",)

    def __init__(self, items: dict[str, typing.Any]) -> None:
        self.items = items

    def get(self, _name: str) -> int:
        return len(self.items)


def _joined(digests: list[tuple[bytes, bool]]) -> bytes:
    ordered = b"".join(d for d, free in digests if not free)
    return _hec.hash128(ordered) + b"".join(sorted(d for d, free in digests if free))


def _plain_name(units: list[_Unit]) -> str:
    """The name of the function that a chain of partials and methods is about."""
    what = units[0].what
    while isinstance(what, (functools.partial, types.MethodType)):
        if isinstance(what, types.MethodType):
            what = what.__func__
        elif _own_name(what.func).startswith("pyhec.") and what.args and callable(what.args[0]):
            what = what.args[0]  # a helper of ours around the user's function
        else:
            what = what.func
    return _own_name(what)


def _wrapped(what: typing.Any) -> typing.Any:
    """The Python function inside an object that stands for it: lru_cache's, Numba's."""
    for name in ("__wrapped__", "py_func"):
        inner = getattr(what, name, None)
        if isinstance(inner, types.FunctionType):
            return inner
    return None


def is_function(what: typing.Any) -> bool:
    """Whether it is something that is called, and not a value."""
    if isinstance(what, _FUNCTIONS):
        return True
    if not callable(what):
        return False
    return _wrapped(what) is not None or type(what).__name__ == "cython_function_or_method"


def _is_fixed(value: typing.Any, depth: int = 0) -> bool:
    """Whether a value cannot change while its name stands for it."""
    if value is None or isinstance(value, (types.ModuleType, *_FUNCTIONS)):
        return True
    kind = type(value)
    if kind in (bool, int, float, complex, str, bytes):
        return True
    if kind in (tuple, frozenset) and depth < 8:
        return all(_is_fixed(v, depth + 1) for v in value)
    return False


def _foreign(what: typing.Any) -> tuple[typing.Any, ...]:
    """A function in C: its name, and the version of its module or, of an own one, its bytes."""
    module = getattr(what, "__module__", None)
    me = getattr(what, "__self__", None)
    if not isinstance(module, str):
        module = me.__name__ if isinstance(me, types.ModuleType) else ""
    of = getattr(what, "__objclass__", me if isinstance(me, type) else None)
    name = getattr(what, "__qualname__", None) or getattr(what, "__name__", "")
    if isinstance(of, type):
        module, name = of.__module__, f"{of.__qualname__}.{name}"
    found = sys.modules.get(module)
    path = getattr(found, "__file__", None)
    if path and is_own(module) and os.path.isfile(path):
        return module, str(name), digest_of_file(path)
    return module, str(name), version_of(module) if module else PYTHON


_sources: dict[int, tuple[typing.Any, Source]] = {}
_SOURCES_MAX = 1024


def source_of(function: typing.Any) -> Source:
    """What a function or class is made of now."""
    entry = _sources.get(id(function))
    if entry is not None and entry[0] is function and entry[1].holds():
        return entry[1]
    walk = _Walk()
    walk.run(function)
    source = walk.source()
    if source.facts is not None:
        if len(_sources) >= _SOURCES_MAX:
            _sources.clear()
        _sources[id(function)] = (function, source)
    return source
