"""``custom_vjp`` and ``checkpoint``: what the derivative of a function is to be, and to keep."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from irgrad.arguments import flatten, is_traced
from irgrad.errors import ArgumentError
from irgrad.inline.custom import inline_checkpoint, inline_custom
from irgrad.trace.origins import location_here
from irgrad.trace.trace import current_trace
from irgrad.trace.tracer import Tracer
from irgrad.transforms.base import Transformed


class custom_vjp:
    """A function whose derivative is given by hand, in reverse.

    Called on numbers it is the function itself. ``nondiff_argnums`` are arguments without a
    derivative, passed to the backward function first. The rule may itself be differentiated, and
    forward mode follows from it, provided that it is linear in the cotangent.

    >>> import numpy as np
    >>> import irgrad
    >>> @irgrad.custom_vjp
    ... def clipped(x):
    ...     return x
    >>> def forward(x):
    ...     return clipped(x), None
    >>> def backward(residuals, cotangent):
    ...     return (np.clip(cotangent, -1, 1),)
    >>> clipped.defvjp(forward, backward)
    >>> irgrad.grad(lambda x: 5 * clipped(x))(2.0)
    np.float64(1.0)
    """

    def __init__(self, fun: Callable[..., Any], nondiff_argnums: Sequence[int] = ()) -> None:
        if not callable(fun):
            raise ArgumentError("custom_vjp needs a function", location=location_here())
        functools.update_wrapper(self, fun, updated=())
        self.fun = fun
        self.nondiff_argnums = tuple(nondiff_argnums)
        self.forward: Callable[..., Any] | None = None
        self.backward: Callable[..., Any] | None = None
        self._under_way: dict[object, tuple[Any, Any]] = {}

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Set the rule.

        fwd: takes the arguments, returns ``(value, residuals)``.
        bwd: takes the residuals and the cotangent of the value, returns a tuple with the cotangent
        of each argument, None for zero.
        """
        self.forward, self.backward = fwd, bwd

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the function's value."""
        if not is_traced((args, kwargs)):
            return self.fun(*args, **kwargs)
        args = self._positional(args, kwargs)
        if self.forward is None or self.backward is None:
            raise ArgumentError(
                f"custom_vjp of {self._name} has no rule",
                remedy="give it one: f.defvjp(forward, backward)",
                location=location_here(),
            )
        key = _identity(args)
        for known, value in list(self._under_way.values()):
            if known == key:
                return value
        remembered: list[Any] = []

        def function(*arguments: Any) -> Any:
            remembered.append(self.fun(*arguments))
            return remembered[0]

        def forward(*arguments: Any) -> Any:
            """Run the user's forward function, which mostly calls the function again."""
            assert self.forward is not None
            token = object()
            self._under_way[token] = key, remembered[0]
            try:
                return self.forward(*arguments)
            finally:
                del self._under_way[token]

        return inline_custom(
            self._name, function, forward, self.backward, args, self.nondiff_argnums
        )

    def _positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Return all arguments in order, defaults included: so the rule is given them.

        Raises: ArgumentError for keyword-only arguments.
        """
        try:
            bound = inspect.signature(self.fun).bind(*args, **kwargs)
        except ValueError:  # a function of C has no signature to go by
            return args
        bound.apply_defaults()
        if bound.kwargs:
            raise ArgumentError(
                f"custom_vjp of {self._name}: keyword-only arguments have no cotangent",
                remedy="make them positional",
                location=location_here(),
            )
        return bound.args

    @property
    def _name(self) -> str:
        return getattr(self.fun, "__qualname__", repr(self.fun))

    def __repr__(self) -> str:
        return f"<irgrad.custom_vjp of {self._name}>"


def _identity(args: tuple[Any, ...]) -> Any:
    """Return what is equal for two calls with the same traced values."""
    leaves, structure = flatten(args)
    return structure, [leaf.node if isinstance(leaf, Tracer) else id(leaf) for leaf in leaves]


class Checkpoint(Transformed):
    """``checkpoint`` of a function."""

    def inline(self, *args: Any, **kwargs: Any) -> Any:
        """Record the function, and its derivative as one that runs it again."""
        return inline_checkpoint(self.function, args, kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the function's value; on numbers it is the function itself."""
        if is_traced((args, kwargs)) or current_trace() is not None:
            return self.inline(*args, **kwargs)
        return self.function(*args, **kwargs)


def checkpoint(fun: Callable[..., Any]) -> Checkpoint:
    """Return ``fun``, whose derivative keeps only what ``fun`` reads, and computes the rest again.

    The results are the same. It saves memory where ``fun`` makes large intermediate arrays that
    the derivative needs, and costs another run of ``fun``.

    Reference: Griewank & Walther, Evaluating Derivatives (2008), chapter 12.
    """
    return Checkpoint(fun)
