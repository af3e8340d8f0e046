"""Means, weighted means, covariances, and the reductions without NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.errors import ShapeError
from tests.ops.contracts import assert_like_numpy, differentiated, evaluated, gradient
from tests.oracles import check

X = np.array([[1.5, -2.0, 0.25, 3.0], [0.5, 2.0, -1.25, 0.75], [4.0, -0.5, 1.0, 2.25]])
HOLES = np.where(np.array([[1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1]], bool), X, np.nan)
W = np.array([[0.5, 1.0, 2.0, 0.25], [1.5, 0.75, 1.0, 1.0], [0.1, 0.2, 0.3, 0.4]])

AVERAGES: dict[str, Callable[..., Any]] = {
    "plain": lambda x, w: np.average(x),
    "axis": lambda x, w: np.average(x, axis=1),
    "weights": lambda x, w: np.average(x, weights=w),
    "weights axis": lambda x, w: np.average(x, axis=0, weights=w),
    "weights of an axis": lambda x, w: np.average(x, axis=1, weights=w[0]),
    "kept": lambda x, w: np.average(x, axis=1, weights=w, keepdims=True),
    "returned": lambda x, w: np.average(x, axis=1, weights=w, returned=True),
    "returned of an axis": lambda x, w: np.average(x, axis=0, weights=w[:, 0], returned=True),
}


@pytest.mark.parametrize("name", AVERAGES)
def test_averages(name: str) -> None:
    assert_like_numpy(AVERAGES[name], X, W)


def test_average_without_weights_returns_the_count() -> None:
    assert_like_numpy(lambda x: np.average(x, axis=0, returned=True), X)


def test_weights_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match="weights"):
        evaluated(lambda x: np.average(x, axis=0, weights=np.ones(4)), [X], symbolic=False)


COVARIANCES: dict[str, Callable[..., Any]] = {
    "cov": np.cov,
    "columns": lambda x: np.cov(x, rowvar=False),
    "bias": lambda x: np.cov(x, bias=True),
    "ddof": lambda x: np.cov(x, ddof=0),
    "one variable": lambda x: np.cov(x[0]),
    "two": lambda x: np.cov(x[0], x[1]),
    "two matrices": lambda x: np.cov(x, x * x),
    "frequencies": lambda x: np.cov(x, fweights=np.array([1, 2, 3, 1])),
    "importances": lambda x: np.cov(x, aweights=np.array([0.1, 0.4, 0.3, 0.2])),
    "both": lambda x: np.cov(
        x, fweights=np.array([1, 2, 3, 1]), aweights=np.array([0.1, 0.4, 0.3, 0.2])
    ),
    "corrcoef": np.corrcoef,
    "corrcoef columns": lambda x: np.corrcoef(x, rowvar=False),
    "corrcoef of two": lambda x: np.corrcoef(x[0], x[2]),
}


@pytest.mark.parametrize("name", COVARIANCES)
def test_covariances(name: str) -> None:
    # The diagonal of a correlation matrix is 1, where np.corrcoef clips.
    smooth = "corrcoef" not in name
    assert_like_numpy(COVARIANCES[name], X, derivatives=smooth, rtol=1e-12)


def test_correlation_has_the_derivative_of_its_formula() -> None:
    def formula(x: Any) -> Any:
        a, b = x[0] - np.mean(x[0]), x[1] - np.mean(x[1])
        return np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b))

    got = gradient(lambda x: np.corrcoef(x)[0, 1], [X], [0])[1][0]
    wanted = gradient(formula, [X], [0])[1][0]
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-14)


NUMBERS = ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin"]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("axis", [None, 0, (0, 1)], ids=str)
def test_reductions_without_nan(name: str, axis: Any) -> None:
    function = getattr(np, name)
    assert_like_numpy(lambda x: function(x, axis=axis), X)
    assert_like_numpy(lambda x: function(x, axis=axis), HOLES, derivatives=False)
    got = gradient(lambda x: np.sum(function(x, axis=axis)), [HOLES], [0])[1][0]
    filled = np.where(np.isnan(HOLES), 0.0, HOLES)
    mask = ~np.isnan(HOLES)

    def without(x: Any) -> Any:
        if name in ("nanmax", "nanmin"):
            start = -np.inf if name == "nanmax" else np.inf
            return np.sum(getattr(np, name[3:])(x, axis=axis, where=mask, initial=start))
        return np.sum(getattr(np, name[3:])(x, axis=axis, where=mask))

    wanted = gradient(without, [filled], [0])[1][0]
    np.testing.assert_allclose(got, wanted * mask, rtol=1e-13)


@pytest.mark.parametrize("name", ["nanargmax", "nanargmin"])
def test_positions_without_nan(name: str) -> None:
    function = getattr(np, name)
    assert_like_numpy(lambda x: function(x, axis=1), HOLES, derivatives=False)
    assert_like_numpy(function, HOLES, derivatives=False)


def test_too_few_numbers_give_nan() -> None:
    x = np.array([[np.nan, np.nan], [1.0, np.nan], [1.0, 3.0]])
    for function in (
        lambda v: np.nanmean(v, axis=1),
        lambda v: np.nanvar(v, axis=1, ddof=1),
        lambda v: np.nanstd(v, axis=1),
        lambda v: np.nanmax(v, axis=1),
        lambda v: np.nanmin(v, axis=1),
    ):
        with pytest.warns(RuntimeWarning):
            expected = function(x)
        (got,) = evaluated(function, [x], symbolic=False)
        np.testing.assert_array_equal(got, expected)


def test_variance_of_too_few_elements() -> None:
    x = np.array([1.5])
    with pytest.warns(RuntimeWarning):
        expected = np.var(x, ddof=1)
    np.testing.assert_array_equal(
        evaluated(lambda v: np.var(v, ddof=1), [x], symbolic=False)[0], expected
    )


@pytest.mark.parametrize("name", ["mean", "var", "std", "nanmean"])
def test_single_precision_in_value_and_gradient_with_symbolic_sizes(name: str) -> None:
    x = X.astype(np.float32)
    function = getattr(np, name)
    assert_like_numpy(lambda v: function(v, axis=1), x, derivatives=False, rtol=1e-6)
    run, joint = differentiated(lambda v: function(v), [x], [0])
    assert run(x)[1].dtype == np.float32
    assert joint.outputs[0].array_type.dtype == np.float32


def test_extremes_of_numbers_fold_as_ufuncs() -> None:
    x = np.array([[0.5, np.nan, 2.0], [1.5, 0.7, -0.2]])
    check(lambda x: np.fmax.reduce(x, axis=1), x, order=0)
    check(lambda x: np.fmin.reduce(x), x, order=0)
    check(lambda x: np.fmax.reduce(x, axis=1, keepdims=True), np.abs(np.nan_to_num(x)) + x[1])
