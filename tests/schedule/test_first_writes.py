"""The first of several shifted additions sets the array; only its borders are filled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.ir import loops


def neighbours(x: Any) -> Any:
    return np.sum(x[1:] * x[:-1])


def one_sided(x: Any) -> Any:
    return np.sum(x[3:] ** 2) + np.sum(np.sin(x[1:-2]))


def planes(x: Any) -> Any:
    return np.sum(x[:, 2:] * x[:, :-2])


def diagonals(x: Any) -> Any:
    A = x[:, None] * x[:-1]
    return np.sum(np.diagonal(A[1:]) ** 2 * np.diagonal(A[:-1]))


def summed(x: Any) -> Any:
    return np.sum(np.sin(x[1:, None] * x[None, :-1]))


def overwritten(x: Any) -> Any:
    w = np.zeros_like(x)
    w[:-1] = 2.0 * x[:-1]
    w[1:] = x[1:] * w[:-1]
    return np.sum(w * w)


def slope(f: Any, x: np.ndarray) -> np.ndarray:
    found = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[place] = 1e-6
        found[place] = (f(x + step) - f(x - step)) / 2e-6
    return found


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize(
    ("f", "shape"),
    [
        (neighbours, (20,)), (one_sided, (20,)), (planes, (3, 20)), (overwritten, (20,)),
        (diagonals, (20,)), (summed, (20,)),
    ],
)
def test_every_element_is_set_and_added_to(f: Any, shape: tuple[int, ...], parallel: bool) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    compiled = irgrad.compile(f, jit=False, parallel=parallel)
    for data in (x, x[..., :7]):
        value, gradient = compiled.value_and_grad(data)
        np.testing.assert_allclose(value, f(data), rtol=1e-13)
        np.testing.assert_allclose(gradient, slope(f, data), atol=1e-7)


def test_nothing_is_filled_but_the_border() -> None:
    function = irgrad.compile(neighbours, jit=False).lower(np.ones(20)).program.functions[-1]
    assert all(s.fill is None for s in function.body if isinstance(s, loops.Allocate))
