"""Order statistics: medians and quantiles."""

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


STATISTICS: dict[str, Callable[..., Any]] = {
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


@pytest.mark.parametrize("name", STATISTICS)
def test_like_numpy(name: str) -> None:
    assert_like_numpy(STATISTICS[name], X)


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


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
def test_dtypes(dtype: Any) -> None:
    x = (X * 4).astype(dtype)
    for function in (
        lambda v: np.median(v, axis=0),
        lambda v: np.quantile(v, 0.3),
        lambda v: np.percentile(v, [30.0, 60.0]),
        lambda v: np.quantile(v, np.float64(0.3)),
    ):
        assert_like_numpy(function, x, derivatives=False, rtol=1e-6)


WEIGHTS = np.array([[1.0, 0.0, 2.0, 1.0, 0.5], [0.0, 1.0, 1.0, 3.0, 0.0],
                    [2.0, 2.0, 1.0, 0.0, 1.0]])  # fmt: skip


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("q", [0.0, 0.25, 0.5, 1.0, [0.1, 0.9], [[0.0, 1.0], [0.3, 0.7]]])
def test_weighted_quantiles(q: Any, kept: bool) -> None:
    options: Any = {"method": "inverted_cdf", "keepdims": kept}
    assert_like_numpy(lambda x: np.quantile(x, q, weights=WEIGHTS, **options), X)
    assert_like_numpy(lambda x: np.quantile(x, q, axis=1, weights=WEIGHTS[1], **options), X)
    percents = 100 * np.asarray(q)
    assert_like_numpy(lambda x: np.percentile(x, percents, 0, weights=WEIGHTS, **options), X)
    spoiled = np.where(X == 2.0, np.nan, X)
    assert_like_numpy(
        lambda x: np.quantile(x, q, axis=1, weights=WEIGHTS, **options), spoiled, derivatives=False
    )


def test_weighted_quantiles_of_whole_numbers_by_traced_weights() -> None:
    def quantile(x: Any, w: Any) -> Any:
        return np.quantile(x, 0.4, axis=1, weights=w, method="inverted_cdf")

    assert_like_numpy(quantile, (X * 4).astype(np.int64), WEIGHTS, derivatives=False)
    assert_like_numpy(quantile, X.astype(np.float32), WEIGHTS.astype(np.int64), derivatives=False)


def test_what_is_refused() -> None:
    def refused(error: type[Exception], words: str, function: Callable[..., Any]) -> None:
        with pytest.raises(error, match=words):
            evaluated(function, [X], symbolic=False)

    refused(UnsupportedCallError, "method='odd'", lambda x: np.quantile(x, 0.5, method="odd"))
    refused(UnsupportedCallError, "outside", lambda x: np.quantile(x, 1.5))
    refused(UnsupportedCallError, "outside", lambda x: np.quantile(
        x, 1.5, weights=WEIGHTS, method="inverted_cdf"))  # fmt: skip
    refused(UnsupportedCallError, "method='linear'", lambda x: np.quantile(x, 0.5, weights=WEIGHTS))
    refused(UnsupportedCallError, "weight 0", lambda x: np.nanquantile(
        x, 0.5, method="inverted_cdf", weights=WEIGHTS))  # fmt: skip
    refused(ShapeError, "no elements", lambda x: np.median(x[:0], axis=0))


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
