"""Ranges between traced bounds, and powers of traced bases."""

from typing import Any

import numpy as np
import pytest

from irgrad.errors import IrgradError
from tests.oracles import check, values


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape)


@pytest.mark.parametrize("function", [np.linspace, np.geomspace, np.logspace])
@pytest.mark.parametrize("num", [0, 1, 2, 5, 17])
@pytest.mark.parametrize("endpoint", [True, False])
def test_between_numbers(function: Any, num: int, endpoint: bool) -> None:
    a, b = np.float64(0.7), np.float64(2.3)
    check(lambda x, y: function(x, y, num, endpoint), a, b, rounding=1e-11)
    check(lambda x: function(x, 2.5, num), a, rounding=1e-11)
    check(lambda x: function(1, x, num), b, rounding=1e-11)


def test_between_vectors() -> None:
    check(lambda x, y: np.linspace(x, y, 4), numbers(17), numbers(17, seed=1))
    check(lambda x, y: np.linspace(x, y, 3, axis=-1), numbers(17), numbers(2, 1, seed=1))
    check(lambda x, y: np.geomspace(x, y, 3, axis=1), numbers(17), numbers(17, seed=1))


def test_step_and_dtype() -> None:
    a, b = np.float64(0.7), np.float64(9.2)
    check(lambda x, y: np.linspace(x, y, 5, retstep=True), a, b)
    check(lambda x, y: np.linspace(x, y, 7, dtype=int), a, b, order=0)
    check(lambda x, y: np.linspace(x, y, 7), np.int64(2), np.int64(5))


def test_the_last_sample_is_the_end() -> None:
    (found,) = values(lambda x, y: np.linspace(x, y, 1000), np.float64(0.1), np.float64(0.7))
    assert found[-1] == 0.7


def test_symbolic_count() -> None:
    check(lambda x: np.linspace(x[0], x[1], x.shape[0]), numbers(17))
    check(lambda x: np.linspace(x[0], x[1], x.shape[0], endpoint=False), numbers(17))


def test_negative_geometric_ranges() -> None:
    check(lambda x, y: np.geomspace(x, y, 5), np.float64(-1.0), np.float64(-8.0), rounding=1e-11)


@pytest.mark.parametrize("count", [None, 0, 1, 4, 20])
@pytest.mark.parametrize("increasing", [True, False])
def test_vander(count: int | None, increasing: bool) -> None:
    check(lambda x: np.vander(x, count, increasing), numbers(3), order=1, rounding=1e-10)
    if count is not None:
        check(lambda x: np.vander(x, count, increasing), numbers(17), order=1, rounding=1e-10)


def test_vander_of_its_own_length() -> None:
    check(lambda x: np.vander(x), numbers(17), rounding=1e-10, order=1)


ERRORS = [
    lambda x: np.linspace(x[0], x[1], -1),
    lambda x: np.linspace(x, x[:2]),
    lambda x: np.vander(x[None]),
    lambda x: np.tril_indices_from(x),
    lambda x: np.logspace(x, x, base=np.array([1.0, 2.0, 3.0])),
]


@pytest.mark.parametrize("function", ERRORS)
def test_errors_name_a_remedy(function: Any) -> None:
    with pytest.raises(IrgradError, match="What to do"):
        values(function, numbers(3))
