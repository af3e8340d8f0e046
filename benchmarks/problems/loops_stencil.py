"""Steps of the heat equation on an interval, written as a Python loop over array operations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from benchmarks.vector_math import LOOP

SIZE = 1000
STEPS = 200


def heat(u, rate):
    u = u * 1.0
    for _ in range(STEPS):
        u[1:-1] = u[1:-1] + rate * (u[:-2] - 2.0 * u[1:-1] + u[2:])
    return np.sum(u * u)


def arguments() -> tuple[Any, ...]:
    """Return u: (1000,) and the rate, which is not differentiated."""
    return np.random.default_rng(3).normal(size=SIZE), 0.2


def lax_form(jax: Any) -> Any:
    """Return the function with ``jax.lax.scan`` over the steps."""

    def function(u, rate):
        def step(u, _):
            return u.at[1:-1].add(rate * (u[:-2] - 2.0 * u[1:-1] + u[2:])), None

        u, _ = jax.lax.scan(step, u, None, length=STEPS)
        return jax.numpy.sum(u * u)

    return function


@njit(**LOOP)
def handwritten_value_and_grad(u, rate):
    n = u.shape[0]
    a = u.copy()
    b = u.copy()
    for _ in range(STEPS):
        for i in range(1, n - 1):
            b[i] = a[i] + rate * (a[i - 1] - 2.0 * a[i] + a[i + 1])
        a, b = b, a
    value = 0.0
    for i in range(n):
        value += a[i] * a[i]
        a[i] *= 2.0
    centre = 1.0 - 2.0 * rate
    for _ in range(STEPS):
        b[0] = a[0] + rate * a[1]
        b[1] = centre * a[1] + rate * a[2]
        for i in range(2, n - 2):
            b[i] = centre * a[i] + rate * (a[i - 1] + a[i + 1])
        b[n - 2] = centre * a[n - 2] + rate * a[n - 3]
        b[n - 1] = a[n - 1] + rate * a[n - 2]
        a, b = b, a
    return value, a
