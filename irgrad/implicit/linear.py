"""``cg`` and ``gmres``: linear systems whose matrix is only known by its products with vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.control import while_loop
from irgrad.implicit.vectors import dot, packing
from irgrad.inline.ensured import ensured
from irgrad.inline.implicit import linear_solution
from irgrad.inline.leaves import trace_of
from irgrad.trace.trace import current_trace
from irgrad.transforms.base import Transformed, parameters

Product = Callable[[Any], Any]

_KEPT = 30
"""Directions that ``gmres`` keeps to make new ones orthogonal to."""

_REMEDY = (
    "allow more steps, loosen rtol, or precondition the system; a matrix that is singular, or for "
    "cg not symmetric and positive definite, has no solution to find"
)


class LinearSolve(Transformed):
    """The solution of a linear system by a matrix-free method."""

    __signature__ = parameters("b", "args")
    method: Callable[..., Any]
    symmetric: bool
    name: str

    def inline(self, b: Any, args: Any) -> Any:
        """Record the solver, and by which systems its derivative follows."""
        trace = trace_of((b, args))
        packed, right = packing(trace, b)
        settings = self.settings

        def solver(apply: Any, sides: list[Any]) -> list[Any]:
            (side,) = sides
            found = type(self).method(lambda x: apply([x])[0], side, **settings, name=self.name)
            return [found]

        def apply(leaves: list[Any]) -> list[Any]:
            here = current_trace()
            assert here is not None
            product = self.function(packed.unpack(leaves[0]), *args)
            return [packed.pack(product, here, f"the operator of {self.name}")]

        (found,) = linear_solution(trace, apply, [right], solver, self.symmetric)
        return packed.unpack(found)


def conjugate_gradients(
    apply: Product, right: Any, *, rtol: Any, atol: Any, max_steps: int, name: str
) -> Any:
    """Return the solution of a symmetric positive definite system.

    Reference: M. Hestenes and E. Stiefel, Methods of conjugate gradients for solving linear
    systems, J. Res. Nat. Bur. Standards 49 (1952).
    """
    limit = _limit(right, rtol, atol)

    def step(carry: Any) -> Any:
        x, rest, direction, square, steps = carry
        product = apply(direction)
        length = square / dot(direction, product)
        rest = rest - length * product
        smaller = dot(rest, rest)
        return (
            x + length * direction, rest, rest + (smaller / square) * direction, smaller, steps + 1
        )  # fmt: skip

    start = (np.zeros_like(right), right, right, dot(right, right), 0)
    found, _, _, square, _ = while_loop(
        lambda carry: (carry[3] > limit) & (carry[4] < max_steps), step, start
    )
    return _ensured(found, square, limit, max_steps, name)


def minimal_residuals(
    apply: Product, right: Any, *, rtol: Any, atol: Any, max_steps: int, name: str
) -> Any:
    """Return the solution of any system of full rank: each step makes the residual smallest.

    The last directions are kept with their products, which are orthogonal. The next direction is
    the residual where the last step made it smaller, otherwise the last product.

    Reference: P. Jiránek and M. Rozložník, Adaptive version of simpler GMRES, Numerical
    Algorithms 53 (2010); truncated as in S. Eisenstat, H. Elman and M. Schultz, Variational
    iterative methods for nonsymmetric systems of linear equations, SIAM J. Numer. Anal. 20 (1983).
    """
    limit = _limit(right, rtol, atol)
    if not np.ndim(right):
        found = right / apply(np.ones_like(right))
        rest = right - apply(found)
        return _ensured(found, rest * rest, limit, max_steps, name)
    zeros = np.zeros_like(right) * np.zeros((_KEPT, 1))

    def step(carry: Any) -> Any:
        x, rest, square, direction, directions, products, steps = carry
        product = apply(direction)
        for _ in range(2):  # once is not enough in floating point
            overlap = products @ product
            product = product - overlap @ products
            direction = direction - overlap @ directions
        norm = np.sqrt(dot(product, product))
        scale = np.where(norm > 0, 1 / np.where(norm > 0, norm, 1.0), 0.0)
        product, direction = product * scale, direction * scale
        length = dot(product, rest)
        rest = rest - length * product
        smaller = dot(rest, rest)
        fresh = np.where(smaller < 0.81 * square, rest / np.sqrt(smaller + 1e-300), product)
        return (
            x + length * direction, rest, smaller, fresh,
            np.concatenate([direction[None], directions[:-1]]),
            np.concatenate([product[None], products[:-1]]), steps + 1,
        )  # fmt: skip

    start = (np.zeros_like(right), right, dot(right, right), right, zeros, zeros, 0)
    done = while_loop(lambda carry: (carry[2] > limit) & (carry[6] < max_steps), step, start)
    return _ensured(done[0], done[2], limit, max_steps, name)


def _limit(right: Any, rtol: Any, atol: Any) -> Any:
    """Return the square of how large the residual may be."""
    return np.maximum(rtol * rtol * dot(right, right), atol * atol)


def _ensured(found: Any, square: Any, limit: Any, max_steps: int, name: str) -> Any:
    problem = f"{name}: after {max_steps} steps at most the residual is"
    return ensured(found, square <= limit, np.sqrt(square), problem, _REMEDY)


class ConjugateGradients(LinearSolve):
    """``cg``."""

    method = staticmethod(conjugate_gradients)
    symmetric = True
    name = "cg"


class MinimalResiduals(LinearSolve):
    """``gmres``."""

    method = staticmethod(minimal_residuals)
    symmetric = False
    name = "gmres"


def cg(
    A: Any,
    b: Any,
    args: tuple[Any, ...] = (),
    *,
    rtol: Any = 1e-10,
    atol: Any = 0.0,
    max_steps: int = 1000,
) -> Any:
    """Return x with ``A(x, *args) = b``, by conjugate gradients.

    A: a linear function, symmetric and positive definite, or a matrix (n, n). b: a pytree.
    rtol, atol: the residual's norm is at most ``max(rtol * |b|, atol)``.

    Raises: ConvergenceError where that takes more than ``max_steps``.

    >>> import numpy as np
    >>> cg(lambda x: 2.0 * x, np.array([2.0, 4.0]))
    array([1., 2.])
    """
    return _solve(ConjugateGradients, A, b, args, rtol, atol, max_steps)


def gmres(
    A: Any,
    b: Any,
    args: tuple[Any, ...] = (),
    *,
    rtol: Any = 1e-10,
    atol: Any = 0.0,
    max_steps: int = 1000,
) -> Any:
    """Return x with ``A(x, *args) = b``, by minimal residuals; see ``cg``.

    A: a linear function of full rank, or a matrix (n, n). A step takes one product with A, and
    work of 120 n to make directions orthogonal.
    """
    return _solve(MinimalResiduals, A, b, args, rtol, atol, max_steps)


def _solve(
    solver: type[LinearSolve], A: Any, b: Any, args: Any, rtol: Any, atol: Any, max_steps: int
) -> Any:
    if not callable(A):
        A, args = _product, (A,)
    return solver(A, rtol=rtol, atol=atol, max_steps=max_steps)(b, tuple(args))


def _product(x: Any, matrix: Any) -> Any:
    return matrix @ x
