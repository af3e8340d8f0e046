"""Gaussian-process log marginal likelihood, a length scale per input dimension.

Reference: Rasmussen & Williams, "Gaussian Processes for Machine Learning" (2006), equations 2.30
and 5.9.
"""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np
from numba import njit
from numba.extending import get_cython_function_address

from benchmarks.problem import Arguments, Problem
from benchmarks.vector_math import LOOP, exp

FEATURES = 5


def log_marginal(log_scales, log_signal, log_noise, X, y):
    n = X.shape[0]
    scaled = X / np.exp(log_scales)
    squares = np.sum(scaled**2, axis=1)
    distance = squares[:, None] + squares[None, :] - 2.0 * (scaled @ scaled.T)
    K = np.exp(2.0 * log_signal - 0.5 * distance) + np.exp(2.0 * log_noise) * np.eye(n)
    L = np.linalg.cholesky(K)
    v = np.linalg.solve(L, y)
    return -0.5 * np.sum(v**2) - np.sum(np.log(np.diag(L))) - 0.5 * n * np.log(2.0 * np.pi)


def arguments(size: int) -> Arguments:
    """Return log_scales: (5,), log_signal, log_noise, X: (size, 5), y: (size,)."""
    random = np.random.default_rng(13)
    X = random.normal(size=(size, FEATURES))
    y = np.sin(X @ random.normal(size=FEATURES)) + 0.1 * random.normal(size=size)
    return random.normal(size=FEATURES) * 0.2 + 0.5, 0.1, -1.5, X, y


_INT_P = ctypes.POINTER(ctypes.c_int)
_CHAR_P = ctypes.c_void_p
_DOUBLE_P = ctypes.c_void_p


def _lapack(name: str) -> Any:
    """Return potrf or potri(uplo, n, a, lda, info), callable from jitted code."""
    prototype = ctypes.CFUNCTYPE(None, _CHAR_P, _CHAR_P, _DOUBLE_P, _CHAR_P, _CHAR_P)
    return prototype(get_cython_function_address("scipy.linalg.cython_lapack", name))


_dpotrf = _lapack("dpotrf")
_dpotri = _lapack("dpotri")

# ctypes pointers cannot be cached on disk, hence no `cache` in the functions that call them
_UNCACHED = {key: value for key, value in LOOP.items() if key != "cache"}


@njit(**LOOP)
def _covariance(log_scales, log_signal, log_noise, X):
    """Return the scaled inputs and the lower triangle of K, noise on the diagonal."""
    n, d = X.shape
    scaled = np.empty((n, d))
    half = np.empty(n)
    for j in range(d):
        inverse = math.exp(-log_scales[j])
        for i in range(n):
            scaled[i, j] = X[i, j] * inverse
    for i in range(n):
        total = 0.0
        for j in range(d):
            total += scaled[i, j] * scaled[i, j]
        half[i] = 0.5 * total
    K = np.dot(scaled, scaled.T)
    for i in range(n):
        row = K[i, :i]
        base = 2.0 * log_signal - half[i]
        before = half[:i]
        for j in range(row.shape[0]):
            row[j] = exp(row[j] + base - before[j])
        K[i, i] = math.exp(2.0 * log_signal) + math.exp(2.0 * log_noise)
    return scaled, K


@njit(**_UNCACHED)
def _factor(A, size, upper, info):
    # Row-major lower is LAPACK's upper.
    _dpotrf(upper.ctypes, size.ctypes, A.ctypes, size.ctypes, info.ctypes)
    if info[0] != 0:
        raise ValueError("covariance is not positive definite")


@njit(**_UNCACHED)
def handwritten_value(log_scales, log_signal, log_noise, X, y):
    n = X.shape[0]
    A = _covariance(log_scales, log_signal, log_noise, X)[1]
    size = np.array([n], dtype=np.int32)
    upper = np.array([85], dtype=np.uint8)
    info = np.zeros(1, dtype=np.int32)
    _factor(A, size, upper, info)
    v = np.empty(n)
    value = -0.5 * n * math.log(2.0 * math.pi)
    for i in range(n):
        total = y[i]
        row, solved = A[i, :i], v[:i]
        for j in range(row.shape[0]):
            total -= row[j] * solved[j]
        v[i] = total / A[i, i]
        value -= 0.5 * v[i] * v[i] + math.log(A[i, i])
    return value


@njit(**_UNCACHED)
def handwritten_value_and_grad(log_scales, log_signal, log_noise, X, y):
    n, d = X.shape
    scaled, K = _covariance(log_scales, log_signal, log_noise, X)
    A = K.copy()
    size = np.array([n], dtype=np.int32)
    upper = np.array([85], dtype=np.uint8)
    info = np.zeros(1, dtype=np.int32)
    _factor(A, size, upper, info)
    value = -0.5 * n * math.log(2.0 * math.pi)
    for i in range(n):
        value -= math.log(A[i, i])
    # The gradient wants inv(K) whole: potri is a third of what two triangular solves would cost.
    _dpotri(upper.ctypes, size.ctypes, A.ctypes, size.ctypes, info.ctypes)
    alpha = np.zeros(n)
    for i in range(n):
        row, before, back = A[i, :i], y[:i], alpha[:i]
        total = A[i, i] * y[i]
        y_i = y[i]
        for j in range(row.shape[0]):
            total += row[j] * before[j]
            back[j] += row[j] * y_i
        alpha[i] += total
    fit = 0.0
    trace = 0.0
    for i in range(n):
        fit += y[i] * alpha[i]
        trace += alpha[i] * alpha[i] - A[i, i]
    value -= 0.5 * fit
    # dL = tr((alpha alpha' - inv K) dK) / 2; G holds that times K's kernel part, one triangle.
    signal = math.exp(2.0 * log_signal)
    noise = math.exp(2.0 * log_noise)
    log_signal_bar = 0.0
    G = K
    for i in range(n):
        row, inverse, other = G[i, :i], A[i, :i], alpha[:i]
        a_i = alpha[i]
        for j in range(row.shape[0]):
            g = row[j] * (a_i * other[j] - inverse[j])
            log_signal_bar += g
            row[j] = g
    log_scales_bar = np.zeros(d)
    columns = scaled.T.copy()
    for i in range(n):
        row = G[i, :i]
        for k in range(d):
            column = columns[k, :i]
            x = columns[k, i]
            total = 0.0
            for j in range(row.shape[0]):
                step = x - column[j]
                total += row[j] * step * step
            log_scales_bar[k] += total
    log_signal_bar = 2.0 * log_signal_bar + signal * trace
    return value, (log_scales_bar, log_signal_bar, noise * trace)


def torch_function(torch: Any) -> Any:
    """Return the log marginal likelihood in PyTorch."""

    def log_marginal(log_scales, log_signal, log_noise, X, y):
        n = X.shape[0]
        scaled = X / torch.exp(log_scales)
        squares = torch.sum(scaled**2, 1)
        distance = squares[:, None] + squares[None, :] - 2.0 * (scaled @ scaled.T)
        kernel = torch.exp(2.0 * log_signal - 0.5 * distance)
        K = kernel + torch.exp(2.0 * log_noise) * torch.eye(n, dtype=X.dtype)
        L = torch.linalg.cholesky(K)
        v = torch.linalg.solve_triangular(L, y[:, None], upper=False)
        logdet = torch.sum(torch.log(torch.diagonal(L)))
        return -0.5 * torch.sum(v**2) - logdet - 0.5 * n * math.log(2.0 * math.pi)

    return log_marginal


PROBLEM = Problem(
    name="gaussian_process",
    summary="log marginal likelihood by Cholesky, five length scales, signal and noise",
    size_means="points",
    function=log_marginal,
    arguments=arguments,
    argnums=(0, 1, 2),
    sizes=(300,),
    tiny=8,
    handwritten_value=handwritten_value,
    handwritten_value_and_grad=handwritten_value_and_grad,
    torch_function=torch_function,
    rtol=1e-8,
)
