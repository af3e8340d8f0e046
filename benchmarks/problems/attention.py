"""Scaled dot-product attention, eight heads, with a squared loss on its output."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from benchmarks.problem import Arguments, Problem
from benchmarks.vector_math import LOOP, exp

HEADS = 8
WIDTH = 64


def loss(Q, K, V, target):
    scores = Q @ np.swapaxes(K, 1, 2) / np.sqrt(Q.shape[2])
    shifted = np.exp(scores - np.max(scores, axis=2, keepdims=True))
    weights = shifted / np.sum(shifted, axis=2, keepdims=True)
    return 0.5 * np.mean((weights @ V - target) ** 2)


def arguments(size: int) -> Arguments:
    """Return Q, K, V, target: (8, size, 64)."""
    random = np.random.default_rng(12)
    return tuple(random.normal(size=(HEADS, size, WIDTH)) for _ in range(4))


@njit(**LOOP)
def _softmax_rows(S, scale):
    for i in range(S.shape[0]):
        row = S[i]
        top = -np.inf
        for j in range(row.shape[0]):
            top = max(top, row[j])
        total = 0.0
        for j in range(row.shape[0]):
            row[j] = exp((row[j] - top) * scale)
            total += row[j]
        inverse = 1.0 / total
        for j in range(row.shape[0]):
            row[j] *= inverse


@njit(**LOOP)
def handwritten_value(Q, K, V, target):
    heads, n, width = Q.shape
    scale = 1.0 / math.sqrt(width)
    S = np.empty((n, n))
    out = np.empty((n, V.shape[2]))
    value = 0.0
    for h in range(heads):
        np.dot(Q[h], K[h].T, S)
        _softmax_rows(S, scale)
        np.dot(S, V[h], out)
        wanted = target[h]
        for i in range(n):
            for j in range(out.shape[1]):
                e = out[i, j] - wanted[i, j]
                value += e * e
    return 0.5 * value / target.size


@njit(**LOOP)
def handwritten_value_and_grad(Q, K, V, target):
    heads, n, width = Q.shape
    scale = 1.0 / math.sqrt(width)
    inverse_size = 1.0 / target.size
    Q_bar, K_bar, V_bar = np.empty(Q.shape), np.empty(K.shape), np.empty(V.shape)
    # One head at a time, forward and backward together, so its scores never leave the cache.
    S = np.empty((n, n))
    S_bar = np.empty((n, n))
    out = np.empty((n, V.shape[2]))
    value = 0.0
    for h in range(heads):
        np.dot(Q[h], K[h].T, S)
        _softmax_rows(S, scale)
        np.dot(S, V[h], out)
        wanted = target[h]
        for i in range(n):
            row, goal = out[i], wanted[i]
            for j in range(row.shape[0]):
                e = row[j] - goal[j]
                value += e * e
                row[j] = e * inverse_size
        np.dot(S.T, out, V_bar[h])
        np.dot(out, V[h].T, S_bar)
        for i in range(n):
            weight, back = S[i], S_bar[i]
            dot = 0.0
            for j in range(n):
                dot += weight[j] * back[j]
            for j in range(n):
                back[j] = weight[j] * (back[j] - dot) * scale
        np.dot(S_bar, K[h], Q_bar[h])
        np.dot(S_bar.T, Q[h], K_bar[h])
    return 0.5 * value * inverse_size, (Q_bar, K_bar, V_bar)


def torch_function(torch: Any) -> Any:
    """Return the loss in PyTorch."""

    def loss(Q, K, V, target):
        scores = Q @ K.transpose(1, 2) / math.sqrt(Q.shape[2])
        return 0.5 * torch.mean((torch.softmax(scores, 2) @ V - target) ** 2)

    return loss


PROBLEM = Problem(
    name="attention",
    summary="softmax(Q K' / sqrt(d)) V against a target, 8 heads of width 64",
    size_means="sequence length",
    function=loss,
    arguments=arguments,
    argnums=(0, 1, 2),
    sizes=(64,),
    tiny=3,
    handwritten_value=handwritten_value,
    handwritten_value_and_grad=handwritten_value_and_grad,
    torch_function=torch_function,
)
