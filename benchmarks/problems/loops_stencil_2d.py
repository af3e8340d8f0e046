"""Jacobi steps of the heat equation on a square, written as a Python loop over array operations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from benchmarks.vector_math import LOOP

SIZE = 128
STEPS = 100


def heat_2d(u, rate):
    u = u * 1.0
    for _ in range(STEPS):
        u[1:-1, 1:-1] = u[1:-1, 1:-1] + rate * (
            u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4.0 * u[1:-1, 1:-1]
        )
    return np.sum(u * u)


def arguments() -> tuple[Any, ...]:
    """Return u: (128, 128) and the rate, which is not differentiated."""
    return np.random.default_rng(4).normal(size=(SIZE, SIZE)), 0.2


def lax_form(jax: Any) -> Any:
    """Return the function with ``jax.lax.scan`` over the steps."""

    def function(u, rate):
        def step(u, _):
            inner = u[1:-1, 1:-1] + rate * (
                u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4.0 * u[1:-1, 1:-1]
            )
            return u.at[1:-1, 1:-1].set(inner), None

        u, _ = jax.lax.scan(step, u, None, length=STEPS)
        return jax.numpy.sum(u * u)

    return function


@njit(**LOOP)
def handwritten_value_and_grad(u, rate):
    n, m = u.shape
    a = u.copy()
    b = u.copy()
    for _ in range(STEPS):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                around = a[i - 1, j] + a[i + 1, j] + a[i, j - 1] + a[i, j + 1]
                b[i, j] = a[i, j] + rate * (around - 4.0 * a[i, j])
        a, b = b, a
    value = 0.0
    for i in range(n):
        for j in range(m):
            value += a[i, j] * a[i, j]
            a[i, j] *= 2.0
    # The border takes from the inside and gives nothing back: the inside is kept in a frame of 0.
    centre = 1.0 - 4.0 * rate
    p = np.zeros((n, m))
    q = np.zeros((n, m))
    for i in range(1, n - 1):
        for j in range(1, m - 1):
            p[i, j] = a[i, j]
    for _ in range(STEPS):
        for j in range(1, m - 1):
            a[0, j] += rate * p[1, j]
            a[n - 1, j] += rate * p[n - 2, j]
        for i in range(1, n - 1):
            a[i, 0] += rate * p[i, 1]
            a[i, m - 1] += rate * p[i, m - 2]
            for j in range(1, m - 1):
                around = p[i - 1, j] + p[i + 1, j] + p[i, j - 1] + p[i, j + 1]
                q[i, j] = centre * p[i, j] + rate * around
        p, q = q, p
    for i in range(1, n - 1):
        for j in range(1, m - 1):
            a[i, j] = p[i, j]
    return value, a
