"""Rounding and division with a remainder, as NumPy does them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.errors import UnsupportedCallError
from tests.ops.contracts import assert_like_numpy, evaluated, gradient

X = np.array([-2.675, -1.5, -0.5, 0.25, 0.5, 1.5, 2.5, 1234.5678])

ROUNDINGS: dict[str, Callable[..., Any]] = {
    "round": np.round,
    "around": np.around,
    "round 2": lambda x: np.round(x, 2),
    "round -2": lambda x: np.round(x, decimals=-2),
    "method": lambda x: x.round(1),
    "rint": np.rint,
    "fix": np.fix,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
}


@pytest.mark.parametrize("name", ROUNDINGS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int32])
def test_rounds_like_numpy(name: str, dtype: Any) -> None:
    assert_like_numpy(ROUNDINGS[name], (X * 10).astype(dtype), derivatives=False, rtol=1e-7)


@pytest.mark.parametrize("name", ROUNDINGS)
def test_rounding_has_derivative_zero(name: str) -> None:
    got = gradient(lambda x: np.sum(ROUNDINGS[name](x)), [X], [0])[1][0]
    np.testing.assert_array_equal(got, 0.0)


def test_builtin_round() -> None:
    assert_like_numpy(lambda x: round(x, 1), np.float64(2.57), derivatives=False)


def test_traced_decimals_are_refused() -> None:
    with pytest.raises(UnsupportedCallError, match="decimals"):
        evaluated(lambda x, d: np.round(x, d), [X, np.int64(2)], symbolic=False)


DIVISIONS = [np.floor_divide, np.remainder, np.mod, np.fmod, np.divmod]


@pytest.mark.parametrize("function", DIVISIONS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int32, np.uint8])
def test_divides_like_numpy(function: Any, dtype: Any) -> None:
    x = np.array([7, 8, 250, 3, 1], dtype)
    y = np.array([3, 2, 7, 5, 1], dtype)
    assert_like_numpy(function, x, y, derivatives=False)
    if np.dtype(dtype).kind != "u":
        assert_like_numpy(function, -x, y, derivatives=False)
        assert_like_numpy(function, x, -y, derivatives=False)


def test_special_dividends_and_divisors() -> None:
    values = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 3.5, -2.0])
    x, y = np.repeat(values, values.size), np.tile(values, values.size)
    for function in DIVISIONS:
        assert_like_numpy(function, x, y, derivatives=False)


def test_quotients_go_with_their_remainders() -> None:
    """1 // 0.001 is 999, not 1000: 0.001 is a little more than a thousandth."""
    x, y = np.array([1.0, 7.25, 0.5, -1.0]), np.array([0.001, 0.001, 0.1, 0.001])
    for dtype in (np.float64, np.float32):
        operands = x.astype(dtype), y.astype(dtype)
        assert_like_numpy(np.floor_divide, *operands, derivatives=False)
    gradients = gradient(lambda a, b: np.sum(a // b), [x, y], [0, 1])[1]
    np.testing.assert_array_equal(gradients, 0.0)


def test_operators() -> None:
    x, y = np.array([5.3, -5.3]), np.array([2.0, 2.0])
    assert_like_numpy(lambda a, b: a // b + a % b, x, y)
    assert_like_numpy(lambda a, b: divmod(a, b), x, y)
    assert_like_numpy(lambda a: 7.5 // a + 7.5 % a, x)


def test_modf_keeps_whole_numbers_differentiable() -> None:
    x = np.array([-2.0, -1.25, 0.0, 3.0, np.inf])
    assert_like_numpy(np.modf, x, derivatives=False)
    got = gradient(lambda v: np.sum(np.modf(v)[0]), [x], [0])[1][0]
    np.testing.assert_array_equal(got[:4], 1.0)
