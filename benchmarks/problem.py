"""What one benchmark problem consists of."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Arguments = tuple[Any, ...]
ValueAndGradient = tuple[Any, Any]


@dataclass(frozen=True)
class Problem:
    """Hold one function, its inputs, and the expert's derivative of it.

    `function` is what a user would write with `import numpy as np`. `arguments(size)` is seeded, so
    every contender and every process sees the same numbers. The hand-written pair takes the same
    arguments as `function`; its gradient is one array (or float) for an integer `argnums` and a
    tuple for a tuple. `handwritten_libm` is the form that calls libm's exp and friends, kept where
    polynomial kernels made a difference. `torch_function(torch)` and `casadi_function(casadi)`
    build the same function in those libraries' own words.
    """

    name: str
    summary: str
    size_means: str
    function: Callable[..., Any]
    arguments: Callable[[int], Arguments]
    argnums: int | tuple[int, ...]
    sizes: tuple[int, ...]
    tiny: int
    handwritten_value: Callable[..., Any]
    handwritten_value_and_grad: Callable[..., ValueAndGradient]
    torch_function: Callable[[Any], Callable[..., Any]]
    handwritten_libm: Callable[..., ValueAndGradient] | None = None
    casadi_function: Callable[[Any], Callable[..., Any]] | None = None
    rtol: float = 1e-9

    @property
    def positions(self) -> tuple[int, ...]:
        """Return the differentiated argument positions as a tuple."""
        return (self.argnums,) if isinstance(self.argnums, int) else self.argnums

    def function_with(self, namespace: Any) -> Callable[..., Any]:
        """Return `function`, the same byte code, with `np` meaning another namespace."""
        return with_namespace(self.function, namespace)

    @property
    def jax_function(self) -> Callable[..., Any]:
        """Return `function` with `np` meaning `jax.numpy`.

        Raises: ImportError without jax.
        """
        import jax.numpy

        return self.function_with(jax.numpy)


def with_namespace(function: Callable[..., Any], namespace: Any) -> Callable[..., Any]:
    """Rebind the global `np` of a function, and of its module's functions that it calls."""
    if not isinstance(function, types.FunctionType):
        raise TypeError(f"want a plain Python function, got {type(function).__name__}")
    module_globals = function.__globals__
    replaced: dict[str, Any] = {**module_globals, "np": namespace}

    def rebuild(plain: types.FunctionType) -> types.FunctionType:
        return types.FunctionType(
            plain.__code__, replaced, plain.__name__, plain.__defaults__, plain.__closure__
        )

    for key, value in module_globals.items():
        if isinstance(value, types.FunctionType) and value.__module__ == function.__module__:
            replaced[key] = rebuild(value)
    return rebuild(function)
