"""Repeating, rolling, turning round and spreading out, against NumPy."""

from typing import Any

import numpy as np
import pytest

from irgrad.errors import ShapeError
from tests.oracles import check, trace, values

SIZES = [0, 1, 2, 16, 17]


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1.5, 1.5, shape)


FUNCTIONS = [
    lambda x: np.tile(x, 3),
    lambda x: np.tile(x, (2, 1)),
    lambda x: np.tile(x, (2, 1, 3)),
    lambda x: np.tile(x[0] if x.size else x, (2, 2)),
    lambda x: np.tile(x, 0),
    lambda x: np.repeat(x, 2),
    lambda x: x.repeat(3, axis=1),
    lambda x: np.repeat(x, [2], axis=0),
    lambda x: np.repeat(x, [2, 0, 3], axis=1),
    lambda x: np.repeat(x, 0, axis=1),
    lambda x: np.roll(x, 1),
    lambda x: np.roll(x, -2, axis=1),
    lambda x: np.roll(x, 1, axis=0),
    lambda x: np.roll(x, -1, axis=0),
    lambda x: np.roll(x, (1, 4), axis=(0, 1)),
    lambda x: np.roll(x, 2, axis=(0, 1)),
    lambda x: np.roll(x, (1, 1), axis=0),
    lambda x: np.roll(x, x.shape[0] - 1, axis=0),
    lambda x: np.flip(x),
    lambda x: np.flip(x, 0),
    lambda x: np.flip(x, (0, -1)),
    lambda x: np.flipud(x),
    lambda x: np.fliplr(x),
    lambda x: np.rot90(x),
    lambda x: np.rot90(x, 2),
    lambda x: np.rot90(x, -1),
    lambda x: np.rot90(x, 4),
    lambda x: np.rot90(x[None], 1, axes=(2, 1)),
]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("size", SIZES)
def test_functions(function: Any, size: int) -> None:
    check(function, numbers(size, 3), order=1)


@pytest.mark.parametrize("shift", [0, 1, -1, 5, 17, 23, -40, 100])
@pytest.mark.parametrize("size", [1, 2, 17])
def test_roll_by_more_than_there_is(shift: int, size: int) -> None:
    expected = np.roll(numbers(size), shift)
    (found,) = values(lambda x: np.roll(x, shift), numbers(size))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("size", [1, 2, 16, 17])
def test_kron(size: int) -> None:
    check(np.kron, numbers(size, 2), numbers(2, 3))
    check(np.kron, numbers(2), numbers(size))
    check(np.kron, numbers(2, 1, 3), numbers(size, 2))
    check(lambda x: np.kron(np.eye(2, 3), x), numbers(size, 2))


@pytest.mark.parametrize("options", [
    {}, {"indexing": "ij"}, {"sparse": True}, {"copy": False, "indexing": "ij"},
])  # fmt: skip
def test_meshgrid(options: dict[str, Any]) -> None:
    check(lambda x, y: np.meshgrid(x, y, **options), numbers(17), numbers(3))
    check(lambda x, y: np.meshgrid(x, y, x, **options), numbers(2), numbers(18))
    check(lambda x: np.meshgrid(x, **options), numbers(4))


def test_ix() -> None:
    def grid(x: Any) -> Any:
        rows = np.argsort(x[:, 0])[:2]
        return x[np.ix_(rows, [2, 0])]

    check(lambda x: x[np.ix_([1, 0], [True, False, True])], numbers(17, 3))
    check(grid, numbers(17, 3), order=0)


def test_flips_are_views() -> None:
    def write(x: Any) -> Any:
        y = x.copy()
        turned = np.rot90(np.flip(y, 0))
        turned[0] = 2 * turned[1]
        y[-1] += 1
        return y, turned

    check(write, numbers(17, 3))


def test_sizes_stay_open() -> None:
    traced = trace(lambda x: np.tile(np.repeat(np.flip(x), 2), 3), numbers(17))
    assert not [guard for guard in traced.graph.guards if guard.relation == "=="]


ERRORS = [
    lambda x: np.repeat(x, [1, 2], axis=1),
    lambda x: np.rot90(x, axes=(0, 0)),
    lambda x: np.meshgrid(x, indexing="yx"),
    lambda x: np.ix_(x),
]


@pytest.mark.parametrize("function", ERRORS)
def test_errors_name_a_remedy(function: Any) -> None:
    with pytest.raises(ShapeError, match="What to do"):
        values(function, numbers(3, 4))
