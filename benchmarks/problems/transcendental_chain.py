"""Ten transcendental functions one after the other, elementwise: vector math and nothing else."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from benchmarks.problem import Arguments, Problem
from benchmarks.vector_math import LOOP, arctan, exp, expm1, log, log1p, sincos, tanh


def chain(x):
    y = np.exp(np.sin(x))
    y = np.tanh(np.log1p(y))
    y = np.expm1(np.cos(y))
    y = np.sinh(np.arctan(y))
    y = np.log(np.cosh(y))
    return np.sum(y)


def arguments(size: int) -> Arguments:
    """Return x: (size,)."""
    return (np.random.default_rng(3).normal(size=size) * 2.0,)


@njit(**LOOP)
def handwritten_value(x):
    value = 0.0
    for i in range(x.shape[0]):
        t = tanh(log1p(exp(sincos(x[i])[0])))
        a = arctan(expm1(sincos(t)[1]))
        m = expm1(a)
        h = 0.5 * (m + m / (m + 1.0))
        e = exp(h)
        value += log(0.5 * (e + 1.0 / e))
    return value


@njit(**LOOP)
def handwritten_value_and_grad(x):
    n = x.shape[0]
    gradient = np.empty(n)
    value = 0.0
    for i in range(n):
        sin_x, cos_x = sincos(x[i])
        e = exp(sin_x)
        t = tanh(log1p(e))
        sin_t, cos_t = sincos(t)
        p = expm1(cos_t)
        m = expm1(arctan(p))
        inverse = 1.0 / (m + 1.0)  # exp(-arctan p)
        sinh_a = 0.5 * (m + m * inverse)
        cosh_a = 0.5 * (m + 1.0 + inverse)
        g = exp(sinh_a)
        g_inverse = 1.0 / g
        total = g + g_inverse
        value += log(0.5 * total)
        # One quotient for the three divisions of the chain rule: tanh h, 1/(1+p^2), 1/(1+e).
        numerator = (g - g_inverse) * cosh_a * (p + 1.0) * sin_t * (t * t - 1.0) * e * cos_x
        gradient[i] = numerator / (total * (1.0 + p * p) * (1.0 + e))
    return value, gradient


@njit(**LOOP)
def handwritten_libm(x):
    n = x.shape[0]
    gradient = np.empty(n)
    value = 0.0
    for i in range(n):
        e = math.exp(math.sin(x[i]))
        t = math.tanh(math.log1p(e))
        p = math.expm1(math.cos(t))
        m = math.expm1(math.atan(p))
        inverse = 1.0 / (m + 1.0)
        sinh_a = 0.5 * (m + m * inverse)
        cosh_a = 0.5 * (m + 1.0 + inverse)
        g = math.exp(sinh_a)
        g_inverse = 1.0 / g
        total = g + g_inverse
        value += math.log(0.5 * total)
        numerator = (g - g_inverse) * cosh_a * (p + 1.0) * math.sin(t) * (t * t - 1.0)
        gradient[i] = numerator * e * math.cos(x[i]) / (total * (1.0 + p * p) * (1.0 + e))
    return value, gradient


def torch_function(torch: Any) -> Any:
    """Return the chain in PyTorch."""

    def chain(x):
        y = torch.exp(torch.sin(x))
        y = torch.tanh(torch.log1p(y))
        y = torch.expm1(torch.cos(y))
        y = torch.sinh(torch.arctan(y))
        y = torch.log(torch.cosh(y))
        return torch.sum(y)

    return chain


PROBLEM = Problem(
    name="transcendental_chain",
    summary="sum of log cosh sinh arctan expm1 cos tanh log1p exp sin x",
    size_means="elements",
    function=chain,
    arguments=arguments,
    argnums=0,
    sizes=(100_000,),
    tiny=9,
    handwritten_value=handwritten_value,
    handwritten_value_and_grad=handwritten_value_and_grad,
    handwritten_libm=handwritten_libm,
    torch_function=torch_function,
)
