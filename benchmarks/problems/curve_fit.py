"""A three-parameter curve fit on 50 points: the size at which call overhead is half the cost."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from benchmarks.problem import Arguments, Problem
from benchmarks.vector_math import LOOP, exp


def curve_fit(p, t, y):
    return np.sum((p[0] * np.exp(-p[1] * t) + p[2] - y) ** 2)


def arguments(size: int) -> Arguments:
    """Return p: (3,), t: (size,), y: (size,) a noisy decay."""
    random = np.random.default_rng(4)
    t = np.linspace(0.0, 4.0, size)
    y = 2.5 * np.exp(-1.3 * t) + 0.5 + 0.1 * random.normal(size=size)
    return np.array([2.0, 1.0, 0.4]), t, y


@njit(**LOOP)
def handwritten_value(p, t, y):
    amplitude, rate, offset = p[0], p[1], p[2]
    value = 0.0
    for i in range(t.shape[0]):
        residual = amplitude * exp(-rate * t[i]) + offset - y[i]
        value += residual * residual
    return value


@njit(**LOOP)
def handwritten_value_and_grad(p, t, y):
    amplitude, rate, offset = p[0], p[1], p[2]
    value = 0.0
    from_amplitude = 0.0
    from_rate = 0.0
    from_offset = 0.0
    for i in range(t.shape[0]):
        e = exp(-rate * t[i])
        residual = amplitude * e + offset - y[i]
        value += residual * residual
        from_offset += residual
        from_amplitude += residual * e
        from_rate += residual * e * t[i]
    gradient = np.empty(3)
    gradient[0] = 2.0 * from_amplitude
    gradient[1] = -2.0 * amplitude * from_rate
    gradient[2] = 2.0 * from_offset
    return value, gradient


@njit(**LOOP)
def handwritten_libm(p, t, y):
    amplitude, rate, offset = p[0], p[1], p[2]
    gradient = np.zeros(3)
    value = 0.0
    for i in range(t.shape[0]):
        e = math.exp(-rate * t[i])
        residual = amplitude * e + offset - y[i]
        value += residual * residual
        gradient[0] += 2.0 * residual * e
        gradient[1] -= 2.0 * amplitude * residual * e * t[i]
        gradient[2] += 2.0 * residual
    return value, gradient


def torch_function(torch: Any) -> Any:
    """Return the objective in PyTorch."""

    def curve_fit(p, t, y):
        return torch.sum((p[0] * torch.exp(-p[1] * t) + p[2] - y) ** 2)

    return curve_fit


def casadi_function(casadi: Any) -> Any:
    """Return the objective in CasADi."""

    def curve_fit(p, t, y):
        return casadi.sum1((p[0] * casadi.exp(-p[1] * t) + p[2] - y) ** 2)

    return curve_fit


PROBLEM = Problem(
    name="curve_fit",
    summary="least squares of a exp(-b t) + c, three parameters",
    size_means="points",
    function=curve_fit,
    arguments=arguments,
    argnums=0,
    sizes=(50,),
    tiny=5,
    handwritten_value=handwritten_value,
    handwritten_value_and_grad=handwritten_value_and_grad,
    handwritten_libm=handwritten_libm,
    torch_function=torch_function,
    casadi_function=casadi_function,
)
