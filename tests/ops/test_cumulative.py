"""Running folds along any axis, and the recurrence they rest on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.ops.cumulative import recurrence
from tests.ops.contracts import assert_like_numpy, evaluated, gradient

X = np.array([[1.5, -2.0, 0.25, 3.0], [0.5, 2.0, -1.25, 0.75], [4.0, -0.5, 1.0, 2.25]])

RUNNING: dict[str, Callable[..., Any]] = {
    "cumsum": np.cumsum,
    "cumsum 0": lambda x: np.cumsum(x, axis=0),
    "cumsum method": lambda x: x.cumsum(axis=-1),
    "cumprod": np.cumprod,
    "cumprod 0": lambda x: x.cumprod(axis=0),
    "cumprod 1": lambda x: np.cumprod(x, axis=1),
    "cumulative_sum": lambda x: np.cumulative_sum(x, axis=1),
    "cumulative_sum initial": lambda x: np.cumulative_sum(x, axis=0, include_initial=True),
    "cumulative_prod initial": lambda x: np.cumulative_prod(x, axis=1, include_initial=True),
    "nancumsum": lambda x: np.nancumsum(x, axis=1),
    "nancumprod": lambda x: np.nancumprod(x, axis=1),
    "add.accumulate": np.add.accumulate,
    "multiply.accumulate": lambda x: np.multiply.accumulate(x, axis=1),
    "maximum.accumulate": np.maximum.accumulate,
    "maximum.accumulate 1": lambda x: np.maximum.accumulate(x, axis=1),
    "minimum.accumulate": lambda x: np.minimum.accumulate(x, axis=-1),
}


@pytest.mark.parametrize("name", RUNNING)
def test_like_numpy(name: str) -> None:
    assert_like_numpy(RUNNING[name], X)


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize("dtype", [bool, np.int32, np.uint8, np.int64, np.float32])
def test_dtypes(name: str, dtype: Any) -> None:
    x = np.abs(X).astype(dtype)
    function = getattr(np, name)
    assert_like_numpy(lambda v: function(v, axis=1), x, derivatives=False)
    assert_like_numpy(lambda v: function(v, axis=1, dtype=np.float64), x, derivatives=False)


def test_running_products_with_zeros() -> None:
    assert_like_numpy(np.cumprod, np.array([2.0, 0.0, -1.5, 0.0, 3.0]))


def test_nan_is_left_out_of_running_sums() -> None:
    x = np.array([1.0, np.nan, 2.0])
    assert_like_numpy(np.nancumsum, x, derivatives=False)
    assert_like_numpy(np.nancumprod, x, derivatives=False)
    got = gradient(lambda v: np.sum(np.nancumsum(v)), [x], [0])[1][0]
    np.testing.assert_array_equal(got, [3.0, 0.0, 1.0])


def test_running_extremes_pass_nan_on_and_give_ties_to_the_first() -> None:
    x = np.array([1.0, 3.0, 3.0, np.nan, 9.0])
    assert_like_numpy(np.maximum.accumulate, x, derivatives=False)
    got = gradient(lambda v: np.sum(np.maximum.accumulate(v)[:3]), [x], [0])[1][0]
    np.testing.assert_array_equal(got, [1.0, 2.0, 0.0, 0.0, 0.0])


def test_empty_and_single() -> None:
    for shape in ((0,), (3, 0), (1,), (2, 1)):
        assert_like_numpy(lambda x: np.cumsum(x, axis=-1), np.ones(shape))
        assert_like_numpy(lambda x: np.cumprod(x, axis=-1), np.ones(shape))


def test_recurrence_is_a_first_order_filter() -> None:
    """An exponential moving average, by a loop over the definition."""
    signal, keep = X[0], 0.75
    (smooth,) = evaluated(
        lambda b: recurrence(np.full_like(b, keep), b, delay=0), [signal], symbolic=False
    )
    expected = [signal[0]]
    for number in signal[1:]:
        expected.append(number + keep * expected[-1])
    np.testing.assert_allclose(smooth, expected, rtol=1e-15)
