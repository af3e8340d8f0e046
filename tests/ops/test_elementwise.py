"""Conventions at the points where a derivative does not exist, and special values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.ops.elementwise import logistic
from tests.ops.contracts import (
    assert_like_numpy,
    directional_gradient,
    evaluated,
    gradient,
)


def slope(function: Callable[..., Any], at: Any) -> Any:
    return gradient(lambda x: np.sum(function(x)), [np.array(at)], [0])[1][0]


@pytest.mark.parametrize(
    ("function", "at", "expected"),
    [
        (np.abs, [0.0, -0.0, -2.0, 3.0], [0.0, 0.0, -1.0, 1.0]),
        (lambda x: np.maximum(x, 0.0), [0.0, -1.0, 2.0], [0.5, 0.0, 1.0]),
        (lambda x: np.where(x > 0, x, 0.0), [0.0, -1.0, 2.0], [0.0, 0.0, 1.0]),
        (lambda x: x.relu() if hasattr(x, "relu") else x, [0.0, -1.0, 2.0], [0.0, 0.0, 1.0]),
        (np.sign, [0.0, -1.0], [0.0, 0.0]),
        (np.sqrt, [0.0, 4.0], [np.inf, 0.25]),
        (np.log, [0.0, 2.0], [np.inf, 0.5]),
        (lambda x: np.maximum(x, x), [1.5], [1.0]),
        (lambda x: np.minimum(x, 2.0), [2.0, 1.0, 3.0], [0.5, 1.0, 0.0]),
        (np.square, [0.0, np.inf], [0.0, np.inf]),
        (np.arcsin, [1.0, -1.0], [np.inf, np.inf]),
        (np.tanh, [1000.0, -1000.0], [0.0, 0.0]),
        (np.arctan, [1e200, np.inf], [0.0, 0.0]),
        (np.logaddexp2, None, None),
    ],
)
def test_conventions(function: Any, at: Any, expected: Any) -> None:
    if at is None:
        x, y = np.array([1.0, -np.inf]), np.array([1.0, 3.0])
        got = gradient(lambda a, b: np.sum(function(a, b)), [x, y], [0, 1])[1]
        np.testing.assert_allclose(got, [[0.5, 0.0], [0.5, 1.0]])
        return
    np.testing.assert_array_equal(slope(function, at), expected)


def test_ties_of_maximum_share_whatever_the_order_of_the_operands() -> None:
    x, y = np.array([1.0, 2.0, -0.0]), np.array([1.0, 0.0, 0.0])
    for function in (np.maximum, np.minimum, np.fmax, np.fmin):
        for pair in ((x, y), (y, x)):
            by_x, by_y = gradient(lambda a, b, f=function: np.sum(f(a, b)), pair, [0, 1])[1]
            np.testing.assert_array_equal(by_x + by_y, 1.0)
            np.testing.assert_array_equal(by_x[[0, 2]], 0.5)


def test_nan_reaches_the_value_and_stays_out_of_other_elements() -> None:
    x, y = np.array([np.nan, 1.0, 2.0]), np.array([1.0, np.nan, 3.0])
    for function in (np.maximum, np.minimum):
        assert_like_numpy(function, x, y, derivatives=False)
        by_x, by_y = gradient(lambda a, b, f=function: np.sum(f(a, b)), [x, y], [0, 1])[1]
        np.testing.assert_array_equal(by_x + by_y, 1.0)
        np.testing.assert_array_equal(by_x[:2], 0.5)  # not a 0 beside a value that is NaN


def test_logistic_is_stable_at_both_ends() -> None:
    x = np.array([-800.0, -40.0, 0.0, 40.0, 800.0])
    (got,) = evaluated(logistic, [x], symbolic=False)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(got, 1 / (1 + np.exp(-x)), rtol=1e-15)
    assert np.isfinite(slope(logistic, x)).all()


def test_quotients_and_powers_of_zero() -> None:
    x, y = np.array([0.0, 0.0]), np.array([2.0, -1.0])
    by_x, by_y = gradient(lambda a, b: np.sum(a / b), [x, y], [0, 1])[1]
    np.testing.assert_array_equal(by_x, [0.5, -1.0])
    np.testing.assert_array_equal(by_y, 0.0)


@pytest.mark.parametrize(
    ("function", "derivatives"),
    [
        (np.exp, [1.0, 1.0, 1.0, 1.0]),
        (np.sin, [1.0, 0.0, -1.0, 0.0]),
        (np.tanh, [1.0, 0.0, -2.0, 0.0]),
        (np.log1p, [1.0, -1.0, 2.0, -6.0]),
        (np.arctan, [1.0, 0.0, -2.0, 0.0]),
        (np.arcsinh, [1.0, 0.0, -1.0, 0.0]),
        (np.arctanh, [1.0, 0.0, 2.0, 0.0]),
        (np.expm1, [1.0, 1.0, 1.0, 1.0]),
        (logistic, [0.25, 0.0, -0.125, 0.0]),
        (lambda x: np.logaddexp(x, 0.0), [0.5, 0.25, 0.0, -0.125]),
        (lambda x: np.sqrt(1 + x), [0.5, -0.25, 0.375, -0.9375]),
        (lambda x: np.exp2(x / math.log(2)), [1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_derivatives_at_zero_to_the_fourth_order(function: Any, derivatives: list[float]) -> None:
    """Against the coefficients of the power series at 0."""
    step: Callable[..., Any] = lambda x: np.sum(function(x))  # noqa: E731
    for expected in derivatives:
        got = gradient(step, [np.zeros(1)], [0])[1][0]
        np.testing.assert_allclose(got, [expected], rtol=1e-13, atol=1e-15)
        step = directional_gradient(step, [0], [np.ones(1)])
