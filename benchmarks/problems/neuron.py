"""One neuron, five scalars in and one out: nothing but call overhead."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from benchmarks.problem import Arguments, Problem
from benchmarks.vector_math import LOOP


def neuron(x1, x2, w1, w2, b):
    return np.tanh(x1 * w1 + x2 * w2 + b)


def arguments(size: int) -> Arguments:
    """Return the tutorial neuron's five numbers."""
    return (2.0, 0.0, -3.0, 1.0, 6.8813735870195432)


@njit(**LOOP)
def handwritten_value(x1, x2, w1, w2, b):
    return math.tanh(x1 * w1 + x2 * w2 + b)


@njit(**LOOP)
def handwritten_value_and_grad(x1, x2, w1, w2, b):
    y = math.tanh(x1 * w1 + x2 * w2 + b)
    n_bar = 1.0 - y * y
    return y, (w1 * n_bar, w2 * n_bar, x1 * n_bar, x2 * n_bar, n_bar)


def torch_function(torch: Any) -> Any:
    """Return the neuron in PyTorch."""

    def neuron(x1, x2, w1, w2, b):
        return torch.tanh(x1 * w1 + x2 * w2 + b)

    return neuron


def casadi_function(casadi: Any) -> Any:
    """Return the neuron in CasADi."""

    def neuron(x1, x2, w1, w2, b):
        return casadi.tanh(x1 * w1 + x2 * w2 + b)

    return neuron


PROBLEM = Problem(
    name="neuron",
    summary="tanh(x1 w1 + x2 w2 + b), five scalars",
    size_means="always one neuron",
    function=neuron,
    arguments=arguments,
    argnums=(0, 1, 2, 3, 4),
    sizes=(1,),
    tiny=1,
    handwritten_value=handwritten_value,
    handwritten_value_and_grad=handwritten_value_and_grad,
    torch_function=torch_function,
    casadi_function=casadi_function,
)
