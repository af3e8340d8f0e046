"""Arrays made of sizes alone are computed where they are read; all others are passed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph, Node
from irgrad.trace.patterns import pattern
from tests.oracles import check, trace

PATTERNS = [
    np.eye(4),
    np.eye(4, 6, k=2),
    np.eye(5, 3, k=-1),
    np.tri(5),
    np.tri(5, 7, k=-2),
    np.tri(3, 8, k=4),
    np.triu(np.ones((4, 5))),
    np.triu(np.ones((5, 5)), k=2),
    np.tri(6, dtype=bool),
    np.eye(3, dtype=np.float32),
    1e-6 * np.eye(5),
    np.triu(np.full((4, 4), -2.5)),
]

OTHERS = [
    np.ones((3, 3)),
    np.zeros((3, 3)),
    np.tri(4, k=1) * np.tri(4, k=1).T,  # a band
    np.diag([1.0, 1.0, 2.0]),
    np.where(np.eye(3) == 1, 1.0, -0.0),
    np.where(np.eye(3) == 1, np.nan, 0.0),
    np.eye(3, dtype=np.int64),
    np.eye(3, dtype=np.complex128),
    np.eye(1),
    np.tri(4)[::-1].copy(),
    np.array([0.0, 1.0, 1.0]),
]


def graph_of(output: Node) -> Graph:
    """Return the graph of a node that no input has a part in."""
    order: dict[Node, None] = {}

    def visit(node: Node) -> None:
        for operand in node.inputs:
            visit(operand)
        order[node] = None

    visit(output)
    return Graph((), tuple(order), (output,))


@pytest.mark.parametrize("array", PATTERNS)
def test_a_pattern_is_the_array_bit_for_bit(array: np.ndarray) -> None:
    found = pattern(array, None)
    assert found is not None
    (value,) = evaluate(graph_of(found))
    assert value.dtype == array.dtype
    assert value.tobytes() == array.tobytes()


@pytest.mark.parametrize("array", OTHERS)
def test_what_is_no_pattern_stays_an_array(array: np.ndarray) -> None:
    assert pattern(array, None) is None


def test_patterns_of_the_function_are_no_inputs() -> None:
    def function(x: Any) -> Any:
        d = x.shape[1]
        return np.sum((x * np.tri(d, k=-1)) @ (x + 1e-3 * np.eye(d)))

    x = np.random.default_rng(0).normal(size=(6, 6))
    assert len(trace(function, x).graph.inputs) == 1
    check(function, x)


def test_an_array_that_somebody_else_holds_is_read_on_every_call() -> None:
    mask = np.tri(4)
    g = irgrad.compile(lambda x: np.sum(x * mask * x))
    x = np.arange(16.0).reshape(4, 4)
    np.testing.assert_array_equal(g.grad(x), 2 * x * np.tri(4))
    mask[0, 3] = 5.0
    np.testing.assert_array_equal(g.grad(x), 2 * x * mask)


def test_the_same_pattern_in_every_iteration_is_one() -> None:
    def function(x: Any) -> Any:
        for _ in range(20):
            x = np.tanh(x @ (np.eye(3) + 0.1 * x))
        return np.sum(x)

    x = np.random.default_rng(1).normal(size=(3, 3))
    traced = trace(function, x).graph
    assert len(traced.inputs) == 1
    assert sum(node.op.name == "equal" for node in traced.nodes) == 1
    check(function, x)
