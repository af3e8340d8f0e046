"""Sorting, medians, quantiles and searches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.errors import ShapeError, UnsupportedCallError
from tests.ops.contracts import assert_like_numpy, evaluated, gradient
from tests.oracles import check

X = np.array([[1.5, -2.0, 0.25, 3.0, 0.6], [0.5, 2.0, -1.25, 0.75, 9.0],
              [4.0, -0.5, 1.0, 2.25, -3.0]])  # fmt: skip
TIES = np.array([[2.0, 1.0, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0]])


def sorted_copy(x: Any) -> Any:
    y = x.copy()
    y.sort(axis=0)
    return y


SORTS: dict[str, Callable[..., Any]] = {
    "sort": np.sort,
    "sort 0": lambda x: np.sort(x, axis=0),
    "sort flat": lambda x: np.sort(x, axis=None),
    "sort in place": sorted_copy,
    "partition": lambda x: np.partition(x, 2, axis=1)[:, 2],
    "median": np.median,
    "median 0": lambda x: np.median(x, axis=0),
    "median axes": lambda x: np.median(x, axis=(0, 1), keepdims=True),
    "median even": lambda x: np.median(x[:, :4], axis=1),
    "nanmedian": lambda x: np.nanmedian(x, axis=1),
    "percentile": lambda x: np.percentile(x, 30),
    "percentiles": lambda x: np.percentile(x, [25.0, 50.0, 99.0], axis=1),
    "quantile": lambda x: np.quantile(x, 0.3, axis=0),
    "quantile matrix": lambda x: np.quantile(x, np.array([[0.1, 0.2], [0.5, 1.0]]), axis=1),
    "quantile kept": lambda x: np.quantile(x, [0.0, 0.75], axis=0, keepdims=True),
    "many quantiles": lambda x: np.quantile(x, np.linspace(0.01, 0.97, 12)),
    "nanquantile": lambda x: np.nanquantile(x, [0.2, 0.8], axis=1),
    "nanpercentile": lambda x: np.nanpercentile(x, 35.0),
}


@pytest.mark.parametrize("name", SORTS)
def test_like_numpy(name: str) -> None:
    assert_like_numpy(SORTS[name], X)


METHODS = [
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf",
    "hazen", "weibull", "linear", "median_unbiased", "normal_unbiased",
    "lower", "higher", "midpoint", "nearest",
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("q", [0.0, 0.13, 0.2, 0.5, 0.9, 1.0])
def test_quantile_methods(method: str, q: float) -> None:
    assert_like_numpy(lambda x: np.quantile(x, q, axis=1, method=method), X, rtol=1e-12)


def test_quantile_by_a_traced_level() -> None:
    assert_like_numpy(lambda x, q: np.quantile(x, q, axis=1), X, np.float64(0.37))
    assert_like_numpy(lambda x, q: np.percentile(x, q), X, np.array([12.0, 61.0]))
    assert_like_numpy(lambda q: np.quantile(X, q), np.float64(0.37))


def test_nan_spoils_the_plain_ones_and_not_the_others() -> None:
    x = np.where(X == 2.0, np.nan, X)
    for function in (
        lambda v: np.median(v, axis=1),
        lambda v: np.quantile(v, [0.1, 0.5], axis=1),
        lambda v: np.nanmedian(v, axis=1),
        lambda v: np.nanquantile(v, 0.3, axis=1),
        lambda v: np.sort(v, axis=1),
        lambda v: np.argsort(v, axis=1),
    ):
        assert_like_numpy(function, x, derivatives=False)


def test_nan_methods_of_rows_without_numbers() -> None:
    x = np.array([[np.nan, np.nan], [3.0, np.nan]])
    with pytest.warns(RuntimeWarning):
        expected = np.nanmedian(x, axis=1)
    np.testing.assert_array_equal(
        evaluated(lambda v: np.nanmedian(v, axis=1), [x], symbolic=False)[0], expected
    )


def test_ties_of_a_median_share_the_cotangent_evenly() -> None:
    got = gradient(lambda x: np.sum(np.median(x, axis=1)), [TIES], [0])[1][0]
    np.testing.assert_allclose(got, [[0.25, 0.5, 0.25, 0.0], [0.25, 0.25, 0.25, 0.25]])


def test_ties_of_a_sort_follow_the_stable_order() -> None:
    weights = np.arange(4.0)
    got = gradient(lambda x: np.sum(np.sort(x, axis=1) * weights), [TIES], [0])[1][0]
    np.testing.assert_array_equal(got, [[2.0, 1.0, 3.0, 0.0], [0.0, 1.0, 2.0, 3.0]])


ORDERS: dict[str, Callable[..., Any]] = {
    "argsort": lambda x: np.argsort(x, kind="stable"),
    "argsort 0": lambda x: x.argsort(axis=0, kind="stable"),
    "argsort flat": lambda x: np.argsort(x, axis=None, kind="stable"),
    "argpartition": lambda x: np.take_along_axis(x, np.argpartition(x, 2, axis=1), 1)[:, 2],
    "searchsorted": lambda x: np.searchsorted(np.sort(x[0]), x),
    "searchsorted right": lambda x: np.searchsorted(np.array([0.0, 1.0, 1.0]), x, side="right"),
    "searchsorted method": lambda x: np.sort(x[1]).searchsorted(x[0, 0]),
    "searchsorted plain": lambda x: np.searchsorted(np.sort(x[1]), np.array([0.3, 9.0])),
    "sorter": lambda x: np.searchsorted(x[1], x[0], sorter=np.argsort(x[1])),
    "digitize": lambda x: np.digitize(x, np.array([-1.0, 0.5, 2.0])),
    "digitize right": lambda x: np.digitize(x, np.array([-1.0, 0.5, 2.0]), right=True),
    "digitize falling": lambda x: np.digitize(x, np.array([2.0, 0.5, -1.0])),
    "digitize falling right": lambda x: np.digitize(x, np.array([2.0, 0.5, -1.0]), right=True),
}


@pytest.mark.parametrize("name", ORDERS)
def test_orders_and_searches(name: str) -> None:
    assert_like_numpy(ORDERS[name], X, derivatives=False)


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
def test_dtypes(dtype: Any) -> None:
    x = (X * 4).astype(dtype)
    for function in (
        np.sort,
        lambda v: np.median(v, axis=0),
        lambda v: np.quantile(v, 0.3),
        lambda v: np.percentile(v, [30.0, 60.0]),
        lambda v: np.quantile(v, np.float64(0.3)),
        lambda v: np.argsort(v, axis=1, kind="stable"),
    ):
        assert_like_numpy(function, x, derivatives=False, rtol=1e-6)


def test_searches_among_nan() -> None:
    edges = np.array([0.0, 1.0, np.nan])
    x = np.array([np.nan, 0.5, 1.0, 7.0])
    for side in ("left", "right"):
        assert_like_numpy(
            lambda v, s=side: np.searchsorted(edges, v, s), x, derivatives=False
        )


def test_what_is_refused() -> None:
    def refused(error: type[Exception], words: str, function: Callable[..., Any]) -> None:
        with pytest.raises(error, match=words):
            evaluated(function, [X], symbolic=False)

    refused(UnsupportedCallError, "method='odd'", lambda x: np.quantile(x, 0.5, method="odd"))
    refused(UnsupportedCallError, "outside", lambda x: np.quantile(x, 1.5))
    refused(UnsupportedCallError, "weights", lambda x: np.quantile(
        x, 0.5, method="inverted_cdf", weights=np.ones_like(X)))  # fmt: skip
    refused(UnsupportedCallError, "order=", lambda x: np.sort(x, order="f"))
    refused(ShapeError, "no elements", lambda x: np.median(x[:0], axis=0))


METHODS = ("linear", "lower", "higher", "nearest", "midpoint", "hazen", "inverted_cdf",
           "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "weibull",
           "median_unbiased", "normal_unbiased")  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_quantiles_without_nan_by_every_method(method: str) -> None:
    x = np.random.default_rng(4).permutation(np.linspace(-2, 2, 42)).reshape(3, 14)
    x[0, 3] = x[2, 4] = x[2, 7] = np.nan
    for q in (0.3, np.array([0.1, 0.5, 0.77]), 0.0, 1.0):
        check(lambda a: np.nanquantile(a, q, axis=1, method=method), x, order=0, narrow=False)  # noqa: B023
        check(
            lambda a: np.nanquantile(a, q, axis=1, method=method, keepdims=True),  # noqa: B023
            x[:, :10], order=1, rounding=1e-10,
        )  # fmt: skip
