"""From an emitted module to fast callables: one signature each, compiled ahead of the call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irgrad.ir.module import EmittedModule
from irgrad.ir.types import ArrayType
from irgrad.runtime.load import load_module
from irgrad.runtime.memory import keep_freed_memory

_compiling = threading.Lock()


@dataclass(frozen=True, eq=False, slots=True)
class Executable:
    """An emitted function ready to be called with flat arguments of fixed types."""

    call: Callable[..., tuple[Any, ...]]
    compiled: int
    loaded: int


def executable(
    module: EmittedModule, name: str, inputs: Sequence[ArrayType], *, jit: bool
) -> Executable:
    """Return the function ``name`` of an emitted module, compiled for ``inputs``."""
    function = getattr(load_module(module.source, module.digest, jit=jit), name)
    if not jit:
        return Executable(_plain(function, inputs), 0, 0)
    keep_freed_memory()
    signature = tuple(_numba_type(type) for type in inputs)
    with _compiling:
        before = _counts(function)
        if signature not in function.overloads:
            function.enable_compile() if hasattr(function, "enable_compile") else None
            function.compile(signature)
        after = _counts(function)
    # A call with other types now raises TypeError instead of compiling anew.
    function.disable_compile()
    return Executable(function, after[0] - before[0], after[1] - before[1])


def _counts(dispatcher: Any) -> tuple[int, int]:
    statistics = dispatcher.stats
    return sum(statistics.cache_misses.values()), sum(statistics.cache_hits.values())


def _numba_type(type: ArrayType) -> Any:
    import numba

    scalar = numba.from_dtype(type.dtype)
    return numba.types.Array(scalar, type.rank, "C") if type.rank else scalar


def _plain(function: Callable[..., Any], inputs: Sequence[ArrayType]) -> Callable[..., Any]:
    """Return an emitted function run as plain Python, on NumPy scalars as the machine would.

    Like a compiled one it raises TypeError for arrays of another dtype or rank.
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
            ):
                raise TypeError(f"an array of type {type} is needed")
            ready.append(argument)
        with np.errstate(all="ignore"):
            return function(*ready)

    return call
