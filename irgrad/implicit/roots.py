"""``root`` and ``fixed_point``: solutions of systems of equations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.control import while_loop
from irgrad.errors import ArgumentError
from irgrad.implicit.linear import conjugate_gradients, minimal_residuals
from irgrad.implicit.vectors import Packing, dot, largest, packing
from irgrad.inline.ensured import ensured
from irgrad.inline.forward import inline_jvp
from irgrad.inline.implicit import implicit_solution, linear_solution
from irgrad.inline.jacobians import inline_jacobian
from irgrad.inline.leaves import trace_of
from irgrad.inline.reverse import inline_vjp
from irgrad.trace.origins import location_here
from irgrad.trace.trace import current_trace
from irgrad.transforms.base import Transformed, parameters

Function = Callable[[Any], Any]
"""A function of a vector, or of a single number."""

SHORTEST = 2.0**-20
"""The part of a step down to which it is halved."""

_ITERATIVE: dict[str, Any] = {"rtol": 1e-12, "atol": 0.0, "max_steps": 1000}
_REMEDY = "start nearer to a solution, loosen tol, or raise max_steps; there may be no solution"
_SINGULAR = "the derivative of the equation at the solution may not be 0; it is"


def solve_transposed(residual: Any, at: Any, right: Any, linear: str, symmetric: bool) -> Any:
    """Return the solution λ of J'λ = right, where J is the derivative of ``residual`` at ``at``."""
    if not np.ndim(right):
        _, pullback, _ = inline_vjp(residual, (at,))
        slope = pullback(np.ones_like(right))[0]
        return right / ensured(slope, slope != 0, slope, _SINGULAR, "move the parameters")
    if linear == "dense":
        matrix = inline_jacobian(residual, 0, (at,), {}, "reverse")
        return np.linalg.solve(matrix.T, right)
    _, pullback, _ = inline_vjp(residual, (at,))
    trace = current_trace()
    assert trace is not None
    method = conjugate_gradients if symmetric else minimal_residuals

    def solver(apply: Any, sides: list[Any]) -> list[Any]:
        name = "the derivative of a solution"
        return [method(lambda x: apply([x])[0], sides[0], **_ITERATIVE, name=name)]

    return linear_solution(
        trace, lambda leaves: [pullback(leaves[0])[0]], [right], solver, symmetric
    )[0]


class Solution(Transformed):
    """A solution of an equation, with its derivative by the equation."""

    name: str
    symmetric = False

    def of_vector(self, packed: Packing, args: Any) -> Function:
        """Return the user's function as one of a vector."""

        def function(vector: Any) -> Any:
            trace = current_trace()
            assert trace is not None
            value = self.function(packed.unpack(vector), *args)
            return packed.pack(value, trace, f"the function of {self.name}")

        return function

    def equation(self, function: Function) -> Function:
        """Return what is 0 at a solution, given the function of a vector."""
        return function

    def solved(self, function: Function, found: Any) -> Any:
        """Return what was found, with its derivative."""
        residual = self.equation(function)
        linear = self.settings["linear"]

        def transposed(roots: list[Any], rest: list[Any], right: list[Any]) -> list[Any]:
            return [solve_transposed(residual, roots[0], right[0], linear, self.symmetric)]

        return implicit_solution(
            found.tape, lambda roots: [residual(roots[0])], [found], transposed
        )[0]


class Searched(Solution):
    """A solution searched from a starting point."""

    __signature__ = parameters("x0", "args")

    def find(self, function: Function, start: Any) -> Any:
        """Return a solution, searched from ``start``."""
        raise NotImplementedError  # pragma: no cover - abstract

    def inline(self, x0: Any, args: Any) -> Any:
        """Record the search, and the equation that its result fulfils."""
        packed, start = packing(trace_of((x0, args)), x0)
        function = self.of_vector(packed, args)
        return packed.unpack(self.solved(function, self.find(function, start)))


class Root(Searched):
    """``root``: Newton's method with steps that are halved until the residual is smaller.

    Reference: J. Nocedal and S. Wright, Numerical Optimization (2006), section 11.2.
    """

    name = "root"

    def find(self, residual: Function, start: Any) -> Any:
        """Return a root, searched from ``start``."""
        tol, max_steps = self.settings["tol"], self.settings["max_steps"]

        def step(carry: Any) -> Any:
            x, rest, _, steps = carry
            change = self._newton_step(residual, x, rest)
            done = largest(change) <= tol * (1 + largest(x))
            square = dot(rest, rest)

            def worse(trial: Any) -> Any:
                part, _, tried = trial
                fine = dot(tried, tried) <= (1 - 1e-4 * part) * square
                return ~fine & ~done & (part > SHORTEST)

            def halve(trial: Any) -> Any:
                part = trial[0] / 2
                moved = x + part * change
                return part, moved, residual(moved)

            whole = x + change
            _, moved, left = while_loop(worse, halve, (1.0, whole, residual(whole)))
            return moved, left, done, steps + 1

        found, rest, done, _ = while_loop(
            lambda carry: ~carry[2] & (carry[3] < max_steps),
            step,
            (start, residual(start), False, 0),
        )
        problem = f"root: after {max_steps} steps at most the residual is"
        return ensured(found, done, largest(rest), problem, _REMEDY)

    def _newton_step(self, residual: Any, x: Any, rest: Any) -> Any:
        if not np.ndim(x):
            return -rest / inline_jvp(residual, (x,), (np.ones_like(x),))[1]
        if self.settings["linear"] == "dense":
            return np.linalg.solve(inline_jacobian(residual, 0, (x,), {}, "reverse"), -rest)
        return minimal_residuals(
            lambda v: inline_jvp(residual, (x,), (v,))[1], -rest, **_ITERATIVE,
            name="a step of root",
        )  # fmt: skip


class FixedPoint(Searched):
    """``fixed_point``: the function applied again and again."""

    name = "fixed_point"

    def equation(self, function: Function) -> Function:
        """Return how far a point moves."""
        return lambda vector: function(vector) - vector

    def find(self, function: Function, start: Any) -> Any:
        """Return a fixed point, searched from ``start``."""
        change_at = self.equation(function)
        tol, max_steps = self.settings["tol"], self.settings["max_steps"]

        def moves(carry: Any) -> Any:
            x, change, steps = carry
            return ~(largest(change) <= tol * (1 + largest(x))) & (steps < max_steps)

        def step(carry: Any) -> Any:
            x = carry[0] + carry[1]
            return x, change_at(x), carry[2] + 1

        found, change, _ = while_loop(moves, step, (start, change_at(start), 0))
        size = largest(change)
        problem = f"fixed_point: after {max_steps} steps at most the point still moves by"
        return ensured(found, size <= tol * (1 + largest(found)), size, problem, _REMEDY)


def root(
    fun: Callable[..., Any],
    x0: Any,
    args: tuple[Any, ...] = (),
    *,
    tol: Any = 1e-10,
    max_steps: int = 50,
    linear: str = "dense",
) -> Any:
    """Return x with ``fun(x, *args) = 0``, by Newton's method from ``x0``.

    fun: returns as many numbers as x holds, in its structure. x0: a pytree of floats, which the
    derivative does not depend on.
    tol: the last step is at most ``tol * (1 + max |x|)``.
    linear: "dense" makes the Jacobian (n, n), "iterative" only multiplies by it.

    Raises: ConvergenceError where that takes more than ``max_steps``.

    >>> float(root(lambda x, a: x**3 - a, 1.0, (8.0,)))
    2.0
    """
    return Root(fun, tol=tol, max_steps=max_steps, linear=checked(linear))(x0, tuple(args))


def fixed_point(
    fun: Callable[..., Any],
    x0: Any,
    args: tuple[Any, ...] = (),
    *,
    tol: Any = 1e-12,
    max_steps: int = 10_000,
    linear: str = "dense",
) -> Any:
    """Return x with ``fun(x, *args) = x``, by ``x = fun(x)`` from ``x0``; see ``root``.

    Raises: ConvergenceError where x still moves by more than ``tol * (1 + max |x|)`` in the end.
    """
    return FixedPoint(fun, tol=tol, max_steps=max_steps, linear=checked(linear))(x0, tuple(args))


def checked(linear: str) -> str:
    """Return how linear systems are solved.

    Raises: ArgumentError for what is no such way.
    """
    if linear not in ("dense", "iterative"):
        raise ArgumentError(
            f"linear={linear!r}", remedy='give "dense" or "iterative"', location=location_here()
        )
    return linear
