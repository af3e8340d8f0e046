"""Runge-Kutta steps of the Lorenz system, written as a Python loop over scalars."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from benchmarks.vector_math import LOOP

STEP = 0.005
STEPS = 1000


def slope(x, y, z, rates):
    return rates[0] * (y - x), x * (rates[1] - z) - y, x * y - rates[2] * z


def lorenz(state, rates):
    x, y, z = state[0], state[1], state[2]
    h = STEP
    for _ in range(STEPS):
        a = slope(x, y, z, rates)
        b = slope(x + h / 2 * a[0], y + h / 2 * a[1], z + h / 2 * a[2], rates)
        c = slope(x + h / 2 * b[0], y + h / 2 * b[1], z + h / 2 * b[2], rates)
        d = slope(x + h * c[0], y + h * c[1], z + h * c[2], rates)
        x = x + h / 6 * (a[0] + 2 * b[0] + 2 * c[0] + d[0])
        y = y + h / 6 * (a[1] + 2 * b[1] + 2 * c[1] + d[1])
        z = z + h / 6 * (a[2] + 2 * b[2] + 2 * c[2] + d[2])
    return x * x + y * y + z * z


def arguments() -> tuple[Any, ...]:
    """Return state: (3,), rates: (3,)."""
    return np.array([1.0, 1.0, 1.05]), np.array([10.0, 28.0, 8.0 / 3.0])


def lax_form(jax: Any) -> Any:
    """Return the function with ``jax.lax.scan`` over the steps."""
    jnp = jax.numpy

    def slopes(u, rates):
        x, y, z = u
        return jnp.stack([rates[0] * (y - x), x * (rates[1] - z) - y, x * y - rates[2] * z])

    def function(state, rates):
        def step(u, _):
            a = slopes(u, rates)
            b = slopes(u + STEP / 2 * a, rates)
            c = slopes(u + STEP / 2 * b, rates)
            d = slopes(u + STEP * c, rates)
            return u + STEP / 6 * (a + 2 * b + 2 * c + d), None

        u, _ = jax.lax.scan(step, state, None, length=STEPS)
        return jnp.sum(u * u)

    return function


@njit(**LOOP)
def _slope(x, y, z, s, r, b):
    return s * (y - x), x * (r - z) - y, x * y - b * z


@njit(**LOOP)
def _transposed(x, y, z, s, r, b, p, q, w):
    return (r - z) * q - s * p + y * w, s * p - q + x * w, -x * q - b * w


@njit(**LOOP)
def handwritten_value_and_grad(state, rates):
    h = STEP
    s, r, b = rates[0], rates[1], rates[2]
    kept = np.empty((STEPS, 3))
    x, y, z = state[0], state[1], state[2]
    for n in range(STEPS):
        kept[n, 0] = x
        kept[n, 1] = y
        kept[n, 2] = z
        a0, a1, a2 = _slope(x, y, z, s, r, b)
        b0, b1, b2 = _slope(x + h / 2 * a0, y + h / 2 * a1, z + h / 2 * a2, s, r, b)
        c0, c1, c2 = _slope(x + h / 2 * b0, y + h / 2 * b1, z + h / 2 * b2, s, r, b)
        d0, d1, d2 = _slope(x + h * c0, y + h * c1, z + h * c2, s, r, b)
        x += h / 6 * (a0 + 2 * b0 + 2 * c0 + d0)
        y += h / 6 * (a1 + 2 * b1 + 2 * c1 + d1)
        z += h / 6 * (a2 + 2 * b2 + 2 * c2 + d2)
    value = x * x + y * y + z * z
    p, q, w = 2 * x, 2 * y, 2 * z
    sb = 0.0
    rb = 0.0
    bb = 0.0
    for m in range(STEPS):
        n = STEPS - 1 - m
        x, y, z = kept[n, 0], kept[n, 1], kept[n, 2]
        a0, a1, a2 = _slope(x, y, z, s, r, b)
        x2, y2, z2 = x + h / 2 * a0, y + h / 2 * a1, z + h / 2 * a2
        b0, b1, b2 = _slope(x2, y2, z2, s, r, b)
        x3, y3, z3 = x + h / 2 * b0, y + h / 2 * b1, z + h / 2 * b2
        c0, c1, c2 = _slope(x3, y3, z3, s, r, b)
        x4, y4, z4 = x + h * c0, y + h * c1, z + h * c2
        k0, k1, k2 = h / 6 * p, h / 6 * q, h / 6 * w
        u0, u1, u2 = _transposed(x4, y4, z4, s, r, b, k0, k1, k2)
        sb += (y4 - x4) * k0
        rb += x4 * k1
        bb -= z4 * k2
        l0, l1, l2 = 2 * k0 + h * u0, 2 * k1 + h * u1, 2 * k2 + h * u2
        v0, v1, v2 = _transposed(x3, y3, z3, s, r, b, l0, l1, l2)
        sb += (y3 - x3) * l0
        rb += x3 * l1
        bb -= z3 * l2
        m0, m1, m2 = 2 * k0 + h / 2 * v0, 2 * k1 + h / 2 * v1, 2 * k2 + h / 2 * v2
        t0, t1, t2 = _transposed(x2, y2, z2, s, r, b, m0, m1, m2)
        sb += (y2 - x2) * m0
        rb += x2 * m1
        bb -= z2 * m2
        o0, o1, o2 = k0 + h / 2 * t0, k1 + h / 2 * t1, k2 + h / 2 * t2
        e0, e1, e2 = _transposed(x, y, z, s, r, b, o0, o1, o2)
        sb += (y - x) * o0
        rb += x * o1
        bb -= z * o2
        p += u0 + v0 + t0 + e0
        q += u1 + v1 + t1 + e1
        w += u2 + v2 + t2 + e2
    return value, (np.array([p, q, w]), np.array([sb, rb, bb]))
