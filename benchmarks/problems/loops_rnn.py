"""A plain recurrent network over 100 steps, written as a Python loop over matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from benchmarks.vector_math import LOOP, tanh

STEPS = 100
WIDTH = 32
INPUTS = 8


def rnn(w, u, b, x, y):
    h = np.zeros(WIDTH)
    loss = 0.0
    for t in range(STEPS):
        h = np.tanh(w @ h + u @ x[t] + b)
        loss = loss + np.sum((h - y[t]) ** 2)
    return loss


def arguments() -> tuple[Any, ...]:
    """Return w: (32, 32), u: (32, 8), b: (32,), x: (100, 8), y: (100, 32)."""
    random = np.random.default_rng(6)
    return (
        random.normal(size=(WIDTH, WIDTH)) / WIDTH**0.5,
        random.normal(size=(WIDTH, INPUTS)) / INPUTS**0.5,
        0.1 * random.normal(size=WIDTH),
        random.normal(size=(STEPS, INPUTS)),
        0.5 * random.normal(size=(STEPS, WIDTH)),
    )


def lax_form(jax: Any) -> Any:
    """Return the function with ``jax.lax.scan``, the inputs' product taken before it."""
    jnp = jax.numpy

    def function(w, u, b, x, y):
        def step(h, pushed):
            h = jnp.tanh(w @ h + pushed)
            return h, h

        _, states = jax.lax.scan(step, jnp.zeros(WIDTH), x @ u.T + b)
        return jnp.sum((states - y) ** 2)

    return function


@njit(**LOOP)
def handwritten_value_and_grad(w, u, b, x, y):
    steps, width = y.shape
    states = np.empty((steps + 1, width))
    pushed = np.empty((steps, width))
    np.dot(x, u.T, pushed)
    z = np.empty(width)
    value = 0.0
    states[0, :] = 0.0
    for t in range(steps):
        np.dot(w, states[t], z)
        for k in range(width):
            h = tanh(z[k] + pushed[t, k] + b[k])
            states[t + 1, k] = h
            e = h - y[t, k]
            value += e * e
    deltas = pushed  # read for the last time
    h_bar = np.zeros(width)
    b_bar = np.zeros(width)
    for s in range(steps):
        t = steps - 1 - s
        for k in range(width):
            h = states[t + 1, k]
            delta = (h_bar[k] + 2.0 * (h - y[t, k])) * (1.0 - h * h)
            deltas[t, k] = delta
            b_bar[k] += delta
        np.dot(w.T, deltas[t], h_bar)
    w_bar = np.dot(deltas.T, states[:-1])
    u_bar = np.dot(deltas.T, x)
    return value, (w_bar, u_bar, b_bar)
