"""Densities and distribution functions against mpmath: by the argument and every parameter.

The derivatives of first and second order are those by all of them, `loc` and `scale` included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from mpmath import mp

from irgrad.scipy import stats
from tests.precision import Case, check
from tests.scipy.test_special_by_mpmath import betainc, gammainc, normal, student

HALF = mp.mpf(1) / 2


def log_normal(z: Any) -> Any:
    return -z * z / 2 - mp.log(2 * mp.pi) / 2


def log_student(z: Any, df: Any) -> Any:
    scaled = mp.log1p(z * z / df) * (df + 1) / 2
    return mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(df * mp.pi) / 2 - scaled


def log_beta(z: Any, a: Any, b: Any) -> Any:
    return (a - 1) * mp.log(z) + (b - 1) * mp.log1p(-z) - mp.log(mp.beta(a, b))


def log_gamma(z: Any, a: Any) -> Any:
    return (a - 1) * mp.log(z) - z - mp.loggamma(a)


def log_lognormal(z: Any, s: Any) -> Any:
    return log_normal(mp.log(z) / s) - mp.log(z * s)


def laplace(z: Any) -> Any:
    return mp.exp(z) / 2 if z < 0 else 1 - mp.exp(-z) / 2


# The log-density and the distribution function of the standard variable; places, and shapes.
CONTINUOUS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Any, Any]] = {
    "norm": (log_normal, normal, (-9.0, -0.4, 1e-3, 2.0, 5.0), [()]),
    "t": (log_student, lambda z, df: student(df, z), (-30.0, -0.4, 2.0), [(0.7,), (12.0,)]),
    "beta": (
        log_beta, lambda z, a, b: betainc(a, b, z), (0.01, 0.4, 0.9), [(0.6, 3.0), (9.0, 2.0)]
    ),
    "gamma": (log_gamma, lambda z, a: gammainc(a, z), (0.01, 0.9, 14.0), [(0.4,), (9.0,)]),
    "chi2": (
        lambda z, df: log_gamma(z / 2, df / 2) - mp.log(2), lambda z, df: gammainc(df / 2, z / 2),
        (0.01, 0.9, 14.0), [(0.9,), (9.0,)],
    ),
    "expon": (lambda z: -z, lambda z: -mp.expm1(-z), (1e-6, 0.4, 7.0), [()]),
    "lognorm": (
        log_lognormal, lambda z, s: normal(mp.log(z) / s), (1e-3, 0.8, 5.0), [(0.3,), (2.0,)]
    ),
    "cauchy": (
        lambda z: -mp.log(mp.pi * (1 + z * z)), lambda z: HALF + mp.atan(z) / mp.pi,
        (-20.0, -0.4, 2.0), [()],
    ),
    "laplace": (lambda z: -abs(z) - mp.log(2), laplace, (-30.0, -0.4, 2.0), [()]),
    "logistic": (
        lambda z: -z - 2 * mp.log1p(mp.exp(-z)), lambda z: 1 / (1 + mp.exp(-z)),
        (-30.0, -0.7, 2.0, 30.0), [()],
    ),
}  # fmt: skip
LOCATION, SCALE = 0.25, 1.5


def moved_and_stretched(standard: Callable[..., Any], density: bool) -> Callable[..., Any]:
    def exact(x: Any, *parameters: Any) -> Any:
        *shapes, location, scale = parameters
        result = standard((x - location) / scale, *shapes)
        return result - mp.log(scale) if density else result

    return exact


@pytest.mark.parametrize("method", ["logpdf", "cdf"])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous(name: str, method: str) -> None:
    log_density, function, places, shapes = CONTINUOUS[name]
    standard = log_density if method == "logpdf" else function
    check(
        Case(
            getattr(getattr(stats, name), method),
            moved_and_stretched(standard, method == "logpdf"),
            [(LOCATION + SCALE * z, *s, LOCATION, SCALE) for s in shapes for z in places],
            (64.0, 256.0, 1e3),
            digits=40,
        )
    )


def log_binomial(k: int, n: Any, p: Any) -> Any:
    return mp.log(mp.binomial(n, k)) + k * mp.log(p) + (n - k) * mp.log1p(-p)


def log_negative_binomial(k: int, n: Any, p: Any) -> Any:
    ways = mp.loggamma(n + k) - mp.loggamma(k + 1) - mp.loggamma(n)
    return ways + n * mp.log(p) + k * mp.log1p(-p)


COUNTS = (0, 1, 4, 30)

DISCRETE: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[tuple[float, ...]]]] = {
    "poisson": (
        lambda k, mu: k * mp.log(mu) - mu - mp.loggamma(k + 1),
        lambda k, mu: mp.gammainc(k + 1, mu, mp.inf, regularized=True), [(0.01,), (2.5,), (40.0,)],
    ),
    "binom": (
        log_binomial, lambda k, n, p: betainc(n - k, mp.mpf(k + 1), 1 - p),
        [(40.0, 0.1), (35.0, 0.8)],
    ),
    "nbinom": (
        log_negative_binomial, lambda k, n, p: betainc(n, mp.mpf(k + 1), p),
        [(0.7, 0.1), (9.0, 0.6)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("method", ["logpmf", "cdf"])
@pytest.mark.parametrize("name", DISCRETE)
def test_discrete(name: str, method: str) -> None:
    log_density, function, parameters = DISCRETE[name]
    ours = getattr(getattr(stats, name), method)
    exact = log_density if method == "logpmf" else function
    for k in COUNTS:
        check(
            Case(
                lambda *xs, k=k: ours(k + 0 * xs[0], *xs),
                lambda *xs, k=k: exact(k, *xs),
                parameters, (64.0, 256.0, 1e3), digits=40,
            )
        )  # fmt: skip


def each(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """Return a function of arrays of so many places, from one of numbers."""
    return lambda *xs: np.stack([function(*(x[i] for x in xs)) for i in range(count)])


def of_vector(log_density: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of two places, two means and a lower triangle, as numbers."""

    def function(x: Any, y: Any, mean_x: Any, mean_y: Any, a: Any, b: Any, c: Any) -> Any:
        place, mean = np.stack([x, y]), np.stack([mean_x, mean_y])
        covariance = np.stack([np.stack([a, b]), np.stack([b, c])])
        return log_density(place, mean, covariance)

    return function


def exact_normal(x: Any, y: Any, mean_x: Any, mean_y: Any, a: Any, b: Any, c: Any) -> Any:
    u, v = x - mean_x, y - mean_y
    determinant = a * c - b * b
    square = (c * u * u - 2 * b * u * v + a * v * v) / determinant
    return -square / 2 - mp.log(determinant) / 2 - mp.log(2 * mp.pi)


def exact_dirichlet(x: Any, y: Any, a: Any, b: Any, c: Any) -> Any:
    normalisation = mp.loggamma(a) + mp.loggamma(b) + mp.loggamma(c) - mp.loggamma(a + b + c)
    powers = (a - 1) * mp.log(x) + (b - 1) * mp.log(y) + (c - 1) * mp.log(1 - x - y)
    return powers - normalisation


def wishart(x: Any, y: Any, z: Any, df: Any, a: Any, b: Any, c: Any) -> Any:
    place = np.stack([np.stack([x, y]), np.stack([y, z])])
    scale = np.stack([np.stack([a, b]), np.stack([b, c])])
    return stats.wishart.logpdf(place, df, scale)


def exact_wishart(x: Any, y: Any, z: Any, df: Any, a: Any, b: Any, c: Any) -> Any:
    determinant, of_place = a * c - b * b, x * z - y * y
    trace = (c * x - 2 * b * y + a * z) / determinant
    normalisation = mp.log(mp.pi) / 2 + mp.loggamma(df / 2) + mp.loggamma((df - 1) / 2)
    power = (df - 3) / 2 * mp.log(of_place)
    return power - trace / 2 - df * mp.log(2) - df / 2 * mp.log(determinant) - normalisation


def dirichlet(x: Any, y: Any, a: Any, b: Any, c: Any) -> Any:
    return stats.dirichlet.logpdf(np.stack([x, y]), np.stack([a, b, c]))


MULTIVARIATE: dict[str, Case] = {
    "multivariate_normal": Case(
        each(of_vector(stats.multivariate_normal.logpdf), 2), exact_normal,
        [(0.3, -1.2, 0.1, 2.5, 1.7, -0.6, 0.9), (4.0, 3.0, 0.0, 1.0, 0.02, 0.1, 3.0)],
        (64.0, 256.0, 1e3), digits=40,
    ),
    "dirichlet": Case(
        each(dirichlet, 2), exact_dirichlet,
        [(0.3, 0.6, 0.7, 2.5, 4.0), (0.01, 0.02, 1.0, 0.2, 30.0)], (64.0, 256.0, 1e3), digits=40,
    ),
    "wishart": Case(
        each(wishart, 1), exact_wishart, [(2.0, -0.7, 1.3, 3.6, 1.7, -0.6, 0.9)],
        (64.0, 256.0, 1e3), digits=40,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MULTIVARIATE)
def test_multivariate(name: str) -> None:
    check(MULTIVARIATE[name])
