"""Which parts of an array a loop writes, whatever its iterations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import irgrad
from irgrad.ir.dims import symbol
from irgrad.ir.graph import Graph
from irgrad.ops.accesses import apart, written_by


def loop_of(function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """Return the params of the outer loop of a function."""
    graph: Graph = irgrad.compile(function, jit=False, argnums=()).lower(*arguments).traced
    (loop,) = [node for node in graph.nodes if node.op.name == "loop"]
    return dict(loop.params)


def test_writes_of_all_iterations() -> None:
    def function(a: Any) -> Any:
        def step(i: Any, y: Any) -> Any:
            y[i + 1, 2] = y[i, 0]
            return y

        return irgrad.fori_loop(0, 5, step, a * 1.0)

    assert written_by(loop_of(function, np.ones((6, 3))), 0) == [((1, 5), (2, 2))]


def test_writes_of_a_loop_in_the_loop() -> None:
    def function(a: Any) -> Any:
        def step(i: Any, y: Any) -> Any:
            def inner(j: Any, y: Any) -> Any:
                y[i, 1 + j] = y[i, 0]
                return y

            return irgrad.fori_loop(0, 2, inner, y)

        return irgrad.fori_loop(0, 5, step, a * 1.0)

    assert written_by(loop_of(function, np.ones((6, 3))), 0) == [((0, 4), (1, 2))]


def test_arrays_that_are_made_anew_are_unknown() -> None:
    def function(a: Any) -> Any:
        return irgrad.fori_loop(0, 5, lambda i, y: np.sin(y) + y[0], a * 1.0)

    assert written_by(loop_of(function, np.ones(6)), 0) is None


def test_parts_are_apart_only_for_sure() -> None:
    n = symbol("n")
    assert apart(((0, 3), (0, 1)), ((2, 4), (2, 2)))
    assert not apart(((0, 3), (0, 1)), ((3, 4), (1, 2)))
    assert apart(((n + 1, n + 1),), ((0, n),))
    assert not apart(((n, n),), ((0, 5),))
