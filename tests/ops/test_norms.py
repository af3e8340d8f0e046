"""Norms of every order that needs no singular values, against NumPy."""

from typing import Any

import numpy as np
import pytest

from irgrad.errors import IrgradError
from tests.oracles import check, gradients, values


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Return numbers whose magnitudes all differ by more than any step of the differences."""
    count = int(np.prod(shape))
    draws = np.random.default_rng(seed)
    sizes = draws.permutation(np.linspace(0.3, 1.5, count)) * draws.choice([-1, 1], count)
    return sizes.reshape(shape)


VECTOR_ORDERS = [None, 2, 1, np.inf, -np.inf, 0, -1, -2, 3, 2.5, 0.5, 4]


@pytest.mark.parametrize("order", VECTOR_ORDERS)
@pytest.mark.parametrize("size", [1, 2, 17])
def test_vectors(order: Any, size: int) -> None:
    check(lambda x: np.linalg.norm(x, order), numbers(size))


@pytest.mark.parametrize("order", VECTOR_ORDERS)
@pytest.mark.parametrize("axis, keepdims", [(0, False), (-1, True)])
def test_vectors_along_an_axis(order: Any, axis: int, keepdims: bool) -> None:
    check(lambda x: np.linalg.norm(x, order, axis=axis, keepdims=keepdims), numbers(4, 17), order=1)


@pytest.mark.parametrize("order", [None, "fro", 1, -1, np.inf, -np.inf])
def test_matrices(order: Any) -> None:
    norm = np.linalg.norm
    check(lambda x: norm(x, order), numbers(3, 17), order=1)
    check(lambda x: norm(x, order, axis=(0, 2), keepdims=True), numbers(17, 2, 3), order=1)
    check(lambda x: norm(x, order, axis=(-1, 0)), numbers(2, 2, 17), order=1)


def test_the_newer_spellings() -> None:
    check(lambda x: np.linalg.vector_norm(x), numbers(2, 17))
    check(lambda x: np.linalg.vector_norm(x, axis=(0, 2), ord=3), numbers(2, 3, 17), order=1)
    check(lambda x: np.linalg.vector_norm(x, keepdims=True, ord=1), numbers(2, 17), order=1)
    check(lambda x: np.linalg.matrix_norm(x), numbers(17, 2, 3))
    check(lambda x: np.linalg.matrix_norm(x, ord=1, keepdims=True), numbers(3, 17, 2), order=1)


def test_any_rank_and_integers() -> None:
    check(lambda x: [np.linalg.norm(x), np.linalg.norm(x, keepdims=True)], numbers(2, 3, 17))
    check(lambda x: [np.linalg.norm(x), np.linalg.norm(x, 1)], np.arange(17))


@pytest.mark.parametrize("order", [None, 1, 3, 2.5])
def test_at_zero_the_gradient_is_zero(order: Any) -> None:
    (gradient,) = gradients(lambda x: np.linalg.norm(x, order), np.zeros(3))
    np.testing.assert_array_equal(gradient, np.zeros(3))


def test_one_zero_among_others() -> None:
    x = np.array([0.0, 3.0, 4.0])
    (gradient,) = gradients(lambda x: np.linalg.norm(x), x)
    np.testing.assert_allclose(gradient, x / 5)


@pytest.mark.parametrize("order", [2, -2, "nuc"])
@pytest.mark.parametrize("axis", [None, (0, 1), (1, 0)])
def test_norms_by_singular_values(order: Any, axis: Any) -> None:
    check(lambda x: np.linalg.norm(x, order, axis=axis), numbers(3, 4))
    check(lambda x: np.linalg.norm(x, order, axis=(0, 2), keepdims=True), numbers(3, 2, 4))


ERRORS = [
    lambda x: np.linalg.norm(x, 3),
    lambda x: np.linalg.norm(x, "fro", axis=0),
    lambda x: np.linalg.norm(x[None], 1),
    lambda x: np.linalg.norm(x[:0], np.inf),
]


@pytest.mark.parametrize("function", ERRORS)
def test_errors_name_a_remedy(function: Any) -> None:
    with pytest.raises(IrgradError, match="What to do"):
        values(function, numbers(3, 3))
