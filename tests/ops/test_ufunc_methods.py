"""Methods of ufuncs beyond the folds: chains of differences, segments, ``at``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.errors import ShapeError, UnsupportedCallError
from tests.ops.contracts import assert_like_numpy, evaluated

X = np.array([[1.5, -2.0, 0.25, 3.0], [0.5, 2.0, -1.25, 0.75], [4.0, -0.5, 1.0, 2.25]])

METHODS: dict[str, Callable[..., Any]] = {
    "subtract.reduce": np.subtract.reduce,
    "subtract.reduce kept": lambda x: np.subtract.reduce(x, axis=1, keepdims=True),
    "divide.reduce": lambda x: np.divide.reduce(x, axis=-1),
    "subtract.accumulate": np.subtract.accumulate,
    "divide.accumulate": lambda x: np.divide.accumulate(x, axis=1),
    "add.reduceat": lambda x: np.add.reduceat(x, [0, 2]),
    "add.reduceat back": lambda x: np.add.reduceat(x, [0, 3, 1, 1], axis=1),
    "multiply.reduceat": lambda x: np.multiply.reduceat(x, np.array([1, 2]), axis=1),
    "maximum.reduceat": lambda x: np.maximum.reduceat(x, (0, 2), axis=-1),
    "logaddexp.reduceat": lambda x: np.logaddexp.reduceat(x, [0, 2], axis=1),
}


@pytest.mark.parametrize("name", METHODS)
def test_like_numpy(name: str) -> None:
    assert_like_numpy(METHODS[name], X)


def test_dtypes() -> None:
    for x in ((X * 4).astype(np.int32), X.astype(np.float32)):
        for dtype in (None, np.float64, np.int16):
            assert_like_numpy(
                lambda v, d=dtype: np.add.reduceat(v, [0, 1], dtype=d), x, derivatives=False
            )
            assert_like_numpy(
                lambda v, d=dtype: np.maximum.reduce(v, dtype=d), x, derivatives=False
            )


def written_at(x: Any, y: Any) -> Any:
    z = x * 1.0
    np.multiply.at(z, ([0, 0, 1, 0], [1, 1, 2, 3]), 2.0)
    np.add.at(z, (slice(None), 1), y)
    np.maximum.at(z, [2, 2], x[:2])
    np.divide.at(z, 0, y[0])
    np.negative.at(z, [1, 1, 1])
    np.subtract.at(z, np.array([2, 0, 2]), y[:, None])
    return z


def test_places_that_come_twice_are_changed_twice() -> None:
    assert_like_numpy(written_at, X, np.array([0.5, -1.5, 3.0]))


def test_what_is_refused() -> None:
    def refused(error: type[Exception], words: str, function: Callable[..., Any]) -> None:
        with pytest.raises(error, match=words):
            evaluated(function, [X], symbolic=False)

    refused(UnsupportedCallError, r"arctan2\.reduce", lambda x: np.arctan2.reduce(x))
    refused(UnsupportedCallError, "bincount", lambda x: np.add.reduceat(x, np.argsort(x[0])[:2]))
    refused(ShapeError, "from 0 to 2", lambda x: np.add.reduceat(x, [0, 3]))
    refused(ShapeError, "one axis", lambda x: np.subtract.reduce(x, axis=(0, 1)))

    def multiplied_at_traced_places(x: Any) -> Any:
        z = x * 1.0
        np.multiply.at(z, np.argsort(x[:, 0]), 2.0)
        return z

    refused(UnsupportedCallError, r"np\.add\.at", multiplied_at_traced_places)
