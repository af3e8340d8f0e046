"""Values and derivatives of elementary and special functions, against mpmath's.

How far a result may be off is counted in roundings: one is the change that it makes where one of
the arguments changes by a part in 2**53, and a part in 2**53 of the result itself, added up. So
places where a function is steep, or has a zero, ask for no less than others.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mpmath import mp

import irgrad

ROUNDING = mp.mpf(2) ** -53


@dataclass(frozen=True)
class Case:
    """A function of numbers, places over its range, and the same function of mpmath.

    ``roundings``: how many the value, and derivatives of first and second order, may be off;
    ``digits``: those with which mpmath computes; ``moved``: by which arguments to differentiate,
    of all unless given.
    """

    function: Callable[..., Any]
    exact: Callable[..., Any]
    places: Sequence[Any]
    roundings: tuple[float, float, float] = (16.0, 32.0, 128.0)
    digits: int = 60
    moved: tuple[int, ...] | None = None


def exponents(count: int, order: int) -> list[tuple[int, ...]]:
    """Return how often to differentiate by each of so many arguments, all ways of an order."""
    return [k for k in itertools.product(range(order + 1), repeat=count) if sum(k) == order]


def derivatives(function: Callable[..., Any], moved: Sequence[int]) -> Callable[..., Any]:
    """Return a function of arrays that gives the value and the derivatives up to order two."""
    first = irgrad.grad(lambda *xs: np.sum(function(*xs)), argnums=tuple(moved))

    def second(place: int) -> Callable[..., Any]:
        return irgrad.grad(lambda *xs: np.sum(first(*xs)[place]), argnums=tuple(moved))

    def all_of_them(*xs: Any) -> dict[tuple[int, ...], Any]:
        found = {(0,) * len(moved): function(*xs)}
        slopes = first(*xs)
        for i in range(len(moved)):
            found[_unit(len(moved), i)] = slopes[i]
            curvatures = second(i)(*xs)
            for j in range(i, len(moved)):
                found[_unit(len(moved), i, j)] = curvatures[j]
        return found

    return all_of_them


def _unit(count: int, *places: int) -> tuple[int, ...]:
    return tuple(places.count(i) for i in range(count))


def exact_derivatives(case: Case, place: tuple[float, ...], moved: Sequence[int]) -> Any:
    """Return mpmath's value and derivatives up to order three at a place."""
    numbers = [mp.mpf(x) for x in place]
    variable = [numbers[i] for i in moved]

    def function(*xs: Any) -> Any:
        given = list(numbers)
        for i, x in zip(moved, xs, strict=True):
            given[i] = x
        return case.exact(*given)

    found = {}
    for order in range(4):
        for k in exponents(len(moved), order):
            if order == 0:
                found[k] = function(*variable)
            elif len(moved) == 1:
                found[k] = mp.diff(function, variable[0], order)
            else:
                found[k] = mp.diff(function, tuple(variable), k)
    return found


def errors(case: Case) -> dict[int, list[tuple[float, Any]]]:
    """Return by the order of derivatives: roundings off, and the place, order and both numbers."""
    places = [place if isinstance(place, tuple) else (place,) for place in case.places]
    columns = [np.array(column, np.float64) for column in zip(*places, strict=True)]
    moved = range(len(columns)) if case.moved is None else case.moved
    with np.errstate(all="ignore"):
        found = irgrad.compile(derivatives(case.function, moved), jit=False)(*columns)
    off: dict[int, list[tuple[float, Any]]] = {0: [], 1: [], 2: []}
    with mp.workdps(case.digits):
        for row, place in enumerate(places):
            exact = exact_derivatives(case, place, moved)
            for k, values in found.items():
                wanted, value = exact[k], float(values[row])
                scale = abs(wanted)
                for i, argument in enumerate(moved):
                    raised = tuple(n + (j == i) for j, n in enumerate(k))
                    scale += abs(mp.mpf(place[argument]) * exact[raised])
                error = abs(mp.mpf(value) - wanted)
                tiny = mp.mpf(10) ** -case.digits  # what is left of a zero of the oracle
                count = error / (scale * ROUNDING + tiny)
                off[sum(k)].append((float(count), (place, k, value, mp.nstr(wanted, 17))))
    return off


def check(case: Case) -> None:
    """Compare a function, and its derivatives up to order two, with mpmath's."""
    for (_, found), allowed in zip(errors(case).items(), case.roundings, strict=True):
        for count, what in found:
            assert count <= allowed, (count, what)
