"""Diagonals, triangles and windows, against NumPy."""

from typing import Any

import numpy as np
import pytest

from irgrad.errors import ConcreteValueError, IrgradError, MutationError
from tests.oracles import check, values

SHAPES = [(1, 1), (2, 2), (3, 5), (5, 3), (17, 17), (17, 4), (4, 17), (18, 17), (0, 3)]


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1.5, 1.5, shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("offset", [0, 1, -2, 7])
def test_diagonals_of_matrices(shape: tuple[int, ...], offset: int) -> None:
    def parts(x: Any) -> Any:
        return [
            np.diagonal(x, offset), x.diagonal(offset), np.diag(x, offset), np.trace(x, offset),
            x.trace(offset=offset), np.tril(x, offset), np.triu(x, offset),
        ]  # fmt: skip

    check(parts, numbers(*shape), order=1)


STACKS = [
    lambda x: np.diagonal(x),
    lambda x: np.diagonal(x, 1, -1, 0),
    lambda x: np.linalg.diagonal(x, offset=-1),
    lambda x: np.linalg.trace(x, offset=1),
    lambda x: np.trace(x, -1, 1, 2),
    lambda x: np.trace(x, dtype=np.float64),
    lambda x: np.tril(x),
    lambda x: np.triu(x, -1),
    lambda x: np.tril(x[0]) @ np.triu(x[0]).T,
    lambda x: np.tril(x[0, 0]),
]


@pytest.mark.parametrize("function", STACKS)
@pytest.mark.parametrize("shape", [(3, 17, 2), (17, 2, 3)])
def test_stacks(function: Any, shape: tuple[int, ...]) -> None:
    check(function, numbers(*shape))


@pytest.mark.parametrize("size", [0, 1, 2, 16, 17])
@pytest.mark.parametrize("offset", [0, 2, -1])
def test_matrices_made_of_a_diagonal(size: int, offset: int) -> None:
    check(lambda x: np.diag(x, offset), numbers(size))
    check(lambda x: np.diagflat(x.reshape(-1, 1), offset), numbers(size))


def test_integers_and_masks() -> None:
    check(
        lambda x: [np.triu(x), np.diag(x), np.trace(x), np.tril(x > 2)],
        np.arange(12).reshape(3, 4),
    )
    check(lambda x: np.diag(x), np.array([True, False]))


@pytest.mark.parametrize("shape", [(3, 3), (17, 17), (5, 2), (18, 3), (2, 4), (3, 3, 3), (4, 0)])
@pytest.mark.parametrize("wrap", [False, True])
def test_fill_diagonal(shape: tuple[int, ...], wrap: bool) -> None:
    fixed = wrap and shape == (18, 3)

    def fill(x: Any, v: Any) -> Any:
        y = x.copy()
        np.fill_diagonal(y, v, wrap=wrap)
        return y

    if len(shape) != 2 or shape[1]:
        check(fill, numbers(*shape), np.float64(0.7), fixed=fixed)
        check(fill, numbers(*shape), numbers(2), fixed=fixed)


def test_fill_diagonal_of_a_plain_array_raises() -> None:
    with pytest.raises(ConcreteValueError, match="What to do"):
        values(lambda x: np.fill_diagonal(np.zeros((2, 2)), x), np.float64(1.0))


def test_diagonal_is_a_read_only_view() -> None:
    def read(x: Any) -> Any:
        y = x.copy()
        diagonal = np.diagonal(y)
        y[1, 1] = 5 * x[0, 0]
        return diagonal

    check(read, numbers(17, 17))
    with pytest.raises(MutationError, match="read-only"):
        values(lambda x: np.diagonal(x.copy()).__setitem__(0, 1.0), numbers(3, 3))


@pytest.mark.parametrize("width", [1, 2, 5])
def test_sliding_windows(width: int) -> None:
    slide = np.lib.stride_tricks.sliding_window_view
    check(lambda x: slide(x, width), numbers(17))
    check(lambda x: slide(x, width, axis=0), numbers(5, 3))
    check(lambda x: slide(x, (width, 2)), numbers(18, 3))


ERRORS = [
    lambda x: np.diagonal(x[0]),
    lambda x: np.diag(x[None]),
    lambda x: np.tril(x[0, 0]),
    lambda x: np.diagonal(x, 0, 1, 1),
    lambda x: np.fill_diagonal(x[0].copy(), 1.0),
    lambda x: np.fill_diagonal(np.zeros_like(x)[None], 1.0),
    lambda x: np.lib.stride_tricks.sliding_window_view(x, 5, axis=0),
]


@pytest.mark.parametrize("function", ERRORS)
def test_errors_name_a_remedy(function: Any) -> None:
    with pytest.raises(IrgradError, match="What to do"):
        values(function, numbers(3, 4))
