"""``grad``, ``value_and_grad``, ``jvp``, ``vjp``, ``hvp``: first derivatives, and products."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from irgrad.arguments import is_traced
from irgrad.inline.forward import inline_jvp
from irgrad.inline.reverse import inline_value_and_grad, inline_vjp
from irgrad.trace.trace import current_trace
from irgrad.transforms.base import Transformed, parameters


class ValueAndGrad(Transformed):
    """``value_and_grad`` of a function."""

    def inline(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Record value and gradient."""
        return inline_value_and_grad(
            self.function,
            self.settings["argnums"],
            args,
            kwargs,
            self.settings["has_aux"],
            self.settings["holomorphic"],
        )


class Grad(ValueAndGrad):
    """``grad`` of a function."""

    def inline(self, *args: Any, **kwargs: Any) -> Any:
        """Record the gradient."""
        value, gradient = super().inline(*args, **kwargs)
        return (gradient, value[1]) if self.settings["has_aux"] else gradient


def grad(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    holomorphic: bool = False,
    static_argnames: Sequence[str] = (),
) -> Grad:
    """Return the function that computes the gradient of ``fun``, which returns one real number.

    argnums: the positional argument, or arguments, to differentiate by; a tuple gives a tuple.
    has_aux: ``fun`` returns ``(value, aux)``, and the gradient comes as ``(gradient, aux)``.
    holomorphic: ``fun`` is a holomorphic function, of complex numbers, that returns a complex one;
    the gradient is its complex derivative. Without, by a complex ``x + iy`` it is
    ``df/dx - i df/dy``: docs/complex.md.
    static_argnames: arguments that are no numbers, or decide what the function does.

    >>> import numpy as np
    >>> slope = grad(grad(lambda x: x**3))
    >>> float(slope(2.0))
    12.0
    """
    return Grad(fun, static_argnames, **_settings(argnums, has_aux, holomorphic))


def value_and_grad(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    holomorphic: bool = False,
    static_argnames: Sequence[str] = (),
) -> ValueAndGrad:
    """Return the function that computes value and gradient of ``fun``; see ``grad``.

    With ``has_aux`` it returns ``((value, aux), gradient)``.
    """
    return ValueAndGrad(fun, static_argnames, **_settings(argnums, has_aux, holomorphic))


def _settings(argnums: int | Sequence[int], has_aux: bool, holomorphic: bool) -> dict[str, Any]:
    numbers = tuple(argnums) if isinstance(argnums, Sequence) else int(argnums)
    return {"argnums": numbers, "has_aux": has_aux, "holomorphic": holomorphic}


class Product(Transformed):
    """A transform that is called with primals, and with tangents."""

    __signature__ = parameters("primals", "tangents")


class Jvp(Product):
    """Value and tangent of a function."""

    def inline(self, primals: Any, tangents: Any) -> tuple[Any, ...]:
        """Record value and tangent."""
        return inline_jvp(self.function, primals, tangents, self.settings["has_aux"])


class Hvp(Product):
    """A function's Hessian times tangents."""

    def inline(self, primals: Any, tangents: Any) -> Any:
        """Record the product, forward over reverse."""
        argnums = tuple(range(len(primals))) if len(primals) > 1 else 0
        gradient = Grad(self.function, **_settings(argnums, False, False))
        return inline_jvp(gradient, primals, tangents)[1]


class Apply(Transformed):
    """A function as it is."""

    def inline(self, *args: Any, **kwargs: Any) -> Any:
        """Record the function."""
        return self.function(*args, **kwargs)


class Pullback(Transformed):
    """The pullback of a function, at primals that are given again."""

    __signature__ = parameters("primals", "cotangent")

    def inline(self, primals: Any, cotangent: Any) -> tuple[Any, ...]:
        """Record the cotangents of the primals."""
        return inline_vjp(self.function, tuple(primals), self.settings["has_aux"])[1](cotangent)


def jvp(
    fun: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: bool = False,
) -> Any:
    """Return ``(value, tangent)``: ``fun`` at ``primals`` and its derivative along ``tangents``.

    primals, tangents: tuples, one entry an argument, of the same structure and shapes.
    has_aux: ``fun`` returns ``(value, aux)``, and ``aux`` comes as a third result.

    >>> import numpy as np
    >>> value, tangent = jvp(np.sin, (0.0,), (2.0,))
    >>> float(tangent)
    2.0
    """
    return Jvp(fun, has_aux=has_aux)(primals, tangents)


def vjp(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """Return ``(value, pullback)``: ``pullback(cotangent)`` is a tuple, one entry an argument.

    On numbers, the pullback is compiled at its first call, and computes again what it needs of the
    value. With ``has_aux``, ``aux`` comes as a third result.
    """
    if is_traced(primals) or current_trace() is not None:
        value, pullback, aux = inline_vjp(fun, primals, has_aux)
        return (value, pullback, aux) if has_aux else (value, pullback)
    value = Apply(fun)(*primals)
    later = functools.partial(Pullback(fun, has_aux=has_aux), primals)
    return (value[0], later, value[1]) if has_aux else (value, later)


def hvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Return the Hessian of ``fun`` at ``primals`` times ``tangents``, without the Hessian.

    The product has the structure of the primal, or with several is a tuple, one entry each. It
    costs a small constant times a gradient.

    Reference: B. Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation (1994).
    """
    return Hvp(fun)(primals, tangents)
