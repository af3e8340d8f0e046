"""Comparisons of whole arrays, and choices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.errors import ShapeError, UnsupportedCallError
from tests.ops.contracts import assert_like_numpy, evaluated, gradient

X = np.array([[1.5, -2.0, 0.25], [3.0, 0.6, 2.0]])
CLOSE = X * (1 + np.array([[0, 1e-6, 1e-4], [1e-9, 2e-5, 0]]))

COMPARISONS: dict[str, Callable[..., Any]] = {
    "isclose": np.isclose,
    "isclose wide": lambda a, b: np.isclose(a, b, rtol=0.0, atol=1e-3),
    "allclose": lambda a, b: np.asarray(np.allclose(a, b))
    if isinstance(a, np.ndarray)
    else np.allclose(a, b),
    "equal nan": lambda a, b: np.isclose(np.log(a), np.log(b), equal_nan=True),
}


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons(name: str) -> None:
    assert_like_numpy(COMPARISONS[name], X, CLOSE, derivatives=False)


def test_infinities_are_close_to_themselves() -> None:
    a = np.array([np.inf, np.inf, -np.inf, 1.0, np.nan])
    b = np.array([np.inf, -np.inf, -np.inf, np.inf, np.nan])
    assert_like_numpy(np.isclose, a, b, derivatives=False)


def test_whole_arrays() -> None:
    for function in (np.array_equal, np.array_equiv):
        for other in (X, X + 1, X[0], X[:, :2]):
            (got,) = evaluated(function, [X, other], symbolic=False)
            assert bool(got) == function(X, other)
    (got,) = evaluated(
        lambda a: np.array_equal(np.log(a), np.log(a), equal_nan=True), [X], symbolic=False
    )
    assert got


def test_select() -> None:
    def function(x: Any) -> Any:
        return np.select([x > 2, x > 0], [x * x, np.sin(x)], -1.0)

    assert_like_numpy(function, X + 0.01)
    assert_like_numpy(lambda x: np.select([x > 0], [x]), X)
    with pytest.raises(ShapeError, match="conditions"):
        evaluated(lambda x: np.select([x > 0], [x, x]), [X], symbolic=False)


def test_piecewise() -> None:
    assert_like_numpy(
        lambda x: np.piecewise(x, [x < 0, x >= 1], [lambda v: -v, lambda v: v * v, 0.5]), X
    )
    assert_like_numpy(lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda v: 2 * v, np.exp]), X)
    with pytest.raises(ShapeError, match="functions"):
        evaluated(lambda x: np.piecewise(x, [x < 0], [1, 2, 3]), [X], symbolic=False)


def test_choose() -> None:
    which = np.array([[0, 1, 1], [2, 0, 2]])
    assert_like_numpy(lambda x: np.choose(which, [x, x * x, 7.0 * x[0]]), X)
    assert_like_numpy(lambda x: np.choose(which + 1, [x, x * x, x + 1], mode="clip"), X)
    assert_like_numpy(lambda x: np.choose(which - 5, [x, x * x, x + 1], mode="wrap"), X)
    assert_like_numpy(
        lambda i: np.choose(i, [np.array([1.0, 2.0, 3.0]), 5.0, 6.0]), which, derivatives=False
    )
    with pytest.raises(UnsupportedCallError, match="mode"):
        evaluated(lambda x: np.choose(which, [x, x, x], mode="odd"), [X], symbolic=False)


CHOICES: dict[str, Callable[..., Any]] = {
    "clip": lambda x: np.clip(x, -1.0, 1.75),
    "clip below": lambda x: np.clip(x, 0.5, None),
    "clip above": lambda x: np.clip(x, None, 0.5),
    "clip keywords": lambda x: np.clip(x, min=-1.0, max=1.0),
    "clip old keywords": lambda x: np.clip(x, a_min=-1.0, a_max=1.0),
    "clip method": lambda x: x.clip(-1.0, 1.0),
    "clip method keywords": lambda x: x.clip(max=1.0),
    "clip by arrays": lambda x: np.clip(x, np.array([0.0, -1.0, 0.5]), x[1]),
    "where": lambda x: np.where(x > 0.3, x * x, 2.0),
    "where weak": lambda x: np.where(x > 0.3, 1, x),
}


@pytest.mark.parametrize("name", CHOICES)
def test_choices(name: str) -> None:
    assert_like_numpy(CHOICES[name], X)
    assert_like_numpy(CHOICES[name], X.astype(np.float32), derivatives=False, rtol=1e-6)


def test_clip_has_derivative_one_on_its_closed_interval() -> None:
    x = np.array([-2.0, -1.0, 0.0, 1.0, 3.0])
    got = gradient(lambda v: np.sum(np.clip(v, -1.0, 1.0)), [x], [0])[1][0]
    np.testing.assert_array_equal(got, [0.0, 1.0, 1.0, 1.0, 0.0])


def test_clip_of_nan_and_of_crossed_bounds() -> None:
    x = np.array([np.nan, 0.0, 5.0])
    assert_like_numpy(lambda v: np.clip(v, 1.0, 2.0), x, derivatives=False)
    assert_like_numpy(lambda v: np.clip(v, 3.0, 2.0), x, derivatives=False)


@pytest.mark.parametrize(
    ("dead", "slope"),
    [
        (lambda x: np.where(x > 0, np.sqrt(np.where(x > 0, x, 0)), 0), 0.0),
        (lambda x: np.where(x > 0, np.sqrt(x), 0.0), 0.0),
        (lambda x: np.where(x > 0, np.log(x), 0.0), 0.0),
        (lambda x: np.where(x == 0, 1.0, np.sin(x) / x), 0.0),
        (lambda x: np.where(x > 0, x**0.5, x), 1.0),
        (lambda x: np.where(x > 0, np.arctan2(x, x), x), 1.0),
        (lambda x: np.where(x > 0, 1 / x, 3 * x), 3.0),
        (lambda x: np.where(x > 0, np.sqrt(2 * x + 0.0), 0.0) * 2, 0.0),
        (lambda x: np.maximum(np.where(x > 0, np.cbrt(x), -1.0), -2.0), 0.0),
    ],
)
def test_dead_branches_give_finite_gradients_at_zero(dead: Any, slope: float) -> None:
    got = gradient(lambda x: np.sum(dead(x)), [np.array([0.0])], [0])[1][0]
    np.testing.assert_array_equal(got, [slope])
