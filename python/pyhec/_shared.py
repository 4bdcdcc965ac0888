# SPDX-License-Identifier: MIT
"""Arrays that several processes see, and what shared memory takes."""

from __future__ import annotations

import typing

from . import _hec

if typing.TYPE_CHECKING:
    import numpy

    _Shape = typing.Union[int, tuple[int, ...]]


class Memory(typing.NamedTuple):
    """What pyhec's shared memory takes in this process and its workers, in bytes."""

    #: Shared arrays that are alive: how many, and their memory.
    arrays: int
    array_bytes: int
    #: Memory of shared arrays that are gone, kept for the next ones.
    array_warm: int
    #: Memory of shared arrays that went back to the system, since the process began.
    array_given_back: int
    #: Memory of the open pools: large inputs and results on their way or in use, and what is kept
    #: warm for the next ones.
    pools: int


def empty(shape: _Shape, dtype: typing.Any = float, order: str = "C") -> numpy.ndarray:
    """An array that this process and its workers see: what one writes, the others read. What is in
    it is undefined. Sent to a worker it is not copied, in whatever pool; slices of it are not
    either, where they are contiguous. A worker's result is a copy, as always.

    Its memory is used again, or goes back to the system, when this process and all workers have
    let go of it. Made inside a task, it belongs to the worker, and comes back as a copy.
    """
    import numpy

    kind = numpy.dtype(dtype)
    if kind.hasobject:
        raise TypeError(
            f"processes cannot share Python objects: dtype must not be {kind}; use numbers, or "
            "text of a fixed length such as 'U16'"
        )
    count = 1
    for n in shape if isinstance(shape, (tuple, list)) else (shape,):
        count *= int(n)
    if count < 0:
        raise ValueError(f"shape must not be negative: {shape}")
    block = _hec.Shared(count * kind.itemsize)
    if count * kind.itemsize == 0:
        return numpy.empty(shape, kind, order=order)  # type: ignore[call-overload,no-any-return]
    return numpy.ndarray(shape, kind, buffer=block, order=order)  # type: ignore[arg-type]


def zeros(shape: _Shape, dtype: typing.Any = float, order: str = "C") -> numpy.ndarray:
    """As empty(), filled with zeros."""
    return full(shape, 0, dtype, order)


def full(
    shape: _Shape, fill_value: typing.Any, dtype: typing.Any = None, order: str = "C"
) -> numpy.ndarray:
    """As empty(), filled with a value; its type is the value's unless dtype is given."""
    import numpy

    array = empty(shape, numpy.asarray(fill_value).dtype if dtype is None else dtype, order)
    array[...] = fill_value
    return array


def asshared(array: typing.Any) -> numpy.ndarray:
    """The array itself where it lies in shared memory already, else a copy that does."""
    import numpy

    array = numpy.asanyarray(array)
    if type(array) is numpy.ndarray and _hec.is_shared(array):
        return array
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    copy = empty(array.shape, array.dtype, order)
    copy[...] = array
    return copy


def memory() -> Memory:
    """What shared memory takes now. Warm memory is reused by the next arrays of the same size; a
    pool's goes back to the system when the pool is idle for a moment, or ends.
    """
    return Memory(*_hec.array_memory(), _hec.pool_memory())
