"""The micrograd demo in array form: MLP 2-16-16-1, hinge loss, L2 term, 100 points of two moons."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from benchmarks.problem import Arguments, Problem
from benchmarks.vector_math import LOOP

HIDDEN = 16
PENALTY = 1e-4


def loss(W1, b1, W2, b2, w3, b3, X, y):
    h1 = np.maximum(X @ W1 + b1, 0.0)
    h2 = np.maximum(h1 @ W2 + b2, 0.0)
    scores = h2 @ w3 + b3
    hinge = np.mean(np.maximum(1.0 - y * scores, 0.0))
    weights = np.sum(W1**2) + np.sum(W2**2) + np.sum(w3**2)
    biases = np.sum(b1**2) + np.sum(b2**2) + b3**2
    return hinge + PENALTY * (weights + biases)


def two_moons(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return X: (size, 2) and y: (size,) of -1 and 1: two noisy interleaved half circles."""
    random = np.random.default_rng(6)
    upper = size // 2
    angle = np.concatenate([np.linspace(0, np.pi, upper), np.linspace(0, np.pi, size - upper)])
    outer = np.arange(size) < upper
    x = np.where(outer, np.cos(angle), 1.0 - np.cos(angle))
    height = np.where(outer, np.sin(angle), 0.5 - np.sin(angle))
    X = np.stack([x, height], axis=1) + 0.1 * random.normal(size=(size, 2))
    return X, np.where(outer, -1.0, 1.0)


def arguments(size: int) -> Arguments:
    """Return W1: (2, 16), b1, W2: (16, 16), b2, w3: (16,), b3 a float, X: (size, 2), y: (size,)."""
    random = np.random.default_rng(7)
    X, y = two_moons(size)
    return (
        random.uniform(-1.0, 1.0, (2, HIDDEN)),
        random.uniform(-0.2, 0.2, HIDDEN),
        random.uniform(-1.0, 1.0, (HIDDEN, HIDDEN)) * 0.5,
        random.uniform(-0.2, 0.2, HIDDEN),
        random.uniform(-1.0, 1.0, HIDDEN) * 0.5,
        0.1,
        X,
        y,
    )


@njit(**LOOP)
def _penalty(W1, b1, W2, b2, w3, b3):
    total = b3 * b3
    for j in range(HIDDEN):
        total += W1[0, j] * W1[0, j] + W1[1, j] * W1[1, j] + b1[j] * b1[j] + b2[j] * b2[j]
        total += w3[j] * w3[j]
    for i in range(HIDDEN):
        for j in range(HIDDEN):
            total += W2[i, j] * W2[i, j]
    return PENALTY * total


@njit(**LOOP)
def _forward(W1, b1, W2, b2, w3, b3, X, y):
    """Return the columns of X, both layers and the slack 1 - y score, samples the inner axis."""
    n = X.shape[0]
    x0, x1 = X[:, 0].copy(), X[:, 1].copy()
    H1 = np.empty((HIDDEN, n))
    H2 = np.empty((HIDDEN, n))
    for j in range(HIDDEN):
        h, a0, a1, bias = H1[j], W1[0, j], W1[1, j], b1[j]
        for i in range(n):
            h[i] = max(x0[i] * a0 + x1[i] * a1 + bias, 0.0)
    np.dot(W2.T, H1, H2)
    slack = np.empty(n)
    slack[:] = b3
    for j in range(HIDDEN):
        h, weight, bias = H2[j], w3[j], b2[j]
        for i in range(n):
            a = max(h[i] + bias, 0.0)
            h[i] = a
            slack[i] += a * weight
    for i in range(n):
        slack[i] = 1.0 - y[i] * slack[i]
    return x0, x1, H1, H2, slack


@njit(**LOOP)
def handwritten_value(W1, b1, W2, b2, w3, b3, X, y):
    slack = _forward(W1, b1, W2, b2, w3, b3, X, y)[4]
    hinge = 0.0
    for i in range(slack.shape[0]):
        hinge += max(slack[i], 0.0)
    return hinge / slack.shape[0] + _penalty(W1, b1, W2, b2, w3, b3)


@njit(**LOOP)
def handwritten_value_and_grad(W1, b1, W2, b2, w3, b3, X, y):
    # Layers transposed, (16, samples): loops of 100 instead of 16, and each bias or weight of the
    # narrow layers a scalar. Row by row, with the inner loops over 16 units, took twice as long.
    x0, x1, H1, H2, score_bar = _forward(W1, b1, W2, b2, w3, b3, X, y)
    n = score_bar.shape[0]
    W1_bar = np.empty((2, HIDDEN))
    b1_bar = np.empty(HIDDEN)
    W2_bar = np.empty((HIDDEN, HIDDEN))
    b2_bar = np.empty(HIDDEN)
    w3_bar = np.empty(HIDDEN)
    b3_bar = 2.0 * PENALTY * b3
    inverse = 1.0 / n
    hinge = 0.0
    for i in range(n):
        live = 1.0 if score_bar[i] > 0.0 else 0.0
        hinge += live * score_bar[i]
        score_bar[i] = -live * y[i] * inverse
        b3_bar += score_bar[i]
    for j in range(HIDDEN):
        h, weight = H2[j], w3[j]
        to_weight = 0.0
        to_bias = 0.0
        for i in range(n):
            to_weight += score_bar[i] * h[i]
            h_bar = score_bar[i] * weight if h[i] > 0.0 else 0.0
            to_bias += h_bar
            h[i] = h_bar
        w3_bar[j] = to_weight + 2.0 * PENALTY * weight
        b2_bar[j] = to_bias + 2.0 * PENALTY * b2[j]
    H1_bar = np.empty((HIDDEN, n))
    np.dot(H1, H2.T, W2_bar)
    np.dot(W2, H2, H1_bar)
    for j in range(HIDDEN):
        h, h_bar = H1[j], H1_bar[j]
        to_0 = 0.0
        to_1 = 0.0
        to_bias = 0.0
        for i in range(n):
            back = h_bar[i] if h[i] > 0.0 else 0.0
            to_bias += back
            to_0 += back * x0[i]
            to_1 += back * x1[i]
        W1_bar[0, j] = to_0 + 2.0 * PENALTY * W1[0, j]
        W1_bar[1, j] = to_1 + 2.0 * PENALTY * W1[1, j]
        b1_bar[j] = to_bias + 2.0 * PENALTY * b1[j]
        for k in range(HIDDEN):
            W2_bar[j, k] += 2.0 * PENALTY * W2[j, k]
    value = hinge * inverse + _penalty(W1, b1, W2, b2, w3, b3)
    return value, (W1_bar, b1_bar, W2_bar, b2_bar, w3_bar, b3_bar)


def torch_function(torch: Any) -> Any:
    """Return the loss in PyTorch."""

    def loss(W1, b1, W2, b2, w3, b3, X, y):
        h1 = torch.relu(X @ W1 + b1)
        h2 = torch.relu(h1 @ W2 + b2)
        scores = h2 @ w3 + b3
        hinge = torch.mean(torch.relu(1.0 - y * scores))
        weights = torch.sum(W1**2) + torch.sum(W2**2) + torch.sum(w3**2)
        biases = torch.sum(b1**2) + torch.sum(b2**2) + b3**2
        return hinge + PENALTY * (weights + biases)

    return loss


PROBLEM = Problem(
    name="two_moons",
    summary="MLP 2-16-16-1, relu, hinge loss and L2 term",
    size_means="samples",
    function=loss,
    arguments=arguments,
    argnums=(0, 1, 2, 3, 4, 5),
    sizes=(100,),
    tiny=9,
    handwritten_value=handwritten_value,
    handwritten_value_and_grad=handwritten_value_and_grad,
    torch_function=torch_function,
)
