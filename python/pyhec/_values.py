# SPDX-License-Identifier: MIT
"""What an argument is made of, in plain values: for the keys of tasks.

describe() says it for one object; the extension (key.c) goes through what it says. Equal objects
give equal descriptions in every process, whatever the order in which they were filled.
"""

from __future__ import annotations

import copyreg
import sys
import types

from . import _hec, _report
from ._modules import is_own

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing


class TaskKeyError(TypeError):
    """The key of a task cannot be computed, since something that it depends on has no form which is
    the same in every run. The text says what, and what to do.
    """


_HINT = (
    "pass something that can be pickled, or give its class (or the function) an attribute or "
    "method __pyhec_key__ whose value stands for it"
)
_TRIES = 2000


def own_key(what: typing.Any) -> tuple[typing.Any, ...] | None:
    """What an object says of itself by __pyhec_key__, if it does."""
    if isinstance(what, type):
        key = what.__dict__.get("__pyhec_key__")
        if key is None or callable(key) or isinstance(key, (classmethod, property)):
            return None  # meant for its instances
    else:
        try:
            key = getattr(what, "__pyhec_key__", None)
        except Exception:  # a __getattr__ of the user's may fail in any way
            return None
        if key is None:
            return None
        if callable(key):
            key = key()
    return "key", type(what).__module__, type(what).__qualname__, key


def describe(what: typing.Any, unordered: bool = False) -> tuple[typing.Any, ...]:
    """An object that is not plain, as a tuple of what it is made of."""
    kind = type(what)
    handler = _HANDLERS.get(kind)
    if handler is not None:
        return handler(what)
    key = own_key(what)
    if key is not None:
        return key
    if isinstance(what, types.ModuleType):
        return "module", what.__name__
    top = kind.__module__.partition(".")[0]
    if top in ("numpy", "pandas"):
        described = _describe_numpy(what) if top == "numpy" else _describe_pandas(what)
        if described is not None:
            return described
    from . import _code

    if _code.is_function(what):
        return _describe_function(what)
    if isinstance(what, types.CodeType):
        return ("code", *_code.describe_code(what))
    return _describe_reduced(what)


def _describe_function(what: typing.Any) -> tuple[typing.Any, ...]:
    from . import _code

    if isinstance(what, type) and not is_own(what.__module__):
        return "class", what.__module__, what.__qualname__  # of types of data the name will do
    source = _code.source_of(what)
    return "function", source.name, source.code, source.data


def _describe_reduced(what: typing.Any) -> tuple[typing.Any, ...]:
    """By the means of pickle."""
    kind = type(what)
    if kind.__module__.partition(".")[0] == "pathlib":  # pickle would tell how it was put together
        return "path", kind.__name__, str(what)
    if isinstance(what, (set, frozenset)):  # pickle would list the items in any order
        plain: typing.Any = frozenset(what)
        return "set", kind, plain, getattr(what, "__dict__", None)
    reduce = copyreg.dispatch_table.get(kind)
    reduced = reduce(what) if reduce is not None else what.__reduce_ex__(4)
    if isinstance(reduced, str):
        return "global", getattr(what, "__module__", None) or kind.__module__, reduced
    function, arguments, *rest = reduced
    rest += [None] * (4 - len(rest))
    state, items, pairs = rest[:3]
    listed: typing.Any = None if items is None else list(items)
    paired: typing.Any = None if pairs is None else list(pairs)
    equal: typing.Any = kind.__eq__
    if isinstance(what, dict) and equal is dict.__eq__:
        paired = dict(paired or ())  # equal in any order, as a dict is
    return "reduced", _callable(function), arguments, state, listed, paired


def _callable(function: typing.Any) -> typing.Any:
    """The function that makes an object again: of an installed one the name."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if isinstance(module, str) and isinstance(name, str) and not is_own(module):
        return module + "." + name
    return function


# ---- numpy ----


def _describe_numpy(what: typing.Any) -> tuple[typing.Any, ...] | None:
    import numpy

    kind = type(what)
    if kind is numpy.ndarray or isinstance(what, numpy.memmap):
        return ("array", *_array(what))
    if isinstance(what, numpy.generic) and not what.dtype.hasobject:
        return "scalar", _dtype(what.dtype), what.tobytes()
    if isinstance(what, numpy.dtype):
        return "dtype", _dtype(what)
    if kind is numpy.ma.MaskedArray:
        return "masked", what.filled(), numpy.ma.getmaskarray(what), what.fill_value
    if kind is numpy.ufunc:
        return "ufunc", what.__name__
    return None


def _dtype(dtype: typing.Any) -> typing.Any:
    if dtype.names is None:
        return dtype.str
    return repr(dtype)


def _array(array: typing.Any) -> tuple[typing.Any, ...]:
    import numpy

    dtype = array.dtype
    if dtype.hasobject:
        return _dtype(dtype), array.shape, array.ravel().tolist()
    flat = numpy.ascontiguousarray(array).reshape(-1)
    if flat.nbytes == 0:
        return _dtype(dtype), array.shape, b""
    return _dtype(dtype), array.shape, memoryview(flat.view(numpy.ndarray).view("u1").data)


# ---- pandas ----


def _describe_pandas(what: typing.Any) -> tuple[typing.Any, ...] | None:
    import numpy
    import pandas

    name = type(what).__name__
    if type(what) is pandas.DataFrame:
        return "frame", what.index, what.columns, _columns(what), dict(what.attrs)
    if type(what) is pandas.Series:
        return "series", what.index, what.name, _column(what), dict(what.attrs)
    if isinstance(what, pandas.RangeIndex):
        return name, what.start, what.stop, what.step, what.name
    if isinstance(what, pandas.MultiIndex):
        return name, list(what.levels), [numpy.asarray(c) for c in what.codes], list(what.names)
    if isinstance(what, pandas.Categorical):
        return name, what.codes, what.categories, what.ordered
    if isinstance(what, pandas.Index):
        return name, what.name, getattr(what, "freqstr", None), _column(what)
    if isinstance(what, pandas.api.extensions.ExtensionArray):
        return name, str(what.dtype), list(what)
    return None


def _column(column: typing.Any) -> typing.Any:
    """The values of a Series or Index: not how they are kept."""
    import numpy

    if isinstance(column.dtype, numpy.dtype):
        return column.to_numpy()
    return column.array


def _columns(frame: typing.Any) -> typing.Any:
    import numpy

    dtypes = set(frame.dtypes)
    if len(dtypes) == 1 and isinstance(next(iter(dtypes)), numpy.dtype):
        return frame.to_numpy()
    return [_column(column) for _label, column in frame.items()]


# ---- others ----

_HANDLERS: dict[type, typing.Callable[[typing.Any], tuple[typing.Any, ...]]] = {
    types.MappingProxyType: lambda m: ("mappingproxy", dict(m)),
    type(Ellipsis): lambda _: ("Ellipsis",),
    type(NotImplemented): lambda _: ("NotImplemented",),
    range: lambda r: ("range", r.start, r.stop, r.step),
    slice: lambda s: ("slice", s.start, s.stop, s.step),
}


# ---- errors ----


def _has_digest(value: typing.Any, how: typing.Any) -> bool:
    try:
        _hec.digest(value, how)
    except Exception:
        return False
    return True


def _culprit(value: typing.Any, how: typing.Any) -> tuple[str, typing.Any]:
    """The innermost part that has no digest, and how one gets to it."""
    path, tries = "", 0
    while len(path) < 200:
        for step, part in _report.parts(value):
            tries += 1
            if tries > _TRIES:
                return path, value
            if not _has_digest(part, how):
                path, value = path + step, part
                break
        else:
            return path, value
    return path, value


def no_key(
    what: str, value: typing.Any, why: BaseException, how: typing.Any = describe
) -> TaskKeyError:
    """The error that says which part of a value is why there is no key."""
    if isinstance(why, TaskKeyError):
        return why
    path, part = ("", value) if isinstance(why, RecursionError) else _culprit(value, how)
    kind = f"{type(part).__module__}.{type(part).__qualname__}".replace("builtins.", "")
    return TaskKeyError(
        f"the key of a task cannot be computed: {what}{path}, {_report.brief(part)} of type "
        f"{kind}: {why}; {_HINT}"
    )
