"""solve_ivp and odeint against formulas, SciPy and differences, with both adjoints."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg

import irgrad
from irgrad.errors import ArgumentError, ConvergenceError, ShapeError
from irgrad.ode import odeint, solve_ivp
from irgrad.testing import check_grads

ADJOINTS = ["discrete", "continuous"]
TIGHT = {"rtol": 1e-9, "atol": 1e-9}
TIMES = np.linspace(0.0, 2.0, 5)


def decay(t: Any, y: Any, k: Any) -> Any:
    return -k * y


def predators(t: Any, state: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    prey, hunters = state
    return a * prey - b * prey * hunters, d * prey * hunters - c * hunters


def predators_in_an_array(t: Any, y: Any, *rates: Any) -> Any:
    return np.stack(predators(t, (y[0], y[1]), *rates))


RATES = (1.5, 1.0, 3.0, 1.0)


def test_a_state_at_the_end_and_at_times_is_that_of_scipy() -> None:
    def solved(y0: Any, *rates: Any) -> Any:
        end = solve_ivp(predators_in_an_array, (0.0, 5.0), y0, args=rates, **TIGHT)
        path = solve_ivp(predators_in_an_array, (0.0, 5.0), y0, TIMES, rates, **TIGHT)
        return end, path

    y0 = np.array([1.0, 0.7])
    end, path = irgrad.compile(solved, argnums=(), jit=False)(y0, *RATES)
    expected = scipy.integrate.solve_ivp(
        predators_in_an_array, (0.0, 5.0), y0, "DOP853", [*TIMES, 5.0], args=RATES, rtol=1e-12,
        atol=1e-12,
    ).y.T  # fmt: skip
    assert np.allclose(end, expected[-1], rtol=1e-7)
    assert path.shape == (5, 2)
    assert np.allclose(path, expected[:-1], rtol=1e-7)


def test_steps_are_as_many_as_the_tolerance_asks_for() -> None:
    def error(rtol: float) -> float:
        end = irgrad.compile(
            lambda k: solve_ivp(decay, (0.0, 3.0), 1.0, args=(k,), rtol=rtol, atol=0.0), jit=False
        )
        return abs(float(end(1.0)) / np.exp(-3.0) - 1)

    errors = [error(rtol) for rtol in (1e-4, 1e-7, 1e-10)]
    for rtol, found in zip((1e-4, 1e-7, 1e-10), errors, strict=True):
        assert rtol * 1e-3 < found < 10 * rtol


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_derivatives_by_everything_agree_with_the_formula(adjoint: str) -> None:
    """Differentiate y0 exp(-k (t1 - t0)) by the rate, the state and both times."""

    def end(k: Any, y0: Any, t0: Any, t1: Any) -> Any:
        return solve_ivp(decay, (t0, t1), y0, args=(k,), adjoint=adjoint, **TIGHT)

    k, y0, t0, t1 = 0.7, 1.3, 0.2, 1.5
    value, slopes = irgrad.compile(end, argnums=(0, 1, 2, 3), jit=False).value_and_grad(
        k, y0, t0, t1
    )
    exact = y0 * np.exp(-k * (t1 - t0))
    assert value == pytest.approx(exact, rel=1e-8)
    expected = [-(t1 - t0) * exact, exact / y0, k * exact, -k * exact]
    assert np.allclose(slopes, expected, rtol=1e-7)


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_second_derivatives_agree_with_the_formula(adjoint: str) -> None:
    def end(k: Any) -> Any:
        return solve_ivp(decay, (0.0, 1.5), 1.3, args=(k,), adjoint=adjoint, **TIGHT)

    exact = 1.3 * np.exp(-0.7 * 1.5)
    for second in (irgrad.grad(irgrad.grad(end)), irgrad.hessian(end)):
        compiled = irgrad.compile(second, argnums=(), jit=False)
        assert compiled(0.7) == pytest.approx(1.5**2 * exact, rel=1e-6)
    pushed = irgrad.compile(lambda k: irgrad.jvp(end, (k,), (2.0,)), argnums=(), jit=False)(0.7)
    assert pushed[1] == pytest.approx(-2 * 1.5 * exact, rel=1e-7)


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_a_path_in_containers_agrees_with_differences(adjoint: str) -> None:
    """The right-hand side closes over its rates; the times depend on one of them."""

    def distance(rates: Any, y0: Any) -> Any:
        def field(t: Any, state: Any) -> Any:
            slopes = predators(t, (state["prey"], state["hunters"]), *rates)
            return dict(zip(("prey", "hunters"), slopes, strict=True))

        start = {"prey": y0[0], "hunters": y0[1]}
        path = solve_ivp(field, (0.0, 3.0), start, TIMES * rates[0], adjoint=adjoint, **TIGHT)
        return np.sum((path["prey"] - 1) ** 2) + np.sum(path["hunters"][1:] * path["prey"][:-1])

    check_grads(distance, ((1.2, 0.9, 1.5, 1.1), (1.0, 0.7)), order=1, rtol=3e-5)


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_arrays_as_state_and_rates(adjoint: str) -> None:
    def linear(matrix: Any, y0: Any) -> Any:
        return solve_ivp(lambda t, y: matrix @ y, (0.0, 1.5), y0, adjoint=adjoint, **TIGHT)

    matrix, y0 = np.array([[-0.5, 1.0], [-1.0, -0.2]]), np.array([1.0, 2.0])
    value, (by_matrix, by_y0) = irgrad.compile(
        lambda a, y: np.sum(linear(a, y)), argnums=(0, 1), jit=False
    ).value_and_grad(matrix, y0)
    flow = scipy.linalg.expm(1.5 * matrix)
    assert value == pytest.approx(np.sum(flow @ y0), rel=1e-8)
    assert np.allclose(by_y0, np.sum(flow, axis=0), rtol=1e-7)
    for place in np.ndindex(2, 2):
        unit = np.zeros((2, 2))
        unit[place] = 1.5
        turned = scipy.linalg.expm_frechet(1.5 * matrix, unit, compute_expm=False)
        assert by_matrix[place] == pytest.approx(np.sum(turned @ y0), rel=1e-6)


def test_backwards_in_time() -> None:
    def begun(k: Any, y1: Any) -> Any:
        return solve_ivp(decay, (1.0, 0.0), y1, np.array([1.0, 0.5, 0.0]), (k,), **TIGHT)[-1]

    value, slopes = irgrad.compile(begun, argnums=(0, 1), jit=False).value_and_grad(0.7, 2.0)
    assert value == pytest.approx(2.0 * np.exp(0.7), rel=1e-8)
    assert np.allclose(slopes, [value, value / 2.0], rtol=1e-7)


def test_odeint_takes_the_state_first_and_returns_it_first() -> None:
    def path(k: Any, t: Any) -> Any:
        return odeint(lambda y, t, k: -k * y + 0 * t, 1.3, t, (k,), **TIGHT)

    t = np.array([0.5, 1.0, 2.0])
    found = irgrad.compile(path, argnums=(), jit=False)(0.7, t)
    assert found[0] == 1.3
    assert np.allclose(found, 1.3 * np.exp(-0.7 * (t - 0.5)), rtol=1e-8)
    slopes = irgrad.compile(lambda k, t: np.sum(path(k, t)), argnums=1, jit=False).grad(0.7, t)
    expected = -0.7 * found
    expected[0] = 0.7 * np.sum(found[1:])
    assert np.allclose(slopes, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_a_batch_takes_steps_of_its_own(adjoint: str) -> None:
    def end(k: Any) -> Any:
        return solve_ivp(decay, (0.0, 1.0), 1.0, np.array([1.0]), (k,), adjoint=adjoint, **TIGHT)[0]

    k = np.array([0.1, 1.0, 5.0])
    mapped = irgrad.compile(irgrad.vmap(irgrad.value_and_grad(end)), argnums=(), jit=False)
    values, slopes = mapped(k)
    assert np.allclose(values, np.exp(-k), rtol=1e-7)
    assert np.allclose(slopes, -np.exp(-k), rtol=1e-6)


def test_the_whole_integration_stands_in_the_file() -> None:
    compiled = irgrad.compile(lambda k: solve_ivp(decay, (0.0, 1.0), 1.0, args=(k,)))
    value, slope = compiled.value_and_grad(2.0)
    assert value == pytest.approx(np.exp(-2.0), rel=1e-6)
    assert slope == pytest.approx(-np.exp(-2.0), rel=1e-5)
    assert "import irgrad" not in compiled.source


FAILURES: list[tuple[Callable[[Any], Any], str]] = [
    (lambda k: solve_ivp(lambda t, y: k * y**2, (0.0, 2.0), 1.0), "stops before the end, at t ="),
    (lambda k: solve_ivp(decay, (0.0, 9.0), 1.0, args=(k,), max_steps=4), "at t ="),
    (lambda k: solve_ivp(lambda t, y: y / (t - t) * k, (0.0, 1.0), 1.0), "at t = 0"),
    (lambda k: solve_ivp(decay, (0.0, 1.0), k, np.array([0.5, 0.2]), (k,))[0], "in order"),
    (lambda k: solve_ivp(decay, (0.0, 1.0), k, np.array([0.5, 1.2]), (k,))[0], "in order"),
]


@pytest.mark.parametrize("adjoint", ADJOINTS)
@pytest.mark.parametrize(("solve", "complaint"), FAILURES)
def test_an_integration_that_fails_is_an_error(solve: Any, complaint: str, adjoint: str) -> None:
    compiled = irgrad.compile(irgrad.value_and_grad(solve), argnums=(), jit=False)
    with pytest.raises(ConvergenceError, match=complaint) as caught:
        compiled(1.0)
    assert "lambda k: solve_ivp(" in str(caught.value)


def test_a_blow_up_is_shown_where_it_is() -> None:
    with pytest.raises(ConvergenceError) as caught:
        irgrad.compile(FAILURES[0][0], jit=True).grad(1.0)
    assert float(caught.value.problem.rsplit(" ", 1)[1]) == pytest.approx(1.0, abs=1e-3)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ArgumentError, match="the right-hand side returns"):
        irgrad.compile(lambda y: solve_ivp(lambda t, y: (y, y), (0.0, 1.0), y), jit=False)(1.0)
    with pytest.raises(ShapeError, match="the times are float64"):
        irgrad.compile(lambda y: solve_ivp(decay, (0.0, 1.0), y, 0.5, (y,)), jit=False)(1.0)
    with pytest.raises(ArgumentError, match="adjoint='backward'"):
        solve_ivp(decay, (0.0, 1.0), 1.0, args=(1.0,), adjoint="backward")
