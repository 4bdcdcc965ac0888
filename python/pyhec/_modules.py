# SPDX-License-Identifier: MIT
"""Modules: which are the user's own, and what stands for those that are not."""

from __future__ import annotations

import functools
import os
import sys

from . import _hec

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing


@functools.lru_cache(maxsize=None)
def _installed() -> tuple[str, ...]:
    """Folders in which modules are that are not the user's own."""
    import sysconfig

    names = ("stdlib", "platstdlib", "purelib", "platlib")
    paths = {sysconfig.get_paths()[name] for name in names}
    paths.add(os.path.dirname(os.path.abspath(__file__)))
    return tuple(
        sorted({os.path.realpath(p) + os.sep for p in paths} | {p + os.sep for p in paths})
    )


def is_own_file(path: str) -> bool:
    """Whether a file is the user's own: it lies where nothing is installed."""
    path = os.path.abspath(path)
    if f"{os.sep}site-packages{os.sep}" in path or f"{os.sep}dist-packages{os.sep}" in path:
        return False
    installed = _installed()
    return not (path.startswith(installed) or os.path.realpath(path).startswith(installed))


def is_own(module: str | None) -> bool:
    """Whether a module is the user's own: edited, not installed."""
    if module is None or module in ("__main__", "__mp_main__"):
        return True
    found = sys.modules.get(module)
    if found is None:
        # Made by hand, as namedtuple() does; its parent, if there is one, knows.
        parent = module.rpartition(".")[0]
        return is_own(parent) if parent else module not in sys.builtin_module_names
    path = getattr(found, "__file__", None)
    if path is None:
        spec = getattr(found, "__spec__", None)
        return spec is None or getattr(spec, "origin", None) not in ("built-in", "frozen")
    return is_own_file(path)


#: What stands for the version of the standard library: a patch release changes no key.
PYTHON = "%d.%d" % sys.version_info[:2]


@functools.lru_cache(maxsize=1024)
def metadata_version(top: str) -> str:
    """The version of what was installed under this name; "" where nothing was."""
    import importlib.metadata

    try:
        return importlib.metadata.version(top)
    except importlib.metadata.PackageNotFoundError:
        return ""


def version_of(module: str) -> str:
    """The version of an installed module, as far as one can be had."""
    top = module.partition(".")[0]
    if top == "pyhec":
        return ""  # what of pyhec runs in a task decides nothing
    found = sys.modules.get(top)
    version = getattr(found, "__version__", None)
    path = getattr(found, "__file__", None) or ""
    if isinstance(version, str):
        return version
    return metadata_version(top) if "-packages" in path else PYTHON


@functools.lru_cache(maxsize=256)
def _file_digest(path: str, size: int, mtime_ns: int) -> bytes:
    with open(path, "rb") as f:
        return _hec.hash128(f.read())


def digest_of_file(path: str) -> bytes:
    """Of the bytes of a file; read once while size and time stay."""
    status = os.stat(path)
    return _file_digest(path, status.st_size, status.st_mtime_ns)


def find_source(name: str) -> str | None:
    """The file of a module, looked for without importing anything; None where it is not found."""
    from importlib.machinery import PathFinder

    path: typing.Any = None
    spec = None
    parts = name.split(".")
    for i in range(len(parts)):
        try:
            spec = PathFinder.find_spec(".".join(parts[: i + 1]), path)
        except (ImportError, AttributeError, ValueError):
            spec = None
        if spec is None:
            return None
        path = spec.submodule_search_locations
    return spec.origin if spec is not None else None
