"""Machine code on disk: one checked file for each function and signature.

This stands in for numba's own file cache, which unpickles whatever it finds (a truncated index
raises from the user's call, a flipped bit in the code is executed), needs a writable directory at
decoration time, and keeps one index per function that concurrent processes overwrite. Here every
entry is a file of its own, written atomically and named by all it depends on, that opens with
the sha256 of its name and payload. Whatever goes wrong while reading or writing one, the function
is compiled as if there had been no cache.

numba is imported where it is used: plain Python (`jit=False`) does without it.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from irgrad.runtime.blas import numba_finds
from irgrad.runtime.cache import (
    cache_directory,
    cache_key,
    compiler_key,
    quarantine,
    read_owned,
    warn_memory_only,
    warn_once,
    write_atomically,
)
from irgrad.runtime.callees import is_native
from irgrad.runtime.interrupt import interruptible

MAGIC = b"irgrad machine code 3\n"
CHECKSUM_BYTES = 32

# Settings of numba that change the code it generates.
_CODE_SETTINGS = (
    "OPT",
    "BOUNDSCHECK",
    "DEBUGINFO_DEFAULT",
    "ENABLE_AVX",
    "LOOP_VECTORIZE",
    "SLP_VECTORIZE",
)


class MachineCodeCache:
    """The cache of one dispatcher, in the form in which numba's dispatcher asks for one.

    source_sha256: fingerprint of the whole module, since callees are compiled into their caller.
    """

    def __init__(self, module: str, function: str, source_sha256: str) -> None:
        """Name the function that this cache serves."""
        self._stem = f"{module}.{re.sub(r'[^0-9A-Za-z_]', '_', function)}"
        self._source_sha256 = source_sha256

    @property
    def cache_path(self) -> str | None:
        """The cache directory, shown in numba's dispatcher statistics."""
        directory = cache_directory()
        return None if directory is None else str(directory)

    def enable(self) -> None:
        """Do nothing: whether there is a cache is asked on every access."""

    def disable(self) -> None:
        """Do nothing: see `enable`."""

    def flush(self) -> None:
        """Forget every stored signature of this function."""
        directory = cache_directory()
        if directory is not None:
            for path in directory.glob(f"{self._stem}-*.nbc"):
                path.unlink(missing_ok=True)

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Return the compiled function stored for a signature, or None to have it compiled."""
        path = self._path(signature, target_context.codegen())
        if path is None:
            return None
        try:
            content = read_owned(path)
        except OSError as error:
            warn_memory_only(error)
            return None
        if content is None:
            return None
        payload = content[len(MAGIC) + CHECKSUM_BYTES :]
        if content != _checked(path.name, payload):
            self._reject(path)
            return None
        from numba.core.compiler import CompileResult

        rebuild = interruptible(CompileResult._rebuild)
        try:
            symbols, reduced = _Unpickler(io.BytesIO(payload)).load()
            _resolve(symbols, target_context)
            numba_finds(symbols)
            return rebuild(target_context, *reduced)
        except Exception:  # intact but not for this process, whatever numba then raises
            self._reject(path)
            return None

    def holds(self, signature: Any, target_context: Any) -> bool:
        """Tell whether there is an entry for a signature; its content is checked on loading."""
        path = self._path(signature, target_context.codegen())
        return path is not None and path.exists()

    def save_overload(self, signature: Any, result: Any) -> None:
        """Store a compiled function; a failure to do so costs a warning, never the call."""
        if not is_native(result.library):
            return  # part of what is stored for its callers
        if result.library.has_dynamic_globals or any(not f.can_cache for f in result.lifted):
            return  # holds addresses of this process
        from numba.core import serialize

        serialise: Any = serialize.dumps
        path = self._path(signature, result.codegen)
        if path is None:
            return
        try:
            content = serialise((needed_symbols(result.library), result._reduce()))
            write_atomically(path, _checked(path.name, content))
        except OSError as error:
            warn_memory_only(error)
        except Exception as error:  # numba cannot serialise it
            warn_once(
                f"serialise {self._stem}",
                f"the machine code of {self._stem} cannot be stored ({error!r}); "
                "every process compiles it again.",
            )

    def _path(self, signature: Any, code_generator: Any) -> Path | None:
        directory = cache_directory()
        described = repr(signature)
        if directory is None or " at 0x" in described:  # a function of this process as argument
            return None
        from numba.core import config

        key = cache_key(
            MAGIC.decode(),
            self._source_sha256,
            described,
            repr(code_generator.magic_tuple()),  # triple, processor and its features
            compiler_key(),
            repr([getattr(config, name, None) for name in _CODE_SETTINGS]),
        )
        return directory / f"{self._stem}-{key}.nbc"

    def _reject(self, path: Path) -> None:
        try:
            quarantine(path)
        except OSError as error:  # unreadable and not to be moved either
            warn_memory_only(error)


class _Unpickler(pickle.Unpickler):
    """Read what was stored, without importing the modules of numba that functions came from."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what a pickle names, but for numba's way to rebuild an environment."""
        if (module, name) == ("numba.core.environment", "_rebuild_env"):
            return _environment
        return super().find_class(module, name)


def _environment(module: str, constants: list[Any], name: str) -> Any:
    """Return the environment of a compiled function: the objects of Python that it needs.

    Its globals are for functions in object mode, which are not stored. numba imports the module
    for them, which takes as long as everything else.
    """
    from numba.core.environment import Environment

    known = Environment._memo.get(name)
    if known is not None:
        return known
    loaded = sys.modules.get(module)
    environment = Environment({"__name__": module} if loaded is None else vars(loaded))
    environment.consts[:] = constants
    environment.env_name = name
    Environment._memo[name] = environment
    return environment


def needed_symbols(library: Any) -> list[str]:
    """Return the names of what compiled code calls but doesn't define."""
    return [
        function.name
        for function in library._final_module.functions
        if function.is_declaration and not function.name.startswith("llvm.")
    ]


def _resolve(symbols: Sequence[str], target_context: Any) -> None:
    """Let everything that machine code is linked to be there, or LLVM ends the process.

    numba's own way is to load all its declarations first, which takes four times as long as
    everything else; they are needed only where one of its modules brings a symbol with it.
    """
    from llvmlite import binding
    from numba.core.runtime.nrt import rtsys

    rtsys.initialize(target_context)
    engine = target_context.codegen()._engine
    if not all(engine.is_symbol_defined(s) or binding.address_of_symbol(s) for s in symbols):
        target_context.refresh()


def _checked(name: str, payload: bytes) -> bytes:
    # The name is part of the checksum: a file copied under another key must not load.
    checksum = hashlib.sha256(name.encode() + b"\0" + payload).digest()
    return MAGIC + checksum + payload
