"""``brentq``: a root of a function of one number, between two where its signs differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from irgrad.control import while_loop
from irgrad.implicit.roots import Function, Solution
from irgrad.implicit.vectors import packing
from irgrad.inline.ensured import ensured
from irgrad.inline.leaves import as_float, trace_of
from irgrad.transforms.base import parameters

_SIGNS = "brentq: the function has one sign at both ends; the smaller value is"
_LEFT = "brentq: the root is not found yet; the function is still"


class Bracketed(Solution):
    """``brentq``.

    Reference: R. Brent, Algorithms for Minimization Without Derivatives (1973), chapter 4.
    """

    __signature__ = parameters("a", "b", "args")
    name = "brentq"

    def inline(self, a: Any, b: Any, args: Any) -> Any:
        """Record the search, and the equation that its result fulfils."""
        trace = trace_of((a, b, args))
        ends = as_float(trace, a), as_float(trace, b)
        packed = packing(trace, ends[0])[0]
        function = self.of_vector(packed, args)
        return self.solved(function, self.between(function, *ends))

    def between(self, function: Function, a: Any, b: Any) -> Any:
        """Return a root between two points."""
        xtol, rtol, max_steps = (self.settings[k] for k in ("xtol", "rtol", "max_steps"))
        at_a, at_b = function(a), function(b)
        smaller = np.minimum(np.abs(at_a), np.abs(at_b))
        opposite = np.sign(at_a) * np.sign(at_b) <= 0
        b = ensured(b, opposite, smaller, _SIGNS, "choose ends between which it changes its sign")

        def width(now: Bracket) -> tuple[Any, Any]:
            """Return half of what is left of the bracket, and what is narrow enough."""
            return (now.other - now.best) / 2, (xtol + rtol * np.abs(now.best)) / 2

        def goes_on(carry: Any) -> Any:
            half, enough = width(carry[0])
            unfinished = (np.abs(half) >= enough) & (carry[0].at_best != 0)
            return unfinished & (carry[1] < max_steps)

        def step(carry: Any) -> Any:
            now, steps = carry
            half, enough = width(now)
            jump = _interpolated(now)
            trusted = (np.abs(now.before) > enough) & (np.abs(now.at_best) < np.abs(now.at_last))
            near = 2 * np.abs(jump) < np.minimum(np.abs(now.before), 3 * np.abs(half) - enough)
            length = np.where(trusted & near, jump, half)
            before = np.where(trusted & near, now.length, half)
            least = np.where(half > 0, enough, -enough)
            point = now.best + np.where(np.abs(length) > enough, length, least)
            moved = Bracket(
                now.best, now.at_best, point, function(point), now.other, now.at_other,
                before, length,
            )  # fmt: skip
            return _ordered(moved), steps + 1

        zero = np.zeros_like(a)
        first = _ordered(Bracket(a, at_a, b, at_b, zero, zero, zero, zero))
        done, _ = while_loop(goes_on, step, (first, 0))
        half, enough = width(done)
        reached = (np.abs(half) < enough) | (done.at_best == 0)
        size = np.abs(done.at_best)
        return ensured(done.best, reached, size, _LEFT, "loosen xtol, or raise max_steps")


class Bracket(NamedTuple):
    """Three points with the function's values there, and the last two steps.

    The root lies between ``best``, where the function is smaller, and ``other``.
    """

    last: Any
    at_last: Any
    best: Any
    at_best: Any
    other: Any
    at_other: Any
    before: Any
    length: Any


def _ordered(now: Bracket) -> Bracket:
    """Return the bracket with a root between ``best`` and ``other``, and ``best`` the better."""
    crossed = np.sign(now.at_last) * np.sign(now.at_best) < 0
    other = np.where(crossed, now.last, now.other)
    at_other = np.where(crossed, now.at_last, now.at_other)
    span = now.best - now.last
    swapped = np.abs(at_other) < np.abs(now.at_best)
    return Bracket(
        np.where(swapped, now.best, now.last),
        np.where(swapped, now.at_best, now.at_last),
        np.where(swapped, other, now.best),
        np.where(swapped, at_other, now.at_best),
        np.where(swapped, now.best, other),
        np.where(swapped, now.at_best, at_other),
        np.where(crossed, span, now.before),
        np.where(crossed, span, now.length),
    )


def _interpolated(now: Bracket) -> Any:
    """Return the step to the root of a parabola through three points, or of a line through two."""
    by_last = (now.at_last - now.at_best) / _nonzero(now.last - now.best)
    by_other = (now.at_other - now.at_best) / _nonzero(now.other - now.best)
    bent = now.at_other * by_other - now.at_last * by_last
    parabola = bent / _nonzero(by_other * by_last * (now.at_other - now.at_last))
    return -now.at_best * np.where(now.last == now.other, 1 / _nonzero(by_last), parabola)


def _nonzero(x: Any) -> Any:
    return np.where(x == 0, 1.0, x)


def brentq(
    f: Callable[..., Any],
    a: Any,
    b: Any,
    args: tuple[Any, ...] = (),
    *,
    xtol: Any = 2e-12,
    rtol: Any = 8.9e-16,
    max_steps: int = 100,
) -> Any:
    """Return x between ``a`` and ``b`` with ``f(x, *args) = 0``, by Brent's method.

    f: a continuous function of one number, of opposite signs at ``a`` and ``b``, which the
    derivative does not depend on.

    Raises: ConvergenceError where the signs are the same, or after ``max_steps``.

    >>> round(float(brentq(lambda x, a: x * x - a, 0.0, 2.0, (2.0,))), 12)
    1.414213562373
    """
    solver = Bracketed(f, xtol=xtol, rtol=rtol, max_steps=max_steps, linear="dense")
    return solver(a, b, tuple(args))
