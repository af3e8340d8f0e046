"""minimize against SciPy and differences, to second order."""

from typing import Any

import numpy as np
import pytest
import scipy.optimize

import irgrad
from irgrad.errors import ConvergenceError, ShapeError
from irgrad.implicit import minimize
from irgrad.testing import check_grads

START = np.array([0.3, -0.2, 0.5])
WEIGHTS = np.array([1.0, 2.0, 3.0])


def objective(x: Any, a: Any) -> Any:
    """Return a convex function of which no part stands alone."""
    return np.sum(np.exp(a * x) - x) + 0.5 * np.sum(x) ** 2 + np.sum(x**4)


@pytest.mark.parametrize("linear", ["dense", "iterative"])
def test_derivatives_agree_with_differences_in_every_mode(linear: str) -> None:
    def of_minimum(a: Any) -> Any:
        found = minimize(objective, START, (a,), linear=linear)
        return np.sum(WEIGHTS * found) ** 2

    check_grads(of_minimum, (np.array([0.7, 1.1, 1.6]),), order=1)


def test_second_derivatives_agree_with_differences_in_every_mode() -> None:
    check_grads(lambda a: minimize(objective, 0.3, (a,)), (1.2,))


def test_the_minimum_is_that_of_scipy() -> None:
    a = np.array([0.7, 1.1, 1.6])
    expected = scipy.optimize.minimize(objective, START, (a,), tol=1e-12).x
    found = irgrad.compile(lambda a: minimize(objective, START, (a,)), argnums=(), jit=False)
    assert np.allclose(found(a), expected, rtol=1e-5)
    slope = irgrad.compile(objective, jit=False).grad(found(a), a)
    assert np.max(np.abs(slope)) < 1e-13


def test_a_path_through_a_saddle_leads_to_a_minimum() -> None:
    double = irgrad.compile(
        lambda x0, a: minimize(lambda x: (x * x - a) ** 2, x0), argnums=(0, 1), jit=False
    )
    assert double(0.1, 2.0) == pytest.approx(np.sqrt(2.0), rel=1e-12)
    by_start, by_a = double.grad(-0.1, 2.0)
    assert by_start == 0.0
    assert by_a == pytest.approx(-0.5 / np.sqrt(2.0), rel=1e-12)


@pytest.mark.parametrize("jit", [False, True])
def test_no_minimum_is_an_error_with_the_gradient(jit: bool) -> None:
    downhill = irgrad.compile(lambda a: minimize(lambda x: np.exp(-a * x), 1.0), jit=jit)
    with pytest.raises(ConvergenceError, match="minimize: after 200 steps at most the gradient"):
        downhill.value_and_grad(1.0)


def test_several_numbers_have_no_minimum() -> None:
    with pytest.raises(ShapeError, match="returns one number"):
        irgrad.compile(lambda a: minimize(lambda x: a * x, START), jit=False)(2.0)
