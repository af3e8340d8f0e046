"""root, fixed_point and brentq against formulas, SciPy and differences, to second order."""

from typing import Any

import numpy as np
import pytest
import scipy.optimize

import irgrad
from irgrad.errors import ArgumentError, ConvergenceError
from irgrad.implicit import brentq, fixed_point, root
from irgrad.testing import check_grads


def cube_root(a: Any) -> Any:
    return root(lambda x, a: x**3 - a, 1.0, (a,))


def kepler(mean: Any, eccentricity: Any) -> Any:
    """Return the eccentric anomaly; the equation closes over the parameters."""
    return fixed_point(lambda e: mean + eccentricity * np.sin(e), mean)


def crossing(slope: Any) -> Any:
    return brentq(lambda x: np.cos(x) - slope * x, 0.0, 2.0)


def system(a: Any, linear: str) -> Any:
    """Return a number made of the solution of three equations in a dict."""

    def equations(at: Any) -> Any:
        return {"u": at["u"] ** 2 + at["v"][0] - a, "v": at["v"] ** 3 - at["u"] + at["v"][::-1]}

    found = root(equations, {"u": 1.0, "v": np.ones(2)}, linear=linear)
    return found["u"] * found["v"][0] + found["v"][1]


@pytest.mark.parametrize("linear", ["dense", "iterative"])
def test_a_system_agrees_with_differences(linear: str) -> None:
    compiled = irgrad.compile(lambda a: system(a, linear), jit=False)
    step = 1e-5
    slope = (compiled(3.0 + step) - compiled(3.0 - step)) / (2 * step)
    assert compiled.grad(3.0) == pytest.approx(slope, rel=1e-8)


def test_root_by_its_formula_to_third_order() -> None:
    derivative: Any = cube_root
    for order, expected in enumerate((2.0, 1 / 12, -1 / 144, 5 / 3456)):
        compiled = irgrad.compile(derivative, argnums=(), jit=False)
        assert compiled(8.0) == pytest.approx(expected, rel=1e-13), order
        derivative = irgrad.grad(derivative)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (cube_root, (8.0,)),
        (kepler, (0.8, 0.3)),
        (crossing, (1.3,)),
    ],
)
def test_derivatives_agree_with_differences_in_every_mode(
    function: Any, arguments: tuple[float, ...]
) -> None:
    check_grads(function, arguments, order=2)


def test_solutions_are_those_of_scipy() -> None:
    assert cube_root(5.0) == pytest.approx(
        scipy.optimize.root(lambda x: x**3 - 5.0, 1.0, tol=1e-14).x[0], rel=1e-12
    )
    e = kepler(0.8, 0.3)
    assert e - 0.3 * np.sin(e) == pytest.approx(0.8, rel=1e-12)
    compiled = irgrad.compile(
        lambda a, b: brentq(lambda x: np.exp(x) - 5, a, b), argnums=(), jit=False
    )
    for ends in ((-30.0, 30.0), (0.0, 2.0), (3.0, -1.0)):
        expected = scipy.optimize.brentq(lambda x: np.exp(x) - 5, *ends)
        assert compiled(*ends) == pytest.approx(expected, rel=1e-14)


def test_brentq_takes_the_steps_of_scipy() -> None:
    """Count the calls by a root so flat that the last bits of each step show."""

    def flat(x: Any) -> Any:
        return (x - 0.3) ** 3

    compiled = irgrad.compile(lambda a: brentq(flat, a, 4.0, max_steps=200), argnums=(), jit=False)
    assert compiled(-1.0) == scipy.optimize.brentq(flat, -1.0, 4.0, maxiter=200)


def test_a_root_in_a_loop_and_in_a_batch() -> None:
    a = np.array([1.0, 8.0, 27.0])

    def summed(a: Any) -> Any:
        return irgrad.scan(lambda total, x: (total + cube_root(x), None), 0.0, a)[0]

    slopes = a ** (-2 / 3) / 3
    assert np.allclose(irgrad.compile(summed, jit=False).grad(a), slopes, rtol=1e-12)
    mapped = irgrad.compile(irgrad.vmap(irgrad.grad(cube_root)), argnums=(), jit=False)
    assert np.allclose(mapped(a), slopes, rtol=1e-12)


def test_the_start_has_no_derivative() -> None:
    slopes = irgrad.compile(
        lambda x0, a: root(lambda x: x * x - a, x0), argnums=(0, 1), jit=False
    ).grad(1.0, 4.0)
    assert slopes[0] == 0.0
    assert slopes[1] == pytest.approx(0.25)


def test_the_whole_solver_stands_in_the_file() -> None:
    compiled = irgrad.compile(cube_root)
    assert compiled.value_and_grad(8.0) == (pytest.approx(2.0), pytest.approx(1 / 12))
    assert "import irgrad" not in compiled.source
    assert "while True:" in compiled.source


@pytest.mark.parametrize("jit", [False, True])
def test_no_root_is_an_error_with_the_residual(jit: bool) -> None:
    def none(a: Any) -> Any:
        return root(lambda x: x * x + a, 1.5)

    compiled = irgrad.compile(none, jit=jit)
    for call in (compiled, compiled.grad):
        with pytest.raises(ConvergenceError, match="root: after 50 steps at most") as caught:
            call(1.0)
        assert "return root(lambda x: x * x + a, 1.5)" in str(caught.value)


@pytest.mark.parametrize(
    ("solve", "complaint"),
    [
        (lambda a: fixed_point(lambda x: 2 * x + a, 1.0), "the point still moves by"),
        (lambda a: fixed_point(lambda x: np.cos(x) + a, 1.0, max_steps=3), "at most the point"),
        (lambda a: brentq(lambda x: x * x + a, 0.0, 1.0), "has one sign at both ends"),
        (lambda a: brentq(lambda x: x**3 - a, 0.0, 4.0, max_steps=2), "the function is still"),
        (lambda a: brentq(lambda x: a / x, -1.0, 2.0, max_steps=30), "the function is still"),
    ],
)
def test_what_does_not_converge_is_an_error(solve: Any, complaint: str) -> None:
    with pytest.raises(ConvergenceError, match=complaint):
        irgrad.compile(solve, jit=False).value_and_grad(1.0)


def test_a_singular_derivative_is_an_error_not_an_infinite_gradient() -> None:
    solve = irgrad.compile(lambda a: brentq(lambda x: a * (x - 1.0) ** 3, 0.0, 2.0), jit=False)
    assert solve(1.0) == 1.0
    with pytest.raises(ConvergenceError, match="may not be 0"):
        solve.grad(1.0)


def test_another_structure_is_refused() -> None:
    with pytest.raises(ArgumentError, match="the function of root returns"):
        irgrad.compile(lambda a: root(lambda x: np.stack([x, a]), 1.0), jit=False)(2.0)
    with pytest.raises(ArgumentError, match="linear='lu'"):
        root(lambda x: x, 1.0, linear="lu")
    with pytest.raises(ArgumentError, match="nothing to solve for"):
        irgrad.compile(lambda a: root(lambda x: x, ()), jit=False)(2.0)
