"""Interval arithmetic: where results lie, from where operands do.

An interval is a pair of bounds, of which either may be infinite. It says where a number lies unless
it is NaN. Bounds leave room for rounding: emitted code contracts ``a * b + c`` and adds sums in
another order, and the elementary functions are off by 2 ulp at most.

Reference: R. E. Moore, R. B. Kearfott, M. J. Cloud, Introduction to Interval Analysis, 2009,
chapter 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

Interval = tuple[float, float]
Rule = Callable[..., Interval]
"""From the intervals of an op's operands, and its params by name, to that of its result."""

EVERYWHERE: Interval = (-math.inf, math.inf)
_ROUNDING = 2.0**-46
"""More than a rounded operation on float64 is off, relative to its result; the kernels too."""


def exactly(value: float) -> Interval:
    """Return the interval that holds one number."""
    return EVERYWHERE if value != value else (value, value)


def between(low: float, high: float) -> Rule:
    """Return the rule of an op whose results lie between two numbers, whatever it is given."""
    return lambda *operands, **params: widened(low, high)


def increasing(function: Callable[[Any], Any]) -> Rule:
    """Return the rule of a function that nowhere falls, and is NaN outside its domain."""

    def rule(x: Interval) -> Interval:
        with np.errstate(all="ignore"):
            low, high = (float(function(np.float64(bound))) for bound in x)
        return widened(-math.inf if low != low else low, math.inf if high != high else high)

    return rule


def even(function: Callable[[Any], Any]) -> Rule:
    """Return the rule of a function of ``|x|`` that nowhere falls, such as cosh."""
    of_size = increasing(function)
    return lambda x: of_size(size(x))


def size(x: Interval) -> Interval:
    """Return where the absolute value lies."""
    low, high = x
    return (0.0 if low <= 0.0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))


def negative(x: Interval) -> Interval:
    """Return where ``-x`` lies."""
    return -x[1], -x[0]


def total(x: Interval, y: Interval) -> Interval:
    """Return where ``x + y`` lies: with room for rounding the operands, which may cancel."""
    low, high = (a + b for a, b in zip(widened(*x), widened(*y), strict=True))
    return _sound(low, high)


def difference(x: Interval, y: Interval) -> Interval:
    """Return where ``x - y`` lies."""
    return total(x, negative(y))


def times(x: Interval, y: Interval) -> Interval:
    """Return where ``x * y`` lies."""
    corners = [a * b if a and b else 0.0 for a, b in product(x, y)]  # 0 times infinity is NaN
    return widened(min(corners), max(corners))


def quotient(x: Interval, y: Interval) -> Interval:
    """Return where ``x / y`` lies: anywhere, where the divisor may be zero."""
    if y[0] <= 0.0 <= y[1]:
        return EVERYWHERE
    low, high = 1.0 / y[1], 1.0 / y[0]
    return times(x, (low, high))


def either(*operands: Interval) -> Interval:
    """Return the interval that spans all the operands."""
    return min(low for low, _ in operands), max(high for _, high in operands)


def larger(x: Interval, y: Interval) -> Interval:
    """Return where ``maximum(x, y)`` lies."""
    return max(x[0], y[0]), max(x[1], y[1])


def smaller(x: Interval, y: Interval) -> Interval:
    """Return where ``minimum(x, y)`` lies."""
    return min(x[0], y[0]), min(x[1], y[1])


def widened(low: float, high: float) -> Interval:
    """Return an interval with room for rounding at either end."""
    return _sound(low - _ROUNDING * abs(low), high + _ROUNDING * abs(high))


def _sound(low: float, high: float) -> Interval:
    """Return the bounds, infinite where they came out as NaN (infinity less infinity)."""
    return (-math.inf if low != low else low), (math.inf if high != high else high)
