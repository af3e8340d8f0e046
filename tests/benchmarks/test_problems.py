"""Hand-written values and gradients against the plain NumPy functions and finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.agreement import finite_difference_gradient
from benchmarks.problem import Problem
from benchmarks.problems import NAMES, load
from benchmarks.problems.gaussian_mixture import handwritten_direct

PROBLEMS = load(NAMES)


def as_tuple(problem: Problem, gradient):
    return (gradient,) if isinstance(problem.argnums, int) else gradient


def assert_gradients(problem: Problem, gradient, expected, rtol):
    assert len(as_tuple(problem, gradient)) == len(expected)
    for ours, theirs in zip(as_tuple(problem, gradient), expected, strict=True):
        scale = np.max(np.abs(theirs), initial=0.0)
        assert np.shape(ours) == np.shape(theirs)
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * scale)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_handwritten_value_is_the_function(problem: Problem) -> None:
    arguments = problem.arguments(problem.tiny)
    expected = problem.function(*arguments)
    assert problem.handwritten_value(*arguments) == pytest.approx(expected, rel=1e-11)
    value, _ = problem.handwritten_value_and_grad(*arguments)
    assert value == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_handwritten_gradient_is_the_slope(problem: Problem) -> None:
    arguments = problem.arguments(problem.tiny)
    _, gradient = problem.handwritten_value_and_grad(*arguments)
    expected = finite_difference_gradient(
        problem.function, arguments, problem.positions, at_most=12, seed=0
    )
    total = 0
    for ours, (places, slopes) in zip(as_tuple(problem, gradient), expected, strict=True):
        flat = np.asarray(ours, dtype=np.float64).reshape(-1)
        scale = max(np.max(np.abs(flat), initial=0.0), 1e-3)
        np.testing.assert_allclose(flat[places], slopes, rtol=1e-6, atol=1e-7 * scale)
        total += len(places)
    assert total > 0


@pytest.mark.parametrize(
    "problem", [p for p in PROBLEMS if p.handwritten_libm], ids=lambda problem: problem.name
)
def test_libm_form_agrees(problem: Problem) -> None:
    arguments = problem.arguments(problem.tiny)
    assert problem.handwritten_libm is not None
    value, gradient = problem.handwritten_value_and_grad(*arguments)
    libm_value, libm_gradient = problem.handwritten_libm(*arguments)
    assert libm_value == pytest.approx(value, rel=1e-12)
    assert_gradients(problem, libm_gradient, as_tuple(problem, gradient), 1e-11)


def test_block_boundaries_do_not_matter() -> None:
    # sizes that leave a last block shorter than the rest
    for name, size in (("logistic", 1_100), ("huber", 1_100), ("matrix_factorisation", 70)):
        (problem,) = load([name])
        arguments = problem.arguments(size)
        value, _ = problem.handwritten_value_and_grad(*arguments)
        assert value == pytest.approx(problem.function(*arguments), rel=1e-11)


def test_mixture_forms_agree_over_several_blocks() -> None:
    (problem,) = load(["gaussian_mixture"])
    arguments = problem.arguments(300)
    value, gradient = problem.handwritten_value_and_grad(*arguments)
    direct_value, direct_gradient = handwritten_direct(*arguments)
    assert direct_value == pytest.approx(value, rel=1e-12)
    assert_gradients(problem, direct_gradient, gradient, 1e-10)


def test_the_namespace_is_replaced_and_the_original_left_alone() -> None:
    class Doubled:
        @staticmethod
        def tanh(x):
            return 2.0 * np.tanh(x)

    (problem,) = load(["neuron"])
    arguments = problem.arguments(1)
    plain = problem.function(*arguments)
    assert problem.function_with(Doubled)(*arguments) == 2.0 * plain
    assert problem.function(*arguments) == plain


def test_arguments_are_seeded() -> None:
    for problem in PROBLEMS:
        first, second = problem.arguments(problem.tiny), problem.arguments(problem.tiny)
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one, other)


def test_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="no problem named 'nothing'"):
        load(["nothing"])
