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
def handwritten_value(W1, b1, W2, b2, w3, b3, X, y):
    n = X.shape[0]
    h1 = np.empty(HIDDEN)
    h2 = np.empty(HIDDEN)
    hinge = 0.0
    for i in range(n):
        x0, x1 = X[i, 0], X[i, 1]
        for j in range(HIDDEN):
            h1[j] = max(x0 * W1[0, j] + x1 * W1[1, j] + b1[j], 0.0)
            h2[j] = b2[j]
        for k in range(HIDDEN):
            a = h1[k]
            if a > 0.0:
                for j in range(HIDDEN):
                    h2[j] += a * W2[k, j]
        score = b3
        for j in range(HIDDEN):
            score += max(h2[j], 0.0) * w3[j]
        hinge += max(1.0 - y[i] * score, 0.0)
    return hinge / n + _penalty(W1, b1, W2, b2, w3, b3)


@njit(**LOOP)
def handwritten_value_and_grad(W1, b1, W2, b2, w3, b3, X, y):
    n = X.shape[0]
    W1_bar = np.empty((2, HIDDEN))
    b1_bar = np.empty(HIDDEN)
    W2_bar = np.empty((HIDDEN, HIDDEN))
    b2_bar = np.empty(HIDDEN)
    w3_bar = np.empty(HIDDEN)
    for j in range(HIDDEN):
        W1_bar[0, j] = 2.0 * PENALTY * W1[0, j]
        W1_bar[1, j] = 2.0 * PENALTY * W1[1, j]
        b1_bar[j] = 2.0 * PENALTY * b1[j]
        b2_bar[j] = 2.0 * PENALTY * b2[j]
        w3_bar[j] = 2.0 * PENALTY * w3[j]
    for i in range(HIDDEN):
        for j in range(HIDDEN):
            W2_bar[i, j] = 2.0 * PENALTY * W2[i, j]
    b3_bar = 2.0 * PENALTY * b3

    scratch = np.empty((3, HIDDEN))
    h1, h2, h2_bar = scratch[0], scratch[1], scratch[2]
    hinge = 0.0
    for i in range(n):
        x0, x1 = X[i, 0], X[i, 1]
        for j in range(HIDDEN):
            h1[j] = max(x0 * W1[0, j] + x1 * W1[1, j] + b1[j], 0.0)
            h2[j] = b2[j]
        for k in range(HIDDEN):
            a = h1[k]
            if a > 0.0:  # a dead unit saves a row of products forward and backward
                for j in range(HIDDEN):
                    h2[j] += a * W2[k, j]
        score = b3
        for j in range(HIDDEN):
            score += max(h2[j], 0.0) * w3[j]
        margin = 1.0 - y[i] * score
        if margin > 0.0:
            hinge += margin
            score_bar = -y[i] / n
            b3_bar += score_bar
            for j in range(HIDDEN):
                live = score_bar if h2[j] > 0.0 else 0.0
                w3_bar[j] += live * h2[j]
                h2_bar[j] = live * w3[j]
                b2_bar[j] += h2_bar[j]
            for k in range(HIDDEN):
                a = h1[k]
                if a > 0.0:
                    h1_bar = 0.0
                    for j in range(HIDDEN):
                        W2_bar[k, j] += a * h2_bar[j]
                        h1_bar += W2[k, j] * h2_bar[j]
                    W1_bar[0, k] += x0 * h1_bar
                    W1_bar[1, k] += x1 * h1_bar
                    b1_bar[k] += h1_bar
    value = hinge / n + _penalty(W1, b1, W2, b2, w3, b3)
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
