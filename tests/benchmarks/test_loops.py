"""Hand-written gradients of the loop problems against the plain functions and their slopes."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.loops import CLOSE, PROBLEMS, LoopProblem, disagreement, lax_call


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_handwritten_value_and_gradient(problem: LoopProblem) -> None:
    arguments = problem.module.arguments()
    value, gradient = problem.module.handwritten_value_and_grad(*arguments)
    np.testing.assert_allclose(value, problem.function(*arguments), rtol=1e-10)
    positions = (problem.argnums,) if isinstance(problem.argnums, int) else problem.argnums
    gradients = gradient if isinstance(gradient, tuple) else (gradient,)
    draws = np.random.default_rng(1)
    directions = [draws.normal(size=np.shape(arguments[k])) for k in positions]
    slope = sum(np.sum(d * g) for d, g in zip(directions, gradients, strict=True))
    step = 1e-6

    def moved(by: float) -> float:
        shifted = list(arguments)
        for k, direction in zip(positions, directions, strict=True):
            shifted[k] = arguments[k] + by * direction
        return float(problem.module.handwritten_value_and_grad(*shifted)[0])

    np.testing.assert_allclose((moved(step) - moved(-step)) / (2 * step), slope, rtol=1e-5)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_lax_form(problem: LoopProblem) -> None:
    pytest.importorskip("jax")
    arguments = problem.module.arguments()
    call = lax_call(problem, arguments)
    assert call is not None
    value, gradient = call()
    expected, expected_gradient = problem.module.handwritten_value_and_grad(*arguments)
    np.testing.assert_allclose(value, expected, rtol=1e-10)
    assert disagreement(gradient, expected_gradient) < CLOSE


def test_disagreement_is_relative_to_the_largest_element() -> None:
    assert disagreement(np.array([1.0, 4.0]), np.array([1.0, 5.0])) == 0.2
