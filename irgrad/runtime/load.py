"""Turn emitted source text into a module.

The emitted file asks for numba by itself (`from numba import njit`), so that it also runs where
irgrad is not installed. When irgrad loads it, the module gets an `__import__` of its own that hands
out a stand-in for the name `numba`, with another `njit`:

- jitted: numba's own, with the checked machine-code cache instead of numba's;
  A package that it needs besides, rocket-fft, is asked for by an error if it is not installed;
- plain (`jit=False`): the identity, so the very same text runs as ordinary Python; numba's
  submodules and llvmlite are not to be had then, and files that bind C functions of SciPy take
  the functions of its Python interface.

That touches no global state, unlike `numba.config.DISABLE_JIT`, so threads do not disturb each
other and other people's jitted code stays jitted.
"""

from __future__ import annotations

import builtins
import linecache
import os
import sys
import threading
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from irgrad.errors import IrgradError, MissingPackageError
from irgrad.runtime.blas import PACKAGE, module_at_hand, routines_at_hand
from irgrad.runtime.cache import fingerprint, store
from irgrad.runtime.callees import compile_as_needed
from irgrad.runtime.interrupt import interruptible
from irgrad.runtime.machine_code import MachineCodeCache

_modules: dict[str, tuple[str, types.ModuleType]] = {}
_locks: dict[str, threading.Lock] = {}
_locks_guard = threading.Lock()


def load_module(source: str, digest: str, *, jit: bool) -> types.ModuleType:
    """Execute an emitted text as the module `irgrad_<digest>` and return it.

    With `jit`, its functions are numba dispatchers whose machine code is kept in the cache.
    Without, they are plain Python functions of the separate module `irgrad_<digest>_python`.
    Either way tracebacks and debuggers show the text. The same digest gives the same module for
    the life of the process, also when several threads ask at once.

    Raises:
        IrgradError: another text was already loaded under this digest.
    """
    name = f"irgrad_{digest}" if jit else f"irgrad_{digest}_python"
    with _lock_of(name):
        known = _modules.get(name)
        if known is None:
            module = _execute(source, digest, name, jit)
            _modules[name] = (source, module)
            return module
    if known[0] != source:
        raise IrgradError(
            f"two different emitted texts claim the digest {digest}",
            remedy="load texts of one version of irgrad only in a process; "
            "`irgrad cache clear` removes stored ones",
        )
    return known[1]


@dataclass(frozen=True)
class Compiles:
    """How often functions were compiled in this process, and how often loaded from the cache."""

    compiled: int
    loaded: int


def dispatchers(module: types.ModuleType) -> list[Any]:
    """Return the numba dispatchers that a loaded module defines, helpers included."""
    return [value for value in vars(module).values() if hasattr(value, "nopython_signatures")]


def compile_statistics(jitted: Iterable[Any]) -> Compiles:
    """Add up the compilations of some numba dispatchers."""
    statistics = [dispatcher.stats for dispatcher in jitted]
    return Compiles(
        compiled=sum(sum(counts.cache_misses.values()) for counts in statistics),
        loaded=sum(sum(counts.cache_hits.values()) for counts in statistics),
    )


def _lock_of(name: str) -> threading.Lock:
    with _locks_guard:
        return _locks.setdefault(name, threading.Lock())


def _forget_locks() -> None:
    """Replace locks that a thread which does not exist in the forked child may hold."""
    global _locks_guard
    _locks_guard = threading.Lock()
    _locks.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_locks)


def _execute(source: str, digest: str, name: str, jit: bool) -> types.ModuleType:
    path = store(source, digest)
    filename = f"<irgrad_{digest}>" if path is None else str(path)
    # No modification time: linecache then never drops the text, even if the file goes away.
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    module = types.ModuleType(name)
    if path is not None:
        module.__file__ = filename
    stand_in = _jitted_numba(name, fingerprint(source)) if jit else _plain_numba()
    importer = _importer(stand_in, plain=not jit)
    module.__dict__["__builtins__"] = {**vars(builtins), "__import__": importer}
    code = compile(source, filename, "exec", dont_inherit=True)
    # Machine code refers to its module by name; without this line numba would record the functions
    # as `<dynamic>`, and the next process would crash on loading them.
    sys.modules[name] = module
    try:
        with routines_at_hand(source):
            exec(code, module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


class _Numba(types.ModuleType):
    """The module numba, seen with another `njit`."""

    def __getattr__(self, attribute: str) -> Any:
        import numba

        return getattr(numba, attribute)


def _plain_numba() -> types.ModuleType:
    def njit(*arguments: Any, **options: Any) -> Any:
        if arguments and isinstance(arguments[0], types.FunctionType):
            return arguments[0]
        return lambda function: function

    stand_in = _Numba("numba")
    stand_in.__dict__.update(njit=njit, prange=range)
    return stand_in


def _jitted_numba(name: str, sha256: str) -> types.ModuleType | None:
    try:
        import numba
    except ImportError:
        return None  # the emitted file has its own answer to that

    def finish(dispatcher: Any, cache: bool) -> Any:
        if not hasattr(dispatcher, "py_func"):
            return dispatcher  # a plain function, under NUMBA_DISABLE_JIT=1
        # Both attributes are numba's own business, but its public ways in do not go this deep.
        dispatcher._compiler.compile = interruptible(dispatcher._compiler.compile)
        compile_as_needed(dispatcher)
        if cache:
            dispatcher._cache = MachineCodeCache(name, dispatcher.py_func.__name__, sha256)
        return dispatcher

    def njit(*arguments: Any, cache: bool = False, **options: Any) -> Any:
        decorated = numba.njit(*arguments, **options)
        if arguments and isinstance(arguments[0], types.FunctionType):
            return finish(decorated, cache)
        return lambda function: finish(decorated(function), cache)

    stand_in = _Numba("numba")
    stand_in.__dict__["njit"] = njit
    return stand_in


def _importer(stand_in: types.ModuleType | None, *, plain: bool) -> Callable[..., Any]:
    def import_(name: str, *context: Any, **keywords: Any) -> Any:
        if name == "numba" and stand_in is not None:
            return stand_in
        if name == PACKAGE and len(context) > 2 and context[2]:
            wanted = {part: module_at_hand(part) for part in context[2]}
            if None not in wanted.values():
                return types.SimpleNamespace(**wanted)
        if plain and name.partition(".")[0] in ("llvmlite", "numba", "rocket_fft"):
            raise ImportError(f"{name} is for compiled code", name=name)
        if name == "rocket_fft" and stand_in is not None and find_spec(name) is None:
            raise MissingPackageError(
                "numba compiles np.fft only with the package rocket-fft, which is not installed",
                remedy="install it: pip install 'irgrad[fft]'; or compile with jit=False",
            )
        return builtins.__import__(name, *context, **keywords)

    return import_
