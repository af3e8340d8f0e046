"""Continuous distributions of one variable.

Reference: Johnson, Kotz & Balakrishnan, Continuous Univariate Distributions (1994, 1995).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irgrad.ops.error_functions import log_ndtr, ndtr, ndtri, normal_density
from irgrad.ops.gamma_functions import betaln, gammaln
from irgrad.ops.incomplete_beta import betainc, betaincc
from irgrad.ops.incomplete_gamma import gammainc, gammaincc
from irgrad.ops.information import xlog1py, xlogy
from irgrad.ops.logistic_functions import expit, log_expit, logit
from irgrad.ops.quantiles import betainccinv, betaincinv, gammainccinv, gammaincinv
from irgrad.ops.student import stdtr, stdtrit
from irgrad.scipy.stats.distribution import AT_THE_ENDS, Distribution, unless_nan

_LOG_ROOT_2_PI = 0.5 * math.log(2 * math.pi)


def _log(scale: Any) -> Any:
    """Return the logarithm, of a Python number as one, whose dtype is weak."""
    return math.log(scale) if isinstance(scale, int | float) else np.log(scale)


class Continuous(Distribution):
    """A distribution with a density, shifted by ``loc`` and stretched by ``scale``."""

    open_below = False
    """Whether the density itself ends before the least value, as that of the lognormal does."""

    def answer(self, method: str, x: Any, shapes: list[Any], loc: Any, scale: Any) -> Any:
        """Return a method's result on traced values."""
        if method in ("ppf", "isf"):
            return self._quantile(method, x, shapes, loc, scale)
        z = (x - loc) / scale
        lower, upper = self.support(*shapes)
        density = method in ("pdf", "logpdf")
        closed = density and not self.open_below
        inside = None
        if lower > -np.inf:
            inside = z >= lower if closed else z > lower
        if upper < np.inf:
            within = z <= upper if density else z < upper
            inside = within if inside is None else inside & within
        result = self.between(method, z, inside, shapes)
        if method == "pdf":
            result = result / scale
        if method == "logpdf":
            result = result - _log(scale)
        if inside is None:
            return result
        if density:
            return np.where(inside, result, unless_nan(z, 0.0 if method == "pdf" else -np.inf))
        below, above = AT_THE_ENDS[method]
        return np.where(inside, result, unless_nan(z, np.where(z > lower, above, below)))

    def _quantile(self, method: str, q: Any, shapes: list[Any], loc: Any, scale: Any) -> Any:
        ends = self.support(*shapes)
        lower, upper = ends if method == "ppf" else reversed(ends)
        inside = (q > 0) & (q < 1)
        formula = getattr(self, f"_{method}")
        found = formula(np.where(inside, q, 0.5), *shapes)
        end = np.where(q == 0, lower, np.where(q == 1, upper, np.nan))
        return np.where(inside, found, end) * scale + loc

    def pdf(self, x: Any, *args: Any, **keywords: Any) -> Any:
        """Return the density."""
        return self.call("pdf", x, args, keywords)

    def logpdf(self, x: Any, *args: Any, **keywords: Any) -> Any:
        """Return the logarithm of the density."""
        return self.call("logpdf", x, args, keywords)


class _Symmetric(Continuous):
    """A distribution about 0: the other tail is the mirror image."""

    def _sf(self, z: Any, *shapes: Any) -> Any:
        return self._cdf(-z, *shapes)

    def _logsf(self, z: Any, *shapes: Any) -> Any:
        return self._logcdf(-z, *shapes)

    def _ppf(self, q: Any, *shapes: Any) -> Any:
        raise NotImplementedError  # pragma: no cover - abstract

    def _isf(self, q: Any, *shapes: Any) -> Any:
        return -self._ppf(q, *shapes)


class _Normal(_Symmetric):
    def _logpdf(self, z: Any) -> Any:
        return -0.5 * np.square(z) - _LOG_ROOT_2_PI

    def _pdf(self, z: Any) -> Any:
        return normal_density(z)

    def _cdf(self, z: Any) -> Any:
        return ndtr(z)

    def _logcdf(self, z: Any) -> Any:
        return log_ndtr(z)

    def _ppf(self, q: Any) -> Any:
        return ndtri(q)


class _Student(_Symmetric):
    parameters = ("df",)

    def valid(self, df: Any) -> Any:
        return df > 0

    def _logpdf(self, z: Any, df: Any) -> Any:
        normal = df == np.inf
        finite = np.where(normal, 1.0, df)
        tail = 0.5 * (finite + 1) * np.log1p(np.square(z) / finite)
        student = -tail - betaln(0.5 * finite, 0.5) - 0.5 * np.log(finite)
        return np.where(normal, -0.5 * np.square(z) - _LOG_ROOT_2_PI, student)

    def _cdf(self, z: Any, df: Any) -> Any:
        return stdtr(df, z)

    def _ppf(self, q: Any, df: Any) -> Any:
        return stdtrit(df, q)


class _Cauchy(_Symmetric):
    def _logpdf(self, z: Any) -> Any:
        return -2.0 * np.log(np.hypot(1.0, z)) - math.log(math.pi)

    def _pdf(self, z: Any) -> Any:
        return 1.0 / (math.pi * (1.0 + np.square(z)))

    def _cdf(self, z: Any) -> Any:
        return np.arctan2(1.0, -z) / math.pi

    def _ppf(self, q: Any) -> Any:
        low = q < 0.5
        share = np.where(low, q, 1.0 - q)
        near = share > 0.25  # there the tangent of what is left to the middle, exactly 0 in it
        angle = math.pi * np.where(near, 0.5 - share, share)
        tangent = np.sin(angle) / np.cos(angle)
        size = np.where(near, tangent, 1.0 / np.where(near, 1.0, tangent))
        return np.where(low, -size, size)


class _Laplace(_Symmetric):
    def _logpdf(self, z: Any) -> Any:
        return -np.abs(z) - math.log(2)

    def _cdf(self, z: Any) -> Any:
        right = z > 0
        tail = 0.5 * np.exp(np.where(right, -z, z))
        return np.where(right, 1.0 - tail, tail)

    def _logcdf(self, z: Any) -> Any:
        right = z > 0
        tail = 0.5 * np.exp(np.where(right, -z, z))
        return np.where(right, np.log1p(-tail), z - math.log(2))

    def _ppf(self, q: Any) -> Any:
        high = q > 0.5
        tail = np.log(2.0 * np.where(high, 1.0 - q, q))
        return np.where(high, -tail, tail)


class _Logistic(_Symmetric):
    def _logpdf(self, z: Any) -> Any:
        return log_expit(z) + log_expit(-z)

    def _cdf(self, z: Any) -> Any:
        return expit(z)

    def _logcdf(self, z: Any) -> Any:
        return log_expit(z)

    def _ppf(self, q: Any) -> Any:
        return logit(q)


class _Positive(Continuous):
    inner = 1.0

    def support(self, *shapes: Any) -> tuple[Any, Any]:
        return 0.0, np.inf


class _Exponential(_Positive):
    def _logpdf(self, z: Any) -> Any:
        return -z

    def _cdf(self, z: Any) -> Any:
        return -np.expm1(-z)

    def _sf(self, z: Any) -> Any:
        return np.exp(-z)

    def _logsf(self, z: Any) -> Any:
        return -z

    def _ppf(self, q: Any) -> Any:
        return -np.log1p(-q)

    def _isf(self, q: Any) -> Any:
        return -np.log(q)


class _Lognormal(_Positive):
    parameters = ("s",)
    open_below = True

    def valid(self, s: Any) -> Any:
        return s > 0

    def _logpdf(self, z: Any, s: Any) -> Any:
        logarithm = np.log(z)
        return -0.5 * np.square(logarithm / s) - logarithm - np.log(s) - _LOG_ROOT_2_PI

    def _cdf(self, z: Any, s: Any) -> Any:
        return ndtr(np.log(z) / s)

    def _sf(self, z: Any, s: Any) -> Any:
        return ndtr(-np.log(z) / s)

    def _logcdf(self, z: Any, s: Any) -> Any:
        return log_ndtr(np.log(z) / s)

    def _logsf(self, z: Any, s: Any) -> Any:
        return log_ndtr(-np.log(z) / s)

    def _ppf(self, q: Any, s: Any) -> Any:
        return np.exp(s * ndtri(q))

    def _isf(self, q: Any, s: Any) -> Any:
        return np.exp(-s * ndtri(q))


class _Gamma(_Positive):
    parameters = ("a",)

    def valid(self, a: Any) -> Any:
        return a > 0

    def _logpdf(self, z: Any, a: Any) -> Any:
        return xlogy(a - 1.0, z) - z - gammaln(a)

    def _cdf(self, z: Any, a: Any) -> Any:
        return gammainc(a, z)

    def _sf(self, z: Any, a: Any) -> Any:
        return gammaincc(a, z)

    def _ppf(self, q: Any, a: Any) -> Any:
        return gammaincinv(a, q)

    def _isf(self, q: Any, a: Any) -> Any:
        return gammainccinv(a, q)


class _ChiSquared(_Positive):
    parameters = ("df",)

    def valid(self, df: Any) -> Any:
        return df > 0

    def _logpdf(self, z: Any, df: Any) -> Any:
        half = 0.5 * df
        return xlogy(half - 1.0, z) - 0.5 * z - gammaln(half) - math.log(2) * half

    def _cdf(self, z: Any, df: Any) -> Any:
        return gammainc(0.5 * df, 0.5 * z)

    def _sf(self, z: Any, df: Any) -> Any:
        return gammaincc(0.5 * df, 0.5 * z)

    def _ppf(self, q: Any, df: Any) -> Any:
        return 2.0 * gammaincinv(0.5 * df, q)

    def _isf(self, q: Any, df: Any) -> Any:
        return 2.0 * gammainccinv(0.5 * df, q)


class _Beta(Continuous):
    parameters = ("a", "b")

    def support(self, a: Any, b: Any) -> tuple[Any, Any]:
        return 0.0, 1.0

    def valid(self, a: Any, b: Any) -> Any:
        return (a > 0) & (b > 0)

    def _logpdf(self, z: Any, a: Any, b: Any) -> Any:
        return xlog1py(b - 1.0, -z) + xlogy(a - 1.0, z) - betaln(a, b)

    def _cdf(self, z: Any, a: Any, b: Any) -> Any:
        return betainc(a, b, z)

    def _sf(self, z: Any, a: Any, b: Any) -> Any:
        return betaincc(a, b, z)

    def _ppf(self, q: Any, a: Any, b: Any) -> Any:
        return betaincinv(a, b, q)

    def _isf(self, q: Any, a: Any, b: Any) -> Any:
        return betainccinv(a, b, q)


norm = _Normal("norm")
t = _Student("t")
beta = _Beta("beta")
gamma = _Gamma("gamma")
chi2 = _ChiSquared("chi2")
expon = _Exponential("expon")
lognorm = _Lognormal("lognorm")
cauchy = _Cauchy("cauchy")
laplace = _Laplace("laplace")
logistic = _Logistic("logistic")
