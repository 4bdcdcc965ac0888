# SPDX-License-Identifier: MIT
"""Gives the reader of plain values everything that test_codec_fuzz.py thinks of, in a process of
its own: `python codec_inputs.py CORPUS NOTE`. The input that is being read stands in the file
NOTE, so that a crash tells which it was; a wrong answer ends the process with a text."""

from __future__ import annotations

import os
import pathlib
import random
import sys
import tracemalloc
from collections.abc import Iterator

from pyhec import _hec

MUTATIONS = 1500
#: What reading may take beside what a message of that size explains: names are imported.
SPARE_BYTES = 8 << 20


def mutate(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """One to four changes: other bytes, a piece gone, doubled, or from another entry."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(made) + 1)
        length = rng.choice([1, 1, 2, 4, 8, 32])
        kind = rng.randrange(5)
        if kind == 0:
            made[at : at + length] = rng.randbytes(length)
        elif kind == 1:
            del made[at : at + length]
        elif kind == 2:
            made[at:at] = made[at : at + length]
        elif kind == 3:
            made[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\0\0\0\0"])
        else:
            other = rng.choice(others)
            start = rng.randrange(len(other))
            made[at : at + length] = other[start : start + length]
    return b"\x01" + bytes(made[1:])


def inputs(corpus: list[bytes]) -> Iterator[bytes]:
    """Each entry whole and cut at each byte, with each bit turned, and changed at random."""
    rng = random.Random("codec")
    for data in corpus:
        yield data
        for n in range(1, len(data)):
            yield data[:n]
        for bit in range(8, 8 * len(data)):
            turned = bytearray(data)
            turned[bit // 8] ^= 1 << bit % 8
            yield bytes(turned)
        for _ in range(MUTATIONS):
            yield mutate(rng, data, corpus)
    # Lengths that cannot be, one in the other; and depths that no stack has room for.
    deep = 20_000
    counts = [(5 * (deep - i - 1)).to_bytes(4, sys.byteorder) for i in range(deep)]
    yield b"\x01" + b"(" + b"(".join(counts)
    for tag in b"({[":
        yield b"\x01" + (bytes([tag]) + (1).to_bytes(4, sys.byteorder)) * 10 * deep


def read(data: bytes) -> None:
    """Both ways; an exception that says what is wrong with the message is as good as a value."""
    for into in (False, True):
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        try:
            if into:
                count = int.from_bytes(data[2:6], sys.byteorder) % 64
                _hec.read_plain(data, [None] * count, count)
            else:
                _hec.read_plain(data)
        except (ValueError, TypeError, ImportError, AttributeError, RecursionError):
            pass
        taken = tracemalloc.get_traced_memory()[1] - before
        if taken > SPARE_BYTES + 64 * len(data):
            sys.exit(f"reading {len(data)} bytes took {taken} bytes")


def main(corpus: str, note: str) -> None:
    """Reads them all, and prints how many there were."""
    entries = [p.read_bytes() for p in sorted(pathlib.Path(corpus).iterdir())]
    where = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    tracemalloc.start()
    n = 0
    for data in inputs(entries):
        os.pwrite(where, len(data).to_bytes(8, "little") + data, 0)
        read(data)
        n += 1
    print(n)


if __name__ == "__main__":
    main(*sys.argv[1:])
