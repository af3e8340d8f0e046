"""A Cholesky factorisation, written as three Python loops over the elements of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from benchmarks.vector_math import LOOP

SIZE = 40


def cholesky(a):
    c = np.zeros_like(a)
    for j in range(SIZE):
        pivot = a[j, j]
        for k in range(j):
            pivot = pivot - c[j, k] * c[j, k]
        c[j, j] = np.sqrt(pivot)
        for i in range(j + 1, SIZE):
            total = a[i, j]
            for k in range(j):
                total = total - c[i, k] * c[j, k]
            c[i, j] = total / c[j, j]
    return np.sum(c * c * c)


def arguments() -> tuple[Any, ...]:
    """Return a: (40, 40), positive definite, lower triangle used."""
    root = np.random.default_rng(7).normal(size=(SIZE, SIZE))
    return (root @ root.T / SIZE + np.eye(SIZE),)


def lax_form(jax: Any) -> Any:
    """Return the function with ``jax.lax.fori_loop`` over the columns, each made as a whole."""
    lax, jnp = jax.lax, jax.numpy

    def function(a):
        rows = jnp.arange(SIZE)

        def column(j, c):
            rest = a[:, j] - c @ c[j]
            return c.at[:, j].set(jnp.where(rows >= j, rest / jnp.sqrt(rest[j]), 0.0))

        c = lax.fori_loop(0, SIZE, column, jnp.zeros_like(a))
        return jnp.sum(c * c * c)

    return function


@njit(**LOOP)
def handwritten_value_and_grad(a):
    n = a.shape[0]
    c = np.zeros((n, n))
    value = 0.0
    for j in range(n):
        pivot = a[j, j]
        for k in range(j):
            pivot -= c[j, k] * c[j, k]
        c[j, j] = np.sqrt(pivot)
        inverse = 1.0 / c[j, j]
        for i in range(j + 1, n):
            total = a[i, j]
            for k in range(j):
                total -= c[i, k] * c[j, k]
            c[i, j] = total * inverse
    c_bar = np.empty((n, n))
    for i in range(n):
        for k in range(n):
            value += c[i, k] * c[i, k] * c[i, k]
            c_bar[i, k] = 3.0 * c[i, k] * c[i, k]
    a_bar = np.zeros((n, n))
    for j in range(n - 1, -1, -1):
        inverse = 1.0 / c[j, j]
        for i in range(n - 1, j, -1):
            t = c_bar[i, j] * inverse
            a_bar[i, j] = t
            c_bar[j, j] -= t * c[i, j]
            for k in range(j):
                c_bar[i, k] -= t * c[j, k]
                c_bar[j, k] -= t * c[i, k]
        t = 0.5 * c_bar[j, j] * inverse
        a_bar[j, j] = t
        for k in range(j):
            c_bar[j, k] -= 2.0 * t * c[j, k]
    return value, a_bar
