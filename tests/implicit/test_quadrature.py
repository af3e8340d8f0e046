"""quad against formulas and SciPy: values, and derivatives by parameters and ends."""

from typing import Any

import numpy as np
import pytest
import scipy.integrate

import irgrad
from irgrad.errors import ArgumentError, ConvergenceError
from irgrad.implicit import quad, quadrature
from irgrad.testing import check_grads


@pytest.mark.parametrize(
    ("function", "a", "b"),
    [
        (lambda x: np.exp(-x * x), -np.inf, np.inf),
        (lambda x: 1 / (1 + x * x), -np.inf, 0.5),
        (lambda x: x * np.exp(-x), 1.0, np.inf),
        (lambda x: 1 / np.sqrt(x), 0.0, 1.0),
        (lambda x: 1 / np.sqrt(1 - x), 0.0, 1.0),
        (lambda x: np.log(x) * np.sin(5 * x), 0.0, 2.0),
        (lambda x: np.abs(x - 0.3), 0.0, 1.0),
        (lambda x: np.sin(50 * x), 1.0, 0.0),
        (lambda x: x**2, 1.0, 1.0),
    ],
)
def test_integrals_are_those_of_scipy(function: Any, a: float, b: float) -> None:
    compiled = irgrad.compile(lambda s: quad(lambda x: s * function(x), a, b), jit=False)
    expected, _ = scipy.integrate.quad(function, a, b, epsabs=1e-12, epsrel=1e-12, limit=200)
    value, slope = compiled.value_and_grad(1.0)
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert slope == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_rules_integrate_polynomials() -> None:
    for degree in range(22):
        moment = 1 / (degree + 1)
        assert quadrature.WEIGHTS @ quadrature.NODES**degree == pytest.approx(moment, rel=1e-14)
        if degree < 14:
            assert quadrature.COARSE @ quadrature.NODES**degree == pytest.approx(moment, rel=1e-14)


def wave(k: Any, b: Any) -> Any:
    return quad(lambda x: np.exp(-k * x) * np.cos(x), 0.1 * k, b)


def test_derivatives_agree_with_differences_in_every_mode() -> None:
    check_grads(wave, (1.3, 2.0), order=2)


def test_the_derivative_by_an_end_is_the_function_there() -> None:
    _, by_end = irgrad.compile(wave, argnums=(0, 1), jit=False).grad(1.3, 2.0)
    assert by_end == pytest.approx(np.exp(-2.6) * np.cos(2.0), rel=1e-15)


def test_a_derivative_steeper_than_the_function_is_integrated_as_exactly() -> None:
    """d/dk of x**k is x**k log x, which needs shorter steps at 0 than x**k itself."""
    compiled = irgrad.compile(lambda k: quad(lambda x: x**k, 0.0, 1.0), jit=False)
    value, slope = compiled.value_and_grad(0.5)
    assert value == pytest.approx(1 / 1.5, rel=1e-9)
    assert slope == pytest.approx(-1 / 1.5**2, rel=1e-9)


def test_containers_and_batches() -> None:
    def several(w: Any) -> Any:
        found = quad(lambda x: {"s": np.sin(w * x), "x": x}, 0.0, 1.0)
        return np.sum(found["s"]) + found["x"]

    w = np.array([1.0, 2.0])
    value, slope = irgrad.compile(several, jit=False).value_and_grad(w)
    assert value == pytest.approx(np.sum((1 - np.cos(w)) / w) + 0.5)
    assert np.allclose(slope, np.sin(w) / w - (1 - np.cos(w)) / w**2, rtol=1e-9)
    mapped = irgrad.vmap(irgrad.grad(lambda k: quad(lambda x: np.exp(-k * x), 0.0, 1.0)))
    got = irgrad.compile(mapped, argnums=(), jit=False)(w)
    assert np.allclose(got, ((w + 1) * np.exp(-w) - 1) / w**2, rtol=1e-9)


@pytest.mark.parametrize(
    "function", [lambda x: 1 / x, lambda x: 1 / (x - 0.3), lambda x: x + np.nan]
)
def test_what_has_no_integral_is_an_error(function: Any) -> None:
    with pytest.raises(ConvergenceError, match="quad: the integral is known to within"):
        irgrad.compile(lambda b: quad(function, 0.0, b), jit=False).value_and_grad(1.0)


def test_an_infinite_end_on_the_wrong_side_is_refused() -> None:
    with pytest.raises(ArgumentError, match="from a to b"):
        quad(np.exp, 0.0, -np.inf)
