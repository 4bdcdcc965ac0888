# SPDX-License-Identifier: MIT
"""Keys of tasks: what a journal finds a result by.

A key is made of the function's code, what it closes over, the arguments, and a tag; the *site* is
the same without the code. So a task whose code was edited has the site that it had, and another key.
"""

from __future__ import annotations

import sys

from . import _code, _hec, _values
from ._values import TaskKeyError

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

__all__ = ["Keys", "TaskKeyError"]

#: Changes with the way in which keys are made: then no older result is found.
_SCHEME = "pyhec task 1"

_PREFIXES_MAX = 1024


def other_key(site: bytes, code: bytes, n: int) -> bytes:
    """The key that a task would have with other code."""
    return _hec.hash128(site + code + (n.to_bytes(8, sys.byteorder) if n else b""))


def digest_of_tag(tag: object) -> bytes:
    """What stands for a tag."""
    try:
        return _hec.digest(tag, _values.describe)
    except Exception as e:
        raise _values.no_key("tag", tag, e) from e


class Keys:
    """The keys of the tasks of one call, or of all that were submitted to one executor. Of tasks
    that are the same the second, third and so on have keys of their own.
    """

    def __init__(self, tag: object = None) -> None:
        self._tag = digest_of_tag(tag)
        self._keyer = _hec.Keyer(_values.describe, self._prefix)
        #: name -> codes of the functions whose keys were made
        self.names: dict[str, set[bytes]] = {}
        #: How often something came to them.
        self.changes = 0
        self._prefixes: dict[_code.Source, bytes] = {}
        self._fixed: tuple[typing.Any, bytes] | None = None

    def fix(self, function: typing.Any) -> None:
        """The workers get this function as it is now: it need not be looked at again."""
        self._fixed = function, self._prefix(function)

    def _prefix(self, function: typing.Any) -> bytes:
        if self._fixed is not None and self._fixed[0] is function:
            return self._fixed[1]
        source = _code.source_of(function)
        prefix = self._prefixes.get(source)
        if prefix is None:
            if len(self._prefixes) >= _PREFIXES_MAX:
                self._prefixes.clear()
            self.names.setdefault(source.name, set()).add(source.code)
            self.changes += 1
            site = _hec.digest((_SCHEME, source.name, source.data, self._tag), _values.describe)
            prefix = self._prefixes[source] = site + source.code
        return prefix

    def key(self, kind: int, function: typing.Any, item: typing.Any) -> tuple[bytes, bytes, int]:
        """Site, key, and how many tasks of the same key there were before."""
        self.note(None, kind, function, item, 0, 0, {}, {})
        return self._keyer.last()

    def note(
        self,
        journal: _hec.Journal | None,
        kind: int,
        function: typing.Any,
        item: typing.Any,
        number: int,
        index: int,
        numbers: dict[int, int],
        marks: dict[int, bytes],
    ) -> bool:
        """Makes the key of a task; unless the journal has its result the task is noted under its
        index, and this is True.
        """
        try:
            return self._keyer.note(journal, kind, function, item, number, index, numbers, marks)
        except Exception as e:
            raise self._blame(item, e) from e

    def last(self) -> tuple[bytes, bytes, int]:
        """Site, key, and how many there were of it before, of the task that was noted last."""
        return self._keyer.last()

    def keys(
        self, kind: int, function: typing.Any, items: list[typing.Any]
    ) -> tuple[bytes, bytes, bytes]:
        """The same of many: 16, 16 and 4 bytes for each, one after the other."""
        try:
            return self._keyer.keys(kind, function, items)
        except Exception as e:
            for item in items:
                try:
                    _hec.digest(item, _values.describe)
                except Exception as why:
                    raise self._blame(item, why) from e
            raise

    @staticmethod
    def _blame(item: typing.Any, why: Exception) -> BaseException:
        if isinstance(why, MemoryError):
            return why
        return _values.no_key("input", item, why)
