"""Adjoints of stencils as gathers: right at borders and for short axes, and without scratch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.ir import loops


def valley(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def curvature(x: Any) -> Any:
    return np.sum((x[2:] - 2.0 * x[1:-1] + x[:-2]) ** 2)


def far(x: Any) -> Any:
    return np.sum(x[2:] * x[:-2]) + np.sum(x[2:] * x[:-2] * x[:-2])


def scaled(x: Any) -> Any:
    total = np.sum(x)
    return np.sum((x[1:] - x[:-1]) * x[:-1]) * total


def planes(x: Any) -> Any:
    return np.sum((x[:, 1:] * x[:, :-1]) ** 2)


def rows(x: Any) -> Any:
    return np.sum((x[1:] - x[:-1] * x[:-1]) ** 2)


def both(x: Any) -> Any:
    return rows(x) + planes(x)


def deep(x: Any) -> Any:
    y = x[1:] * x[:-1]
    return np.sum(y[1:] - y[:-1] * y[:-1])


def costly(x: Any) -> Any:
    return np.sum(np.exp(x[1:] * x[:-1]))


def whole(x: Any) -> Any:
    return np.sum(x * x) + np.sum(x[1:] * x[:-1])


def positions(x: Any) -> Any:
    return np.sum(np.arange(x.shape[0] - 1) * x[1:] * x[:-1])


def weighed(x: Any) -> Any:
    difference = x[1:] - x[:-1]
    return np.sum(difference * difference) * np.sum(difference * x[:-1]) + np.sum(x[:-1])


def apart(x: Any) -> Any:
    products = x[3:] * x[:-3]
    return np.sum(products * products) + np.sum(products)


def slope(f: Any, x: np.ndarray) -> np.ndarray:
    found = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[place] = 1e-6
        found[place] = (f(x + step) - f(x - step)) / 2e-6
    return found


LINES = [valley, curvature, far, scaled, deep, costly, whole, positions, weighed]
SHEETS = [planes, rows, both]
CASES = [(f, (size,)) for f in LINES for size in (3, 4, 5, 16, 17, 40)]
CASES += [(apart, (size,)) for size in (4, 5, 6, 7, 16, 40)]
CASES += [(f, shape) for f in SHEETS for shape in [(3, 4), (2, 3), (20, 3), (4, 30), (20, 21)]]


@pytest.mark.parametrize(("f", "shape"), CASES)
@pytest.mark.parametrize("parallel", [False, True])
def test_every_element_gets_what_it_is_part_of(
    f: Any, shape: tuple[int, ...], parallel: bool
) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    value, gradient = irgrad.compile(f, jit=False, parallel=parallel).value_and_grad(x)
    np.testing.assert_allclose(value, f(x), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(gradient, slope(f, x), atol=2e-6, rtol=1e-7)


@pytest.mark.parametrize("f", [valley, whole, scaled])
def test_one_compilation_serves_short_axes_too(f: Any) -> None:
    compiled = irgrad.compile(f, jit=False)
    random = np.random.default_rng(1)
    for size in (30, 2, 3, 50, 2):
        x = random.normal(size=size)
        np.testing.assert_allclose(compiled.grad(x), slope(f, x), atol=2e-6, rtol=1e-7)


def test_no_other_array_is_made() -> None:
    for size in (10, 1000):
        program = irgrad.compile(valley, jit=False).lower(np.ones(size)).program
        made = [s for s in program.functions[-1].body if isinstance(s, loops.Allocate)]
        assert [part.name for part in made] == ["x_bar"]


def test_value_and_gradient_share_the_loop_between_the_borders() -> None:
    program = irgrad.compile(valley, jit=False).lower(np.ones(1000)).program
    assert sum(isinstance(part, loops.Loop) for part in program.functions[-1].body) == 1


def test_the_second_derivative_is_right() -> None:
    x = np.random.default_rng(2).normal(size=8)
    hessian = np.asarray(irgrad.hessian(valley)(x))
    gradient = irgrad.compile(valley, jit=False).grad
    for column in range(8):
        step = np.zeros(8)
        step[column] = 1e-6
        expected = (gradient(x + step) - gradient(x - step)) / 2e-6
        np.testing.assert_allclose(hessian[:, column], expected, rtol=1e-6, atol=1e-5)
