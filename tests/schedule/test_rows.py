"""Innermost loops of many trips go through views of rows."""

from typing import Any

import numpy as np

import irgrad


def flat_products(parameters, x):
    """Two layers over one flat vector of parameters, as a loop over neurons reads it."""
    total = 0.0
    for row in range(20):
        score = parameters[21 * row + 20]
        for column in range(20):
            score = score + parameters[21 * row + column] * x[column]
        total = total + np.tanh(score)
    return total


def test_rows_are_read_through_views_and_the_trips_are_a_views():
    r = np.random.default_rng(0)
    parameters, x = 0.1 * r.normal(size=420), r.normal(size=20)
    compiled = irgrad.compile(flat_products, argnums=(0, 1), jit=False)
    source = compiled.lower(parameters, x).module.source
    assert ".shape[0]):" in source[source.index("def value_and_grad") :]
    assert "[21*i" in source or "21*i:" in source
    value, (by_parameters, by_x) = compiled.value_and_grad(parameters, x)
    W = parameters.reshape(20, 21)
    score = W[:, :20] @ x + W[:, 20]
    slope = 1 - np.tanh(score) ** 2
    np.testing.assert_allclose(value, np.tanh(score).sum())
    np.testing.assert_allclose(by_x, slope @ W[:, :20])
    np.testing.assert_allclose(
        by_parameters.reshape(20, 21), np.column_stack([np.outer(slope, x), slope])
    )


def test_machine_code_agrees_with_the_emitted_python():
    r = np.random.default_rng(1)
    arguments = 0.1 * r.normal(size=420), r.normal(size=20)
    plain = irgrad.compile(flat_products, argnums=(0, 1), jit=False).value_and_grad(*arguments)
    fast = irgrad.compile(flat_products, argnums=(0, 1)).value_and_grad(*arguments)
    np.testing.assert_allclose(fast[0], plain[0], rtol=1e-13)
    for got, expected in zip(fast[1], plain[1], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_rows_picked_by_an_index_array_are_written_and_read() -> None:
    def function(shift: Any, x: Any) -> Any:
        rows = x * 1.0
        rows[[0, 2, 0]] = rows[1] + shift
        return np.sum(rows * np.cos(np.arange(80).reshape(4, 20))) + np.sum(x)

    x = np.linspace(0.0, 1.0, 80).reshape(4, 20)
    value, _ = irgrad.compile(function, argnums=(0, 1), jit=False).value_and_grad(0.5, x)
    np.testing.assert_allclose(value, function(0.5, x), rtol=1e-13)
