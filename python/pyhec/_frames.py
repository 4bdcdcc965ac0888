# SPDX-License-Identifier: MIT
"""DataFrames on their way from a worker: numbers in shared memory, text as codes and a table, put
together in the parent by one copy per column.
"""

from __future__ import annotations

import typing

import numpy
import pandas

from . import _hec


class _Text(typing.NamedTuple):
    """A column of text: a code per row, and what the codes stand for."""

    codes: typing.Any  # uint32, as an array, so that it can travel in shared memory
    table: list[typing.Any]
    dtype: typing.Any


class Packed(typing.NamedTuple):
    """A DataFrame in parts that travel well."""

    index: pandas.Index
    columns: pandas.Index
    parts: list[typing.Any]  # per column: an array, a _Text, or a Series
    is_series: bool = False  # it was one, and has one column


def _is_text(dtype: typing.Any) -> bool:
    return bool(dtype == object or getattr(dtype, "storage", None) == "python")


def _pack_text(columns: list[pandas.Series]) -> _Text | None:
    """Columns of text, one below the other, or None where that gains nothing."""
    seen: dict[typing.Any, int] = {}
    table: list[typing.Any] = [numpy.nan]
    codes = []
    for column in columns:
        values = numpy.ascontiguousarray(numpy.asarray(column.array, dtype=object))
        some = _hec.encode_column(values, seen, table)
        if some is None:
            return None
        codes.append(numpy.frombuffer(some, numpy.uint32))
    return _Text(_glue(codes), table, columns[0].dtype)


def _glue(arrays: list[typing.Any]) -> typing.Any:
    return arrays[0] if len(arrays) == 1 else numpy.concatenate(arrays)


def _pack_column(columns: list[pandas.Series]) -> typing.Any:
    """The same column of several frames, as one thing to send."""
    dtype = columns[0].dtype
    if isinstance(dtype, numpy.dtype) and dtype.kind in "biufcmM":
        return _glue([column.to_numpy() for column in columns])
    if _is_text(dtype):
        text = _pack_text(columns)
        if text is not None:
            return text
    return columns[0] if len(columns) == 1 else pandas.concat(columns, ignore_index=True)


def _alike(frames: list[pandas.DataFrame]) -> bool:
    """Whether all have the same columns of the same types."""
    first = frames[0]
    types = list(first.dtypes)
    return all(f.columns.equals(first.columns) and list(f.dtypes) == types for f in frames[1:])


def _index(frames: list[typing.Any], ignore_index: bool) -> pandas.Index:
    """The index of frames, packed or not, one below the other."""
    first = frames[0].index
    if ignore_index:
        return pandas.RangeIndex(sum(len(f.index) for f in frames))
    return first if len(frames) == 1 else first.append([f.index for f in frames[1:]])


def pack(frames: list[pandas.DataFrame], ignore_index: bool) -> Packed:
    """Takes frames, one below the other, apart; in the worker."""
    if not _alike(frames):
        frames = [pandas.concat(frames, ignore_index=ignore_index)]
    columns = [[f.iloc[:, i] for f in frames] for i in range(frames[0].shape[1])]
    parts = [_pack_column(column) for column in columns]
    return Packed(_index(frames, ignore_index), frames[0].columns, parts)


def pack_series(series: pandas.Series) -> Packed:
    """The same for a Series."""
    columns = pandas.Index([series.name])
    return Packed(series.index, columns, [_pack_column([series])], is_series=True)


def _restore_text(chunks: list[_Text]) -> typing.Any:
    values = numpy.empty(sum(len(c.codes) for c in chunks), dtype=object)
    at = 0
    for chunk in chunks:
        _hec.decode_column(chunk.codes, chunk.table, values, at)
        at += len(chunk.codes)
    dtype = chunks[0].dtype
    return values if dtype == object else pandas.array(values, dtype=dtype, copy=False)


def _same_kind(chunks: list[typing.Any]) -> bool:
    first = chunks[0]
    return all(type(c) is type(first) and c.dtype == first.dtype for c in chunks)


def _join_column(chunks: list[typing.Any]) -> typing.Any:
    if isinstance(chunks[0], _Text):
        return _restore_text(chunks)
    if isinstance(chunks[0], pandas.Series):
        return pandas.concat(chunks, ignore_index=True).array
    return _glue(chunks)


def _unpack(packed: Packed) -> typing.Any:
    frame = _assemble(packed.columns, [[p] for p in packed.parts], packed.index)
    return frame.iloc[:, 0] if packed.is_series else frame


def _assemble(
    columns: pandas.Index, parts: list[list[typing.Any]], index: pandas.Index
) -> pandas.DataFrame:
    # By number and not by name: names may occur twice.
    data = {i: _join_column(chunks) for i, chunks in enumerate(parts)}
    frame = pandas.DataFrame(data, index=index, copy=False)
    frame.columns = columns
    return frame


def join(packed: list[Packed], ignore_index: bool) -> typing.Any:
    """pandas.concat of frames, or of Series, that were packed; in the parent."""
    first = packed[0]
    columns = [list(chunks) for chunks in zip(*(p.parts for p in packed))]
    if not all(p.columns.equals(first.columns) for p in packed) or not all(
        _same_kind(chunks) for chunks in columns
    ):
        # Frames that do not look alike: pandas knows what to make of them.
        return pandas.concat([_unpack(p) for p in packed], ignore_index=ignore_index)
    frame = _assemble(first.columns, columns, _index(packed, ignore_index))
    return frame.iloc[:, 0] if all(p.is_series for p in packed) else frame
