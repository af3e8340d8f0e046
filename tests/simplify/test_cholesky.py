"""Cotangents of matrices in closed form: they are found where they are, and right."""

from __future__ import annotations

import numpy as np
import pytest

import irgrad
from irgrad.interpret.evaluate import evaluate


def definite(x):
    return x @ x.T + 9.0 * np.eye(4)


def log_determinant(x, y):
    return 2.0 * np.sum(np.log(np.diag(np.linalg.cholesky(definite(x))))) * np.sum(y)


def quadratic_form(x, y):
    return np.sum(np.linalg.solve(np.linalg.cholesky(definite(x)), y) ** 2)


def by_both_factors(x, y):
    factor = np.linalg.cholesky(definite(x))
    weights = np.linalg.solve(factor.T, np.linalg.solve(factor, y))
    return -0.5 * y @ weights - np.sum(np.log(np.diag(factor)))


def whitened(x, y):
    factor = np.linalg.cholesky(definite(x))
    return -0.5 * np.sum(np.linalg.solve(factor, y) ** 2) - np.log(np.diag(factor)).sum()


def of_many(x, y):
    factor = np.linalg.cholesky(definite(x))
    right = np.stack([y, y**2, np.cos(y)], axis=1)
    return np.sum(np.linalg.solve(factor, right) ** 2) + 3.0 * np.log(np.diag(factor)).sum()


CLOSED = [log_determinant, quadratic_form, by_both_factors, whitened, of_many]


def also_the_factor(x, y):
    factor = np.linalg.cholesky(definite(x))
    return np.sum(np.linalg.solve(factor, y) ** 2) + np.sum(factor)


def weighted_logarithms(x, y):
    return np.sum(np.log(np.diag(np.linalg.cholesky(definite(x)))) * y)


def part_of_the_diagonal(x, y):
    return np.sum(np.log(np.diag(np.linalg.cholesky(definite(x)))[:3])) * np.sum(y)


def cubes(x, y):
    return np.sum(np.linalg.solve(np.linalg.cholesky(definite(x)), y) ** 3)


def solved_with_another(x, y):
    factor, other = np.linalg.cholesky(definite(x)), np.linalg.cholesky(definite(2.0 * x))
    return np.linalg.solve(factor, y) @ np.linalg.solve(other, y)


GENERAL = [also_the_factor, weighted_logarithms, part_of_the_diagonal, cubes, solved_with_another]


@pytest.mark.parametrize("function", CLOSED + GENERAL)
def test_the_general_formula_only_where_there_is_no_other(compare, function):
    compared = compare(function, x="4 4", y="4")
    before, after, _ = compared.gradients()
    assert "cholesky_cotangent" in {node.op.name for node in before.nodes}
    general = "cholesky_cotangent" in {node.op.name for node in after.nodes}
    assert general == (function in GENERAL)
    arguments = compared.arguments()
    captured = [np.eye(4)] * (len(before.inputs) - len(arguments))
    results = [evaluate(graph, *arguments, *captured) for graph in (after, before)]
    for got, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("function", CLOSED)
def test_compiled_gradients_and_hessians(function):
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(4, 4)), rng.normal(size=4)
    irgrad.testing.check_grads(function, (x, y), order=2)


Y = np.array([0.5, -1.0, 2.0, 0.25])
OF_A_MATRIX = [
    lambda k: np.sum(np.log(np.diag(np.linalg.cholesky(k)))),
    lambda k: np.sum(np.linalg.solve(np.linalg.cholesky(k), Y) ** 2),
]


@pytest.mark.parametrize("function", OF_A_MATRIX, ids=["logarithms", "squares"])
def test_the_upper_half_of_a_matrix_has_no_cotangent(function):
    k = definite(np.random.default_rng(6).normal(size=(4, 4)))
    slope = irgrad.grad(function)(k)
    assert not np.triu(slope, 1).any()
    for i, j in np.ndindex(4, 4):
        step = np.zeros((4, 4))
        step[i, j] = 1e-6
        change = (function(k + step) - function(k - step)) / 2e-6
        assert slope[i, j] == pytest.approx(change, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("size", [1, 31, 32, 33, 70])
def test_blocks_of_the_inverse(size):
    x = np.random.default_rng(size).normal(size=(size, size))
    k = x @ x.T + size * np.eye(size)
    slope = irgrad.grad(lambda k: np.sum(np.log(np.diag(np.linalg.cholesky(k)))))(k)
    inverse = np.linalg.inv(k)
    half = np.tril(inverse) - 0.5 * np.diag(np.diag(inverse))
    np.testing.assert_allclose(slope, half, rtol=1e-12, atol=1e-15)
