"""Fills, copies, conversions, powers; and questions about dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.errors import UnsupportedCallError
from tests.ops.contracts import (
    assert_like_numpy,
    directional_gradient,
    evaluated,
    gradient,
)

X = np.array([[1.5, -2.0, 0.25], [3.0, 0.6, 2.0]])


def filled(x: Any) -> Any:
    y = x.copy()
    y[0].fill(7.0)
    return y * x


FILLS: dict[str, Callable[..., Any]] = {
    "zeros_like": lambda x: np.zeros_like(x) + x,
    "ones_like": lambda x: np.ones_like(x) * x,
    "empty_like": lambda x: np.empty_like(x).shape[0] * x,
    "full_like": lambda x: np.full_like(x, 2.5) * x,
    "full_like traced": lambda x: np.full_like(x, x[0, 1]) + x,
    "other dtype": lambda x: np.ones_like(x, dtype=np.int64) * x,
    "other shape": lambda x: np.zeros_like(x, shape=(2, 2)) + x[:, :2],
    "copy": lambda x: np.copy(x) * x.copy(),
    "fill": filled,
    "astype": lambda x: x.astype(np.float64),
    "astype function": lambda x: np.astype(x, np.float64),
    "real and imag": lambda x: x.real + x.imag,
}


@pytest.mark.parametrize("name", FILLS)
def test_like_numpy(name: str) -> None:
    assert_like_numpy(FILLS[name], X)


@pytest.mark.parametrize("dtype", [np.float32, np.int32, bool])
def test_conversions(dtype: Any) -> None:
    assert_like_numpy(lambda x: x.astype(dtype), X, derivatives=False)
    assert_like_numpy(lambda x: x.astype(dtype).astype(np.float64), X, derivatives=False)


def test_a_conversion_to_integers_stops_the_cotangent() -> None:
    got = gradient(lambda x: np.sum(x.astype(np.int64) * x), [X], [0])[1][0]
    np.testing.assert_array_equal(got, X.astype(np.int64))


@pytest.mark.parametrize("power", [0, 1, 2, 3, 4, 5, -1, -2, 0.5, 2.5, 2.0, np.float64(2.0)])
def test_powers(power: Any) -> None:
    assert_like_numpy(lambda x: x**power, np.abs(X))
    if float(power).is_integer():
        assert_like_numpy(lambda x: x**power, X)
    assert_like_numpy(lambda x: x**power, np.abs(X).astype(np.float32), derivatives=False,
                      rtol=1e-6)  # fmt: skip


@pytest.mark.parametrize("power", [0, 1, 2, 3])
def test_powers_of_integers(power: int) -> None:
    assert_like_numpy(lambda x: x**power, np.array([-2, 0, 3]), derivatives=False)
    assert_like_numpy(lambda x: 2**x, np.array([0, 1, 5]), derivatives=False)


def test_powers_of_zero_have_the_derivatives_of_the_polynomial() -> None:
    """The derivatives of xⁿ at 0: n! at order n, 0 at every other; also by an exponent array."""
    zero = np.array([0.0])
    for power in (0, 1, 2, 3):
        for exponent in (power, np.array([float(power)])):
            function: Callable[..., Any] = lambda x, e=exponent: np.sum(x**e)  # noqa: E731
            for order in range(1, 5):
                slope = gradient(function, [zero], [0])[1][0]
                expected = {1: 1.0, 2: 2.0, 3: 6.0}.get(power, 0.0) if order == power else 0.0
                np.testing.assert_array_equal(slope, [expected])
                function = directional_gradient(function, [0], [np.ones(1)])


def test_derivative_by_the_exponent() -> None:
    assert_like_numpy(lambda x, y: x**y, np.abs(X), X)
    got = gradient(lambda y: np.sum(np.zeros(2) ** y), [np.array([1.5, 0.0])], [0])[1][0]
    np.testing.assert_array_equal(got, 0.0)


def test_positions_of_true_elements_are_refused() -> None:
    with pytest.raises(UnsupportedCallError, match="three-argument"):
        evaluated(lambda x: np.where(x > 0), [X], symbolic=False)


def test_dtypes_are_known_while_tracing() -> None:
    def function(x: Any) -> Any:
        wide = np.result_type(x, np.float64)
        same = np.result_type(x, 1.0)
        weak = np.result_type(x.sum() * 0 + 2, x.dtype)
        assert (wide, same, weak) == (np.float64, np.float32, np.float32)
        assert np.can_cast(x, np.float64)
        assert np.common_type(x, x) is np.float32
        assert np.isrealobj(x)
        assert not np.iscomplexobj(x)
        return x.astype(wide)

    assert_like_numpy(function, X.astype(np.float32), derivatives=False)


def test_elements_among_others() -> None:
    others = np.array([[2.0, 3.0], [7.0, 0.6]])
    assert_like_numpy(np.isin, X, others, derivatives=False)
    assert_like_numpy(lambda x: np.isin(x, [2.0, -2.0], invert=True), X, derivatives=False)


def test_vectorize_traces_its_function() -> None:
    assert_like_numpy(lambda x: np.vectorize(lambda v: v * v + 1.0)(x).sum(), X)
