"""The functions of irgrad.scipy.special that are no ufuncs, against SciPy, NumPy and mpmath."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special

import irgrad
from irgrad.errors import DifferentiationError, UnsupportedCallError
from irgrad.scipy import special
from irgrad.testing import check_grads

DRAWS = np.random.default_rng(3)
MATRIX = DRAWS.normal(size=(3, 4))
WEIGHTS = DRAWS.uniform(0.3, 2.0, size=(3, 4))


def evaluated(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function gives on traced arguments."""
    return irgrad.compile(function, jit=False)(*arguments)


REDUCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "logsumexp": lambda s, x: s.logsumexp(x),
    "logsumexp of an axis": lambda s, x: s.logsumexp(x, axis=1),
    "logsumexp of axes": lambda s, x: s.logsumexp(x, axis=(0, 1), keepdims=True),
    "logsumexp weighted": lambda s, x: s.logsumexp(x, axis=0, b=WEIGHTS),
    "logsumexp of a row weighted": lambda s, x: s.logsumexp(x, axis=-1, b=[1.0, 0.0, 2.0, 0.5]),
    "logsumexp with sign": lambda s, x: s.logsumexp(x, b=WEIGHTS - 1.4, return_sign=True)[0],
    "sign of logsumexp": lambda s, x: s.logsumexp(x, b=WEIGHTS - 2.4, return_sign=True)[1],
    "softmax": lambda s, x: s.softmax(x),
    "softmax of an axis": lambda s, x: s.softmax(x, axis=0),
    "log_softmax": lambda s, x: s.log_softmax(x, axis=1),
    "log_softmax of all": lambda s, x: s.log_softmax(x),
    "multigammaln": lambda s, x: s.multigammaln(x[0] + 6.0, 3),
    "polygamma 0": lambda s, x: s.polygamma(0, np.abs(x) + 0.5),
    "polygamma 1": lambda s, x: s.polygamma(1, np.abs(x) + 0.5),
    "polygamma 4": lambda s, x: s.polygamma(4, np.abs(x) + 0.5),
    "polygammas": lambda s, x: s.polygamma(np.arange(4), np.abs(x) + 0.5),
    "zeta": lambda s, x: s.zeta(x + 4.0),
    "zeta of two": lambda s, x: s.zeta(x + 5.0, np.abs(x) + 0.5),
    "comb": lambda s, x: s.comb(x + 6.0, 2.5),
    "comb with repetition": lambda s, x: s.comb(x + 6.0, 3, repetition=True),
    "expit": lambda s, x: s.expit(x),
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_values_are_scipys_and_derivatives_are_theirs(name: str) -> None:
    function = REDUCTIONS[name]
    expected = function(scipy.special, MATRIX)
    got = evaluated(lambda x: function(special, x), MATRIX)
    np.testing.assert_allclose(got, expected, rtol=2e-14)
    assert np.shape(got) == np.shape(expected)
    np.testing.assert_array_equal(function(special, MATRIX), expected)
    if "sign of" not in name:
        check_grads(lambda x: np.sum(np.cos(0.02 * function(special, x))), (MATRIX,), order=2)


def test_logsumexp_by_weights_that_are_traced() -> None:
    def objective(a: Any, b: Any) -> Any:
        return special.logsumexp(a, b=b)

    weights = np.array([0.5, 0.0, 2.0])
    a = np.array([1.0, 3.0, -1.0])
    slopes = irgrad.compile(objective, argnums=(0, 1), jit=False).grad(a, weights)
    total = np.sum(weights * np.exp(a))
    np.testing.assert_allclose(slopes[0], weights * np.exp(a) / total, rtol=1e-14)
    np.testing.assert_allclose(slopes[1], np.exp(a) / total, rtol=1e-14)


def test_logsumexp_of_infinities() -> None:
    for row in ([np.inf, 1.0], [-np.inf, -np.inf], [-np.inf, 2.0], [800.0, 801.0], [-800.0, -801]):
        a = np.array(row)
        expected = scipy.special.logsumexp(a)
        np.testing.assert_allclose(evaluated(special.logsumexp, a), expected, rtol=1e-15)
    a, b = np.array([np.inf, 1e4, 1.0]), np.array([0.0, 0.0, 2.0])
    got, slope = irgrad.compile(lambda a: special.logsumexp(a, b=b), jit=False).value_and_grad(a)
    assert got == pytest.approx(1.0 + np.log(2.0), rel=1e-15)
    np.testing.assert_array_equal(slope, [0.0, 0.0, 1.0])
    assert np.isnan(evaluated(lambda a: special.logsumexp(a, b=[1.0, -3.0]), np.ones(2)))


def test_lists_of_traced_values_are_arrays() -> None:
    slope = irgrad.grad(lambda x: special.logsumexp([x, 2 * x, 0.0]))(0.5)
    weights = np.exp([0.5, 1.0, 0.0])
    assert slope == pytest.approx((weights[0] + 2 * weights[1]) / weights.sum(), rel=1e-14)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("x", [-20.3, -3.4, -0.01, 0.02, 1.0, 7.5, 1e5])
def test_polygamma_agrees_with_mpmath(order: int, x: float) -> None:
    compiled = irgrad.compile(lambda x: special.polygamma(order, x), jit=False)
    value, slope = compiled.value_and_grad(x)
    with mpmath.workdps(40):
        wanted = [mpmath.psi(order, mpmath.mpf(x)), mpmath.psi(order + 1, mpmath.mpf(x))]
    np.testing.assert_allclose([value, slope], list(map(float, wanted)), rtol=2e-14)


def test_multigammaln_outside_its_range_is_nan() -> None:
    assert np.isnan(evaluated(lambda a: special.multigammaln(a, 3), 0.9))


def test_comb_outside_its_range_is_zero() -> None:
    numbers = np.array([2.0, -1.0, 5.0])
    chosen = np.array([3.0, 1.0, -2.0])
    got = evaluated(lambda n: special.comb(n, chosen), numbers)
    np.testing.assert_array_equal(got, scipy.special.comb(numbers, chosen))


def test_what_has_no_derivative_is_refused() -> None:
    with pytest.raises(UnsupportedCallError, match="exact"):
        irgrad.grad(lambda n: special.comb(n, 2, exact=True))(5.0)
    with pytest.raises(UnsupportedCallError, match="order"):
        irgrad.grad(lambda n: special.polygamma(n, 2.0))(1.0)
    with pytest.raises(AttributeError):
        special.no_such_function  # noqa: B018


MISSING: dict[str, Callable[[Any], Any]] = {
    "order": lambda v: scipy.special.jv(v, 0.5),
    "order and argument": lambda v: scipy.special.iv(v, v),
}


@pytest.mark.parametrize("name", MISSING)
def test_a_derivative_that_is_missing_is_an_error_and_not_zero(name: str) -> None:
    with pytest.raises(DifferentiationError, match="by their argument"):
        irgrad.compile(MISSING[name], jit=False).grad(1.5)
    with pytest.raises(DifferentiationError, match="by their argument"):
        MISSING[name](irgrad.Value(1.5)).backward()


def test_what_is_not_differentiated_by_may_be_traced() -> None:
    f = irgrad.compile(scipy.special.jv, argnums=1, jit=False)
    assert f.grad(1.5, 0.5) == pytest.approx(scipy.special.jvp(1.5, 0.5), rel=1e-14)


@pytest.mark.parametrize("x", [-100.0, -8.0, 0.5, 9.0])
def test_log_ndtr_is_curved_as_mpmath_has_it(x: float) -> None:
    slope = irgrad.grad(scipy.special.log_ndtr)
    curvature = irgrad.compile(lambda x: slope(x), jit=False).grad(x)
    with mpmath.workdps(40):
        exact = mpmath.diff(lambda t: mpmath.log(mpmath.erfc(-t / mpmath.sqrt(2)) / 2), x, 2)
    assert curvature == pytest.approx(float(exact), rel=1e-9)
