"""Joining and splitting against NumPy."""

from typing import Any

import numpy as np
import pytest

from irgrad.errors import ShapeError
from tests.oracles import check, trace, values

SIZES = [0, 1, 2, 16, 17]


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1.5, 1.5, shape)


JOINS = [
    lambda x, y: np.concatenate([x, y]),
    lambda x, y: np.concatenate((x, x, y), axis=1),
    lambda x, y: np.concatenate([x, y], axis=None),
    lambda x, y: np.concatenate([x, np.ones((2, 2), np.float32)], axis=0),
    lambda x, y: np.concatenate([x, y], dtype=np.float64),
    lambda x, y: np.stack([x, y]),
    lambda x, y: np.stack([x, y], axis=1),
    lambda x, y: np.stack([x, y, x], axis=-1),
    lambda x, y: np.vstack([x, y]),
    lambda x, y: np.vstack([x[:, 0], y[:, 1]]),
    lambda x, y: np.hstack([x, y]),
    lambda x, y: np.hstack([x[:, 0], y[:, 1]]),
    lambda x, y: np.dstack([x, y]),
    lambda x, y: np.dstack([x[:, 0], y[:, 1]]),
    lambda x, y: np.column_stack([x[:, 0], y]),
    lambda x, y: np.append(x, y),
    lambda x, y: np.append(x, y, axis=1),
    lambda x, y: np.append(x, 3.0),
    lambda x, y: np.block([[x, y], [y, x]]),
    lambda x, y: np.block([x[:, 0], y[:, 1]]),
    lambda x, y: np.block([[np.ones((1, 2)), np.zeros((1, 2))], [x, y]]),
    lambda x, y: np.stack([[x[0, 0], y[0, 0]], [1.0, 2.0]]) if x.size else x,
]


@pytest.mark.parametrize("function", JOINS)
@pytest.mark.parametrize("size", [1, 2, 17])
def test_joins(function: Any, size: int) -> None:
    # A float32 part next to float64 ones: narrowing the arguments changes the result's dtype.
    check(function, numbers(size, 2), numbers(size, 2, seed=1), order=1)


@pytest.mark.parametrize("function", JOINS[:18])
def test_joins_of_nothing(function: Any) -> None:
    check(function, numbers(0, 2), numbers(0, 2))


SPLITS = [
    lambda x: np.split(x, 3),
    lambda x: np.split(x, [2, 5]),
    lambda x: np.split(x, (2, -1, 50)),
    lambda x: np.split(x, 2, axis=1),
    lambda x: np.array_split(x, 3, axis=1),
    lambda x: np.array_split(x, [1], axis=-1),
    lambda x: np.vsplit(x, 3),
    lambda x: np.hsplit(x, 2),
    lambda x: np.hsplit(x[:, 0], [1, 3]),
    lambda x: np.dsplit(x[None], 2),
    lambda x: np.unstack(x, axis=1),
]


@pytest.mark.parametrize("function", SPLITS)
@pytest.mark.parametrize("shape", [(6, 4), (18, 2)])
def test_splits(function: Any, shape: tuple[int, ...]) -> None:
    check(function, numbers(*shape), order=1)


@pytest.mark.parametrize("size", [0, 1, 2, 16, 17, 19])
def test_array_split(size: int) -> None:
    # How many parts are longer depends on the size, and is guarded: 17 and 20 both leave 2 of 3.
    check(lambda x: np.array_split(x, 3), numbers(size), order=1)


@pytest.mark.parametrize("size", [1, 2, 16, 17])
def test_resize(size: int) -> None:
    check(lambda x: np.resize(x, (3, 2)), numbers(size), order=1)
    check(lambda x: np.resize(x, 0), numbers(size))
    check(lambda x: np.resize(x, (2, *x.shape)), numbers(size), order=1)


def test_splits_are_views() -> None:
    def write(x: Any) -> Any:
        y = x.copy()
        first, second = np.split(y, [y.shape[0] // 2])
        second = second[: first.shape[0]]
        first[:] = 2 * second
        second += 1
        return y, first

    check(write, numbers(16))


def test_a_bare_concatenation_is_one_node() -> None:
    traced = trace(lambda x: np.hstack([x, x]), numbers(17))
    assert [node.op.name for node in traced.graph.nodes] == ["input", "concatenate"]


ERRORS = [
    lambda x: np.concatenate([x, x[:, :1]]),
    lambda x: np.concatenate([x[0, 0], x[0, 0]]),
    lambda x: np.stack([x, x[0]]),
    lambda x: np.split(x, 4),
    lambda x: np.array_split(x, 0),
    lambda x: np.vsplit(x[0], 1),
    lambda x: np.hsplit(x[0, 0], 1),
    lambda x: np.block([[x], x]),
    lambda x: np.unstack(x[0, 0]),
]


@pytest.mark.parametrize("function", ERRORS)
def test_errors_name_a_remedy(function: Any) -> None:
    with pytest.raises(ShapeError, match="What to do"):
        values(function, numbers(3, 4))
