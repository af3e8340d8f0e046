"""Sorting and searches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.errors import UnsupportedCallError
from tests.ops.contracts import assert_like_numpy, evaluated, gradient

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
}


@pytest.mark.parametrize("name", SORTS)
def test_like_numpy(name: str) -> None:
    assert_like_numpy(SORTS[name], X)


def test_nan_is_sorted_last() -> None:
    x = np.where(X == 2.0, np.nan, X)
    for function in (
        lambda v: np.sort(v, axis=1),
        lambda v: np.argsort(v, axis=1),
    ):
        assert_like_numpy(function, x, derivatives=False)


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


def test_complex_numbers_sort_by_real_parts_first() -> None:
    z = np.round(X) + 1j * np.array([1.0, -2.0, 0.5, 3.0, 0.0])
    for x in (z, z.astype(np.complex64), X, np.round(X).astype(np.int8)):
        assert_like_numpy(np.sort_complex, x, derivatives=False)


def test_what_is_refused() -> None:
    with pytest.raises(UnsupportedCallError, match="order="):
        evaluated(lambda x: np.sort(x, order="f"), [X], symbolic=False)
