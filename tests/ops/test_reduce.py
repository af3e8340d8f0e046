"""Reductions with all of NumPy's keywords, as functions, methods and ufunc reductions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.errors import MutationError, ShapeError, UnsupportedCallError
from tests.ops.contracts import (
    assert_like_numpy,
    differentiated,
    directional_gradient,
    evaluated,
    gradient,
)

X = np.array(
    [
        [[1.5, -2.0, 0.25, 3.0], [0.5, 2.0, -1.25, 0.75], [4.0, -0.5, 1.0, 2.25]],
        [[-1.0, 0.6, 2.5, -3.0], [1.75, -2.5, 0.1, 5.0], [-4.5, 0.9, 1.1, -0.2]],
    ]
)
MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, False, True]])

FOLDS = ["sum", "prod", "mean", "var", "std", "max", "min", "amax", "amin", "ptp"]
AXES = [None, 0, -1, (0, 2), (1, -1), (0, 1, 2), ()]


@pytest.mark.parametrize("name", FOLDS)
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("keepdims", [False, True], ids=["dropped", "kept"])
def test_axes_and_keepdims(name: str, axis: Any, keepdims: bool) -> None:
    function = getattr(np, name)
    smooth = axis != () or name not in ("std", "ptp")  # of one element: 0, a kink
    assert_like_numpy(lambda x: function(x, axis=axis, keepdims=keepdims), X, derivatives=smooth)


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std", "max", "min"])
def test_methods(name: str) -> None:
    assert_like_numpy(lambda x: getattr(x, name)(), X)
    assert_like_numpy(lambda x: getattr(x, name)(1), X)
    assert_like_numpy(lambda x: getattr(x, name)(axis=(0, 1), keepdims=True), X)


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std"])
@pytest.mark.parametrize("axis", [None, 1, (0, 2)], ids=str)
def test_where(name: str, axis: Any) -> None:
    function = getattr(np, name)
    assert_like_numpy(lambda x: function(x, axis=axis, where=MASK), X)
    assert_like_numpy(lambda x: function(x, axis=axis, where=x > -1.5, keepdims=True), X)


@pytest.mark.parametrize("ddof", [1, 0.5])
def test_degrees_of_freedom(ddof: float) -> None:
    for function in (np.var, np.std):
        assert_like_numpy(lambda x, f=function: f(x, axis=1, ddof=ddof), X)
        assert_like_numpy(lambda x, f=function: f(x, axis=1, ddof=ddof, where=MASK), X)
    assert_like_numpy(lambda x: np.var(x, axis=0, correction=1), X)
    assert_like_numpy(lambda x: np.var(x, axis=1, mean=np.mean(x, axis=1, keepdims=True)), X)


EXTREMES: dict[str, Callable[..., Any]] = {
    "max initial": lambda x: np.max(x, axis=0, initial=0.7),
    "min initial": lambda x: np.min(x, initial=-9.0),
    "max where": lambda x: np.max(x, axis=1, where=MASK, initial=-np.inf),
    "min where": lambda x: np.min(x, axis=(0, 2), where=x > 0, initial=10.0),
    "sum initial": lambda x: np.sum(x, axis=1, initial=2.5),
    "sum initial kept": lambda x: np.sum(x, axis=1, initial=2.5, keepdims=True),
    "prod initial": lambda x: np.prod(x, axis=2, initial=3),
    "add.reduce": np.add.reduce,
    "multiply.reduce": lambda x: np.multiply.reduce(x, axis=1),
    "maximum.reduce": lambda x: np.maximum.reduce(x, axis=-1),
    "minimum.reduce": lambda x: np.minimum.reduce(x, axis=None),
    "add.reduce kept": lambda x: np.add.reduce(x, axis=(0, 1), keepdims=True),
    "logaddexp.reduce": lambda x: np.logaddexp.reduce(x, axis=1),
    "logaddexp.reduce all": lambda x: np.logaddexp.reduce(x, axis=None),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_initial_and_ufunc_reductions(name: str) -> None:
    assert_like_numpy(EXTREMES[name], X)


COUNTS: dict[str, Callable[..., Any]] = {
    "any": np.any,
    "all": lambda x: np.all(x, axis=1),
    "any axes": lambda x: np.any(x > 2, axis=(0, 2), keepdims=True),
    "all where": lambda x: np.all(x > -4.6, where=MASK),
    "any method": lambda x: (x > 2).any(axis=0),
    "all method": lambda x: x.all(),
    "logical_or.reduce": lambda x: np.logical_or.reduce(x > 3),
    "logical_and.reduce": lambda x: np.logical_and.reduce(x > -3, axis=2),
    "count_nonzero": np.count_nonzero,
    "count_nonzero axis": lambda x: np.count_nonzero(x > 0, axis=1, keepdims=True),
    "argmax": np.argmax,
    "argmin axis": lambda x: np.argmin(x, axis=1),
    "argmax kept": lambda x: np.argmax(x, axis=2, keepdims=True),
    "argmin method": lambda x: x.argmin(axis=0),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_and_positions(name: str) -> None:
    assert_like_numpy(COUNTS[name], X, derivatives=False)
    assert_like_numpy(COUNTS[name], np.round(X).astype(np.int64), derivatives=False)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int32, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "max", "min", "any", "argmax"])
def test_result_dtypes_are_numpys(name: str, dtype: Any) -> None:
    x = (X > 0 if dtype is bool else np.abs(X)).astype(dtype)
    assert_like_numpy(lambda v: getattr(np, name)(v, axis=1), x, derivatives=False, rtol=1e-6)


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var"])
def test_dtype_keyword(name: str) -> None:
    x = np.abs(X).astype(np.float32)
    function = getattr(np, name)
    assert_like_numpy(lambda v: function(v, axis=0, dtype=np.float64), x, derivatives=False)
    got = gradient(lambda v: np.sum(function(v, axis=0, dtype=np.float64)), [x], [0])[1][0]
    assert got.dtype == np.float32


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.int64, np.float32, complex])
@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "cumsum", "cumprod"])
def test_dtype_keyword_decides_the_results_dtype(name: str, dtype: Any) -> None:
    function = getattr(np, name)
    if dtype is bool and name in ("mean", "var"):
        return  # NumPy takes no mean of truth values in their own dtype
    for x in (np.round(np.abs(X)), np.round(np.abs(X)).astype(np.uint8)):
        assert_like_numpy(
            lambda v: function(v, axis=1, dtype=dtype), x, derivatives=False, rtol=1e-6
        )


def test_initial_takes_the_dtype_of_the_fold() -> None:
    x = np.abs(X).astype(np.float32)
    for initial in (1.5, np.float64(1.5), 2):
        assert_like_numpy(
            lambda v, i=initial: np.sum(v, initial=i), x, derivatives=False, rtol=1e-6
        )


def test_out_is_written_where_it_is_traced() -> None:
    def traced_out(x: Any) -> Any:
        total = np.zeros_like(x[0])
        np.sum(x, axis=0, out=total)
        return total * 2

    assert_like_numpy(traced_out, X)
    with pytest.raises(MutationError, match="plain array"):
        evaluated(lambda x: np.sum(x, axis=0, out=np.zeros((3, 4))), [X], symbolic=False)


def test_ties_share_the_cotangent_evenly() -> None:
    x = np.array([2.0, 5.0, 5.0, 1.0, 5.0])
    for function in (np.max, lambda v: -np.min(-v)):
        got = gradient(function, [x], [0])[1][0]
        np.testing.assert_allclose(got, [0, 1 / 3, 1 / 3, 0, 1 / 3])


def test_extremes_of_nothing() -> None:
    empty = np.zeros((0, 3))
    with pytest.raises(ShapeError, match="no elements"):
        evaluated(lambda x: np.max(x, axis=0), [empty], symbolic=False)
    assert_like_numpy(lambda x: np.max(x, axis=0, initial=1.5), empty, derivatives=False)
    assert_like_numpy(lambda x: np.max(x, axis=1), empty, derivatives=False)
    assert_like_numpy(lambda x: np.sum(x, axis=0) + np.prod(x), empty)
    with pytest.raises(UnsupportedCallError, match="initial"):
        evaluated(lambda x: np.max(x, where=x > 0), [X], symbolic=False)


def test_wrong_axes_are_refused() -> None:
    with pytest.raises(ShapeError, match="axis 3"):
        evaluated(lambda x: np.sum(x, axis=3), [X], symbolic=False)
    with pytest.raises(ShapeError, match="twice"):
        evaluated(lambda x: np.sum(x, axis=(1, -2)), [X], symbolic=False)


@pytest.mark.parametrize("zeros", [[], [1], [0, 3], [0, 1, 2]])
def test_products_are_exact_with_zeros_to_the_third_order(zeros: list[int]) -> None:
    """The third derivatives of a product are products of the factors left, or 0 for repeats."""
    x = np.array([2.0, -3.0, 0.5, 4.0])
    x[zeros] = 0.0
    units = np.eye(4)
    for i, j in ((0, 1), (1, 1), (1, 3), (0, 2)):
        first = directional_gradient(np.prod, [0], [units[i]])
        second = directional_gradient(first, [0], [units[j]])
        got = gradient(second, [x], [0])[1][0]
        left = [0.0 if len({i, j, k}) < 3 else np.delete(x, [i, j, k]).prod() for k in range(4)]
        np.testing.assert_allclose(got, left, atol=1e-15)


def test_std_of_equal_numbers_has_gradient_zero() -> None:
    x = np.full((2, 3), 1.25)
    run, _ = differentiated(lambda v: np.sum(np.std(v, axis=1)), [x], [0])
    np.testing.assert_array_equal(run(x)[1], 0.0)
    along = directional_gradient(lambda v: np.sum(np.std(v, axis=1)), [0], [np.ones((2, 3))])
    assert np.isfinite(gradient(along, [x], [0])[1][0]).all()


def test_logaddexp_reduce_of_infinities() -> None:
    x = np.array([[-np.inf, -np.inf], [np.inf, 1.0], [-np.inf, 2.0]])
    assert_like_numpy(lambda v: np.logaddexp.reduce(v, axis=1), x, derivatives=False)
