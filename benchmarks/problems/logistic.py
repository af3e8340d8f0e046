"""Logistic regression: one matrix-vector product, one transcendental pass, one product back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from benchmarks.problem import Arguments, Problem
from benchmarks.vector_math import LOOP, exp, log1p_unit

FEATURES = 30


def logistic(w, X, y):
    z = X @ w
    return np.mean(np.logaddexp(0.0, z) - y * z)


def arguments(size: int) -> Arguments:
    """Return w: (30,), X: (size, 30), y: (size,) of zeros and ones."""
    random = np.random.default_rng(1)
    X = random.normal(size=(size, FEATURES))
    truth = random.normal(size=FEATURES)
    y = (X @ truth + random.normal(size=size) > 0.0).astype(np.float64)
    return random.normal(size=FEATURES) * 0.3, X, y


@njit(**LOOP)
def handwritten_value(w, X, y):
    n = X.shape[0]
    scratch = np.empty(min(n, 512))
    value = 0.0
    for start in range(0, n, 512):
        rows, labels = X[start : start + 512], y[start : start + 512]
        z = scratch[: rows.shape[0]]
        np.dot(rows, w, z)
        for i in range(z.shape[0]):
            value += max(z[i], 0.0) + log1p_unit(exp(-abs(z[i]))) - labels[i] * z[i]
    return value / n


@njit(**LOOP)
def handwritten_value_and_grad(w, X, y):
    n, d = X.shape
    scratch = np.empty(min(n, 512))
    partial = np.empty(d)
    gradient = np.zeros(d)
    value = 0.0
    for start in range(0, n, 512):
        rows, labels = X[start : start + 512], y[start : start + 512]
        z = scratch[: rows.shape[0]]
        np.dot(rows, w, z)
        for i in range(z.shape[0]):
            score = z[i]
            e = exp(-abs(score))
            value += max(score, 0.0) + log1p_unit(e) - labels[i] * score
            z[i] = (1.0 if score >= 0.0 else e) / (1.0 + e) - labels[i]
        np.dot(z, rows, partial)
        for j in range(d):
            gradient[j] += partial[j]
    for j in range(d):
        gradient[j] /= n
    return value / n, gradient


@njit(**LOOP)
def handwritten_libm(w, X, y):
    n, d = X.shape
    gradient = np.zeros(d)
    value = 0.0
    for i in range(n):
        row = X[i]
        score = 0.0
        for j in range(d):
            score += row[j] * w[j]
        e = math.exp(-abs(score))
        value += max(score, 0.0) + math.log1p(e) - y[i] * score
        residual = (1.0 if score >= 0.0 else e) / (1.0 + e) - y[i]
        for j in range(d):
            gradient[j] += residual * row[j]
    for j in range(d):
        gradient[j] /= n
    return value / n, gradient


def torch_function(torch: Any) -> Any:
    """Return the loss in PyTorch."""

    def logistic(w, X, y):
        z = X @ w
        return torch.mean(torch.nn.functional.softplus(z, threshold=1e9) - y * z)

    return logistic


PROBLEM = Problem(
    name="logistic",
    summary="mean of logaddexp(0, X w) - y X w, 30 features",
    size_means="rows",
    function=logistic,
    arguments=arguments,
    argnums=0,
    sizes=(10_000,),
    tiny=5,
    handwritten_value=handwritten_value,
    handwritten_value_and_grad=handwritten_value_and_grad,
    handwritten_libm=handwritten_libm,
    torch_function=torch_function,
)
