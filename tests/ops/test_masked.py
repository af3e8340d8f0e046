"""What a traced mask picks: writes, elementwise work and sums, against NumPy."""

from typing import Any

import numpy as np
import pytest

from irgrad.errors import OutOfRangeError, UnsupportedCallError
from tests.oracles import check, gradients, values


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Return numbers none of which is near 0, where masks change."""
    count = int(np.prod(shape))
    draws = np.random.default_rng(seed)
    sizes = draws.permutation(np.linspace(0.3, 1.5, count)) * draws.choice([-1, 1], count)
    return sizes.reshape(shape)


def assigned(x: Any, v: Any) -> Any:
    y = x.copy()
    y[x > 0] = v
    return y


def added(x: Any, v: Any) -> Any:
    y = x.copy()
    y[x > 0] += v
    y[x < 0] *= 2 * v
    y[x < 0] /= v * v
    y[y > 0.9] -= 1
    y[x > 0] = y[x > 0] * v
    return y


def computed(x: Any, v: Any) -> Any:
    y = x.copy()
    mask = x > 0
    y[mask] = np.log(y[mask]) * v + np.exp(-x[mask])
    y[~mask] = 1 - abs(y[~mask]) ** 2
    return y


def by_rows(x: Any, v: Any) -> Any:
    y = x.copy()
    mask = x[:, 0] > 0
    y[mask] = v * x[0]
    y[~mask] += x[1]
    y[mask] *= v
    return y


def summed(x: Any, v: Any) -> Any:
    mask = x > 0
    rows = x[:, 1] > 0
    return [
        np.sum(x[mask]), (v * x[mask]).sum(), np.mean(x[mask]), x[mask].mean(), x[mask].var(),
        np.std(x[mask]), np.sum(x[rows]), np.sum(x[rows], axis=0), np.prod(x[mask]),
        np.any(x[mask] > 1.2), x[mask].all(),
    ]  # fmt: skip


@pytest.mark.parametrize("function", [assigned, added, computed, by_rows, summed])
@pytest.mark.parametrize("size", [4, 17])
def test_against_numpy(function: Any, size: int) -> None:
    check(function, numbers(size, 3), np.float64(0.7))


def test_numbers_on_either_side() -> None:
    def scale(x: Any) -> Any:
        y = x.copy()
        y[x > 0] = x[0] * y[x > 0]
        return y

    def scale_named(x: Any) -> Any:
        y = x.copy()
        mask = x > 0
        y[mask] = x[0] * y[mask] - 2 ** y[mask]
        return y

    check(scale, numbers(5))
    check(scale_named, numbers(5))


def test_the_dead_part_gives_no_gradient() -> None:
    def root(x: Any) -> Any:
        y = np.zeros_like(x)
        mask = x > 0
        y[mask] = np.sqrt(x[mask])
        return np.sum(y) + np.sum(np.log(x[mask]))

    (gradient,) = gradients(root, np.array([4.0, 0.0, -1.0]))
    np.testing.assert_array_equal(gradient, [0.5, 0.0, 0.0])


def test_a_known_mask_is_an_ordinary_key() -> None:
    mask = np.array([True, False, True])

    def write(x: Any, v: Any) -> Any:
        y = x.copy()
        y[mask] = v
        y[~mask] += x[mask].sum()
        return y, x[mask]

    check(write, numbers(3), numbers(2))


@pytest.mark.parametrize("function", [
    lambda x: x[x > 0],
    lambda x: x[x > 0][0],
    lambda x: x[x > 0].shape,
    lambda x: np.sort(x[x > 0]),
    lambda x: x[x > 0].max(),
    lambda x: x[x > 0] + x,
    lambda x: x[x > 0] + x[x < 1],
    lambda x: assigned(x, x[x < 0]),
    lambda x: assigned(x, x),
    lambda x: np.sum(x[x > 0], axis=1),
    lambda x: np.concatenate([x[x > 0], x]),
])  # fmt: skip
def test_uses_that_need_the_number_of_elements(function: Any) -> None:
    with pytest.raises((UnsupportedCallError, AttributeError)):
        values(function, numbers(5))


def test_a_mask_that_does_not_fit() -> None:
    with pytest.raises(OutOfRangeError, match="mask of shape"):
        values(lambda x: x[x[:2] > 0], numbers(5))
