"""Every special function of real numbers, its first and its second derivatives, against mpmath.

The roundings that are allowed are those of `tests.precision`, more where SciPy's own value needs
them or where the derivative is a difference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
from mpmath import mp

import irgrad
from irgrad.scipy import special
from tests.precision import Case, check

REALS = (-26.0, -8.5, -2.0, -0.7, -1e-3, -1e-9, 0.0, 1e-9, 1e-3, 0.4, 1.0, 3.1, 9.0, 26.0)
FAR = (-700.0, -26.0, -8.5, -2.0, -0.7, 0.4, 1.0, 3.1, 9.0, 26.0, 700.0)
BESIDE_POLES = (-20.3, -7.5, -3.0001, -2.5, -1.0 + 2**-20, -0.4, -1e-6)
RIGHT = (1e-8, 1e-3, 0.3, 1.0, 1.4616, 2.0, 7.5, 40.0)
SHARES = (1e-12, 1e-4, 0.2, 0.5, 0.65, 0.9, 1 - 2.0**-30)
POSITIVE = (1e-8, 1e-3, 1.0, 2.4, 8.0, 31.0, 60.0)
ARGUMENTS = (-60.0, -7.1, -2.4, -0.5, -1e-4, 0.0, *POSITIVE)
MANY = 420
"""Digits for tails that differ from 1 by less than 1e-300."""


def normal(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def inverse(of: Callable[[Any], Any], start: Callable[[float], float]) -> Callable[[Any], Any]:
    """Return the inverse of a function, by Newton's method from a start of double precision."""

    def found(y: Any) -> Any:
        x = mp.mpf(start(float(y)))
        for _ in range(6):
            x -= (of(x) - y) / mp.diff(of, x)
        return x

    return found


def scaled_bessel(order: int) -> Callable[[Any], Any]:
    return lambda x: mp.besseli(order, x) * mp.exp(-abs(x))


UNARY: dict[str, Case] = {
    "erf": Case(scipy.special.erf, mp.erf, REALS, digits=MANY),
    "erfc": Case(scipy.special.erfc, mp.erfc, REALS, digits=MANY),
    "erfcx": Case(
        scipy.special.erfcx, lambda x: mp.exp(x * x) * mp.erfc(x), (*REALS, 50.0, 1e5),
        (16.0, 64.0, 4e3),
    ),
    "erfinv": Case(scipy.special.erfinv, mp.erfinv, (-0.999, -0.5, -1e-9, 0.0, 0.3, 0.96)),
    "erfcinv": Case(
        scipy.special.erfcinv, inverse(mp.erfc, scipy.special.erfcinv), (1e-9, 1e-3, 0.4, 1.7),
        (16.0, 64.0, 128.0),
    ),
    "ndtr": Case(scipy.special.ndtr, normal, REALS, digits=MANY),
    "log_ndtr": Case(
        scipy.special.log_ndtr, lambda x: mp.log(normal(x)), REALS, (16.0, 32.0, 4e3), digits=MANY
    ),
    "ndtri": Case(
        scipy.special.ndtri, inverse(normal, scipy.special.ndtri), (1e-9, 1e-3, 0.4, 0.97)
    ),
    "gamma": Case(scipy.special.gamma, mp.gamma, (*BESIDE_POLES, *RIGHT)),
    "gammaln": Case(
        scipy.special.gammaln, lambda x: mp.log(abs(mp.gamma(x))), (*BESIDE_POLES, *RIGHT, 1e8)
    ),
    "loggamma": Case(scipy.special.loggamma, mp.loggamma, (*RIGHT, 1e8)),
    "rgamma": Case(scipy.special.rgamma, mp.rgamma, (-3.0, -2.0, -1.0, 0.0, *BESIDE_POLES, *RIGHT)),
    "digamma": Case(scipy.special.digamma, mp.digamma, (*BESIDE_POLES, *RIGHT, 1e8)),
    **{
        f"polygamma {n}": Case(
            lambda x, n=n: special.polygamma(n, x), lambda x, n=n: mp.psi(n, x),
            (*BESIDE_POLES, *RIGHT, 1e8),
        )
        for n in (1, 2, 5)
    },
    "riemann zeta": Case(
        special.zeta, mp.zeta, (-5.3, -2.0, -0.5, -1e-6, 0.0, 0.3, 0.999, 1.001, 2.0, 8.5, 40.0),
        (64.0, 64.0, 256.0),
    ),
    "multigammaln": Case(
        lambda a: special.multigammaln(a, 3),
        lambda a: 3 * mp.log(mp.pi) / 2 + sum(mp.loggamma(a - mp.mpf(j) / 2) for j in range(3)),
        (1.01, 1.6, 4.0, 90.0),
    ),
    "expit": Case(scipy.special.expit, lambda x: 1 / (1 + mp.exp(-x)), (*FAR, 0.0)),
    "logit": Case(scipy.special.logit, lambda x: mp.log(x / (1 - x)), SHARES),
    "log_expit": Case(
        scipy.special.log_expit, lambda x: -mp.log1p(mp.exp(-x)), (*REALS, -700.0, 700.0),
        digits=MANY,
    ),
    "entr": Case(
        scipy.special.entr, lambda x: -x * mp.log(x), (1e-300, 1e-5, 0.4, 1.0, 3.0, 1e9),
        digits=MANY,
    ),
    "sinc": Case(np.sinc, lambda x: mp.sincpi(x), REALS),
    "i0": Case(scipy.special.i0, lambda x: mp.besseli(0, x), ARGUMENTS),
    "i1": Case(scipy.special.i1, lambda x: mp.besseli(1, x), ARGUMENTS),
    # Differences of neighbours, of which each order loses a factor 2 |x|.
    "i0e": Case(scipy.special.i0e, scaled_bessel(0), (*POSITIVE, -0.5, -31.0), (16.0, 128.0, 1e4)),
    "i1e": Case(scipy.special.i1e, scaled_bessel(1), (*POSITIVE, -0.5, -31.0), (16.0, 128.0, 1e4)),
    "j0": Case(scipy.special.j0, lambda x: mp.besselj(0, x), ARGUMENTS),
    "j1": Case(scipy.special.j1, lambda x: mp.besselj(1, x), ARGUMENTS),
    "y0": Case(scipy.special.y0, lambda x: mp.bessely(0, x), POSITIVE, digits=30),
    "y1": Case(scipy.special.y1, lambda x: mp.bessely(1, x), POSITIVE[::2], digits=30),
}  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_number(name: str) -> None:
    check(UNARY[name])


def test_the_sign_of_the_gamma_function() -> None:
    places = np.array([*BESIDE_POLES, *RIGHT])
    signs = irgrad.compile(scipy.special.gammasgn, jit=False)(places)
    np.testing.assert_array_equal(signs, [float(mp.sign(mp.gamma(x))) for x in places])


def pairs(*columns: tuple[float, ...]) -> tuple[tuple[float, ...], ...]:
    """Return every combination of numbers."""
    return tuple(tuple(map(float, row)) for row in np.stack(np.meshgrid(*columns), -1).reshape(
        -1, len(columns)
    ))  # fmt: skip


def huber(delta: Any, r: Any) -> Any:
    return r * r / 2 if abs(r) <= delta else delta * (abs(r) - delta / 2)


def gammainc(a: Any, x: Any) -> Any:
    return mp.gammainc(a, 0, x, regularized=True)


def gammaincc(a: Any, x: Any) -> Any:
    return mp.gammainc(a, x, mp.inf, regularized=True)


AMOUNTS = (1e-9, 0.02, 0.7, 1.0, 2.3, 400.0)
SHAPES = (0.3, 1.0, 2.5, 40.0)
SMALL = (1e-3, *SHAPES)

BINARY: dict[str, Case] = {
    "xlogy": Case(
        scipy.special.xlogy, lambda x, y: x * mp.log(y), pairs((-2.0, 1e-9, 3.0), AMOUNTS)
    ),
    "xlog1py": Case(
        scipy.special.xlog1py, lambda x, y: x * mp.log1p(y),
        pairs((-2.0, 1e-9, 3.0), (-0.999, -1e-9, 1e-12, 0.4, 1e9)),
    ),
    "rel_entr": Case(
        scipy.special.rel_entr, lambda x, y: x * mp.log(x / y), pairs(AMOUNTS, AMOUNTS)
    ),
    "kl_div": Case(
        scipy.special.kl_div, lambda x, y: x * mp.log(x / y) - x + y, pairs(AMOUNTS, AMOUNTS)
    ),
    "huber": Case(
        scipy.special.huber, huber, pairs((0.3, 1.5), (-9.0, -0.2, 0.0, 1e-9, 0.29, 4.0))
    ),
    "pseudo_huber": Case(
        scipy.special.pseudo_huber, lambda d, r: d * d * (mp.sqrt(1 + (r / d) ** 2) - 1),
        pairs((1e-3, 1.5, 400.0), (-9.0, -0.2, 0.0, 1e-9, 4.0)), (16.0, 32.0, 5e4),
    ),
    "beta": Case(scipy.special.beta, mp.beta, pairs(SHAPES, SHAPES), (64.0, 64.0, 128.0)),
    "betaln": Case(
        scipy.special.betaln, lambda a, b: mp.log(mp.beta(a, b)), pairs(SHAPES, SHAPES),
        (64.0, 32.0, 256.0),
    ),
    "comb": Case(special.comb, mp.binomial, ((5.0, 2.0), (7.3, 0.4), (40.0, 20.0), (6.5, 6.2))),
    "hurwitz zeta": Case(
        special.zeta, lambda s, q: mp.zeta(s, q),
        ((1.01, 0.3), (2.0, 30.0), (25.0, 0.1)),
    ),
    "gammainc": Case(scipy.special.gammainc, gammainc, pairs(SMALL, (1e-4, 2.4, 39.0))),
    "gammaincc": Case(
        scipy.special.gammaincc, gammaincc, pairs((1e-3, 1.0, 40.0), (0.4, 39.0)), digits=40
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_numbers(name: str) -> None:
    check(BINARY[name])


ORDERS = (0.0, 1.0, 2.5, 7.0)

BY_ORDER: dict[str, Case] = {
    name: Case(
        getattr(scipy.special, name), exact, pairs(orders, places), roundings, digits, moved=(1,)
    )
    for name, exact, orders, places, roundings, digits in [
        ("iv", mp.besseli, ORDERS, (0.01, 1.0, 9.0, 60.0), (32.0, 64.0, 128.0), 60),
        ("ive", lambda v, x: mp.besseli(v, x) * mp.exp(-x), ORDERS, (0.01, 1.0, 9.0, 60.0),
         (64.0, 512.0, 2e4), 60),
        ("jv", mp.besselj, ORDERS, (0.01, 1.0, 9.0, 60.0), (32.0, 64.0, 128.0), 60),
        ("jn", mp.besselj, (0.0, 3.0), (-9.0, 0.0, 0.3), (32.0, 64.0, 128.0), 60),
        ("yv", mp.bessely, (0.0, 2.5, 7.0), (0.01, 1.0, 9.0, 60.0), (32.0, 64.0, 128.0), 30),
        ("yn", mp.bessely, (0.0, 1.0, 3.0), (0.3, 9.0), (32.0, 64.0, 128.0), 30),
        ("kv", mp.besselk, (0.5, 2.3, 7.2), (0.01, 1.0, 9.0, 60.0), (32.0, 64.0, 128.0), 30),
        ("kve", lambda v, x: mp.besselk(v, x) * mp.exp(x), (0.5, 2.3, 7.2), (0.01, 1.0, 9.0, 60.0),
         (32.0, 256.0, 4e3), 30),
    ]
}  # fmt: skip


@pytest.mark.parametrize("name", BY_ORDER)
def test_bessel_functions_by_their_argument(name: str) -> None:
    check(BY_ORDER[name])


def betainc(a: Any, b: Any, x: Any) -> Any:
    """Return the incomplete beta function, from the side on which mpmath's series converges."""
    if x > 0.5:
        return 1 - mp.betainc(b, a, 0, 1 - x, regularized=True)
    return mp.betainc(a, b, 0, x, regularized=True)


def betaincc(a: Any, b: Any, x: Any) -> Any:
    return betainc(b, a, 1 - x)


def student(df: Any, t: Any) -> Any:
    """Return Student's distribution function; its tail by the complement."""
    if t > 0:
        return 1 - student(df, -t)
    return betainc(df / 2, mp.mpf(1) / 2, df / (df + t * t)) / 2


PARAMETERS = (
    (0.02, 0.3, 1e-6), (0.3, 0.02, 0.7), (1.0, 1.0, 0.2), (0.7, 4.0, 1e-3), (2.5, 40.0, 0.1),
    (40.0, 2.5, 0.999), (30.0, 50.0, 0.37), (300.0, 200.0, 0.59), (2e3, 0.5, 0.9995),
)  # fmt: skip
STUDENT = (
    (0.2, -3.0), (1.0, 0.3), (2.5, -1e-6), (4.0, 40.0), (4.0, -1e4), (30.0, -6.0), (300.0, 2.0),
    (1e4, -1.3),
)  # fmt: skip

BY_PARAMETERS: dict[str, Case] = {
    "betainc": Case(scipy.special.betainc, betainc, PARAMETERS, (64.0, 256.0, 1e3)),
    "betaincc": Case(scipy.special.betaincc, betaincc, PARAMETERS[::4], (64.0, 256.0, 1e3)),
    # By the degrees of freedom what is of order 1/df cancels, and then of 1/df**2.
    "stdtr": Case(scipy.special.stdtr, student, STUDENT, (64.0, 1e5, 1e8)),
}


@pytest.mark.parametrize("name", BY_PARAMETERS)
def test_functions_by_their_parameters(name: str) -> None:
    check(BY_PARAMETERS[name])


@pytest.mark.parametrize(("shape", "tolerance"), [(1e3, 1e-12), (1e5, 1e-10)])
def test_the_incomplete_beta_function_of_large_parameters(shape: float, tolerance: float) -> None:
    """Against the integral of the density times its logarithm's slope by a."""
    x = 0.5 - 0.3 / np.sqrt(shape)
    slope = irgrad.compile(scipy.special.betainc, jit=False).grad(shape, shape, x)
    with mp.workdps(30):
        a, width = mp.mpf(shape), mp.sqrt(1 / mp.mpf(8 * shape))
        normalisation, mean = mp.log(mp.beta(a, a)), mp.psi(0, 2 * a) - mp.psi(0, a)
        wanted = mp.quad(
            lambda t: mp.exp((a - 1) * mp.log(t * (1 - t)) - normalisation) * (mp.log(t) + mean),
            [*(mp.mpf(x) - k * width for k in range(16, 0, -1)), mp.mpf(x)],
        )
    assert slope == pytest.approx(float(wanted), rel=tolerance)


def quantile(of: Callable[..., Any], density: Callable[..., Any], start: Any) -> Callable[..., Any]:
    """Return the inverse by the last argument, by Newton's method from one of double precision."""

    def found(*arguments: Any) -> Any:
        *shapes, p = arguments
        x = mp.mpf(float(start(*map(float, arguments))))
        for _ in range(5):
            x -= (of(*shapes, x) - p) / density(*shapes, x)
        return x

    return found


def gamma_density(a: Any, x: Any) -> Any:
    return x ** (a - 1) * mp.exp(-x) / mp.gamma(a)


def beta_density(a: Any, b: Any, x: Any) -> Any:
    return x ** (a - 1) * (1 - x) ** (b - 1) / mp.beta(a, b)


def student_density(df: Any, t: Any) -> Any:
    return (1 + t * t / df) ** (-(df + 1) / 2) / mp.sqrt(df) / mp.beta(df / 2, mp.mpf(1) / 2)


INVERSES: dict[str, Case] = {
    "gammaincinv": Case(
        scipy.special.gammaincinv,
        quantile(gammainc, gamma_density, scipy.special.gammaincinv),
        ((0.4, 0.01), (2.5, 0.3), (40.0, 0.99)), (16.0, 32.0, 512.0), digits=40,
    ),
    "gammainccinv": Case(
        scipy.special.gammainccinv,
        quantile(gammaincc, lambda a, x: -gamma_density(a, x), scipy.special.gammainccinv),
        ((0.4, 0.5), (2.5, 0.3)), (16.0, 32.0, 512.0), digits=40,
    ),
    "betaincinv": Case(
        scipy.special.betaincinv, quantile(betainc, beta_density, scipy.special.betaincinv),
        ((0.4, 2.0, 0.1), (2.5, 4.0, 0.3), (40.0, 7.0, 0.99)), (16.0, 32.0, 512.0), digits=40,
    ),
    "betainccinv": Case(
        scipy.special.betainccinv,
        quantile(betaincc, lambda a, b, x: -beta_density(a, b, x), scipy.special.betainccinv),
        ((0.4, 2.0, 0.1), (2.5, 4.0, 0.3)), (16.0, 32.0, 512.0), digits=40,
    ),
    "stdtrit": Case(
        scipy.special.stdtrit, quantile(student, student_density, scipy.special.stdtrit),
        ((0.7, 0.01), (4.0, 0.3), (30.0, 0.99)), (16.0, 32.0, 128.0), digits=40,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INVERSES)
def test_quantiles_by_their_parameters(name: str) -> None:
    check(INVERSES[name])


def log_sum(*terms: Any) -> Any:
    return mp.log(abs(sum(factor * mp.exp(x) for factor, x in terms)))


TRIPLES = ((0.3, -1.2, 0.9), (800.0, 801.5, 790.0), (-900.0, -901.0, -1000.0), (1e-9, 40.0, -40.0))

OF_VECTORS: dict[str, Case] = {
    "logsumexp": Case(
        lambda *xs: special.logsumexp(np.stack(xs), axis=0),
        lambda *xs: log_sum(*((1, x) for x in xs)), TRIPLES, digits=120,
    ),
    "logsumexp by b": Case(
        lambda x, y, z: special.logsumexp(np.stack([x, y]), axis=0, b=np.stack([z, z * z])),
        lambda x, y, z: log_sum((z, x), (z * z, y)), ((0.3, -1.2, 0.9), (800.0, 801.5, 2.0)),
    ),
    "logsumexp with a sign": Case(
        lambda x, y, z: special.logsumexp(
            np.stack([x, y]), axis=0, b=np.stack([z, -z * z]), return_sign=True
        )[0],
        lambda x, y, z: log_sum((z, x), (-z * z, y)), ((0.3, -1.2, 0.9), (800.0, 801.5, 2.0)),
    ),
    **{
        f"softmax, share {i}": Case(
            lambda *xs, i=i: special.softmax(np.stack(xs), axis=0)[i],
            lambda *xs, i=i: mp.exp(xs[i]) / sum(map(mp.exp, xs)), TRIPLES[:2], digits=120,
        )
        for i in range(2)
    },
    "log_softmax": Case(
        lambda *xs: special.log_softmax(np.stack(xs), axis=0)[1],
        lambda *xs: xs[1] - log_sum(*((1, x) for x in xs)), TRIPLES[:3], digits=120,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_VECTORS)
def test_functions_of_vectors(name: str) -> None:
    check(OF_VECTORS[name])
