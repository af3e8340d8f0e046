"""Emitted loops compute what the graph computes, as plain Python and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.differentiate.reverse import value_and_gradient
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph
from irgrad.options import Options
from irgrad.pipeline import compile_graph
from irgrad.reroll import reroll
from tests.reroll.test_reroll import CASES, traced


def run(graph: Graph, positions: Any, arguments: tuple[Any, ...], **options: Any) -> Any:
    """Return the results of the emitted value-and-gradient function, without numba."""
    made = compile_graph(graph, positions, Options())
    source = made.module.source
    if not options.get("jit"):
        source = source.replace("from numba import njit", "raise ImportError")
    namespace: dict[str, Any] = {}
    exec(compile(source.replace("cache=True, ", ""), "emitted", "exec"), namespace)
    return namespace[made.module.functions[1]](*arguments), source


@pytest.mark.parametrize("name", CASES)
def test_emitted_python_agrees_with_the_graph(name: str) -> None:
    function, arguments, _ = CASES[name]
    rolled = reroll(traced(function, *arguments))
    positions = range(len(arguments))
    joint = value_and_gradient(rolled.graph, positions)
    given = (*(np.array(a)[()] for a in arguments), *rolled.tables)
    before = [np.array(a) for a in given]
    found, _ = run(rolled.graph, positions, given)
    for got, wanted in zip(found, evaluate(joint, *given), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=1e-14)
    for kept, argument in zip(before, given, strict=True):
        np.testing.assert_array_equal(kept, argument)


def test_compiled_loops_agree_with_the_graph() -> None:
    function, arguments, _ = CASES["runge kutta"]
    rolled = reroll(traced(function, *arguments))
    found, _ = run(rolled.graph, (0, 1), (*arguments, *rolled.tables), jit=True)
    joint = value_and_gradient(rolled.graph, (0, 1))
    for got, wanted in zip(found, evaluate(joint, *arguments, *rolled.tables), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-13)


def test_carries_that_change_places_do_so_together() -> None:
    def turning(x: Any, y: Any) -> Any:
        a, b, c = x, y, x * y
        for _ in range(10):
            a, b, c = b, c, a
        for _ in range(10):
            a, b = a * 0.5 + b, a - b
        return a * b + c

    arguments = (np.float64(1.5), np.float64(-0.5))
    graph = traced(turning, *arguments)
    rolled = reroll(graph)
    found, _ = run(rolled.graph, (0, 1), arguments)
    expected = evaluate(value_and_gradient(graph, (0, 1)), *arguments)
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_the_source_is_as_long_as_the_code_whatever_the_trips() -> None:
    def chain(count: int) -> Callable[[Any], Any]:
        def run_chain(x: Any) -> Any:
            y = x
            for _ in range(count):
                y = y + x * np.sin(y)
            return y

        return run_chain

    lengths = []
    for count in (20, 2000):
        graph = reroll(traced(chain(count), np.float64(0.3))).graph
        _, source = run(graph, (0,), (np.float64(0.3),))
        lengths.append(len(source.splitlines()))
    assert lengths[0] == lengths[1]
