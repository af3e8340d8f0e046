"""Distributions of vectors and matrices: log-densities and densities.

Reference: Kotz, Balakrishnan & Johnson, Continuous Multivariate Distributions (2000); Gupta &
Nagar, Matrix Variate Distributions (2000), section 3.2, for Wishart's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ops.axes import shape_of
from irgrad.ops.cholesky import cholesky
from irgrad.ops.gamma_functions import gammaln
from irgrad.ops.information import xlogy
from irgrad.ops.matrices import diagonal_matrix
from irgrad.ops.picking import as_traced
from irgrad.ops.statistics import size_number
from irgrad.ops.triangular import triangular_solve
from irgrad.scipy.special import multigammaln
from irgrad.scipy.stats.distribution import Named
from irgrad.scipy.traced import as_array, is_traced

_LOG_2_PI = math.log(2 * math.pi)


class Multivariate(Named):
    """A distribution whose density is the exponential of ``_logpdf``."""

    def logpdf(self, x: Any, *args: Any, **keywords: Any) -> Any:
        """Return the logarithm of the density."""
        if not is_traced(x, *args, *keywords.values()):
            return self.original.logpdf(x, *args, **keywords)
        return self._logpdf(as_array(x), *args, **keywords)

    def pdf(self, x: Any, *args: Any, **keywords: Any) -> Any:
        """Return the density."""
        if not is_traced(x, *args, *keywords.values()):
            return self.original.pdf(x, *args, **keywords)
        return np.exp(self._logpdf(as_array(x), *args, **keywords))

    def _logpdf(self, x: Any, *args: Any, **keywords: Any) -> Any:
        raise NotImplementedError  # pragma: no cover - abstract


def _squeezed(x: Any) -> Any:
    """Return an array without its axes of one element, as SciPy gives back densities."""
    axes = tuple(axis for axis, size in enumerate(shape_of(x)) if size == 1)
    return np.squeeze(x, axis=axes) if axes else x


def _log_determinant(factor: Any) -> Any:
    """Return that of a matrix by its Cholesky factor."""
    return 2.0 * np.sum(np.log(np.diagonal(factor, axis1=-2, axis2=-1)), axis=-1)


def _square_matrix(a: Any, default: Any) -> Any:
    """Return a covariance: a number as 1 x 1, a vector as a diagonal."""
    a = as_array(default if a is None else a)
    rank = len(shape_of(a))
    if rank == 0:
        return np.reshape(a, (1, 1))
    return diagonal_matrix(a) if rank == 1 else a


class _Normal(Multivariate):
    def _logpdf(
        self, x: Any, mean: Any = None, cov: Any = None, allow_singular: bool = False
    ) -> Any:
        """Take the covariance by its lower half; ``x: (..., d)``.

        Raises: LinAlgError where the covariance is not positive definite.
        """
        if allow_singular:
            raise UnsupportedCallError(
                "multivariate_normal with allow_singular=True: the rank is not known while tracing",
                remedy="add a small number to the diagonal of the covariance",
            )
        mean = None if mean is None else as_array(mean)
        if cov is None and mean is not None and len(shape_of(mean)) == 1:
            d: Any = shape_of(mean)[0]
            cov = np.ones_like(mean) if is_traced(mean) else np.ones(d)
        cov = _square_matrix(cov, 1.0)
        if len(shape_of(cov)) != 2:
            raise ShapeError("multivariate_normal with several covariances", remedy="use vmap")
        d = shape_of(cov)[-1]
        rank = len(shape_of(x))
        if rank == 0:
            x = np.reshape(x, (1, 1))
        elif rank == 1:
            x = x[:, None] if d == 1 else x[None, :]
        if not dims.same(shape_of(x)[-1], d):
            raise ShapeError(
                f"multivariate_normal of {d} variables at x of {shape_of(x)[-1]}",
                remedy="the last axis of x holds the variables",
            )
        factor = cholesky(cov * 1.0)
        away = x if mean is None else x - mean
        points = np.reshape(away, (-1, d))
        white = triangular_solve(factor, np.transpose(points), lower=True, flipped=False)
        batch: Any = shape_of(away)[:-1]
        squares = np.reshape(np.sum(np.square(white), axis=0), batch)
        constant = size_number(cov, d) * _LOG_2_PI + _log_determinant(factor)
        return _squeezed(-0.5 * (constant + squares))


class _Dirichlet(Multivariate):
    def _logpdf(self, x: Any, alpha: Any) -> Any:
        """Take points in the columns of ``x: (k,)``, ``(k, m)``, or without the last share."""
        alpha = as_array(alpha)
        if len(shape_of(alpha)) != 1:
            raise ShapeError("dirichlet of an alpha that is no vector", remedy="pass a vector")
        if not dims.same(shape_of(x)[0], shape_of(alpha)[0]):
            x = np.concatenate([x, 1.0 - np.sum(x, axis=0, keepdims=True)], axis=0)
        alpha = np.where(alpha > 0, alpha, np.nan)
        powers = alpha - 1.0 if len(shape_of(x)) == 1 else (alpha - 1.0)[:, None]
        inside = np.all((x >= 0) & (x <= 1), axis=0)
        points = np.where(inside, x, 0.5)
        normalisation = np.sum(gammaln(alpha)) - gammaln(np.sum(alpha))
        result = np.sum(xlogy(powers, points), axis=0) - normalisation
        return _squeezed(np.where(inside, result, -np.inf))


class _Wishart(Multivariate):
    def _logpdf(self, x: Any, df: Any, scale: Any = None) -> Any:
        """Take matrices ``x: (p, p)`` or, in the last axis, several.

        Raises: LinAlgError where a matrix or the scale is not positive definite.
        """
        scale = _square_matrix(scale, 1.0)
        p = shape_of(scale)[-1]
        rank = len(shape_of(x))
        if rank < 2:
            x = np.reshape(x, (1, 1, -1)) if p == 1 else diagonal_matrix(x)
        several = len(shape_of(x)) == 3
        matrices = np.moveaxis(x, -1, 0) if several else x[None]
        number = size_number(scale, p)
        factor = cholesky(scale * 1.0)
        each: Any = shape_of(matrices)
        factors = np.broadcast_to(as_traced(factor, x, scale, df), each)
        half = triangular_solve(factors, matrices, lower=True, flipped=False)
        solved = triangular_solve(factors, half, lower=True, flipped=True)
        trace = np.trace(solved, axis1=-2, axis2=-1)
        constant = 0.5 * df * (number * math.log(2) + _log_determinant(factor))
        result = (
            0.5 * (df - number - 1.0) * _log_determinant(cholesky(matrices * 1.0))
            - 0.5 * trace - constant - multigammaln(0.5 * df, dims.concrete(p))
        )  # fmt: skip
        return _squeezed(result)


dirichlet = _Dirichlet("dirichlet")
multivariate_normal = _Normal("multivariate_normal")
wishart = _Wishart("wishart")
