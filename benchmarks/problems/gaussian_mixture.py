"""Gaussian mixture log-likelihood with full covariances, parametrised as in ADBench.

Each component holds the Cholesky factor Q of its precision: exp(log_diagonal) on the diagonal and
the strictly lower triangle of `lower` below it. ADBench packs that triangle into a vector; here it
stays a (K, d, d) array whose upper part is ignored (so its gradient is zero), which is what one
would write in NumPy. As there, constants that do not depend on the parameters are left out, and a
Wishart prior with gamma = 1, m = 0 is added.

Reference: Srajer, Kukelova & Fitzgibbon, "A benchmark of selected algorithmic differentiation tools
on some problems in computer vision and machine learning", 2018.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from benchmarks.problem import Arguments, Problem
from benchmarks.vector_math import LOOP, exp

COMPONENTS = 25
DIMENSIONS = 10
BLOCK = 128


def log_likelihood(alphas, means, log_diagonal, lower, X):
    n, d = X.shape
    strict = lower * np.tri(d, k=-1)
    Q = strict + np.exp(log_diagonal)[:, :, None] * np.eye(d)
    centred = X - means[:, None, :]
    whitened = centred @ np.swapaxes(Q, 1, 2)
    constant = alphas + np.sum(log_diagonal, axis=1)
    inner = constant[:, None] - 0.5 * np.sum(whitened**2, axis=2)
    top = np.max(inner, axis=0)
    rows = top + np.log(np.sum(np.exp(inner - top), axis=0))
    weights = np.log(np.sum(np.exp(alphas)))
    prior = 0.5 * (np.sum(np.exp(2.0 * log_diagonal)) + np.sum(strict**2))
    return np.sum(rows) - n * weights + prior


def arguments(size: int) -> Arguments:
    """Return alphas: (25,), means: (25, 10), log_diagonal, lower: (25, 10, 10), X: (size, 10)."""
    random = np.random.default_rng(8)
    K, d = COMPONENTS, DIMENSIONS
    means = random.uniform(-2.0, 2.0, (K, d))
    X = means[random.integers(0, K, size)] + random.normal(size=(size, d))
    return (
        random.normal(size=K) * 0.5,
        means + 0.3 * random.normal(size=(K, d)),
        random.normal(size=(K, d)) * 0.2,
        random.normal(size=(K, d, d)) * 0.2,
        X,
    )


@njit(**LOOP)
def _stack(alphas, means, log_diagonal, lower):
    """Return Q' as (d, K d), ready for one product, with Q mu (K d) and the additive constants."""
    K, d = means.shape
    Qt = np.zeros((d, K * d))
    shift = np.empty(K * d)
    constant = np.empty(K)
    prior = 0.0
    for k in range(K):
        total = alphas[k]
        for i in range(d):
            diagonal = math.exp(log_diagonal[k, i])
            total += log_diagonal[k, i]
            prior += diagonal * diagonal
            Qt[i, k * d + i] = diagonal
            moved = diagonal * means[k, i]
            for j in range(i):
                Qt[j, k * d + i] = lower[k, i, j]
                moved += lower[k, i, j] * means[k, j]
                prior += lower[k, i, j] * lower[k, i, j]
            shift[k * d + i] = moved
        constant[k] = total
    return Qt, shift, constant, 0.5 * prior


@njit(**LOOP)
def _soften(r):
    """Turn the inner terms r: (K,) into softmax weights; return their log-sum-exp."""
    top = -np.inf
    for k in range(r.shape[0]):
        top = max(top, r[k])
    total = 0.0
    for k in range(r.shape[0]):
        r[k] = exp(r[k] - top)
        total += r[k]
    inverse = 1.0 / total
    for k in range(r.shape[0]):
        r[k] *= inverse
    return top + math.log(total)


@njit(**LOOP)
def _responsibilities(Z, shift, constant, r):
    """Centre Z in place, leave softmax weights in r: (K,); return the row's log-sum-exp."""
    for k in range(constant.shape[0]):
        square = 0.0
        for i in range(DIMENSIONS):
            z = Z[k * DIMENSIONS + i] - shift[k * DIMENSIONS + i]
            Z[k * DIMENSIONS + i] = z
            square += z * z
        r[k] = constant[k] - 0.5 * square
    return _soften(r)


@njit(**LOOP)
def _log_sum_exp(alphas):
    top = -np.inf
    for k in range(alphas.shape[0]):
        top = max(top, alphas[k])
    total = 0.0
    for k in range(alphas.shape[0]):
        total += math.exp(alphas[k] - top)
    return top + math.log(total)


@njit(**LOOP)
def _column_means(X):
    n, d = X.shape
    centre = np.zeros(d)
    for i in range(n):
        for j in range(d):
            centre[j] += X[i, j]
    for j in range(d):
        centre[j] /= n
    return centre


@njit(**LOOP)
def _features(rows, centre, phi):
    """Fill phi: (rows, width) with 1, x - centre, and the products of its entries pair by pair."""
    d = centre.shape[0]
    for b in range(rows.shape[0]):
        row, out = rows[b], phi[b]
        out[0] = 1.0
        for i in range(d):
            out[1 + i] = row[i] - centre[i]
        place = 1 + d
        for i in range(d):
            x_i = out[1 + i]
            for j in range(i + 1):
                out[place + j] = x_i * out[1 + j]
            place += i + 1


@njit(**LOOP)
def handwritten_value(alphas, means, log_diagonal, lower, X):
    n = X.shape[0]
    K, d = means.shape
    Qt, shift, constant, prior = _stack(alphas, means, log_diagonal, lower)
    width = 1 + d + d * (d + 1) // 2
    centre = _column_means(X)
    coefficients = _quadratic(Qt, shift, constant, centre, width)
    features = np.empty((min(n, BLOCK), width))
    inner = np.empty((min(n, BLOCK), K))
    value = 0.0
    for start in range(0, n, BLOCK):
        rows = X[start : start + BLOCK]
        phi, R = features[: rows.shape[0]], inner[: rows.shape[0]]
        _features(rows, centre, phi)
        np.dot(phi, coefficients, R)
        for b in range(rows.shape[0]):
            value += _soften(R[b])
    return value - n * _log_sum_exp(alphas) + prior


@njit(**LOOP)
def handwritten_value_and_grad(alphas, means, log_diagonal, lower, X):
    # Per component the gradient needs only three moments under the responsibilities: their mass,
    # their mean and their second moment. inner = constant - |z|^2 / 2 is a quadratic in the row, so
    # with features (1, x, x_i x_j for j <= i) both directions are one narrow matrix product each:
    # 66 columns where the whitened coordinates would need 250. Subtracting the data's mean first
    # keeps the quadratic expansion from cancelling.
    n = X.shape[0]
    K, d = means.shape
    Qt, shift, constant, prior = _stack(alphas, means, log_diagonal, lower)
    width = 1 + d + d * (d + 1) // 2
    centre = _column_means(X)
    coefficients = _quadratic(Qt, shift, constant, centre, width)
    features = np.empty((min(n, BLOCK), width))
    inner = np.empty((min(n, BLOCK), K))
    partial = np.empty((K, width))
    moments = np.zeros((K, width))
    value = 0.0
    for start in range(0, n, BLOCK):
        rows = X[start : start + BLOCK]
        phi, R = features[: rows.shape[0]], inner[: rows.shape[0]]
        _features(rows, centre, phi)
        np.dot(phi, coefficients, R)
        for b in range(rows.shape[0]):
            value += _soften(R[b])
        np.dot(R.T, phi, partial)
        for k in range(K):
            for f in range(width):
                moments[k, f] += partial[k, f]
    weights = _log_sum_exp(alphas)
    value += prior - n * weights
    return value, _from_moments(moments, alphas, means, log_diagonal, lower, centre, weights, n)


@njit(**LOOP)
def _quadratic(Qt, shift, constant, centre, width):
    """Return (width, K): each inner term as coefficients of 1, x - centre and their products."""
    d = centre.shape[0]
    K = constant.shape[0]
    out = np.zeros((width, K))
    for k in range(K):
        total = constant[k]
        for i in range(d):
            # z_i = sum_j Q_ij (x_j - centre_j) - moved
            moved = shift[k * d + i]
            for j in range(i + 1):
                moved -= Qt[j, k * d + i] * centre[j]
            total -= 0.5 * moved * moved
            for j in range(i + 1):
                q = Qt[j, k * d + i]
                out[1 + j, k] += q * moved
                place = 1 + d + j * (j + 1) // 2
                for m in range(j):
                    out[place + m, k] -= q * Qt[m, k * d + i]
                out[place + j, k] -= 0.5 * q * q
        out[0, k] = total
    return out


@njit(**LOOP)
def _from_moments(moments, alphas, means, log_diagonal, lower, centre, weights, n):
    """Return the four gradients from mass, first and second moments of the responsibilities."""
    K, d = means.shape
    alphas_bar = np.empty(K)
    means_bar = np.zeros((K, d))
    log_diagonal_bar = np.empty((K, d))
    lower_bar = np.zeros((K, d, d))
    offset = np.empty(d)
    S = np.empty((d, d))
    for k in range(K):
        mass = moments[k, 0]
        alphas_bar[k] = mass - n * math.exp(alphas[k] - weights)
        for i in range(d):
            offset[i] = means[k, i] - centre[i]
        for i in range(d):
            for j in range(i + 1):
                second = moments[k, 1 + d + i * (i + 1) // 2 + j]
                second -= offset[i] * moments[k, 1 + j] + offset[j] * moments[k, 1 + i]
                second += mass * offset[i] * offset[j]
                S[i, j] = second
                S[j, i] = second
        for i in range(d):
            diagonal = math.exp(log_diagonal[k, i])
            # Q's adjoint is -Q S on the lower triangle, the mean's is Q' Q (first moment).
            shifted = diagonal * (moments[k, 1 + i] - mass * offset[i])
            for j in range(i):
                shifted += lower[k, i, j] * (moments[k, 1 + j] - mass * offset[j])
            means_bar[k, i] += diagonal * shifted
            for j in range(i):
                means_bar[k, j] += lower[k, i, j] * shifted
            for j in range(i + 1):
                total = diagonal * S[i, j]
                for m in range(i):
                    total += lower[k, i, m] * S[m, j]
                if j < i:
                    lower_bar[k, i, j] = lower[k, i, j] - total
                else:
                    log_diagonal_bar[k, i] = mass + diagonal * (diagonal - total)
    return alphas_bar, means_bar, log_diagonal_bar, lower_bar


@njit(**LOOP)
def handwritten_direct(alphas, means, log_diagonal, lower, X):
    """Return value and gradients by whitened coordinates: what one writes first, and 250 wide."""
    n = X.shape[0]
    K, d = means.shape
    Qt, shift, constant, prior = _stack(alphas, means, log_diagonal, lower)
    scratch = np.empty((min(n, BLOCK), K * d))
    partial = np.empty((d, K * d))
    Qt_bar = np.zeros((d, K * d))
    shift_bar = np.zeros(K * d)
    mass = np.zeros(K)
    r = np.empty(K)
    value = 0.0
    for start in range(0, n, BLOCK):
        rows = X[start : start + BLOCK]
        Z = scratch[: rows.shape[0]]
        np.dot(rows, Qt, Z)
        for b in range(rows.shape[0]):
            z = Z[b]
            value += _responsibilities(z, shift, constant, r)
            for k in range(K):
                mass[k] += r[k]
                for i in range(DIMENSIONS):
                    z[k * DIMENSIONS + i] *= -r[k]
                    shift_bar[k * DIMENSIONS + i] -= z[k * DIMENSIONS + i]
        np.dot(rows.T, Z, partial)
        for i in range(d):
            for j in range(K * d):
                Qt_bar[i, j] += partial[i, j]
    weights = _log_sum_exp(alphas)
    means_bar = np.zeros((K, d))
    log_diagonal_bar = np.empty((K, d))
    lower_bar = np.zeros((K, d, d))
    alphas_bar = np.empty(K)
    for k in range(K):
        alphas_bar[k] = mass[k] - n * math.exp(alphas[k] - weights)
        for i in range(d):
            back = shift_bar[k * d + i]
            diagonal = Qt[i, k * d + i]
            for j in range(i):
                q = Qt[j, k * d + i]
                lower_bar[k, i, j] = Qt_bar[j, k * d + i] + back * means[k, j] + q
                means_bar[k, j] += back * q
            means_bar[k, i] += back * diagonal
            own = Qt_bar[i, k * d + i] + back * means[k, i] + diagonal
            log_diagonal_bar[k, i] = mass[k] + diagonal * own
    value += prior - n * weights
    return value, (alphas_bar, means_bar, log_diagonal_bar, lower_bar)


def torch_function(torch: Any) -> Any:
    """Return the log-likelihood in PyTorch."""

    def log_likelihood(alphas, means, log_diagonal, lower, X):
        strict = torch.tril(lower, -1)
        Q = strict + torch.diag_embed(torch.exp(log_diagonal))
        whitened = (X - means[:, None, :]) @ Q.transpose(1, 2)
        inner = (alphas + log_diagonal.sum(1))[:, None] - 0.5 * (whitened**2).sum(2)
        prior = 0.5 * (torch.exp(2.0 * log_diagonal).sum() + (strict**2).sum())
        rows = torch.logsumexp(inner, 0)
        return rows.sum() - X.shape[0] * torch.logsumexp(alphas, 0) + prior

    return log_likelihood


PROBLEM = Problem(
    name="gaussian_mixture",
    summary="log-likelihood, 25 full-covariance components in 10 dimensions, Wishart prior",
    size_means="samples",
    function=log_likelihood,
    arguments=arguments,
    argnums=(0, 1, 2, 3),
    sizes=(1_000, 10_000),
    tiny=6,
    handwritten_value=handwritten_value,
    handwritten_value_and_grad=handwritten_value_and_grad,
    torch_function=torch_function,
    rtol=1e-8,
)
