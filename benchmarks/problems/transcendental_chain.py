"""Ten transcendental functions one after the other, elementwise: vector math and nothing else."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from benchmarks.problem import Arguments, Problem
from benchmarks.vector_math import LOOP, arctan, exp, expm1, log, log1p, sincos, tanh

BLOCK = 512


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
    n = x.shape[0]
    scratch = np.empty(min(n, BLOCK))
    value = 0.0
    for start in range(0, n, BLOCK):
        block = x[start : start + BLOCK]
        y = scratch[: block.shape[0]]
        for i in range(y.shape[0]):
            y[i] = sincos(block[i])[0]
        for i in range(y.shape[0]):
            y[i] = log1p(exp(y[i]))
        for i in range(y.shape[0]):
            y[i] = tanh(y[i])
        for i in range(y.shape[0]):
            y[i] = sincos(y[i])[1]
        for i in range(y.shape[0]):
            y[i] = expm1(y[i])
        for i in range(y.shape[0]):
            y[i] = arctan(y[i])
        for i in range(y.shape[0]):
            m = expm1(y[i])
            y[i] = 0.5 * (m + m / (m + 1.0))
        for i in range(y.shape[0]):
            y[i] = exp(y[i])
        for i in range(y.shape[0]):
            value += log(0.5 * (y[i] + 1.0 / y[i]))
    return value


@njit(**LOOP)
def handwritten_value_and_grad(x):
    # One loop over everything vectorises too, but eleven kernels' constants and live values do not
    # fit the registers: 40 ns an element, against 21 as short passes over a block in the L1 cache.
    n = x.shape[0]
    gradient = np.empty(n)
    scratch = np.empty((2, min(n, BLOCK)))
    value = 0.0
    for start in range(0, n, BLOCK):
        block, slope = x[start : start + BLOCK], gradient[start : start + BLOCK]
        y, divisor = scratch[0, : block.shape[0]], scratch[1, : block.shape[0]]
        for i in range(y.shape[0]):
            y[i], slope[i] = sincos(block[i])
        for i in range(y.shape[0]):
            y[i] = exp(y[i])
        for i in range(y.shape[0]):
            e = y[i]
            slope[i] *= e
            divisor[i] = 1.0 + e
            y[i] = log1p(e)
        for i in range(y.shape[0]):
            t = tanh(y[i])
            slope[i] *= t * t - 1.0  # the sign is the cosine's
            y[i] = t
        for i in range(y.shape[0]):
            sine, y[i] = sincos(y[i])
            slope[i] *= sine
        for i in range(y.shape[0]):
            p = expm1(y[i])
            slope[i] *= p + 1.0
            divisor[i] *= 1.0 + p * p  # the arctangent's, divided by once at the end
            y[i] = p
        for i in range(y.shape[0]):
            y[i] = arctan(y[i])
        for i in range(y.shape[0]):
            m = expm1(y[i])
            inverse = 1.0 / (m + 1.0)
            y[i] = 0.5 * (m + m * inverse)
            slope[i] *= 0.5 * (m + 1.0 + inverse)
        for i in range(y.shape[0]):
            y[i] = exp(y[i])
        for i in range(y.shape[0]):
            e = y[i]
            inverse = 1.0 / e
            total = e + inverse
            value += log(0.5 * total)
            slope[i] *= (e - inverse) / (total * divisor[i])
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
