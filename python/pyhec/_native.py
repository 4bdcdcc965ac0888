# SPDX-License-Identifier: MIT
"""Native functions over arrays, on threads: whether the arrays fit. The extension does the rest."""

from __future__ import annotations

import operator
import struct
import sys

from . import _hec
from ._report import brief
from ._run import Cores, worker_count
from ._signature import BLOCK, Parameter, Signature, resolve

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

_ELEMENTS_MAX = 3
_POINTERS_MAX = 6
_SCALARS_MAX = 3

#: What element functions may take: their C name, and how struct writes them.
_ELEMENT_TYPES = {
    "f8": ("double", "d"),
    "f4": ("float", "f"),
    "i8": ("int64_t", "q"),
    "i4": ("int32_t", "i"),
}


# ---- reading arrays ----


def _format_kind(view: memoryview) -> str | None:
    """The type of a buffer's elements; None for one that C has no name for."""
    code = view.format
    if code[:1] in "<>=!@" and len(code) > 1:
        big = code[0] in ">!" or (code[0] in "=@" and sys.byteorder == "big")
        if big != (sys.byteorder == "big") and view.itemsize > 1:
            return None
        code = code[1:]
    if code in ("Zd", "Zf"):
        return "c16" if code == "Zd" else "c8"
    for letters, letter in (("dfe", "f"), ("bhilqn", "i"), ("BHILQN", "u"), ("?", "b")):
        if code in letters and len(code) == 1:
            return f"{letter}{view.itemsize}"
    return None


def _view(value: typing.Any, name: str) -> memoryview:
    """A buffer's shape and type."""
    try:
        view = memoryview(value)
    except (TypeError, ValueError, BufferError):  # ValueError: NumPy, for a dtype like datetime64
        how = ".to_numpy()" if hasattr(value, "to_numpy") else "numpy.asarray(...)"
        raise TypeError(f"{name} must be an array, not {brief(value)}: pass {how}") from None
    if not view.c_contiguous:
        raise ValueError(
            f"{name} is not contiguous (a slice with steps, a transpose, or a column): pass "
            "numpy.ascontiguousarray(...)"
        )
    return view


def _is_number(value: typing.Any) -> bool:
    if isinstance(value, (int, float)):
        return True
    try:
        return memoryview(value).ndim == 0
    except (TypeError, ValueError, BufferError):
        return False


def _dtype_name(kind: str) -> str:
    names = {"f": "float", "i": "int", "u": "uint", "c": "complex", "b": "bool"}
    return names[kind[0]] + (str(int(kind[1:]) * 8) if kind[0] != "b" else "")


def _check_kind(view: memoryview, kind: str, name: str) -> None:
    """Raises unless the elements are what the function takes there."""
    have = _format_kind(view)
    if kind in ("v", have):
        return
    has = _dtype_name(have) if have else f"elements of format {view.format!r}"
    want = _dtype_name(kind)
    fix = "pass another array" if name.startswith("out") else f"pass it as .astype('{want}')"
    raise TypeError(f"{name} has {has} and the function takes {want}: {fix}")


def _check_writable(view: memoryview, name: str, parameter: Parameter) -> None:
    if parameter.const:
        raise ValueError(f"{name} would go to a parameter that is const: the function only reads it")
    if view.readonly:
        raise ValueError(f"{name} is read-only: pass a copy")


def _allocate(shape: tuple[int, ...], kind: str) -> typing.Any:
    if kind == "v":
        raise ValueError("what a void * leads to is not known: pass out=")
    try:
        import numpy
    except ImportError:
        raise ImportError(
            "without NumPy there is nothing to make the result of: pass out=, say an array.array"
        ) from None
    return numpy.empty(shape, dtype=kind)


def _shape(view: memoryview) -> tuple[int, ...]:
    shape = view.shape
    assert shape is not None  # as Python 3.9's description of it has it
    return shape


def _product(shape: tuple[int, ...]) -> int:
    n = 1
    for k in shape:
        n *= k
    return n


# ---- the two kinds of functions ----


class _Plan:
    """What the extension is to be called with."""

    def __init__(self) -> None:
        self.kind, self.writes, self.n, self.inputs = "", "", 0, 0
        self.scalars: list[float] = []
        self.arrays: list[typing.Any] = []
        self.steps: list[int] = []
        self.result: typing.Any = None

    def add(self, array: typing.Any, step: int, write: bool) -> None:
        """One more array, in the order of the function's parameters."""
        self.arrays.append(array)
        self.steps.append(step)
        self.writes += "w" if write else "r"


def _pack_number(value: typing.Any, kind: str, name: str) -> bytes:
    """A number as C holds it."""
    number: typing.Any
    try:
        number = float(value) if kind[0] == "f" else operator.index(value)
        return struct.pack(_ELEMENT_TYPES[kind][1], number).ljust(8, b"\0")
    except (TypeError, struct.error, OverflowError):
        want = _dtype_name(kind)
        raise TypeError(f"{name} is {brief(value)}, which is no {want}") from None


def _check_elements(signature: Signature) -> str:
    """The one type of an element function."""
    kinds = {p.kind for p in signature.parameters} | {signature.result.kind}
    kind = min(kinds)
    if len(kinds) == 1 and kind in _ELEMENT_TYPES and len(signature.parameters) <= _ELEMENTS_MAX:
        return kind
    raise TypeError(
        f"a function of elements has from 1 to {_ELEMENTS_MAX} parameters and a result, all of "
        "one of double, float, int64_t and int32_t, unlike "
        f"{signature.text!r}: write it for blocks, as {BLOCK!r}"
    )


def _plan_elements(signature: Signature, values: tuple[typing.Any, ...], out: typing.Any) -> _Plan:
    """A function that takes one element of each array and returns one."""
    kind = _check_elements(signature)
    if len(values) != len(signature.parameters):
        raise TypeError(
            f"the function {signature.text!r} takes {len(signature.parameters)} "
            f"arrays or numbers, {len(values)} were given"
        )
    plan = _Plan()
    shape: tuple[int, ...] | None = None
    for i, value in enumerate(values):
        name = f"argument {i}"
        if _is_number(value):
            plan.add(_pack_number(value, kind, name), 0, False)
            continue
        view = _view(value, name)
        _check_kind(view, kind, name)
        if shape is not None and _shape(view) != shape:
            raise ValueError(f"{name} has shape {_shape(view)} and those before have {shape}")
        shape = _shape(view)
        plan.add(value, view.itemsize, False)
    if shape is None:
        raise TypeError("all arguments are numbers: at least one must be an array")
    plan.kind, plan.n, plan.inputs = kind, _product(shape), len(values)
    plan.result = _allocate(shape, kind) if out is None else out
    view = _view(plan.result, "out")
    _check_kind(view, kind, "out")
    _check_writable(view, "out", Parameter(kind))
    if _shape(view) != shape:
        raise ValueError(f"out has shape {_shape(view)} and must have {shape}")
    plan.add(plan.result, view.itemsize, True)
    return plan


def _split_blocks(signature: Signature) -> tuple[int, list[Parameter]]:
    """The number of leading scalars of a block function, and its pointers."""
    parameters = signature.parameters
    scalars = 0
    while scalars < len(parameters) and str(parameters[scalars]) == "f8":
        scalars += 1
    pointers = parameters[scalars:-1]
    good = (
        scalars <= _SCALARS_MAX
        and 1 <= len(pointers) <= _POINTERS_MAX
        and all(p.pointer for p in pointers)
        and str(parameters[-1]) in ("u8", "i8", "i4", "u4")
        and str(signature.result) in ("v", "i4")
    )
    if not good:
        raise TypeError(
            f"a function of blocks is like {BLOCK!r}: at most {_SCALARS_MAX} doubles, from 1 to "
            f"{_POINTERS_MAX} pointers, and the number of elements; it returns nothing, or an int "
            f"that is 0 when all is well. It is not {signature.text!r}"
        )
    return scalars, pointers


def _outputs(
    pointers: list[Parameter], given: int, shapes: list[tuple[int, ...]], out: typing.Any
) -> tuple[typing.Any, list[typing.Any]]:
    """What is returned, and the arrays for the pointers that are left."""
    left = pointers[given:]
    if out is None:
        if left and len(set(shapes)) != 1:
            raise ValueError("the shape of the result is not known: pass out=")
        outs = [_allocate(shapes[0], p.kind) for p in left]
        return (outs[0] if len(outs) == 1 else tuple(outs) if outs else None), outs
    outs = list(out) if isinstance(out, tuple) else [out]
    if len(outs) != len(left):
        raise TypeError(
            f"the function takes {len(pointers)} arrays: {given} were given, and {len(outs)} in out"
        )
    return out, outs


def _common_length(views: list[memoryview], names: list[str]) -> int:
    """The length of all of them; 0 where there are none."""
    for view, name in zip(views, names):
        if view.ndim == 0:
            raise TypeError(f"{name} is a number where the function takes an array")
        have, length = _shape(view)[0], _shape(views[0])[0]
        if have != length:
            raise ValueError(f"{name} has length {have} and {names[0]} has {length}")
    return _shape(views[0])[0] if views else 0


def _plan_blocks(signature: Signature, values: tuple[typing.Any, ...], out: typing.Any) -> _Plan:
    """A function that takes pointers to a block of each array, and the block's length."""
    scalars, pointers = _split_blocks(signature)
    plan = _Plan()
    given = len(values) - scalars
    if not 0 <= given <= len(pointers):
        raise TypeError(
            f"the function {signature.text!r} takes {scalars} numbers and at most "
            f"{len(pointers)} arrays, {len(values)} arguments were given"
        )
    for i, value in enumerate(values[:scalars]):
        if not _is_number(value):
            raise TypeError(f"argument {i} must be a number, not {brief(value)}")
        plan.scalars.append(float(value))
    views = [_view(v, f"argument {i}") for i, v in enumerate(values) if i >= scalars]
    _common_length(views, [f"argument {i + scalars}" for i in range(given)])
    plan.result, outs = _outputs(pointers, given, [_shape(v) for v in views], out)
    names = [f"argument {i + scalars}" for i in range(given)]
    names += ["out" if len(outs) == 1 else f"out[{i}]" for i in range(len(outs))]
    views += [_view(o, name) for o, name in zip(outs, names[given:])]
    length = _common_length(views, names)
    for i, (view, pointer, name) in enumerate(zip(views, pointers, names)):
        _check_kind(view, pointer.kind, name)
        # Nothing is returned: then what is changed is among what was given.
        write = i >= given or (not outs and not pointer.const)
        if write:
            _check_writable(view, name, pointer)
        array = values[i + scalars] if i < given else outs[i - given]
        plan.add(array, view.nbytes // length if length else 0, write)
    count = "i4" if str(signature.parameters[-1]) in ("i4", "u4") else "i8"
    plan.kind, plan.n, plan.inputs = f"{signature.result},{count}", length, given
    return plan


# ---- the same call again ----

#: What the last call of a function found out, what the function said of itself then, and the
#: function, so that its number stays its own. A loop of short calls would spend its time on finding
#: that out.
_seen: dict[typing.Any, tuple[_hec.NativeCall, typing.Any, typing.Any, typing.Any, typing.Any]] = {}
_SEEN_MAX = 256


def _name(func: typing.Any, signature: str | None) -> tuple[typing.Any, ...]:
    """What a function is noted under: those of ctypes have no hash."""
    return type(func), func if isinstance(func, int) else id(func), signature


def _run_again(
    func: typing.Any, signature: str | None, arrays: tuple[typing.Any, ...], out: typing.Any,
    threads: int,
) -> bool:
    """Makes the call, if it is like one before; whether it was."""
    known = _seen.get(_name(func, signature))
    if known is None:
        return False
    call, argtypes, types, restype, _ = known
    # A function of ctypes may have been told something else since, or its list been changed.
    if argtypes is not None and not (
        func.argtypes is argtypes
        and func.restype is restype
        and (types is argtypes or types == tuple(argtypes))
    ):
        return False
    return call.run(arrays, out, threads, _takes_signals())


def _note(
    func: typing.Any, signature: str | None, address: int, plan: _Plan, out: typing.Any
) -> None:
    """Notes a call that went well, where another may be like it: arrays of one dimension, and
    results in one array that was given or in none.
    """
    views = [memoryview(a) for a in plan.arrays]
    outs = len(views) - plan.inputs
    argtypes = getattr(func, "argtypes", None)
    if (
        any(v.ndim != 1 or step != v.itemsize for v, step in zip(views, plan.steps))
        or outs != (out is not None)
        or isinstance(out, tuple)
    ):
        return
    if len(_seen) >= _SEEN_MAX:
        _seen.clear()
    formats = tuple((v.format, v.itemsize) for v in views)
    call = _hec.NativeCall(
        address, plan.kind, len(plan.scalars), plan.writes, plan.inputs, formats
    )
    types = None if argtypes is None else tuple(argtypes)
    kept = (call, argtypes, types, getattr(func, "restype", None), func)
    _seen[_name(func, signature)] = kept


# ---- the call ----


def _grain(grain: typing.Any) -> int:
    if grain is None:
        return 0
    try:
        number = operator.index(grain)
    except TypeError:
        number = 0
    if isinstance(grain, bool) or not 1 <= number < 1 << 63:
        raise ValueError(f"grain must be a positive whole number or None, not {grain!r}")
    return number


def _threads(n_cores: typing.Any) -> int:
    """For the extension 0 is what was granted, which it asks for once."""
    if not _hec.in_worker() and (n_cores is None or (isinstance(n_cores, str) and n_cores == "max")):
        return 0
    return worker_count(n_cores)


def _takes_signals() -> bool:
    """Whether this is the thread in which signal handlers run."""
    threading = sys.modules.get("threading")
    return threading is None or threading.get_ident() == threading.main_thread().ident


def map_native(
    func: typing.Any,
    *arrays: typing.Any,
    out: typing.Any = None,
    signature: str | None = None,
    n_cores: int | str | None = None,
    grain: int | None = None,
) -> typing.Any:
    """Calls a compiled function over arrays, on threads that do not hold the interpreter's lock.

        libm = ctypes.CDLL("libm.so.6")
        libm.erf.argtypes, libm.erf.restype = [ctypes.c_double], ctypes.c_double
        y = pyhec.map_native(libm.erf, x)

    func: a ctypes function, a cffi function pointer, a Numba @cfunc, a capsule of Cython's
    __pyx_capi__, or an address (then with signature). Its C type says how it is called:

    - ``double f(double, double)``: for each element. Up to 3 parameters, all, and the result, of
      one of double, float, int64_t, int32_t. An argument may be a number instead of an array.
    - ``void f(const double *a, const double *b, double *out, size_t n)``: for blocks of the
      arrays, with the number of elements (of rows, if an array has several dimensions) of the
      block. Up to 6 pointers, of any types, and up to 3 leading doubles, for which numbers are
      passed. A function that returns an int stops the loop by anything but 0, a RuntimeError.

    arrays: NumPy arrays or anything with the buffer protocol; contiguous, and of the very types
    that the function takes. out: where the results go, a tuple for several; None makes NumPy
    arrays, or, where the function has no pointer left for them, lets it change its arguments.
    Returns out.

    signature: a C prototype, where func does not know its own: "double(double)".
    n_cores: how many threads; None or 'max': all CPUs that were granted.
    grain: blocks begin at multiples of so many elements. Without it they are chosen such that
    each lasts less than a tenth of a millisecond.

    The function must be safe to be called from several threads at once; results are those of the
    serial loop as long as an element does not depend on others. It must not use Python; one that
    crashes ends the process. Ctrl-C is heeded between blocks.
    """
    threads = _threads(n_cores)
    if not _hec.in_worker():
        return _map(func, arrays, out, signature, threads, grain)
    with Cores(threads) as cores:
        return _map(func, arrays, out, signature, cores.count, grain)


def _map(
    func: typing.Any, arrays: tuple[typing.Any, ...], out: typing.Any, signature: str | None,
    threads: int, grain: typing.Any,
) -> typing.Any:
    """map_native() on so many threads."""
    if grain is None and _run_again(func, signature, arrays, out, threads):
        return out
    address, takes = resolve(func, signature)
    number = _grain(grain)
    if not takes.parameters:
        raise TypeError(f"the function {takes.text!r} takes no parameters")
    if any(p.pointer for p in takes.parameters):
        plan = _plan_blocks(takes, arrays, out)
    else:
        plan = _plan_elements(takes, arrays, out)
    if plan.n > 0:
        _hec.run_native(
            address, plan.kind, tuple(plan.scalars), tuple(plan.arrays), tuple(plan.steps),
            plan.writes, plan.inputs, plan.n, threads, number, _takes_signals(),
        )  # fmt: skip
        _note(func, signature, address, plan, out)
    return plan.result
