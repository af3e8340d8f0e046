"""``jacrev``, ``jacfwd``, ``jacobian``, ``hessian``: all derivatives of all results at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from irgrad.inline.jacobians import inline_hessian, inline_jacobian
from irgrad.transforms.base import Transformed


class Jacobian(Transformed):
    """The Jacobian of a function."""

    def inline(self, *args: Any, **kwargs: Any) -> Any:
        """Record the Jacobian."""
        settings = self.settings
        return inline_jacobian(
            self.function,
            settings["argnums"],
            args,
            kwargs,
            settings["mode"],
            settings["has_aux"],
            settings["holomorphic"],
        )


class Hessian(Transformed):
    """The Hessian of a function."""

    def inline(self, *args: Any, **kwargs: Any) -> Any:
        """Record the Hessian."""
        settings = self.settings
        return inline_hessian(
            self.function, settings["argnums"], args, kwargs, settings["holomorphic"]
        )


def _settings(argnums: int | Sequence[int], **others: Any) -> dict[str, Any]:
    return {"argnums": tuple(argnums) if isinstance(argnums, Sequence) else int(argnums), **others}


def jacrev(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    holomorphic: bool = False,
    static_argnames: Sequence[str] = (),
) -> Jacobian:
    """Return the function that computes the Jacobian of ``fun`` row by row, in reverse mode.

    Each leaf of the result, of shape ``s``, becomes the structure of the argument, with leaves of
    shape ``(*s, *t)`` for argument leaves of shape ``t``. Costs a pullback for each element of the
    result. See ``grad`` for the arguments.
    """
    settings = _settings(argnums, mode="reverse", has_aux=has_aux, holomorphic=holomorphic)
    return Jacobian(fun, static_argnames, **settings)


def jacfwd(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    holomorphic: bool = False,
    static_argnames: Sequence[str] = (),
) -> Jacobian:
    """Return the function that computes the Jacobian of ``fun`` by columns, in forward mode.

    Costs a pushforward for each element of the argument; the result is that of ``jacrev``.
    """
    settings = _settings(argnums, mode="forward", has_aux=has_aux, holomorphic=holomorphic)
    return Jacobian(fun, static_argnames, **settings)


def jacobian(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    holomorphic: bool = False,
    static_argnames: Sequence[str] = (),
) -> Jacobian:
    """Return the function that computes the Jacobian of ``fun``, in the mode that costs less.

    The sizes of the first call decide: reverse where the result has no more elements than the
    argument, else forward. The result is that of ``jacrev``.

    >>> import numpy as np
    >>> jacobian(lambda x: x[1:] * x[:-1])(np.array([1.0, 2.0, 3.0]))
    array([[2., 1., 0.],
           [0., 3., 2.]])
    """
    settings = _settings(argnums, mode="auto", has_aux=has_aux, holomorphic=holomorphic)
    return Jacobian(fun, static_argnames, **settings)


def hessian(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    holomorphic: bool = False,
    static_argnames: Sequence[str] = (),
) -> Hessian:
    """Return the function that computes the Hessian of ``fun``: ``jacfwd`` of ``jacrev``.

    >>> import numpy as np
    >>> hessian(lambda x: x[0] * x[1] ** 2)(np.array([1.0, 2.0]))
    array([[0., 4.],
           [4., 2.]])
    """
    return Hessian(fun, static_argnames, **_settings(argnums, holomorphic=holomorphic))
