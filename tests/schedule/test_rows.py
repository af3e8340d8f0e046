"""Innermost loops of many trips go through views of rows."""

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
