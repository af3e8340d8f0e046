"""Rosenbrock's valley in n dimensions: slices, and an adjoint that must not cost O(n) a slice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from benchmarks.problem import Arguments, Problem
from benchmarks.vector_math import LOOP


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def arguments(size: int) -> Arguments:
    """Return x: (size,)."""
    return (np.random.default_rng(0).uniform(-2.0, 2.0, size),)


@njit(**LOOP)
def handwritten_value(x):
    value = 0.0
    here, after = x[:-1], x[1:]
    for i in range(here.shape[0]):
        curve = after[i] - here[i] * here[i]
        slope = 1.0 - here[i]
        value += 100.0 * curve * curve + slope * slope
    return value


@njit(**LOOP)
def handwritten_value_and_grad(x):
    n = x.shape[0]
    gradient = np.empty(n)
    value = 0.0
    if n < 2:
        gradient[:] = 0.0
        return value, gradient
    # A gather: element i hears from its own term and from the term before it. The two ends stand
    # apart, so the loop between them has no branch and no carried dependence.
    curve = x[1] - x[0] * x[0]
    slope = 1.0 - x[0]
    value += 100.0 * curve * curve + slope * slope
    gradient[0] = -400.0 * x[0] * curve - 2.0 * slope
    before, here, after, inner = x[: n - 2], x[1 : n - 1], x[2:], gradient[1 : n - 1]
    for i in range(inner.shape[0]):
        middle = here[i]
        curve = after[i] - middle * middle
        slope = 1.0 - middle
        value += 100.0 * curve * curve + slope * slope
        inner[i] = 200.0 * (middle - before[i] * before[i]) - 400.0 * middle * curve - 2.0 * slope
    gradient[n - 1] = 200.0 * (x[n - 1] - x[n - 2] * x[n - 2])
    return value, gradient


def torch_function(torch: Any) -> Any:
    """Return the function in PyTorch."""

    def rosenbrock(x):
        return torch.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    return rosenbrock


def casadi_function(casadi: Any) -> Any:
    """Return the function in CasADi."""

    def rosenbrock(x):
        return casadi.sum1(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    return rosenbrock


PROBLEM = Problem(
    name="rosenbrock",
    summary="sum of 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2",
    size_means="dimensions",
    function=rosenbrock,
    arguments=arguments,
    argnums=0,
    sizes=(10, 1_000, 100_000),
    tiny=7,
    handwritten_value=handwritten_value,
    handwritten_value_and_grad=handwritten_value_and_grad,
    torch_function=torch_function,
    casadi_function=casadi_function,
)
