"""Low-rank factorisation of a partly observed matrix, with a ridge on both factors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from benchmarks.problem import Arguments, Problem
from benchmarks.vector_math import LOOP

RANK = 16
RIDGE = 0.1
BLOCK = 64


def objective(U, V, M, observed):
    residual = observed * (U @ V.T - M)
    return 0.5 * np.sum(residual**2) + 0.5 * RIDGE * (np.sum(U**2) + np.sum(V**2))


def arguments(size: int) -> Arguments:
    """Return U, V: (size, 16), M: (size, size), observed: (size, size) of zeros and ones."""
    random = np.random.default_rng(11)
    truth = random.normal(size=(2, size, RANK)) / RANK**0.5
    observed = (random.random((size, size)) < 0.3).astype(np.float64)
    M = observed * (truth[0] @ truth[1].T + 0.1 * random.normal(size=(size, size)))
    return random.normal(size=(size, RANK)), random.normal(size=(size, RANK)), M, observed


@njit(**LOOP)
def _half_squares(A):
    flat = A.reshape(A.size)
    total = 0.0
    for i in range(flat.shape[0]):
        total += flat[i] * flat[i]
    return 0.5 * total


@njit(**LOOP)
def handwritten_value(U, V, M, observed):
    n, m = M.shape
    scratch = np.empty((min(n, BLOCK), m))
    value = 0.0
    for start in range(0, n, BLOCK):
        rows, seen = M[start : start + BLOCK], observed[start : start + BLOCK]
        R = scratch[: rows.shape[0]]
        np.dot(U[start : start + BLOCK], V.T, R)
        for i in range(rows.shape[0]):
            r, target, weight = R[i], rows[i], seen[i]
            for j in range(m):
                e = weight[j] * (r[j] - target[j])
                value += e * e
    return 0.5 * value + RIDGE * (_half_squares(U) + _half_squares(V))


@njit(**LOOP)
def handwritten_value_and_grad(U, V, M, observed):
    n, m = M.shape
    rank = U.shape[1]
    scratch = np.empty((min(n, BLOCK), m))
    # V's adjoint transposed: U' R multiplies faster than R' U, which walks R across its rows.
    partial = np.empty((rank, m))
    V_bar_transposed = np.zeros((rank, m))
    U_bar = np.empty((n, rank))
    V_bar = np.empty((m, rank))
    value = 0.0
    for start in range(0, n, BLOCK):
        rows, seen = M[start : start + BLOCK], observed[start : start + BLOCK]
        U_rows = U[start : start + BLOCK]
        R = scratch[: rows.shape[0]]
        np.dot(U_rows, V.T, R)
        for i in range(rows.shape[0]):
            r, target, weight = R[i], rows[i], seen[i]
            for j in range(m):
                e = weight[j] * (r[j] - target[j])
                value += e * e
                r[j] = weight[j] * e
        np.dot(R, V, U_bar[start : start + BLOCK])
        np.dot(U_rows.T, R, partial)
        for k in range(rank):
            for j in range(m):
                V_bar_transposed[k, j] += partial[k, j]
    for i in range(n):
        for k in range(rank):
            U_bar[i, k] += RIDGE * U[i, k]
    for j in range(m):
        for k in range(rank):
            V_bar[j, k] = V_bar_transposed[k, j] + RIDGE * V[j, k]
    value = 0.5 * value + RIDGE * (_half_squares(U) + _half_squares(V))
    return value, (U_bar, V_bar)


def torch_function(torch: Any) -> Any:
    """Return the objective in PyTorch."""

    def objective(U, V, M, observed):
        residual = observed * (U @ V.T - M)
        squares = torch.sum(U**2) + torch.sum(V**2)
        return 0.5 * torch.sum(residual**2) + 0.5 * RIDGE * squares

    return objective


PROBLEM = Problem(
    name="matrix_factorisation",
    summary="half the squared observed residual of U V' - M, rank 16, plus a ridge",
    size_means="rows and columns",
    function=objective,
    arguments=arguments,
    argnums=(0, 1),
    sizes=(500,),
    tiny=4,
    handwritten_value=handwritten_value,
    handwritten_value_and_grad=handwritten_value_and_grad,
    torch_function=torch_function,
)
