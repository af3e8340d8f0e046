"""Robust linear regression: a non-smooth loss between two matrix-vector products."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from benchmarks.problem import Arguments, Problem
from benchmarks.vector_math import LOOP

FEATURES = 30
DELTA = 1.0


def huber(w, X, y):
    r = X @ w - y
    a = np.abs(r)
    return np.mean(np.where(a <= DELTA, 0.5 * r * r, DELTA * (a - 0.5 * DELTA)))


def arguments(size: int) -> Arguments:
    """Return w: (30,), X: (size, 30), y: (size,), a tenth of the targets outliers."""
    random = np.random.default_rng(2)
    X = random.normal(size=(size, FEATURES))
    truth = random.normal(size=FEATURES)
    outlier = random.random(size) < 0.1
    y = X @ truth + random.normal(size=size) * np.where(outlier, 10.0, 0.5)
    return truth + 0.1 * random.normal(size=FEATURES), X, y


@njit(**LOOP)
def handwritten_value(w, X, y):
    n = X.shape[0]
    scratch = np.empty(min(n, 512))
    value = 0.0
    for start in range(0, n, 512):
        rows, targets = X[start : start + 512], y[start : start + 512]
        r = scratch[: rows.shape[0]]
        np.dot(rows, w, r)
        for i in range(r.shape[0]):
            residual = r[i] - targets[i]
            clipped = min(max(residual, -DELTA), DELTA)
            value += clipped * (residual - 0.5 * clipped)
    return value / n


@njit(**LOOP)
def handwritten_value_and_grad(w, X, y):
    n, d = X.shape
    scratch = np.empty(min(n, 512))
    partial = np.empty(d)
    gradient = np.zeros(d)
    value = 0.0
    for start in range(0, n, 512):
        rows, targets = X[start : start + 512], y[start : start + 512]
        r = scratch[: rows.shape[0]]
        np.dot(rows, w, r)
        for i in range(r.shape[0]):
            # The derivative is the clipped residual c, and the loss is c (r - c / 2) on both sides.
            residual = r[i] - targets[i]
            clipped = min(max(residual, -DELTA), DELTA)
            value += clipped * (residual - 0.5 * clipped)
            r[i] = clipped
        np.dot(r, rows, partial)
        for j in range(d):
            gradient[j] += partial[j]
    for j in range(d):
        gradient[j] /= n
    return value / n, gradient


def torch_function(torch: Any) -> Any:
    """Return the loss in PyTorch."""

    def huber(w, X, y):
        r = X @ w - y
        a = torch.abs(r)
        return torch.mean(torch.where(a <= DELTA, 0.5 * r * r, DELTA * (a - 0.5 * DELTA)))

    return huber


PROBLEM = Problem(
    name="huber",
    summary="mean Huber loss of X w - y, 30 features, delta 1",
    size_means="rows",
    function=huber,
    arguments=arguments,
    argnums=0,
    sizes=(10_000,),
    tiny=6,
    handwritten_value=handwritten_value,
    handwritten_value_and_grad=handwritten_value_and_grad,
    torch_function=torch_function,
)
