"""``quad``: the integral of a function of one number, and the integrals that its derivative is.

Reference: R. Piessens et al., QUADPACK (1983), for the rule and its error; the steps are those of
an integration from one end to the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import optree

from irgrad.arguments import flatten
from irgrad.control import scan, while_loop
from irgrad.errors import ArgumentError
from irgrad.implicit.vectors import largest
from irgrad.inline.ensured import ensured
from irgrad.inline.implicit import integral_solution
from irgrad.inline.leaves import as_float, trace_of
from irgrad.ops.custom import stop_gradient
from irgrad.trace.origins import location_here
from irgrad.trace.trace import current_trace
from irgrad.transforms.base import Transformed, parameters

_NODES = (
    0.991455371120812639206854697526329, 0.949107912342758524526189684047851,
    0.864864423359769072789712788640926, 0.741531185599394439863864773280788,
    0.586087235467691130294144691693013, 0.405845151377397166906606412076961,
    0.207784955007898467600689403773245, 0.0,
)  # fmt: skip
_KRONROD = (
    0.022935322010529224963732008058970, 0.063092092629978553290700663189204,
    0.104790010322250183839876322541518, 0.140653259715525918745189590510238,
    0.169004726639267902826583426598550, 0.190350578064785409913256402421014,
    0.204432940075298892414161999234649, 0.209482141084727828012999174891714,
)  # fmt: skip
_GAUSS = (
    0.0, 0.129484966168869693270611432679082, 0.0, 0.279705391489276667901467771423780,
    0.0, 0.381830050505118944950369775488975, 0.0, 0.417959183673469387755102040816327,
)  # fmt: skip


def _both_sides(values: tuple[float, ...], sign: float) -> np.ndarray:
    return np.array([*(sign * x for x in values[:-1]), *reversed(values)])


NODES = (_both_sides(_NODES, -1.0) + 1) / 2
"""Where the rule looks at a function on [0, 1]; its weights, and those of the coarser one in it."""
WEIGHTS = _both_sides(_KRONROD, 1.0) / 2
COARSE = _both_sides(_GAUSS, 1.0) / 2

_SHARE = 0.01
"""The part of the whole error that any step may make, however short it is."""

_REMEDY = (
    "the integral may not exist; split it where the function is not smooth, loosen epsabs and "
    "epsrel, or raise max_steps"
)
Integrand = Callable[[Any], list[Any]]


class Integral(Transformed):
    """``quad``."""

    __signature__ = parameters("a", "b", "args")

    def inline(self, a: Any, b: Any, args: Any) -> Any:
        """Record the integration, and the integrals of the derivatives."""
        trace = trace_of((a, b, args))
        ends = [as_float(trace, a), as_float(trace, b)]
        structure: list[Any] = []

        def integrand(x: Any) -> list[Any]:
            here = current_trace()
            assert here is not None
            leaves, form = flatten(self.function(x, *args))
            structure[:] = [form]
            return [as_float(here, leaf) for leaf in leaves]

        found = integral_solution(trace, integrand, ends, self._over)
        return optree.tree_unflatten(structure[0], found)

    def _over(self, integrand: Integrand, ends: list[Any]) -> list[Any]:
        """Return the integral of a function between two ends."""
        a, b = ends
        settings = self.settings
        place = _PLACES[settings["infinite"]]

        def within(t: Any) -> list[Any]:
            # Flat at both ends, where the function may be steep.
            x, slope = place(a, b, t * t * (3 - 2 * t))
            return [leaf * (slope * (6 * t * (1 - t))) for leaf in integrand(x)]

        def apply(start: Any, size: Any) -> tuple[list[Any], Any]:
            """Return the integral over a step, and how far off it may be."""

            def add(sums: Any, row: Any) -> Any:
                node, weight, coarse = row
                values = within(start + size * node)
                fine = [s + weight * v for s, v in zip(sums[0], values, strict=True)]
                rough = [s + coarse * v for s, v in zip(sums[1], values, strict=True)]
                size_of = [s + weight * np.abs(v) for s, v in zip(sums[2], values, strict=True)]
                return (fine, rough, size_of), None

            zeros = [np.zeros_like(leaf) for leaf in within(0.5 * size)]
            (fine, rough, sizes), _ = scan(add, (zeros, zeros, zeros), (NODES, WEIGHTS, COARSE))
            off = _most([stop_gradient(f) - stop_gradient(r)
                         for f, r in zip(fine, rough, strict=True)])  # fmt: skip
            scale = _most([stop_gradient(leaf) for leaf in sizes])
            part = np.where(scale > 0, off / np.where(scale > 0, scale, 1.0), 0.0)
            error = np.where(off >= 0, scale * np.minimum(1.0, (200 * part) ** 1.5), np.inf)
            return [size * leaf for leaf in fine], size * error

        def allowed(sums: list[Any], whole: Any) -> Any:
            known = np.maximum(whole, _most([stop_gradient(leaf) for leaf in sums]))
            return np.maximum(settings["epsabs"], settings["epsrel"] * known)

        one = np.ones_like(stop_gradient(a))
        first, _ = apply(0 * one, one)
        whole = _most([stop_gradient(leaf) for leaf in first])

        def goes_on(carry: Any) -> Any:
            return (carry[0] < 1) & (carry[4] < settings["max_steps"])

        def step(carry: Any) -> Any:
            start, size, sums, off, steps = carry
            size = np.minimum(size, 1 - start)
            part, error = apply(start, size)
            fine = error <= allowed(sums, whole) * np.maximum(size, _SHARE)
            later = [np.where(fine, s + p, s) for s, p in zip(sums, part, strict=True)]
            return (
                np.where(fine, start + size, start), np.where(fine, 2 * size, size / 2), later,
                np.where(fine, off + error, off), steps + 1,
            )  # fmt: skip

        zeros = [0 * leaf for leaf in first]
        end, _, sums, off, _ = while_loop(goes_on, step, (0 * one, one, zeros, 0 * one, 0))
        good = (end >= 1) & (off <= 10 * allowed(sums, whole))
        problem = "quad: the integral is known to within"
        shown = np.where(end >= 1, off, np.inf)
        return list(ensured(sums, good, shown, problem, _REMEDY))


def _most(leaves: list[Any]) -> Any:
    most = largest(leaves[0])
    for leaf in leaves[1:]:
        most = np.maximum(most, largest(leaf))
    return most


def _finite(a: Any, b: Any, s: Any) -> tuple[Any, Any]:
    return a + (b - a) * s, b - a


def _upwards(a: Any, b: Any, s: Any) -> tuple[Any, Any]:
    return a + s / (1 - s), 1 / (1 - s) ** 2


def _downwards(a: Any, b: Any, s: Any) -> tuple[Any, Any]:
    return b - (1 - s) / s, 1 / s**2


def _everywhere(a: Any, b: Any, s: Any) -> tuple[Any, Any]:
    u = 2 * s - 1
    rest = 4 * s * (1 - s)  # 1 - u**2
    return u / rest, 2 * (1 + u * u) / rest**2


_PLACES = {
    (False, False): _finite,
    (False, True): _upwards,
    (True, False): _downwards,
    (True, True): _everywhere,
}
"""The point of the range of integration, by which ends are infinite, for s in [0, 1]."""


def quad(
    func: Callable[..., Any],
    a: Any,
    b: Any,
    args: tuple[Any, ...] = (),
    *,
    epsabs: Any = 1e-10,
    epsrel: Any = 1e-10,
    max_steps: int = 2000,
) -> Any:
    """Return the integral of ``func(x, *args)`` over x from ``a`` to ``b``.

    func: returns a number, or a pytree of arrays. a, b: numbers; ``-np.inf`` and ``np.inf`` are
    known as such where they are no traced values.
    epsabs, epsrel: the error is at most ``max(epsabs, epsrel * |integral|)``, as far as the rule
    tells. The derivative is integrated as exactly.

    Raises: ConvergenceError where that takes more than ``max_steps`` steps of 15 points.

    >>> round(float(quad(lambda x, k: np.exp(-k * x), 0.0, np.inf, (2.0,))), 10)
    0.5
    """
    infinite = _is_infinite(a, -1), _is_infinite(b, 1)
    lower, upper = (0.0 if known else end for end, known in zip((a, b), infinite, strict=True))
    solver = Integral(func, epsabs=epsabs, epsrel=epsrel, max_steps=max_steps, infinite=infinite)
    return solver(lower, upper, tuple(args))


def _is_infinite(end: Any, sign: int) -> bool:
    """Tell whether an end is infinite.

    Raises: ArgumentError where it is so on the wrong side.
    """
    if not isinstance(end, float | int | np.number) or not np.isinf(end):
        return False
    if np.sign(end) != sign:
        raise ArgumentError(
            "quad goes from a to b with a < b where one of them is infinite",
            remedy="exchange them, and the sign",
            location=location_here(),
        )
    return True
