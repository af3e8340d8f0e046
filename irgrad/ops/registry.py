"""The registry of ops and of the NumPy calls that lead to them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from irgrad.errors import InternalError, UnsupportedCallError
from irgrad.ir.op import Op

OPS: dict[str, Op] = {}
"""Every op by name, in order of declaration."""

UFUNCS: dict[Any, Callable[..., Any]] = {}
"""What a call of a NumPy or SciPy ufunc on a traced value does."""

SCIPY_UFUNCS: dict[str, Callable[..., Any]] = {}
"""What a call of a ufunc of scipy.special on a traced value does, by the ufunc's name."""

FUNCTIONS: dict[Any, Callable[..., Any]] = {}
"""What a call of any other NumPy function on a traced value does."""

METHODS: dict[str, Callable[..., Any]] = {}
"""Methods of ndarray, and of traced values, by name."""

REDUCERS: dict[Any, Callable[..., Any]] = {}
"""Methods of ufuncs: ``ufunc`` is its ``reduce``, ``(ufunc, method)`` another one of its methods.

A method's name alone stands for that method of any ufunc, which is then its first argument.
"""

REFUSED: dict[Any, tuple[str, str]] = {}
"""NumPy functions that no traced value can be given: why not, and what to write."""

Function = TypeVar("Function", bound=Callable[..., Any])


def ufunc_meaning(ufunc: Any) -> Callable[..., Any] | None:
    """Return what a call of ``ufunc`` on a traced value does, None where irgrad doesn't know it.

    SciPy need not be loaded to declare what its ufuncs mean; it is when one is called.
    """
    meaning = UFUNCS.get(ufunc)
    if meaning is None and getattr(ufunc, "__name__", None) in SCIPY_UFUNCS:
        name: str = ufunc.__name__
        loaded = sys.modules.get("scipy.special._ufuncs")
        if getattr(loaded, name, None) is ufunc:
            meaning = SCIPY_UFUNCS[name]
    return meaning


def declare(op: Op) -> Op:
    """Enter ``op`` into the registry and return it."""
    if op.name in OPS:
        raise InternalError(f"two ops are named {op.name}")
    OPS[op.name] = op
    return op


def spelling(*functions: Any, method: str | None = None) -> Callable[[Function], Function]:
    """Register the decorated function as the meaning of NumPy ``functions`` on traced values.

    The decorated function has NumPy's signature and is written in plain NumPy and ops, so it also
    runs on ndarrays.
    """

    def register(meaning: Function) -> Function:
        for function in functions:
            table = UFUNCS if isinstance(function, np.ufunc) else FUNCTIONS
            if function in table:
                raise InternalError(f"{function} is spelled twice")
            table[function] = meaning
        if method is not None:
            METHODS[method] = meaning
        return meaning

    return register


def refuse(function: Any, why: str, remedy: str) -> None:
    """Register that a call of ``function`` on a traced value is refused."""

    def meaning(*args: Any, **options: Any) -> Any:
        raise UnsupportedCallError(f"{qualified(function)}: {why}", remedy=remedy)

    spelling(function)(meaning)
    REFUSED[function] = (why, remedy)


def qualified(function: Any) -> str:
    """Return how a user writes a NumPy function or a method of a ufunc."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"np.{owner.__name__}.{function.__name__}"
    module = getattr(function, "__module__", None) or "numpy"
    return f"{module.replace('numpy', 'np', 1)}.{function.__name__}"
