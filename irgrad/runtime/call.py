"""From an emitted module to fast callables: one signature each, compiled ahead of the call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irgrad.ir.module import EmittedModule
from irgrad.ir.types import ArrayType
from irgrad.runtime.blas import numba_finds, routines_at_hand
from irgrad.runtime.cache import cache_directory
from irgrad.runtime.load import load_module
from irgrad.runtime.machine_code import MachineCodeCache, needed_symbols
from irgrad.runtime.memory import keep_freed_memory

_compiling = threading.Lock()


@dataclass(frozen=True, eq=False, slots=True)
class Executable:
    """An emitted function ready to be called with flat arguments of fixed types.

    ``unchecked`` is the same without a look at the arguments' types.
    """

    call: Callable[..., tuple[Any, ...]]
    compiled: int
    loaded: int
    unchecked: Callable[..., Any] | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """The raw compiled functions for fixed types; ``value_and_grad`` is None without a gradient."""

    value: Callable[..., Any]
    value_and_grad: Callable[..., Any] | None

    def __call__(self, *leaves: Any) -> Any:
        """Return the value at flat arguments."""
        return self.value(*leaves)


@dataclass(frozen=True, eq=False, slots=True)
class Work:
    """What is to be compiled: a function of an emitted module, for arguments of some types."""

    module: EmittedModule
    name: str
    inputs: Sequence[ArrayType]


def plain_executable(work: Work) -> Executable:
    """Return an emitted function as plain Python."""
    function = getattr(load_module(work.module.source, work.module.digest, jit=False), work.name)
    return Executable(_plain(function, work.inputs), 0, 0)


def executable(work: Work) -> Executable:
    """Return an emitted function compiled for the types of its arguments."""
    function = getattr(load_module(work.module.source, work.module.digest, jit=True), work.name)
    keep_freed_memory()
    signature = numba_signature(work)
    with _compiling, routines_at_hand(work.module.source):
        before = _counts(function)
        if signature not in function.overloads:
            function.enable_compile() if hasattr(function, "enable_compile") else None
            function.compile(signature)
        after = _counts(function)
        if signature in function.overloads:
            numba_finds(needed_symbols(function.overloads[signature].library))
    # A call with other types now raises TypeError instead of compiling anew.
    function.disable_compile()
    unchecked = getattr(function.overloads.get(signature), "entry_point", None)
    return Executable(function, after[0] - before[0], after[1] - before[1], unchecked)


def is_likely_stored(work: Work) -> bool:
    """Tell, without numba, whether the cache holds code of the function for some types."""
    directory = cache_directory()
    pattern = f"irgrad_{work.module.digest}.{work.name}-*.nbc"
    return directory is not None and any(directory.glob(pattern))


def is_stored(work: Work) -> bool:
    """Tell whether the machine code is in the cache already."""
    function = getattr(load_module(work.module.source, work.module.digest, jit=True), work.name)
    cache = getattr(function, "_cache", None)
    return isinstance(cache, MachineCodeCache) and cache.holds(
        numba_signature(work), function.targetctx
    )


def numba_signature(work: Work) -> tuple[Any, ...]:
    """Return the types of the arguments in numba's terms."""
    return tuple(_numba_type(type) for type in work.inputs)


def _counts(dispatcher: Any) -> tuple[int, int]:
    statistics = dispatcher.stats
    return sum(statistics.cache_misses.values()), sum(statistics.cache_hits.values())


def _numba_type(type: ArrayType) -> Any:
    import numba

    scalar = numba.from_dtype(type.dtype)
    return numba.types.Array(scalar, type.rank, "C") if type.rank else scalar


def _plain(function: Callable[..., Any], inputs: Sequence[ArrayType]) -> Callable[..., Any]:
    """Return an emitted function run as plain Python, on NumPy scalars as the machine would.

    Like a compiled one it raises TypeError for arrays of another dtype, rank or order in memory.
    """

    def call(*arguments: Any) -> Any:
        ready = []
        for argument, type in zip(arguments, inputs, strict=True):
            if not type.rank:
                argument = type.dtype.type(argument)
            elif (
                not isinstance(argument, np.ndarray)
                or argument.dtype != type.dtype
                or argument.ndim != type.rank
                or not argument.flags.c_contiguous
            ):
                raise TypeError(f"a contiguous array of type {type} is needed")
            ready.append(argument)
        with np.errstate(all="ignore"):
            return function(*ready)

    return call
