"""Gauss-Seidel sweeps for Poisson's equation on a square, written as Python loops over elements."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from benchmarks.vector_math import LOOP

SIZE = 30
SWEEPS = 10


def gauss_seidel(u, f):
    u = u * 1.0
    for _ in range(SWEEPS):
        for i in range(1, SIZE - 1):
            for j in range(1, SIZE - 1):
                u[i, j] = 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] + f[i, j])
    return np.sum(u * u)


def arguments() -> tuple[Any, ...]:
    """Return u: (30, 30) and f: (30, 30)."""
    random = np.random.default_rng(5)
    return random.normal(size=(SIZE, SIZE)), random.normal(size=(SIZE, SIZE))


def lax_form(jax: Any) -> Any:
    """Return the function with ``jax.lax.scan`` over sweeps, rows and the elements of a row."""
    lax, jnp = jax.lax, jax.numpy

    def function(u, f):
        def element(left, known):
            new = 0.25 * (left + known)
            return new, new

        def row(above, parts):
            here, below, source = parts
            known = above[1:-1] + below[1:-1] + here[2:] + source[1:-1]
            _, inner = lax.scan(element, here[0], known)
            new = here.at[1:-1].set(inner)
            return new, new

        def sweep(u, _):
            _, inner = lax.scan(row, u[0], (u[1:-1], u[2:], f[1:-1]))
            return u.at[1:-1].set(inner), None

        u, _ = lax.scan(sweep, u, None, length=SWEEPS)
        return jnp.sum(u * u)

    return function


@njit(**LOOP)
def handwritten_value_and_grad(u, f):
    n, m = u.shape
    a = u.copy()
    for _ in range(SWEEPS):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                a[i, j] = 0.25 * (a[i - 1, j] + a[i + 1, j] + a[i, j - 1] + a[i, j + 1] + f[i, j])
    value = 0.0
    for i in range(n):
        for j in range(m):
            value += a[i, j] * a[i, j]
            a[i, j] *= 2.0
    f_bar = np.zeros((n, m))
    for _ in range(SWEEPS):
        for i in range(n - 2, 0, -1):
            for j in range(m - 2, 0, -1):
                t = 0.25 * a[i, j]
                a[i, j] = 0.0
                a[i - 1, j] += t
                a[i + 1, j] += t
                a[i, j - 1] += t
                a[i, j + 1] += t
                f_bar[i, j] += t
    return value, (a, f_bar)
