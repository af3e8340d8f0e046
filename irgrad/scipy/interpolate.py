"""``scipy.interpolate.CubicSpline`` through traced points, at traced places.

Examples:
    >>> import numpy as np, irgrad
    >>> from irgrad.scipy.interpolate import CubicSpline
    >>> x = np.arange(4.0)
    >>> float(round(irgrad.grad(lambda t: CubicSpline(x, x**3)(t))(1.5), 12))
    6.75
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ops.axes import normalized_axis, shape_of
from irgrad.ops.banded import banded_solve
from irgrad.ops.create import carrier
from irgrad.ops.picking import as_traced
from irgrad.scipy.traced import as_array, is_traced, others

__all__ = ["CubicSpline"]

__getattr__ = others("scipy.interpolate")

_END = {"clamped": (1, 0.0), "natural": (2, 0.0), "not-a-knot": (0, 0.0)}
"""What is known at an end: the order of a derivative and its value; 0 for "not-a-knot"."""


class CubicSpline:
    """The piecewise cubic of continuous second derivatives through points.

    x: (n,), rising; y: n along ``axis``; ``bc_type`` as in SciPy. ``c``: (4, n - 1, ...) are the
    coefficients, highest power first. Time n.

    Reference: de Boor, A Practical Guide to Splines (1978), chapter 4.
    """

    def __init__(
        self, x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot", extrapolate: Any = None
    ) -> None:
        self._original: Any = None
        x, y = as_array(x), as_array(y)
        rank = len(shape_of(y))
        if rank == 0 or len(shape_of(x)) != 1:
            raise ShapeError("CubicSpline of numbers", remedy="x: (n,), y: n along an axis")
        self.axis = normalized_axis(axis, rank)
        if extrapolate is None:
            extrapolate = "periodic" if _is(bc_type, "periodic") else True
        self.extrapolate = extrapolate
        if not is_traced(x, y, *(bc_type if isinstance(bc_type, tuple | list) else ())):
            import scipy.interpolate

            self._original = scipy.interpolate.CubicSpline(x, y, axis, bc_type, extrapolate)
            self.x, self.c = self._original.x, self._original.c
            return
        n = shape_of(x)[0]
        values = np.moveaxis(y, self.axis, 0)
        if not dims.same(shape_of(values)[0], n) or not dims.at_least(n, 2):
            raise ShapeError(
                f"CubicSpline of {n} places and {shape_of(values)[0]} values",
                remedy="give two or more of both",
            )
        if not is_traced(x) and np.any(np.diff(x) <= 0):
            raise ShapeError("x must rise", remedy="sort the places; each may stand once")
        self.x = x
        flat: Any = (n, -1)
        shape: Any = (4, n - 1, *shape_of(values)[1:])
        self.c = np.reshape(_coefficients(x, np.reshape(values, flat), bc_type), shape)

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        """Return the derivative of order ``nu`` at ``x``, of any shape; NaN outside if so asked."""
        if self._original is not None and not is_traced(x):
            return self._original(x, nu, extrapolate)
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        of = carrier(x, self.c, self.x)
        at, places = as_traced(as_array(x), of) * 1.0, as_traced(self.x, of)
        first, last = places[0], places[-1]
        if _is(extrapolate, "periodic"):
            at = first + np.remainder(at - first, last - first)
        found = np.searchsorted(places, at, side="right") - 1
        interval = np.maximum(np.minimum(found, np.size(places) - 2), 0)
        rank = len(shape_of(at))
        beside: Any = (..., *[None] * (len(shape_of(self.c)) - 2))
        result = _derivative(as_traced(self.c, of), interval, (at - places[interval])[beside], nu)
        if nu >= 3:  # from here on a place is not in the formula, and NaN is none
            result = np.where((at == at)[beside], result, np.nan)
        if extrapolate is False:
            inside = (at >= first) & (at <= last)
            result = np.where(inside[beside], result, np.nan)
        return np.moveaxis(result, tuple(range(rank)), tuple(range(self.axis, self.axis + rank)))


def _derivative(c: Any, interval: Any, from_left: Any, nu: int) -> Any:
    """Return the derivative of order ``nu`` of cubics, by Horner's rule."""
    if nu > 3:
        return c[0][interval] * 0.0
    result = math.perm(3, nu) * c[0][interval]
    for power in range(2, nu - 1, -1):
        result = result * from_left + math.perm(power, nu) * c[3 - power][interval]
    return result


def _is(given: Any, word: str) -> bool:
    return isinstance(given, str) and given == word


def _ends(bc_type: Any) -> list[tuple[int, Any]]:
    """Return what is known at both ends: the order of a derivative, and its value."""
    both = (bc_type, bc_type) if isinstance(bc_type, str) else tuple(bc_type)
    known: list[tuple[int, Any]] = []
    for end in both:
        if isinstance(end, str):
            if end not in _END:
                raise ShapeError(f"bc_type={end!r}", remedy=f"use {', '.join(_END)} or periodic")
            known.append(_END[end])
        else:
            order, value = end
            if order not in (1, 2):
                raise ShapeError(f"a derivative of order {order} at an end", remedy="1 or 2")
            known.append((order, np.reshape(as_array(value), -1)))
    return known


def _coefficients(x: Any, y: Any, bc_type: Any) -> Any:
    """Return those of each piece, from the slopes at the points. y: (n, k)."""
    steps = (x[1:] - x[:-1])[:, None]
    rises = (y[1:] - y[:-1]) / steps
    slopes = _periodic(steps, rises) if _is(bc_type, "periodic") else _slopes(
        steps, rises, _ends(bc_type)
    )  # fmt: skip
    bend = (slopes[:-1] + slopes[1:] - 2.0 * rises) / steps
    return np.stack([bend / steps, (rises - slopes[:-1]) / steps - bend, slopes[:-1], y[:-1]])


def _slopes(steps: Any, rises: Any, ends: list[tuple[int, Any]]) -> Any:
    """Solve the tridiagonal system for the slopes at the points."""
    pieces = dims.concrete(shape_of(rises)[0]) if not dims.at_least(shape_of(rises)[0], 3) else 3
    if pieces == 1:
        ends = [(1, rises[0]) if order == 0 else (order, value) for order, value in ends]
    if pieces == 2 and ends[0][0] == ends[1][0] == 0:
        # One parabola through three points, whose slopes are these.
        total = steps[0] + steps[1]
        middle = (steps[1] * rises[0] + steps[0] * rises[1]) / total
        return np.stack([2.0 * rises[0] - middle, middle, 2.0 * rises[1] - middle])
    first = _end(steps[0], steps[min(1, pieces - 1)], rises[0], rises[min(1, pieces - 1)], *ends[0])
    last = _end(
        steps[-1], steps[-min(2, pieces)], rises[-1], rises[-min(2, pieces)], *ends[1], sign=-1.0
    )
    inner = 2.0 * (steps[:-1] + steps[1:])
    right = 3.0 * (steps[1:] * rises[:-1] + steps[:-1] * rises[1:])
    zero = steps[:1] * 0.0
    above = np.concatenate([zero, first[1][None], steps[:-1]])
    middle = np.concatenate([first[0][None], inner, last[0][None]])
    below = np.concatenate([steps[1:], last[1][None], zero])
    whole = np.concatenate([first[2][None], right, last[2][None]])
    diagonals = np.stack([above[:, 0], middle[:, 0], below[:, 0]])
    return banded_solve(diagonals, whole, lower=1, upper=1, flipped=False)


def _end(
    step: Any, next_step: Any, rise: Any, next_rise: Any, order: int, value: Any, sign: float = 1.0
) -> tuple[Any, Any, Any]:
    """Return the equation at an end: the factors of its slope and of the next, the right side."""
    if order == 1:
        return step * 0.0 + 1.0, step * 0.0, rise * 0.0 + value
    if order == 2:
        return 2.0 * step, step, 3.0 * rise * step - sign * 0.5 * value * step * step
    both = step + next_step
    known = ((step + 2.0 * both) * next_step * rise + step * step * next_rise) / both
    return next_step, both, known


def _periodic(steps: Any, rises: Any) -> Any:
    """Solve the cyclic system: the last slope apart, the others by a tridiagonal one."""
    if not dims.at_least(shape_of(rises)[0], 3):
        if dims.concrete(shape_of(rises)[0]) == 1:
            raise ShapeError("a periodic spline of two points", remedy="give three or more")
        mean = np.sum(rises / steps, axis=0) / np.sum(1.0 / steps, axis=0)
        return np.stack([mean, mean, mean])
    before = np.concatenate([steps[-1:], steps[:-1]])  # the piece that ends at a point
    rise_before = np.concatenate([rises[-1:], rises[:-1]])
    middle = 2.0 * (before + steps)
    right = 3.0 * (steps * rise_before + before * rises)
    zero = steps[:1] * 0.0
    # Point i: steps[i] s[i-1] + middle[i] s[i] + before[i] s[i+1] = right[i], indices cyclic.
    above = np.concatenate([zero, before[:-2]])
    below = np.concatenate([steps[1:-1], zero])
    diagonals = np.stack([above[:, 0], middle[:-1, 0], below[:, 0]])
    blank = np.zeros_like(above[1:-1])
    last = np.concatenate([-steps[:1], blank, -before[-2:-1]])
    if shape_of(above)[0] == 2:
        last = np.concatenate([-steps[:1], -before[-2:-1]])
    both = np.concatenate([right[:-1], last], axis=1)
    solved = banded_solve(diagonals, both, lower=1, upper=1, flipped=False)
    alone, by_last = solved[:, :-1], solved[:, -1:]
    # The last equation gives the last slope.
    known = right[-1] - before[-1] * alone[0] - steps[-1] * alone[-1]
    factor = middle[-1] + before[-1] * by_last[0] + steps[-1] * by_last[-1]
    final = (known / factor)[None]
    inner = alone + by_last * final
    return np.concatenate([inner, final, inner[:1]])
