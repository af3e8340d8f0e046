"""irgrad.scipy.stats against SciPy, differences, and what the edges of supports owe."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.stats

import irgrad
from irgrad.errors import UnsupportedCallError
from irgrad.scipy import stats
from tests.oracles import check

X = np.array([-2.3, -0.6, 0.4, 1.7, 4.2])
POSITIVE = np.array([0.2, 0.9, 1.4, 3.1, 7.5])
SHARES = np.array([0.15, 0.3, 0.55, 0.76, 0.85])
COUNTS = np.array([0.0, 1.0, 2.0, 5.0, 9.0])

# The argument, and parameters of shape; loc and scale are added to those of continuous ones.
CONTINUOUS: dict[str, tuple[np.ndarray, tuple[float, ...]]] = {
    "norm": (X, ()),
    "t": (X, (3.7,)),
    "cauchy": (X, ()),
    "laplace": (X, ()),
    "logistic": (X, ()),
    "expon": (POSITIVE, ()),
    "lognorm": (POSITIVE, (0.8,)),
    "gamma": (POSITIVE, (2.3,)),
    "chi2": (POSITIVE, (3.4,)),
    "beta": (SHARES, (2.2, 1.6)),
}
DISCRETE: dict[str, tuple[Any, ...]] = {
    "poisson": (2.3,), "binom": (12.0, 0.35), "nbinom": (3.5, 0.4)
}  # fmt: skip
DENSITIES = ("logpdf", "pdf")
FUNCTIONS = ("cdf", "sf", "logcdf", "logsf")
QUANTILES = ("ppf", "isf")


@pytest.mark.parametrize("method", [*DENSITIES, *FUNCTIONS, *QUANTILES])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous(name: str, method: str) -> None:
    x, shapes = CONTINUOUS[name]
    loc, scale = 0.3, 1.7
    at = SHARES if method in QUANTILES else loc + scale * x
    inexact = ("gamma", "chi2")
    check(
        lambda *xs: getattr(getattr(stats, name), method)(*xs),
        at, *shapes, loc, scale,
        numpy=lambda *xs: getattr(getattr(scipy.stats, name), method)(*xs),
        order=1 if name in inexact and method in QUANTILES else 2,
        narrow=False,
    )  # fmt: skip


@pytest.mark.parametrize("method", ["logpmf", "pmf", *FUNCTIONS])
@pytest.mark.parametrize("name", DISCRETE)
def test_discrete(name: str, method: str) -> None:
    shapes = DISCRETE[name]
    argnums = [1] if name == "binom" else None  # SciPy has whole numbers of trials alone
    check(
        lambda *xs: getattr(getattr(stats, name), method)(COUNTS, *xs),
        *shapes,
        argnums=argnums,
        numpy=lambda *xs: getattr(getattr(scipy.stats, name), method)(COUNTS, *xs),
        narrow=False,
        rounding=1e-11,
    )


EDGES = np.array([-np.inf, -1.0, -0.0, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, np.inf, np.nan])


@pytest.mark.parametrize("name", [*CONTINUOUS, *DISCRETE])
def test_edges_are_scipys_and_gradients_there_are_no_nan(name: str) -> None:
    shapes = CONTINUOUS[name][1] if name in CONTINUOUS else DISCRETE[name]
    density = DENSITIES if name in CONTINUOUS else ("logpmf", "pmf")
    for method in (*density, *FUNCTIONS):
        ours, theirs = getattr(getattr(stats, name), method), getattr(scipy.stats, name)
        with np.errstate(all="ignore"):
            expected = getattr(theirs, method)(EDGES, *shapes)
        run = irgrad.compile(lambda x, ours=ours: ours(x, *shapes), jit=False)
        got = run(EDGES)
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-15, err_msg=method)
        if name in DISCRETE and method in FUNCTIONS:
            continue  # constant between whole numbers: there is no slope to ask for
        total = irgrad.compile(
            lambda x, loc, ours=ours: np.sum(ours(x, *shapes, loc)), argnums=(0, 1), jit=False
        )
        bounded = np.isfinite(getattr(scipy.stats, name).support(*shapes)[0])
        for x in EDGES[np.isfinite(EDGES)]:
            by_x, by_loc = total.grad(np.array([x]), 0.0)
            assert not np.isnan(by_x[0]), (method, x)
            assert not np.isnan(by_loc), (method, x)
            if x < 0 and bounded:
                assert by_x[0] == by_loc == 0.0, (method, x)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_quantiles_at_their_ends(name: str) -> None:
    q = np.array([-0.1, 0.0, 0.5, 1.0, 1.1, np.nan])
    shapes = CONTINUOUS[name][1]
    for method in QUANTILES:
        ours = getattr(getattr(stats, name), method)
        got = irgrad.compile(lambda q, ours=ours: ours(q, *shapes, 0.5, 2.0), jit=False)(q)
        expected = getattr(getattr(scipy.stats, name), method)(q, *shapes, 0.5, 2.0)
        np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("name", [*CONTINUOUS, *DISCRETE])
def test_parameters_that_are_none_give_nan(name: str) -> None:
    shapes = CONTINUOUS[name][1] if name in CONTINUOUS else DISCRETE[name]
    method = "logpdf" if name in CONTINUOUS else "logpmf"
    ours, theirs = (getattr(getattr(module, name), method) for module in (stats, scipy.stats))
    tries = [[*shapes[:i], -1.0, *shapes[i + 1 :], 0.0] for i in range(len(shapes))]
    if name in CONTINUOUS:
        tries.append([*shapes, 0.0, -1.0])
    for parameters in tries:
        got = irgrad.compile(lambda *p: ours(np.array([1.0, -5.0]), *p), jit=False)(*parameters)
        np.testing.assert_array_equal(got, theirs(np.array([1.0, -5.0]), *parameters))
        assert np.isnan(got).all()


PLAIN = [
    ("norm", "logpdf", (0.3, 1.0)), ("poisson", "logpmf", (2, 3.0)), ("gamma", "rvs", (2.0, 0, 1)),
    ("beta", "mean", (2.0, 3.0)), ("dirichlet", "logpdf", ([0.2, 0.8], [1.0, 2.0])),
    ("multivariate_normal", "pdf", ([0.2, 0.8], [1.0, 2.0])),
]  # fmt: skip


@pytest.mark.parametrize(("name", "method", "arguments"), PLAIN)
def test_plain_arguments_are_scipys(name: str, method: str, arguments: Any) -> None:
    keywords = {"random_state": 3} if method == "rvs" else {}
    expected = getattr(getattr(scipy.stats, name), method)(*arguments, **keywords)
    got = getattr(getattr(stats, name), method)(*arguments, **keywords)
    np.testing.assert_array_equal(got, expected)


def test_names_of_parameters_and_frozen_distributions() -> None:
    x = np.array([0.2, 1.4])

    def objective(a: Any) -> Any:
        one = stats.gamma.logpdf(x, a, scale=2.0)
        two = stats.gamma(a=a, loc=-1.0).logpdf(x)
        return np.sum(one) + np.sum(two)

    got = irgrad.compile(objective, jit=False)(1.3)
    expected = scipy.stats.gamma.logpdf(x, 1.3, scale=2.0).sum()
    expected += scipy.stats.gamma(a=1.3, loc=-1.0).logpdf(x).sum()
    assert got == pytest.approx(expected, rel=1e-14)
    for wrong in ({"b": 1.0}, {"loc": 1.0, "scale": 2.0}):
        with pytest.raises(TypeError):
            irgrad.compile(lambda a, wrong=wrong: stats.gamma.logpdf(a, 1.0, 1.0, **wrong))(1.0)
    with pytest.raises(TypeError):
        irgrad.compile(lambda a: stats.gamma.logpdf(a))(1.0)


def test_single_precision_is_kept() -> None:
    x = POSITIVE.astype(np.float32)
    for name, (_, shapes) in CONTINUOUS.items():
        at = SHARES.astype(np.float32) if name == "beta" else x
        f = getattr(stats, name).logpdf
        value = irgrad.compile(lambda x, f=f, shapes=shapes: f(x, *shapes), jit=False)(at)
        assert value.dtype == np.float32
        np.testing.assert_allclose(
            value, getattr(scipy.stats, name).logpdf(at, *shapes), rtol=2e-5, atol=1e-5
        )


@pytest.mark.parametrize(
    ("name", "arguments", "exact"),
    [
        ("norm", (30.0,), lambda x: -(x**2) / 2 - mpmath.log(2 * mpmath.pi) / 2),
        ("cauchy", (1e200,), lambda x: -mpmath.log(mpmath.pi * (1 + x**2))),
        ("logistic", (-800.0,), lambda x: -x - 2 * mpmath.log(1 + mpmath.exp(-x))),
        ("gamma", (1e-8, 0.3), lambda x, a: (a - 1) * mpmath.log(x) - x - mpmath.loggamma(a)),
        ("t", (1e3, 1e5), lambda x, n: mpmath.log(
            mpmath.gamma((n + 1) / 2) / mpmath.gamma(n / 2) / mpmath.sqrt(n * mpmath.pi)
            * (1 + x**2 / n) ** (-(n + 1) / 2)
        )),
    ],
)  # fmt: skip
def test_tails_agree_with_mpmath(name: str, arguments: Any, exact: Any) -> None:
    run = irgrad.compile(lambda *xs: getattr(stats, name).logpdf(*xs), jit=False)
    value, slope = run.value_and_grad(*arguments)
    with mpmath.workdps(60):
        numbers = [mpmath.mpf(x) for x in arguments]
        assert value == pytest.approx(float(exact(*numbers)), rel=1e-14)
        wanted = mpmath.diff(lambda x: exact(x, *numbers[1:]), numbers[0])
        assert slope == pytest.approx(float(wanted), rel=1e-12)


@pytest.mark.parametrize("name", ["norm", "t", "cauchy", "laplace", "logistic"])
def test_slope_at_the_middle_is_the_density(name: str) -> None:
    shapes = CONTINUOUS[name][1]
    distribution = getattr(stats, name)
    density = getattr(scipy.stats, name).pdf(0.0, *shapes)
    slopes = [
        irgrad.compile(lambda x: distribution.cdf(x, *shapes), jit=False).grad(0.0),
        1 / irgrad.compile(lambda q: distribution.ppf(q, *shapes), jit=False).grad(0.5),
    ]
    np.testing.assert_allclose(slopes, density, rtol=1e-12)


def test_the_median_of_cauchys_distribution_is_exact() -> None:
    value, slope = irgrad.compile(lambda q: stats.cauchy.ppf(q), jit=False).value_and_grad(0.5)
    assert value == 0.0
    assert slope == pytest.approx(math.pi, rel=1e-15)


def test_infinitely_many_degrees_of_freedom_are_the_normal_distribution() -> None:
    f = irgrad.compile(stats.t.cdf, argnums=(0, 1), jit=False)
    value, (by_x, by_freedom) = f.value_and_grad(0.7, np.inf)
    assert value == pytest.approx(scipy.stats.norm.cdf(0.7), rel=1e-14)
    assert by_x == pytest.approx(scipy.stats.norm.pdf(0.7), rel=1e-14)
    assert by_freedom == 0.0


@pytest.mark.parametrize("x", [1e-300, -1e-300, 0.0])
def test_students_distribution_beside_its_middle(x: float) -> None:
    f = irgrad.compile(lambda x, df: stats.t.cdf(x, df), argnums=(0, 1), jit=False)
    # The density's own slope by the degrees of freedom, as the function is x times it here.
    by_freedom = irgrad.compile(lambda df: stats.t.pdf(0.0, df), jit=False).grad(3.7)
    assert f.grad(x, 3.7)[1] == pytest.approx(x * by_freedom, rel=1e-13)


@pytest.mark.parametrize(
    ("name", "method", "x", "shapes"),
    [
        ("gamma", "logsf", 1e10, (2.3,)), ("gamma", "logcdf", 1e-300, (2.3,)),
        ("beta", "logcdf", 1e-300, (2.2, 1.6)), ("poisson", "logsf", 300.0, (2.3,)),
        ("binom", "logcdf", 2.0, (5.0, 1.0)),
    ],
)  # fmt: skip
def test_a_logarithm_of_what_underflows_has_no_slope(
    name: str, method: str, x: float, shapes: tuple[float, ...]
) -> None:
    of = getattr(getattr(stats, name), method)
    f = irgrad.compile(of, argnums=tuple(range(1, len(shapes) + 1)), jit=False)
    value, slopes = f.value_and_grad(x, *shapes)
    assert value == -np.inf
    np.testing.assert_array_equal(slopes, 0.0)


def test_a_quantile_rounded_to_its_end_has_no_slope_by_shapes() -> None:
    f = irgrad.compile(stats.beta.isf, argnums=(1, 2), jit=False)
    value, slopes = f.value_and_grad(1e-300, 2.2, 1.6)
    assert value == 1.0
    np.testing.assert_array_equal(slopes, 0.0)


@pytest.mark.parametrize("name", [*CONTINUOUS, *DISCRETE])
def test_single_precision_is_kept_with_parameters_of_it(name: str) -> None:
    shapes = CONTINUOUS[name][1] if name in CONTINUOUS else DISCRETE[name]
    arguments = [np.array([[0.5], [0.25]], np.float32), *map(np.float32, shapes)]
    for method in ("cdf", "logsf", "logpdf" if name in CONTINUOUS else "logpmf"):
        of = getattr(getattr(stats, name), method)
        moved = tuple(range(1, len(arguments)))
        f = irgrad.compile(lambda *xs, of=of: np.sum(of(*xs)), argnums=moved or 0, jit=False)
        value, slopes = f.value_and_grad(*arguments)
        assert {np.asarray(part).dtype for part in (value, *slopes)} == {np.dtype(np.float32)}


def test_what_has_no_formula_is_refused() -> None:
    with pytest.raises(UnsupportedCallError, match=r"poisson\.ppf.*whole number, which jumps"):
        irgrad.grad(lambda mu: stats.poisson.ppf(0.5, mu))(2.0)
    assert stats.poisson.ppf(0.5, 2.0) == scipy.stats.poisson.ppf(0.5, 2.0)
    with pytest.raises(UnsupportedCallError, match="allow_singular"):
        irgrad.grad(
            lambda x: stats.multivariate_normal.logpdf(x, cov=np.eye(2), allow_singular=True)
        )(np.ones(2))


DRAWS = np.random.default_rng(5)
ROOT = DRAWS.normal(size=(3, 3)) + 2 * np.eye(3)
COVARIANCE = ROOT @ ROOT.T
POINTS, MEAN = DRAWS.normal(size=(4, 3)), DRAWS.normal(size=3)
ALPHA = np.array([1.4, 0.9, 2.6])
SIMPLEX = np.array([[0.2, 0.5], [0.3, 0.1], [0.5, 0.4]])
MATRICES = np.stack([COVARIANCE, ROOT.T @ ROOT], axis=-1)

MULTIVARIATE: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "normal": (
        lambda s, x, m, c: s.multivariate_normal.logpdf(x, m, c), (POINTS, MEAN, COVARIANCE)
    ),
    "normal at one": (
        lambda s, x, m, c: s.multivariate_normal.pdf(x, m, c), (POINTS[0], MEAN, COVARIANCE)
    ),
    "normal by root": (
        lambda s, x, r: s.multivariate_normal(cov=r @ r.T).logpdf(x), (POINTS, ROOT)
    ),
    "normal, diagonal": (
        lambda s, x, v: s.multivariate_normal.logpdf(x, np.zeros(3), v),
        (POINTS, np.array([0.5, 1.0, 2.0])),
    ),
    "normal, standard": (lambda s, x, m: s.multivariate_normal.logpdf(x, m), (POINTS, MEAN)),
    "normal, one variable": (lambda s, x, v: s.multivariate_normal.logpdf(x, cov=v), (MEAN, 2.3)),
    "dirichlet": (lambda s, a: s.dirichlet.logpdf(SIMPLEX, a), (ALPHA,)),
    "dirichlet at one": (lambda s, a: s.dirichlet.pdf(SIMPLEX[:, 0], a), (ALPHA,)),
    "dirichlet without the last": (
        lambda s, x, a: s.dirichlet.logpdf(x, a), (SIMPLEX[:-1], ALPHA)
    ),
    "wishart": (lambda s, x, n, c: s.wishart.logpdf(x @ x.T, n, c @ c.T), (ROOT, 5.5, ROOT.T)),
    "wishart of several": (lambda s, n: s.wishart.pdf(MATRICES, n, COVARIANCE), (4.5,)),
}  # fmt: skip


@pytest.mark.parametrize("name", MULTIVARIATE)
def test_multivariate(name: str) -> None:
    function, arguments = MULTIVARIATE[name]
    check(
        lambda *xs: function(stats, *xs),
        *arguments,
        # Near the covariance itself; SciPy checks that what it is given is symmetric enough.
        numpy=lambda *xs: function(scipy.stats, *map(_half, xs)),
        narrow=False,
        rounding=1e-11,
    )


def _half(x: Any) -> Any:
    """Return a symmetric matrix by its lower half, and anything else as it is."""
    if np.shape(x) != (3, 3) or not np.allclose(x, np.transpose(x), atol=1e-1):
        return x
    return np.tril(x) + np.tril(x, -1).T


def test_dirichlet_outside_of_the_simplex() -> None:
    f = irgrad.compile(lambda x: stats.dirichlet.logpdf(x, ALPHA), jit=False)
    value, slope = f.value_and_grad(np.array([-0.1, 0.5, 0.6]))
    assert value == -math.inf
    np.testing.assert_array_equal(slope, 0.0)


def test_a_covariance_that_is_not_positive_definite() -> None:
    f = irgrad.compile(lambda c: stats.multivariate_normal.logpdf(MEAN, cov=c), jit=False)
    with pytest.raises(np.linalg.LinAlgError):
        f(-COVARIANCE)


def test_a_fit_in_machine_code() -> None:
    x = np.random.default_rng(1).gamma(2.5, 1.5, size=200)

    def loss(parameters: Any, x: Any) -> Any:
        a, scale = np.exp(parameters)
        return -np.sum(stats.gamma.logpdf(x, a, scale=scale))

    compiled = irgrad.compile(loss)
    value, gradient = compiled.value_and_grad(np.array([0.5, 0.1]), x)
    a, scale = np.exp([0.5, 0.1])
    assert value == pytest.approx(-scipy.stats.gamma.logpdf(x, a, scale=scale).sum(), rel=1e-13)
    by_scale = np.sum(a - x / scale)
    by_a = np.sum(scipy.special.digamma(a) - np.log(x / scale)) * a
    np.testing.assert_allclose(gradient, [by_a, by_scale], rtol=1e-11)


def test_the_emitted_loop_of_a_normal_density_has_nothing_to_spare() -> None:
    f = irgrad.compile(
        lambda mu, s, x: np.sum(stats.norm.logpdf(x, mu, s)), argnums=(0, 1), jit=False
    )
    f.lower(1.0, 2.0, np.ones(20))
    text = f.source.split("def value_and_grad")[1]
    assert text.count("for i in range(n):") == 1
    body = [line for line in text.splitlines() if line.startswith("        ")]
    assert body
    assert not any(" if " in line or "True" in line for line in body)
