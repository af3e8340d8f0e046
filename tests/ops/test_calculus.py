"""Differences, gradients, integrals, interpolation, and counting into bins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.errors import ShapeError, UnsupportedCallError
from tests.ops.contracts import assert_like_numpy, evaluated

X = np.array([[1.5, -2.0, 0.25, 3.0, 0.6], [0.5, 2.0, -1.25, 0.75, 9.0],
              [4.0, -0.5, 1.0, 2.25, -3.0]])  # fmt: skip
T = np.array([0.0, 0.5, 1.75, 2.0, 3.5])

DIFFERENCES: dict[str, Callable[..., Any]] = {
    "diff": np.diff,
    "diff 0": lambda x: np.diff(x, axis=0),
    "second": lambda x: np.diff(x, n=2),
    "none": lambda x: np.diff(x, n=0),
    "prepend": lambda x: np.diff(x, prepend=0.0),
    "append": lambda x: np.diff(x, n=2, axis=0, append=x[:1]),
    "both": lambda x: np.diff(x, axis=1, prepend=x[:, :2], append=1.5),
    "too often": lambda x: np.diff(x, n=4, axis=0),
    "ediff1d": np.ediff1d,
    "ediff1d ends": lambda x: np.ediff1d(x, to_end=[1.0, 2.0], to_begin=7.0),
    "gradient": lambda x: np.gradient(x[0]),
    "gradient both axes": np.gradient,
    "gradient of an axis": lambda x: np.gradient(x, axis=1),
    "gradient spacing": lambda x: np.gradient(x, 0.5),
    "gradient spacings": lambda x: np.gradient(x, 0.5, 2.0),
    "gradient coordinates": lambda x: np.gradient(x, T, axis=1),
    "gradient mixed": lambda x: np.gradient(x, 0.25, T),
    "gradient edges": lambda x: np.gradient(x, edge_order=2),
    "gradient uneven edges": lambda x: np.gradient(x, T, axis=1, edge_order=2),
    "trapezoid": np.trapezoid,
    "trapezoid dx": lambda x: np.trapezoid(x, dx=0.25, axis=0),
    "trapezoid x": lambda x: np.trapezoid(x, T),
    "trapezoid x 0": lambda x: np.trapezoid(x, T[:3], axis=0),
    "trapezoid matrix": lambda x: np.trapezoid(x, np.cumsum(np.ones((3, 5)), axis=1)),
    "unwrap": lambda x: np.unwrap(x * 3.1),
    "unwrap period": lambda x: np.unwrap(x, period=2.7, axis=0),
    "unwrap discont": lambda x: np.unwrap(x, discont=4.0),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_like_numpy(name: str) -> None:
    assert_like_numpy(DIFFERENCES[name], X)


def test_derivatives_by_the_points() -> None:
    assert_like_numpy(lambda y, t: np.trapezoid(y, t), X, T)
    assert_like_numpy(lambda y, t: np.gradient(y, t, axis=1), X, T)
    assert_like_numpy(lambda y, h: np.gradient(y, h, axis=0), X, np.float64(0.3))


def test_differences_of_truth_values_and_integers() -> None:
    assert_like_numpy(np.diff, X > 1, derivatives=False)
    assert_like_numpy(lambda x: np.diff(x, prepend=1), np.array([3, 1, 4]), derivatives=False)
    assert_like_numpy(np.gradient, np.array([3, 1, 4]), derivatives=False)


def test_shapes_that_do_not_fit_are_refused() -> None:
    for words, function in (
        ("points", lambda x: np.gradient(x[:1], axis=0)),
        ("spacings", lambda x: np.gradient(x, 1.0, 2.0, 3.0)),
        ("number", lambda x: np.diff(x[0, 0])),
        ("order", lambda x: np.diff(x, n=-1)),
    ):
        with pytest.raises(ShapeError, match=words):
            evaluated(function, [X], symbolic=False)
    with pytest.raises(UnsupportedCallError, match="edge_order"):
        evaluated(lambda x: np.gradient(x, edge_order=3), [X], symbolic=False)


KNOTS = np.array([-1.0, 0.5, 2.0, 3.25])
HEIGHTS = np.array([2.0, -1.0, 0.5, 4.0])
PLACES = np.array([[-3.0, -0.9, 0.4], [1.1, 3.2, 7.0]])


@pytest.mark.parametrize(
    "options", [{}, {"left": -5.0}, {"left": 1.0, "right": 2.5}], ids=["ends", "left", "both"]
)
def test_interpolation(options: dict[str, float]) -> None:
    assert_like_numpy(lambda x, t, f: np.interp(x, t, f, **options), PLACES, KNOTS, HEIGHTS)


def test_interpolation_at_knots_beyond_them_and_periodic() -> None:
    at = np.concatenate([KNOTS, [np.nan, -9.0, 9.0]])
    assert_like_numpy(lambda x: np.interp(x, KNOTS, HEIGHTS), at, derivatives=False)
    assert_like_numpy(lambda x, f: np.interp(x, KNOTS, f, period=5.0), PLACES + 7.1, HEIGHTS)
    assert_like_numpy(lambda x: np.interp(x, [1.0], [3.0]), at, derivatives=False)
    assert_like_numpy(lambda f: np.interp(0.7, KNOTS, f), HEIGHTS)
    assert_like_numpy(
        lambda x: np.interp(x, KNOTS, HEIGHTS), PLACES.astype(np.float32), derivatives=False
    )


def test_bincount() -> None:
    index = np.array([0, 3, 1, 3, 3])
    assert_like_numpy(lambda w: np.bincount(index, w), T)
    assert_like_numpy(lambda w: np.bincount(index, weights=w, minlength=7), T)
    assert_like_numpy(
        lambda w: np.bincount(index, w), np.array([1, 2, 3, 4, 5]), derivatives=False
    )
    assert_like_numpy(lambda i: np.bincount(i, minlength=4), index, derivatives=False)
    assert_like_numpy(lambda i, w: np.bincount(i, w, minlength=4), index, T)
    with pytest.raises(UnsupportedCallError, match="minlength"):
        evaluated(lambda i: np.bincount(i), [index], symbolic=False)
