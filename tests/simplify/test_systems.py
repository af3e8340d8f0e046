"""Systems whose matrix is a Cholesky factor are solved as the triangular ones they are."""

import numpy as np
import pytest

from irgrad.interpret.evaluate import evaluate


def definite(x):
    return x @ x.T + 9.0 * np.eye(4)


def whitened(x, y):
    return np.sum(np.linalg.solve(np.linalg.cholesky(definite(x)), y) ** 2)


def both(x, y):
    factor = np.linalg.cholesky(definite(x))
    return y @ np.linalg.solve(factor.T, np.linalg.solve(factor, y))


def stacked(x, y):
    factor = np.linalg.cholesky(np.stack([definite(x), 2.0 * definite(x)]))
    return np.sum(np.linalg.solve(np.swapaxes(factor, 1, 2), y[:, None]) ** 2)


@pytest.mark.parametrize("function", [whitened, both, stacked])
def test_no_factors_are_made_of_a_factor(compare, function):
    compared = compare(function, x="4 4", y="4")
    before, after, _ = compared.gradients()
    assert "lu" in {node.op.name for node in before.nodes}
    assert "triangular_solve" in {node.op.name for node in after.nodes}
    assert not {"lu", "solve_factored"} & {node.op.name for node in after.nodes}
    arguments = compared.arguments()
    captured = [np.eye(4)] * (len(before.inputs) - len(arguments))
    results = [evaluate(graph, *arguments, *captured) for graph in (after, before)]
    for got, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-11)
