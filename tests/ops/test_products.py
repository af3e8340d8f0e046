"""vecdot, matvec, cross, chains and powers, against NumPy."""

from typing import Any

import numpy as np
import pytest

from irgrad.errors import IrgradError
from tests.oracles import check, values


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1.5, 1.5, shape)


PRODUCTS: list[tuple[Any, tuple[int, ...], tuple[int, ...]]] = [
    (np.vecdot, (17,), (17,)),
    (np.vecdot, (4, 17), (17,)),
    (np.vecdot, (4, 1, 3), (17, 3)),
    (lambda x, y: np.vecdot(x, y, axis=0), (17, 2), (17, 2)),
    (np.linalg.vecdot, (2, 17), (2, 17)),
    (lambda x, y: np.linalg.vecdot(x, y, axis=0), (17, 2), (17, 2)),
    (np.cross, (3,), (3,)),
    (np.cross, (17, 3), (17, 3)),
    (np.cross, (17, 3), (3,)),
    (lambda x, y: np.cross(x, y, axis=0), (3, 17), (3, 17)),
    (lambda x, y: np.cross(x, y, axisa=0, axisb=1, axisc=0), (3, 17), (17, 3)),
    (np.linalg.cross, (2, 3), (2, 3)),
    (lambda x, y: np.linalg.cross(x, y, axis=0), (3, 2), (3, 2)),
    (lambda x, y: np.linalg.multi_dot([x, y]), (2, 17), (17, 3)),
    (lambda x, y: np.linalg.multi_dot([x[0], y, x, y[:, 0]]), (2, 17), (17, 2)),
    (lambda x, y: np.linalg.multi_dot([x, y, x]), (18, 17), (17, 18)),
]
if hasattr(np, "matvec"):  # since NumPy 2.2
    PRODUCTS += [
        (np.matvec, (2, 17), (17,)),
        (np.matvec, (4, 2, 3), (17, 1, 3)),
        (np.vecmat, (17,), (17, 2)),
        (np.vecmat, (4, 3), (4, 3, 2)),
    ]


@pytest.mark.parametrize("function, left, right", PRODUCTS)
def test_products(function: Any, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    check(function, numbers(*left), numbers(*right, seed=1))


@pytest.mark.parametrize("sizes", [(2, 2), (2, 3), (3, 2)])
@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")
def test_cross_of_flat_vectors(sizes: tuple[int, int]) -> None:
    check(np.cross, numbers(17, sizes[0]), numbers(17, sizes[1], seed=1))


@pytest.mark.parametrize("power", [0, 1, 2, 3, 5, 8])
@pytest.mark.parametrize("shape", [(3, 3), (17, 17), (2, 2, 2)])
def test_matrix_power(power: int, shape: tuple[int, ...]) -> None:
    check(lambda x: np.linalg.matrix_power(x, power), 0.3 * numbers(*shape), order=1)


def test_integers_stay_integers() -> None:
    check(
        lambda x: [np.vecdot(x, x), np.linalg.matrix_power(x, 3)],
        np.arange(4, dtype=np.int32).reshape(2, 2),
    )


ERRORS = [
    lambda x: np.linalg.matrix_power(x[:2], 2),
    lambda x: np.linalg.multi_dot([x]),
    lambda x: np.linalg.multi_dot([x, x[0], x]),
    lambda x: np.cross(x[:, :1], x),
    lambda x: np.linalg.cross(x[:, :2], x[:, :2]),
    lambda x: np.vecdot(x, x[:, :2]),
]


@pytest.mark.parametrize("function", ERRORS)
def test_errors_name_a_remedy(function: Any) -> None:
    with pytest.raises(IrgradError, match="What to do"):
        values(function, numbers(3, 3))
