"""Whether two contenders gave the same answer, and finite differences to judge both by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Leaves = tuple[np.ndarray, ...]


class Disagreement(Exception):
    """A contender's value or gradient differs from the reference beyond the stated tolerance."""


def leaves(gradient: Any) -> Leaves:
    """Return a gradient, one array or a tuple of them, as a tuple of float arrays."""
    parts = gradient if isinstance(gradient, tuple | list) else (gradient,)
    return tuple(np.asarray(part, dtype=np.float64) for part in parts)


def check(name: str, answer: Any, reference: Any, rtol: float) -> float:
    """Return the largest error relative to each array's largest element.

    Raises: Disagreement if that is above rtol, or if shapes or finiteness differ.
    """
    value, *slopes = answer  # slopes stand in one tree, or each beside the value
    gradient = slopes[0] if len(slopes) == 1 else tuple(slopes)
    worst = _error(f"{name}: value", np.asarray(value, dtype=np.float64), reference[0], rtol)
    ours, theirs = leaves(gradient), leaves(reference[1])
    if len(ours) != len(theirs):
        raise Disagreement(f"{name}: {len(ours)} gradients, want {len(theirs)}")
    for position, (mine, wanted) in enumerate(zip(ours, theirs, strict=True)):
        worst = max(worst, _error(f"{name}: gradient {position}", mine, wanted, rtol))
    return worst


def _error(what: str, ours: np.ndarray, theirs: Any, rtol: float) -> float:
    wanted = np.asarray(theirs, dtype=np.float64)
    if ours.shape != wanted.shape:
        raise Disagreement(f"{what}: shape {ours.shape}, want {wanted.shape}")
    if ours.size == 0:
        return 0.0
    scale = float(np.max(np.abs(wanted)))
    error = float(np.max(np.abs(ours - wanted)))
    relative = error / scale if scale > 0.0 else error
    if not relative <= rtol:  # a NaN must not pass
        raise Disagreement(f"{what}: relative error {relative:.1e}, above {rtol:.0e}")
    return relative


def central_difference(function: Callable[[float], float], x: float, step: float) -> float:
    """Return the derivative at x by the five-point rule, error O(step**4).

    Reference: Abramowitz & Stegun, 25.3.6.
    """
    near = function(x + step) - function(x - step)
    far = function(x + 2.0 * step) - function(x - 2.0 * step)
    return (8.0 * near - far) / (12.0 * step)


def finite_difference_gradient(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    positions: Sequence[int],
    *,
    at_most: int | None = None,
    step: float = 1e-4,
    seed: int = 0,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return for each position the flat places differenced and the slopes there.

    `at_most` limits the places per argument to a seeded sample; None takes them all.
    """
    random = np.random.default_rng(seed)
    result = []
    for position in positions:
        original = np.array(arguments[position], dtype=np.float64)
        size = original.size
        places = np.arange(size)
        if at_most is not None and size > at_most:
            places = np.sort(random.choice(size, at_most, replace=False))
        slopes = np.empty(len(places))
        for index, place in enumerate(places):

            def along(x: float, position: int = position, place: int = int(place)) -> float:
                moved = np.array(arguments[position], dtype=np.float64)
                moved.reshape(-1)[place] = x
                changed = list(arguments)
                changed[position] = moved if moved.ndim else float(moved)
                return float(function(*changed))

            x = float(original.reshape(-1)[place])
            slopes[index] = central_difference(along, x, step * max(1.0, abs(x)))
        result.append((places, slopes))
    return result
