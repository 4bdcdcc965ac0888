# SPDX-License-Identifier: MIT
"""Plain values travel without the pickler: whatever bytes come, reading them gives a value or an
exception. `python tests/python/test_codec_fuzz.py` makes the corpus, tests/fuzz/corpora/plain."""

from __future__ import annotations

import math
import operator
import pathlib
import random
import subprocess
import sys
import typing

import pytest

from pyhec import _hec

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE.parent / "fuzz" / "corpora" / "plain"
TASK = (operator.add, (1, 2), {"key": "value", "other": (None, 1.5)})
#: Few of each kind: the shorter an entry, the more of its changes are tried.
ENTRIES: dict[str, list[typing.Any]] = {
    "empty": [],
    "constants": [None, True, False],
    "numbers": [0, -1, 2**63 - 1, -(2**63), 1.5, -0.0, math.inf],
    "text": ["", "ascii", "\xe9t\xe9", "\u20ac", "\U0001f600 \x00"],
    "bytes": [b"", b"\x00\xff"],
    "nested": [(), ((1, ("a", (b"b", ()))), None), ((((((),),),),),)],
    "functions": [math.sin, operator.add, math.sin],
    "tasks": [TASK, TASK],
}


def value(rng: random.Random, depth: int = 0) -> typing.Any:
    """Something plain."""
    kind = rng.randrange(8 if depth < 6 else 7)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return rng.randint(-(2**63), 2**63 - 1) >> rng.randrange(64)
    if kind == 2:
        return rng.choice([rng.gauss(0, 1e9), math.inf, -0.0, 5e-324])
    if kind in (3, 4):
        top = rng.choice([0x7F, 0xFF, 0xD7FF, 0x10FFFF])
        return "".join(chr(rng.randint(0, top)) for _ in range(rng.choice([0, 1, 7, 4096])))
    if kind == 5:
        return rng.randbytes(rng.choice([0, 1, 9, 4096]))
    if kind == 6:
        return rng.choice([math.sin, operator.add, len])
    return tuple(value(rng, depth + 1) for _ in range(rng.randrange(5)))


def test_whatever_is_written_is_read() -> None:
    rng = random.Random("plain")
    for _ in range(300):
        values = [value(rng) for _ in range(rng.randrange(12))]
        data = _hec.write_plain(values)
        assert data is not None
        got = _hec.read_plain(data)
        # repr: 1 is True, and 0.0 is -0.0, to ==.
        assert got == values and repr(got) == repr(values)
        into = [None] * (len(values) + 1)
        _hec.read_plain(data, into, len(values))
        assert into == [*values, None]


def test_what_is_not_plain_is_left_to_the_pickler() -> None:
    for values in ([{}], [[1]], [2**63], ["x" * 4097], [{1}], [(1, [2])], [object()]):
        assert _hec.write_plain(values) is None


def test_counts_that_do_not_fit() -> None:
    data = _hec.write_plain([1, 2, 3])
    assert data is not None
    for count in (0, 2):
        with pytest.raises(ValueError):
            _hec.read_plain(data, [None] * 3, count)
    with pytest.raises(ValueError):
        _hec.read_plain(data, [None], 3)
    for other in (b"", b"\x80\x05N."):
        with pytest.raises(ValueError):
            _hec.read_plain(other)


def test_corpus_is_what_it_is_made_from() -> None:
    assert sorted(p.name for p in CORPUS.iterdir()) == sorted(ENTRIES)
    for name, values in ENTRIES.items():
        data = (CORPUS / name).read_bytes()
        assert repr(_hec.read_plain(data)) == repr(values)
        assert _hec.write_plain(values) == data


def test_no_input_ends_the_process(tmp_path: pathlib.Path) -> None:
    note = tmp_path / "note"
    done = subprocess.run(
        [sys.executable, str(HERE / "codec_inputs.py"), str(CORPUS), str(note)],
        capture_output=True, text=True, timeout=300, cwd=tmp_path, check=False,
    )  # fmt: skip
    noted = note.read_bytes()
    size = int.from_bytes(noted[:8], "little")
    what = f"{size} bytes, {noted[8 : 8 + min(size, 200)]!r}"
    assert done.returncode == 0, f"status {done.returncode} at {what}: {done.stderr[-2000:]}"
    assert int(done.stdout) > 10_000


if __name__ == "__main__":
    CORPUS.mkdir(exist_ok=True)
    for each, items in ENTRIES.items():
        made = _hec.write_plain(items)
        assert made is not None
        (CORPUS / each).write_bytes(made)
