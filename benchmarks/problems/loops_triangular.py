"""A triangular solve, written as two Python loops over the elements of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from benchmarks.vector_math import LOOP

SIZE = 60


def triangular(a, b):
    y = np.zeros_like(b)
    for i in range(SIZE):
        total = b[i]
        for j in range(i):
            total = total - a[i, j] * y[j]
        y[i] = total / a[i, i]
    return np.sum(y * y)


def arguments() -> tuple[Any, ...]:
    """Return a: (60, 60), lower triangle used, b: (60,)."""
    random = np.random.default_rng(2)
    return random.normal(size=(SIZE, SIZE)) / SIZE + np.eye(SIZE), random.normal(size=SIZE)


def lax_form(jax: Any) -> Any:
    """Return the function with ``jax.lax.scan`` over the rows; what isn't known yet is 0."""
    jnp = jax.numpy

    def function(a, b):
        def row(y, parts):
            i, right = parts
            return y.at[i].set((right - a[i] @ y) / a[i, i]), None

        y, _ = jax.lax.scan(row, jnp.zeros_like(b), (jnp.arange(SIZE), b))
        return jnp.sum(y * y)

    return function


@njit(**LOOP)
def handwritten_value_and_grad(a, b):
    n = b.shape[0]
    y = np.empty(n)
    value = 0.0
    for i in range(n):
        total = b[i]
        for j in range(i):
            total -= a[i, j] * y[j]
        y[i] = total / a[i, i]
        value += y[i] * y[i]
    y_bar = 2.0 * y
    a_bar = np.zeros((n, n))
    b_bar = np.empty(n)
    for m in range(n):
        i = n - 1 - m
        t = y_bar[i] / a[i, i]
        b_bar[i] = t
        a_bar[i, i] = -t * y[i]
        for j in range(i):
            a_bar[i, j] = -t * y[j]
            y_bar[j] -= t * a[i, j]
    return value, (a_bar, b_bar)
