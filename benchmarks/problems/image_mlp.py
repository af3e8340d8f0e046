"""A multilayer perceptron on image-sized inputs: three matrix products, cross-entropy on top."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numba import njit

from benchmarks.problem import Arguments, Problem
from benchmarks.vector_math import LOOP, exp

LAYERS = (784, 256, 128, 10)


def loss(W1, b1, W2, b2, W3, b3, X, Y):
    h1 = np.maximum(X @ W1 + b1, 0.0)
    h2 = np.maximum(h1 @ W2 + b2, 0.0)
    logits = h2 @ W3 + b3
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_partition = np.log(np.sum(np.exp(shifted), axis=1))
    return np.mean(log_partition - np.sum(Y * shifted, axis=1))


def arguments(size: int) -> Arguments:
    """Return W1: (784, 256), b1, W2: (256, 128), b2, W3: (128, 10), b3, X, and Y one-hot."""
    random = np.random.default_rng(9)
    parameters: list[np.ndarray] = []
    for fan_in, fan_out in itertools.pairwise(LAYERS):
        parameters.append(random.normal(size=(fan_in, fan_out)) * np.sqrt(2.0 / fan_in))
        parameters.append(random.normal(size=fan_out) * 0.1)
    X = random.random((size, LAYERS[0]))
    Y = np.eye(LAYERS[-1])[random.integers(0, LAYERS[-1], size)]
    return (*parameters, X, Y)


@njit(**LOOP)
def _bias_relu(H, b):
    for i in range(H.shape[0]):
        row = H[i]
        for j in range(b.shape[0]):
            row[j] = max(row[j] + b[j], 0.0)


@njit(**LOOP)
def _cross_entropy(L, b, Y, adjoint):
    """Return the summed loss; with `adjoint`, leave (softmax - Y) / n in L."""
    n, classes = L.shape
    value = 0.0
    for i in range(n):
        row, target = L[i], Y[i]
        top = -np.inf
        for j in range(classes):
            row[j] += b[j]
            top = max(top, row[j])
        total = 0.0
        for j in range(classes):
            row[j] -= top
            value -= target[j] * row[j]
            row[j] = exp(row[j])
            total += row[j]
        value += math.log(total)
        if adjoint:
            # Rows of Y sum to one, so the subtracted maximum drops out of the derivative.
            scale = 1.0 / (n * total)
            for j in range(classes):
                row[j] = row[j] * scale - target[j] / n
    return value


@njit(**LOOP)
def handwritten_value(W1, b1, W2, b2, W3, b3, X, Y):
    n = X.shape[0]
    H1 = np.dot(X, W1)
    _bias_relu(H1, b1)
    H2 = np.dot(H1, W2)
    _bias_relu(H2, b2)
    L = np.dot(H2, W3)
    return _cross_entropy(L, b3, Y, False) / n


@njit(**LOOP)
def _column_sums(A):
    out = np.zeros(A.shape[1])
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            out[j] += A[i, j]
    return out


@njit(**LOOP)
def _masked_column_sums(A, H):
    """Zero A where the activation H is not positive, in place; return its column sums."""
    out = np.zeros(A.shape[1])
    for i in range(A.shape[0]):
        row, alive = A[i], H[i]
        for j in range(A.shape[1]):
            a = row[j] if alive[j] > 0.0 else 0.0
            row[j] = a
            out[j] += a
    return out


@njit(**LOOP)
def handwritten_value_and_grad(W1, b1, W2, b2, W3, b3, X, Y):
    n = X.shape[0]
    H1 = np.dot(X, W1)
    _bias_relu(H1, b1)
    H2 = np.dot(H1, W2)
    _bias_relu(H2, b2)
    L = np.dot(H2, W3)
    value = _cross_entropy(L, b3, Y, True) / n
    W3_bar = np.dot(H2.T, L)
    b3_bar = _column_sums(L)
    H2_bar = np.dot(L, W3.T)
    b2_bar = _masked_column_sums(H2_bar, H2)
    W2_bar = np.dot(H1.T, H2_bar)
    H1_bar = np.dot(H2_bar, W2.T)
    b1_bar = _masked_column_sums(H1_bar, H1)
    W1_bar = np.dot(X.T, H1_bar)
    return value, (W1_bar, b1_bar, W2_bar, b2_bar, W3_bar, b3_bar)


def torch_function(torch: Any) -> Any:
    """Return the loss in PyTorch."""

    def loss(W1, b1, W2, b2, W3, b3, X, Y):
        h1 = torch.relu(torch.addmm(b1, X, W1))
        h2 = torch.relu(torch.addmm(b2, h1, W2))
        logits = torch.addmm(b3, h2, W3)
        return torch.nn.functional.cross_entropy(logits, Y)

    return loss


PROBLEM = Problem(
    name="image_mlp",
    summary="MLP 784-256-128-10, relu, softmax cross-entropy",
    size_means="samples",
    function=loss,
    arguments=arguments,
    argnums=(0, 1, 2, 3, 4, 5),
    sizes=(64,),
    tiny=3,
    handwritten_value=handwritten_value,
    handwritten_value_and_grad=handwritten_value_and_grad,
    torch_function=torch_function,
)
