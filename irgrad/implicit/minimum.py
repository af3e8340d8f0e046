"""``minimize``: a local minimum, whose derivative is that of the point where the gradient is 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.control import while_loop
from irgrad.errors import ShapeError
from irgrad.implicit.roots import SHORTEST, Function, Searched, checked
from irgrad.implicit.vectors import Packing, dot, largest
from irgrad.inline.ensured import ensured
from irgrad.inline.forward import inline_jvp
from irgrad.inline.leaves import as_float
from irgrad.inline.reverse import inline_value_and_grad
from irgrad.trace.origins import location_here
from irgrad.trace.trace import current_trace

_REMEDY = "start nearer to a minimum, loosen tol, or raise max_steps; there may be no minimum"


class Minimum(Searched):
    """``minimize``: Newton's method, its steps found by conjugate gradients.

    Reference: J. Nocedal and S. Wright, Numerical Optimization (2006), algorithm 7.1.
    """

    name = "minimize"
    symmetric = True

    def of_vector(self, packed: Packing, args: Any) -> Function:
        """Return the user's function, which makes a number of a vector.

        Raises: ShapeError where it does not.
        """

        def function(vector: Any) -> Any:
            trace = current_trace()
            assert trace is not None
            number = as_float(trace, self.function(packed.unpack(vector), *args))
            if number.type.shape:
                raise ShapeError(
                    f"minimize needs a function that returns one number, not {number.type}",
                    remedy="sum or average it",
                    location=location_here(),
                )
            return number

        return function

    def equation(self, function: Function) -> Function:
        """Return the gradient."""
        return lambda vector: inline_value_and_grad(function, 0, (vector,), {})[1]

    def find(self, objective: Function, start: Any) -> Any:
        """Return a minimum, searched from ``start``."""
        tol, max_steps = self.settings["tol"], self.settings["max_steps"]

        def slope(x: Any) -> tuple[Any, Any]:
            value, gradient = inline_value_and_grad(objective, 0, (x,), {})
            return value, gradient

        def step(carry: Any) -> Any:
            x, value, gradient, _, steps = carry
            change, convex = _newton_step(self.equation(objective), x, gradient)
            done = convex & (largest(change) <= tol * (1 + largest(x)))
            descent = dot(change, gradient)
            noise = 1e-14 * np.abs(value)

            def worse(trial: Any) -> Any:
                part, _, tried = trial
                fine = tried <= value + 1e-4 * part * descent + noise
                return ~fine & ~done & (part > SHORTEST)

            def halve(trial: Any) -> Any:
                moved = x + trial[0] / 2 * change
                return trial[0] / 2, moved, objective(moved)

            whole = x + change
            _, moved, _ = while_loop(worse, halve, (1.0, whole, objective(whole)))
            return moved, *slope(moved), done, steps + 1

        found, _, gradient, done, _ = while_loop(
            lambda carry: ~carry[3] & (carry[4] < max_steps), step, (start, *slope(start), False, 0)
        )
        problem = f"minimize: after {max_steps} steps at most the gradient is still"
        return ensured(found, done, largest(gradient), problem, _REMEDY)


def _newton_step(gradient: Function, x: Any, slope: Any) -> tuple[Any, Any]:
    """Return a step that goes down, and whether the function is convex along all it tried."""
    square = dot(slope, slope)
    limit = np.minimum(0.01, np.sqrt(square)) ** 2 * square

    def goes_on(carry: Any) -> Any:
        _, _, _, left, convex, steps = carry
        return (left > limit) & convex & (steps < 10 * np.size(x) + 10)

    def advance(carry: Any) -> Any:
        change, rest, direction, left, _, steps = carry
        product = inline_jvp(gradient, (x,), (direction,))[1]
        curvature = dot(direction, product)
        convex = curvature > 0
        length = left / np.where(convex, curvature, 1.0)
        moved = change + length * direction
        first = np.where(steps == 0, direction, change)  # straight down, if not at all upwards
        rest = rest - length * product
        smaller = dot(rest, rest)
        return (
            np.where(convex, moved, first), rest, rest + smaller / left * direction, smaller,
            convex, steps + 1,
        )  # fmt: skip

    start = (np.zeros_like(x), -slope, -slope, square, True, 0)
    change, _, _, _, convex, _ = while_loop(goes_on, advance, start)
    return change, convex


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: tuple[Any, ...] = (),
    *,
    tol: Any = 1e-9,
    max_steps: int = 200,
    linear: str = "dense",
) -> Any:
    """Return a local minimum of ``fun(x, *args)``, searched from ``x0``.

    fun: returns one number. x0: a pytree of floats, which the derivative does not depend on.
    tol: the last step of Newton's method is at most ``tol * (1 + max |x|)``.
    linear: how the derivative is solved for: "dense" makes the Hessian (n, n), "iterative" only
    multiplies by it, as the search itself does.

    Raises: ConvergenceError where that takes more than ``max_steps``.

    >>> float(minimize(lambda x, a: (x - a) ** 2, 0.0, (3.0,)))
    3.0
    """
    return Minimum(fun, tol=tol, max_steps=max_steps, linear=checked(linear))(x0, tuple(args))
