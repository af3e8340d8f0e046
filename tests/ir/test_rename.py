"""Sizes that guards fix are numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

import irgrad
from irgrad.ir.evaluate import evaluate
from irgrad.ir.rename import with_numbers
from irgrad.ir.text import graph_text
from irgrad.ir.verify import verify
from tests.oracles import trace

X = np.random.default_rng(0).normal(size=(20, 18))


def jittered(x: Any) -> Any:
    n = x.shape[0]
    return np.sum(np.linalg.cholesky(x @ x.T + 50.0 * np.eye(n)) @ x)


def test_a_size_that_a_guard_fixes_is_its_number() -> None:
    traced = trace(jittered, X).graph
    assert "n20" in graph_text(traced)
    fixed = with_numbers(traced)
    verify(fixed)
    assert "n20" not in graph_text(fixed)
    assert "n18" in graph_text(fixed)
    np.testing.assert_array_equal(evaluate(fixed, X), evaluate(traced, X))


def test_sizes_of_graphs_inside_are_numbers_too() -> None:
    def function(x: Any) -> Any:
        n = x.shape[0]

        def step(state: Any, row: Any) -> Any:
            return np.tanh(np.eye(n) @ state + np.sum(row)), None

        return np.sum(irgrad.scan(step, x[:, 0], x)[0])

    traced = trace(function, X).graph
    fixed = with_numbers(traced)
    verify(fixed)
    np.testing.assert_array_equal(evaluate(fixed, X), evaluate(traced, X))


def test_what_no_guard_fixes_stays_as_it_is() -> None:
    traced = trace(lambda x: np.sum(x[1:] * x[:-1]), X).graph
    assert with_numbers(traced) is traced


def test_another_size_is_traced_again() -> None:
    g = irgrad.compile(jittered)
    for x in (X, X[:19], X):
        value, slope = g.value_and_grad(x)
        np.testing.assert_allclose(value, jittered(x))
        direction = np.cos(np.arange(x.size)).reshape(x.shape)
        step = 1e-6 * direction
        difference = (jittered(x + step) - jittered(x - step)) / 2e-6
        np.testing.assert_allclose(np.sum(slope * direction), difference, rtol=1e-6)
    assert "float64[20, m]" in g.lower(X).module.source
