# SPDX-License-Identifier: MIT
"""What a native function takes: read from ctypes, cffi, Numba, Cython, or a C prototype.

Types are NumPy's short names ("f8", "i4"), and "v" for void.
"""

from __future__ import annotations

import struct
import sys

from . import _hec
from ._report import brief

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

_WORDS = {
    "void": "v", "none": "v",
    "double": "f8", "float": "f4", "bool": "b1", "_Bool": "b1", "boolean": "b1",
    "size_t": "u8", "ssize_t": "i8", "Py_ssize_t": "i8", "ptrdiff_t": "i8",
    "intptr_t": "i8", "uintptr_t": "u8", "intp": "i8", "uintp": "u8",
    "float complex": "c8", "double complex": "c16",
}  # fmt: skip
_INTEGER_WORDS = {"signed", "unsigned", "char", "short", "int", "long"}
_SIZED = {"int": "i", "uint": "u", "float": "f", "complex": "c"}
_IGNORED = {"const", "restrict", "__restrict", "__restrict__", "volatile"}
#: The shape of a function of blocks, for messages.
BLOCK = "void f(const double *a, double *out, size_t n)"
_HOW = (
    "a native function is a ctypes function, a cffi function pointer, a Numba @cfunc, a capsule "
    "of Cython's __pyx_capi__, or an address with signature="
)


class Parameter:
    """One parameter: its type, whether it is a pointer to such, and to what is not changed."""

    def __init__(self, kind: str, pointer: bool = False, const: bool = False) -> None:
        self.kind, self.pointer, self.const = kind, pointer, const

    def __str__(self) -> str:
        return self.kind + " *" * self.pointer


class Signature:
    """What a native function takes and returns."""

    def __init__(self, text: str, result: Parameter, parameters: list[Parameter]) -> None:
        self.text, self.result, self.parameters = text, result, parameters

    def same_as(self, other: Signature) -> bool:
        """Whether the two describe one function; const does not matter."""
        mine, others = [self.result, *self.parameters], [other.result, *other.parameters]
        return [str(p) for p in mine] == [str(p) for p in others]


# ---- reading types ----


def _integer(words: list[str]) -> str:
    letter = "u" if "unsigned" in words else "i"
    size = (
        1 if "char" in words
        else 2 if "short" in words
        else 8 if words.count("long") == 2
        else struct.calcsize("l") if "long" in words
        else 4
    )  # fmt: skip
    return f"{letter}{size}"


def _kind(name: str) -> str | None:
    """The type that C, Numba or Cython call by this name; None for an unknown one."""
    import re

    words = name.split()
    if words and set(words) <= _INTEGER_WORDS:
        return _integer(words)
    if name in _WORDS:
        return _WORDS[name]
    # int32_t, uint8, float64, and Cython's __pyx_t_5numpy_float64_t
    sized = re.fullmatch(r"(?:__pyx_t_\w+_|npy_)?(int|uint|float|complex)(\d+)(?:_t)?", name)
    if sized:
        return f"{_SIZED[sized[1]]}{int(sized[2]) // 8}"
    return None


def _parameter(text: str) -> Parameter | None:
    """A C parameter, with or without its name; None where it is not understood."""
    import re

    words = re.findall(r"\w+|\*|\S", text.replace("_Complex", "complex"))
    stars = words.count("*")
    known = [w for w in words if w not in _IGNORED and w != "*"]
    kind = _kind(" ".join(known))
    if kind is None and len(known) > 1 and _kind(known[-1]) is None:
        kind = _kind(" ".join(known[:-1]))
    if kind is None or stars > 1 or (kind == "v" and not stars):
        return None
    # "double *const p": the pointer is, what it points to is not.
    const = "const" in (words[: words.index("*")] if stars else words)
    return Parameter(kind, bool(stars), const)


#: Prototypes that were read before: a loop of short calls would spend its time on that.
_read: dict[str, Signature] = {}


def _parse(text: str) -> Signature:
    """A C prototype, names left out or not: ``double(double, double)``."""
    import re

    if text in _read:
        return _read[text]
    match = re.fullmatch(r"([^()]+?)\s*(?:\(\s*\*\s*\w*\s*\))?\s*\(([^()]*)\)\s*;?", text.strip())
    if match is None:
        raise ValueError(f"signature must be a C prototype such as {BLOCK!r}, not {text!r}")
    result_words = match[1].split()
    if len(result_words) > 1 and _kind(" ".join(result_words[:-1])) and not _kind(match[1]):
        result_words.pop()  # the function's name
    result_text = " ".join(w for w in result_words if w not in {"static", "extern", "inline"})
    result = Parameter("v") if _kind(result_text) == "v" else _parameter(result_text)
    parts = [p.strip() for p in match[2].split(",") if p.strip() not in ("", "void")]
    parameters = [_parameter(p) for p in parts]
    for part, parameter in zip([match[1], *parts], [result, *parameters]):
        if parameter is None:
            raise ValueError(
                f"the type {part.strip()!r} of signature {text!r} is not known here: C's "
                "numbers and int8_t to uint64_t are, and pointers to them"
            )
    assert result is not None
    if len(_read) >= 1000:
        _read.clear()
    _read[text] = Signature(text.strip(), result, [p for p in parameters if p is not None])
    return _read[text]


_CTYPES = {
    "d": "double", "f": "float", "b": "signed char", "B": "unsigned char", "c": "char",
    "h": "short", "H": "unsigned short", "i": "int", "I": "unsigned int", "l": "long",
    "L": "unsigned long", "q": "long long", "Q": "unsigned long long", "?": "bool", "P": "void *",
}  # fmt: skip


def _ctypes_name(kind: typing.Any) -> str:
    """The C name of a type of ctypes or of numpy.ctypeslib."""
    if kind is None:
        return "void"
    if hasattr(kind, "_dtype_"):  # numpy.ctypeslib.ndpointer
        return "void *" if kind._dtype_ is None else f"{kind._dtype_.name} *"
    code = getattr(kind, "_type_", None)
    if isinstance(code, str):
        return _CTYPES.get(code, str(kind.__name__))
    if code is not None:
        return _ctypes_name(code) + " *"
    return str(getattr(kind, "__name__", kind))


# ---- reading functions: each gives the address and a prototype, or None where it is not one ----

if TYPE_CHECKING:
    _Found = tuple[int, str | None]


def _from_capsule(func: typing.Any) -> _Found | None:
    if type(func).__name__ != "PyCapsule":
        return None
    return _hec.capsule_function(func)


def _from_numba(func: typing.Any) -> _Found | None:
    signature: typing.Any = getattr(func, "_sig", None)
    address = getattr(func, "address", None)
    if address is None or not hasattr(signature, "return_type"):
        return None
    names = ", ".join(str(a) for a in signature.args)
    return int(address), f"{signature.return_type}({names})".replace("none *", "void *")


def _from_ctypes(func: typing.Any) -> _Found | None:
    ctypes = sys.modules.get("ctypes")
    if ctypes is None or not isinstance(func, ctypes._CFuncPtr):
        return None
    if func._flags_ & 4:
        raise ValueError("a function of ctypes.PyDLL needs the interpreter's lock: use CDLL")
    address = ctypes.cast(func, ctypes.c_void_p).value
    if func.argtypes is None:
        return address, None
    names = ", ".join(_ctypes_name(t) for t in func.argtypes)
    return address, f"{_ctypes_name(func.restype)}({names})"


def _from_cffi(func: typing.Any) -> _Found | None:
    backend = sys.modules.get("_cffi_backend")
    if backend is None:
        return None
    try:
        kind = backend.typeof(func)
    except TypeError:
        return None
    if kind.kind == "pointer" and kind.item.kind == "function":
        kind = kind.item
    if kind.kind != "function":
        raise TypeError(f"func must be a pointer to a function, not one of {kind.cname!r}")
    try:
        address = int(backend.cast(backend.new_primitive_type("uintptr_t"), func))
    except TypeError:
        raise TypeError(
            "func is cffi's wrapper and not the function: pass ffi.addressof(lib, 'name')"
        ) from None
    names = ", ".join(a.cname for a in kind.args)
    return address, f"{kind.result.cname}({names})"


def _from_number(func: typing.Any) -> _Found | None:
    if isinstance(func, int) and not isinstance(func, bool):
        return func, None
    return None


def resolve(func: typing.Any, signature: str | None) -> tuple[int, Signature]:
    """The address of a function and what it takes."""
    if signature is not None and not isinstance(signature, str):
        raise TypeError(f"signature must be a string, not {brief(signature)}")
    for look in (_from_number, _from_capsule, _from_ctypes, _from_numba, _from_cffi):
        found = look(func)
        if found is not None:
            break
    else:
        hint = "; one of Numba's @njit or @vectorize is compiled for a type by @cfunc"
        hint = hint if hasattr(func, "py_func") else ""
        if callable(func) and not hint:
            hint = "; for a function of Python there is parallel_processing.parallelize"
        raise TypeError(f"func is {brief(func)}; {_HOW}{hint}")
    address, text = found
    if not 0 < address < 1 << 64:
        raise ValueError(f"func is no address of a function: {address:#x}")
    return address, _agree(text, signature)


def _agree(text: str | None, signature: str | None) -> Signature:
    """What the function says of itself and what the caller says of it."""
    if text is None and signature is None:
        raise TypeError(
            "it is not known what func takes: set its argtypes and restype, or pass signature=, "
            f"such as 'double(double, double)' or {BLOCK!r}"
        )
    given = _parse(signature) if signature is not None else None
    if text is None:
        assert given is not None
        return given
    try:
        own = _parse(text)
    except ValueError as e:
        if given is None:
            raise ValueError(f"{e}; say it by signature=") from None
        return given
    if given is not None and not given.same_as(own):
        raise ValueError(f"signature is {signature!r}, but func says it is {text!r}")
    return own
