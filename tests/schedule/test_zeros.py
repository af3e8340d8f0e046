"""What is known to be zero, and what doesn't matter, by the graph alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from irgrad.ir.graph import Graph
from irgrad.joint import differentiated
from irgrad.schedule.zeros import zeros_of
from irgrad.simplify import simplify
from tests.oracles import trace

D = 5
L = np.random.default_rng(0).normal(size=(D, D))
X = np.random.default_rng(1).normal(size=(7, D))


def known(graph: Graph) -> tuple[set[bytes], set[bytes]]:
    """Return the patterns of ``graph`` of D rows and columns: of zeros, and of what matters."""
    zeros = zeros_of(graph)
    return tuple(  # type: ignore[return-value]
        {mask.tobytes() for mask in found.values() if np.shape(mask) == (D, D)}
        for found in (zeros.nonzero, zeros.needed)
    )


def bits(mask: Any) -> bytes:
    return np.asarray(mask, bool).tobytes()


FACTORS = [
    (lambda x: x * np.tri(D), np.tri(D)),
    (lambda x: -(np.tri(D, k=-1) * x) / 3.0, np.tri(D, k=-1)),
    (lambda x: np.tril(x, -1), np.tri(D, k=-1)),
    (lambda x: np.triu(x), np.tri(D).T),
    (lambda x: x * np.tri(D, k=-1) + np.exp(x) * np.eye(D), np.tri(D)),
    (lambda x: np.sqrt((x * x) * np.eye(D)), np.eye(D)),
    (lambda x: (x * np.tri(D)) * np.tri(D).T.copy(), np.eye(D)),
    (lambda x: (x * np.tri(D)).T + 0.0 * np.tri(D).T.copy(), np.tri(D).T),
]


@pytest.mark.parametrize(("factor", "mask"), FACTORS)
def test_zeros_of_a_factor_and_what_matters_of_its_gradient(factor: Any, mask: Any) -> None:
    traced = trace(lambda x, rows: np.sum(np.tanh(rows @ factor(x))), L, X).graph
    nonzero, _ = known(simplify(traced))
    assert bits(mask) in nonzero
    _, needed = known(simplify(differentiated(traced, (0,))))
    assert needed <= {bits(mask), bits(mask.T)}
    assert needed


DENSE = [
    lambda x: np.cos(x * np.tri(D)),  # 1 where its operand is 0
    lambda x: x * np.tri(D) + x,
    lambda x: x + np.tri(D),
    lambda x: np.where(x > 0, x * np.tri(D), 1.0),
    lambda x: (x * np.tri(D)) @ (x * np.tri(D).T.copy()),
]


@pytest.mark.parametrize("factor", DENSE)
def test_what_may_be_other_than_zero_is_not_taken_for_zero(factor: Any) -> None:
    traced = trace(lambda x, rows: np.sum(np.tanh(rows @ factor(x))), L, X).graph
    graph = simplify(traced)
    zeros = zeros_of(graph)
    contractions = [node for node in graph.nodes if node.op.name == "contract"]
    assert not any(operand in zeros.nonzero for operand in contractions[-1].inputs)


def test_what_is_an_output_too_matters_everywhere() -> None:
    def function(x: Any, rows: Any) -> Any:
        product = rows.T @ rows
        return np.sum(product * np.tri(D) * x), product

    assert not zeros_of(simplify(trace(function, L, X).graph)).needed


def test_graphs_without_masks_know_of_no_zeros() -> None:
    zeros = zeros_of(simplify(trace(lambda x, rows: np.sum(0.0 * rows @ x), L, X).graph))
    assert not zeros.needed
    assert not any(np.ndim(mask) for mask in zeros.nonzero.values())
