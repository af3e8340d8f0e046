"""cg and gmres against LAPACK: solutions, and derivatives to second order."""

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import ConvergenceError
from irgrad.implicit import cg, gmres
from irgrad.testing import check_grads

RANDOM = np.random.default_rng(0)
MATRIX = RANDOM.normal(size=(5, 5))
RIGHT = RANDOM.normal(size=5)


def positive(matrix: Any) -> Any:
    return matrix @ matrix.T + np.eye(5)


def by_cg(matrix: Any, right: Any) -> Any:
    return np.sum(np.sin(cg(positive(matrix), right)))


def by_gmres(matrix: Any, right: Any) -> Any:
    return np.sum(np.sin(gmres(lambda x: matrix @ x, right)))


def by_lapack(matrix: Any, right: Any) -> Any:
    return np.sum(np.sin(np.linalg.solve(matrix, right)))


PAIRS = [
    (by_cg, lambda matrix, right: by_lapack(positive(matrix), right)),
    (by_gmres, by_lapack),
]


@pytest.mark.parametrize(("iterative", "direct"), PAIRS)
def test_gradients_are_those_of_a_direct_solver(iterative: Any, direct: Any) -> None:
    got = irgrad.compile(iterative, argnums=(0, 1), jit=False).value_and_grad(MATRIX, RIGHT)
    expected = irgrad.compile(direct, argnums=(0, 1), jit=False).value_and_grad(MATRIX, RIGHT)
    assert got[0] == pytest.approx(expected[0], rel=1e-12)
    for mine, theirs in zip(got[1], expected[1], strict=True):
        assert np.allclose(mine, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("iterative", "direct"), PAIRS)
def test_hessians_are_those_of_a_direct_solver(iterative: Any, direct: Any) -> None:
    got = irgrad.compile(irgrad.hessian(iterative), argnums=(), jit=False)(MATRIX, RIGHT)
    expected = irgrad.compile(irgrad.hessian(direct), argnums=(), jit=False)(MATRIX, RIGHT)
    assert np.allclose(got, expected, rtol=1e-8, atol=1e-9)


def test_products_may_be_computed_by_loops_of_their_own() -> None:
    def product(matrix: Any) -> Any:
        return lambda x: irgrad.fori_loop(0, 3, lambda i, v: v / 2 + matrix @ x, np.zeros(5))

    def solved(matrix: Any, right: Any) -> Any:
        return np.sum(np.sin(gmres(product(matrix), right)))

    ours = irgrad.compile(solved, jit=False).grad(MATRIX, RIGHT)
    usual = irgrad.compile(by_lapack, jit=False).grad(1.75 * MATRIX, RIGHT)
    np.testing.assert_allclose(ours, 1.75 * usual, rtol=1e-8)


def test_derivatives_agree_with_differences_in_every_mode() -> None:
    check_grads(by_cg, (MATRIX, RIGHT))
    check_grads(by_gmres, (MATRIX, RIGHT))


def test_a_rotation_which_no_residual_direction_can_solve() -> None:
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    compiled = irgrad.compile(gmres, argnums=(0, 1), jit=False)
    assert np.allclose(compiled(turn, np.array([2.0, 3.0])), [-3.0, 2.0])


@pytest.mark.parametrize("size", [1, 2, 7, 25])
def test_gmres_takes_as_many_steps_as_there_are_unknowns(size: int) -> None:
    matrix, right = RANDOM.normal(size=(size, size)), RANDOM.normal(size=size)
    solve = irgrad.compile(
        lambda a, b: gmres(a, b, rtol=1e-8, max_steps=size), argnums=(), jit=False
    )
    assert np.allclose(solve(matrix, right), np.linalg.solve(matrix, right), rtol=1e-6)


def test_right_sides_in_containers_and_numbers() -> None:
    def both(scale: Any) -> Any:
        right = {"a": np.array([1.0, 2.0]), "b": 3.0}
        found = cg(lambda x: {"a": scale * x["a"], "b": x["b"] * scale}, right)
        return np.sum(found["a"]) + found["b"] + gmres(lambda x: scale * x, 1.0)

    value, slope = irgrad.compile(both, jit=False).value_and_grad(2.0)
    assert value == pytest.approx(7.0 / 2.0)
    assert slope == pytest.approx(-7.0 / 4.0)


def test_a_batch_of_systems() -> None:
    matrices, rights = RANDOM.normal(size=(3, 4, 4)), RANDOM.normal(size=(3, 4))

    def mapped(solve: Any) -> Any:
        gradient = irgrad.vmap(irgrad.grad(lambda a, b: np.sum(np.sin(solve(a, b))), argnums=0))
        return irgrad.compile(gradient, argnums=(), jit=False)(matrices, rights)

    assert np.allclose(mapped(gmres), mapped(np.linalg.solve), rtol=1e-9, atol=1e-11)


def test_called_on_arrays_they_compile_themselves() -> None:
    assert np.allclose(cg(positive(MATRIX), RIGHT), np.linalg.solve(positive(MATRIX), RIGHT))


@pytest.mark.parametrize("solver", [cg, gmres])
def test_a_singular_matrix_is_an_error_with_the_residual(solver: Any) -> None:
    singular = np.zeros((2, 2))
    singular[0, 0] = 1.0
    compiled = irgrad.compile(lambda a, b: np.sum(solver(a, b)), jit=False)
    with pytest.raises(ConvergenceError, match=f"{solver.__name__}: after 1000 steps at most"):
        compiled.value_and_grad(singular, np.array([1.0, 1.0]))


def test_too_few_steps_are_an_error_also_in_the_derivative() -> None:
    def few(matrix: Any, right: Any) -> Any:
        return np.sum(gmres(matrix, right, max_steps=2))

    compiled = irgrad.compile(few, argnums=(), jit=False)
    gradient = irgrad.compile(irgrad.grad(few, argnums=1), argnums=(), jit=False)
    for call in (compiled, gradient):
        with pytest.raises(ConvergenceError, match="gmres: after 2 steps at most the residual is"):
            call(MATRIX, RIGHT)
