"""BLAS and LAPACK out of SciPy, without the rest of `scipy.linalg`.

numba's np.dot calls BLAS through the tables of `scipy.linalg.cython_blas`, and emitted files take
LAPACK from its neighbour. To import either the usual way runs all of `scipy.linalg` first, 0.15 s
of which nothing is needed: three times what else the first call of a stored function takes. Here
the two extension modules are brought without it. They stay in `sys.modules` only for as long as
somebody looks for them; whoever imports `scipy.linalg` later gets the very same modules.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType

PACKAGE = "scipy.linalg"
MODULES = {"cython_blas": ("np.dot(", "cython_blas"), "cython_lapack": ("cython_lapack",)}
"""The two modules, each with the words by which a text shows that it needs it."""

_brought: dict[str, ModuleType] = {}


@contextmanager
def routines_at_hand(source: str) -> Iterator[None]:
    """Let what an emitted text needs of the two be found for a while, without their package.

    Where it cannot be brought by itself, the package is imported by whoever needs it.
    """
    needed = [name for name, signs in MODULES.items() if any(sign in source for sign in signs)]
    absent = () if PACKAGE in sys.modules else [f"{PACKAGE}.{name}" for name in needed]
    try:
        for name in absent:
            sys.modules[name] = _module(name)
    except (ImportError, OSError, AttributeError):
        _forget(absent)
    try:
        yield
    finally:
        _forget(absent)


def module_at_hand(name: str) -> ModuleType | None:
    """Return one of the two modules by its short name, if it can be found now."""
    return sys.modules.get(f"{PACKAGE}.{name}") if name in MODULES else None


def numba_finds(symbols: Iterable[str]) -> None:
    """Have numba look up what compiled code calls while it can be found.

    numba does so at the first call of each of its own routines, and keeps what it found. The calls
    here do nothing: the sizes they are given are 0.
    """
    if PACKAGE in sys.modules or module_at_hand("cython_blas") is None:
        return
    from numba import _helperlib

    number, size = ctypes.create_string_buffer(16), ctypes.c_ssize_t
    none, one, character = size(0), size(1), ctypes.c_char
    arguments = {
        "xxgemm": (
            character(b"n"), character(b"n"), none, none, none, number, number, one, number, one,
            number, number, one,
        ),
        "xxgemv": (
            character(b"n"), none, none, number, number, one, number, number, number,
        ),
        "xxdot": (ctypes.c_char(0), none, number, number, number),
    }  # fmt: skip
    for routine in {symbol.removeprefix("numba_") for symbol in symbols} & arguments.keys():
        address = getattr(_helperlib, "c_helpers", {}).get(routine)
        if address is not None:
            call = ctypes.PYFUNCTYPE(ctypes.c_int)(address)
            for kind in (b"s", b"d", b"c", b"z"):
                call(character(kind), *arguments[routine])


def _module(name: str) -> ModuleType:
    """Return an extension module, executed once in a process.

    Raises: ImportError, OSError.
    """
    if name not in _brought:
        root = find_spec(PACKAGE.partition(".")[0])
        if root is None or root.submodule_search_locations is None:
            raise ImportError("no SciPy", name=name)
        folders = [str(Path(place) / "linalg") for place in root.submodule_search_locations]
        spec = PathFinder.find_spec(name, folders)
        if spec is None or spec.loader is None:
            raise ImportError(f"no {name}", name=name)
        module = module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        _brought[name] = module
    return _brought[name]


def _forget(names: Iterable[str]) -> None:
    if PACKAGE in sys.modules:  # imported meanwhile, so it has them
        for name in names:
            if name in sys.modules:
                setattr(sys.modules[PACKAGE], name.rpartition(".")[2], sys.modules[name])
        return
    for name in names:
        sys.modules.pop(name, None)
