"""What the drop-ins share: SciPy's own functions answer unless an argument is traced."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from irgrad.ir.op import Operand

Function = TypeVar("Function", bound=Callable[..., Any])


def is_traced(*values: Any) -> bool:
    """Tell whether one of some arguments is traced, or holds traced values."""
    return any(
        isinstance(value, Operand)
        or (isinstance(value, list | tuple) and is_traced(*value))
        or (isinstance(value, np.ndarray) and value.dtype == object)
        for value in values
    )


def as_array(x: Any) -> Any:
    """Return lists as arrays, of traced values as one; numbers and None stay what they are."""
    if x is None or isinstance(x, Operand | int | float | np.generic | np.ndarray):
        return x
    return np.stack([as_array(part) for part in x]) if is_traced(x) else np.asarray(x)


def drop_in(module: str) -> Callable[[Function], Function]:
    """Let SciPy's function of the same name, in ``module``, answer where no argument is traced."""

    def mark(function: Function) -> Function:
        @wraps(function)
        def either(*args: Any, **options: Any) -> Any:
            if is_traced(*args, *options.values()):
                return function(*args, **options)
            return getattr(importlib.import_module(module), function.__name__)(*args, **options)

        return either  # type: ignore[return-value]

    return mark


def others(module: str) -> Callable[[str], Any]:
    """Return a module's ``__getattr__`` that finds what has no drop-in in SciPy's own module."""

    def find(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module(module), name)

    return find
