"""Grouped scalars compute exactly what the graph did, in a text that does not grow with it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.differentiate.reverse import value_and_gradient
from irgrad.group import group
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph
from irgrad.ir.verify import verify
from irgrad.options import Options
from irgrad.pipeline import compile_graph
from irgrad.runtime.load import load_module
from tests.oracles import trace

POINT = np.linspace(-1.0, 1.0, 6)


def random_graph(
    count: int, seed: int = 0, choices: bool = False
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function of six numbers: ``count`` operations on operands drawn at random."""
    draws = random.Random(seed)
    rows = [
        (draws.randrange(7 if choices else 6), draws.randrange(6 + k), draws.randrange(6 + k))
        for k in range(count)
    ]

    def function(x: Any) -> Any:
        values = [x[k] for k in range(6)]
        for kind, i, j in rows:
            a, b = values[i], values[j]
            if kind == 0:
                values.append(a + b)
            elif kind == 1:
                values.append(a * b)
            elif kind == 2:
                values.append(a - 0.5)
            elif kind == 3:
                values.append(np.tanh(a))
            elif kind == 4:
                values.append(np.cos(b) * 0.25)
            elif kind == 5:
                values.append(np.maximum(a, b))
            else:
                values.append(np.where(a > b, a * a, np.sqrt(abs(b))))
        return sum(np.tanh(value) for value in values)

    return function


def programs() -> list[Any]:
    def in_stages(x: Any) -> Any:
        first = random_graph(30, 1)(x)
        row = np.cumsum(x * first)
        return random_graph(30, 2)(row) + first

    def narrow(x: Any) -> Any:
        return random_graph(30, 3)(x.astype(np.float32))

    def scalars(x: Any) -> Any:
        total = np.sum(x)
        return random_graph(40, 4)([total * k for k in range(6)]) * total

    def tree(x: Any) -> Any:
        def grown(depth: int, place: int) -> Any:
            if depth == 0:
                return x[place % 6] * np.log(abs(x[(place + 1) % 6]) + 0.1)
            low, high = grown(depth - 1, 2 * place), grown(depth - 1, 2 * place + 1)
            return np.where(x[place % 6] > 0.1 * place, low, high)

        return grown(5, 1)

    def matrix(x: Any) -> Any:
        square = np.reshape(np.concatenate([x, x]), (3, 4))
        return random_graph(30, 5)([square[k % 3, k % 4] for k in range(6)])

    return [
        pytest.param(random_graph(60), id="random"),
        pytest.param(random_graph(80, 7, choices=True), id="choices"),
        pytest.param(in_stages, id="stages"),
        pytest.param(narrow, id="float32"),
        pytest.param(scalars, id="scalars"),
        pytest.param(tree, id="tree"),
        pytest.param(matrix, id="matrix"),
    ]


def grouped(function: Callable[..., Any], point: Any = POINT) -> tuple[Graph, Graph, list[Any]]:
    """Return the graph as traced, the grouped one, and the arrays that this one takes besides."""
    graph = trace(function, point).graph
    made = group(graph, least=10)
    assert made.programs, "nothing was grouped"
    verify(made.graph)
    return graph, made.graph, list(made.tables)


@pytest.mark.parametrize("function", programs())
def test_values_are_the_same_to_the_bit(function: Any) -> None:
    graph, made, tables = grouped(function)
    (wanted,) = evaluate(graph, POINT)
    (found,) = evaluate(made, POINT, *tables)
    assert found == wanted


@pytest.mark.parametrize("function", programs())
def test_the_emitted_text_computes_value_and_gradient(function: Any) -> None:
    graph, made, tables = grouped(function)
    value, gradient = evaluate(value_and_gradient(graph, [0]), POINT)
    compilation = compile_graph(made, [0], Options())
    module = load_module(compilation.module.source, compilation.module.digest, jit=False)
    found = getattr(module, compilation.module.functions[1])(POINT, *tables)
    tolerance = 1e-5 if value.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(found[0], value, rtol=tolerance)
    np.testing.assert_allclose(found[1], gradient, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("function", programs())
def test_second_derivatives_come_from_the_program_of_the_program(function: Any) -> None:
    _, made, tables = grouped(function)
    if made.outputs[0].array_type.dtype == np.float32:
        return
    first = value_and_gradient(made, [0])
    direction = np.cos(np.arange(6.0))

    def slope(x: Any) -> Any:
        return evaluate(first, x, *tables)[1] @ direction

    point = POINT + 0.013
    graph = _along(first, direction)
    second = evaluate(value_and_gradient(graph, [0]), point, *tables)[1]
    step = 1e-6
    for k, unit in enumerate(np.eye(6)):
        difference = (slope(point + step * unit) - slope(point - step * unit)) / (2 * step)
        np.testing.assert_allclose(second[k], difference, rtol=1e-5, atol=1e-6)


def _along(first: Graph, direction: np.ndarray) -> Graph:
    """Return the graph of the directional derivative, from that of value and gradient."""
    from irgrad.differentiate.reverse import extended
    from irgrad.trace.trace import finished
    from irgrad.trace.tracer import Tracer

    space = extended(first)
    gradient = Tracer(space, first.outputs[1])
    along = sum(gradient[k] * float(direction[k]) for k in range(6))
    return finished(space, (along.node,), "along")


def test_an_infinite_slope_behind_a_branch_not_taken_is_none() -> None:
    def function(x: Any) -> Any:
        total = x[0]
        for k in range(6):
            total = total + np.where(x[k] > 0, np.log(abs(x[k])) * x[k], 0.0) * x[(k + 1) % 6]
        return total

    point = np.array([0.5, 0.0, 0.25, 0.0, 2.0, 1.0])
    graph, made, tables = grouped(function, point)
    with np.errstate(all="ignore"):
        wanted = evaluate(value_and_gradient(graph, [0]), point)[1]
        found = evaluate(value_and_gradient(made, [0]), point, *tables)[1]
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, wanted, rtol=1e-13)


def test_the_text_does_not_grow_with_the_graph() -> None:
    lines = []
    for count in (400, 800):
        graph = trace(random_graph(count), POINT).graph
        made = group(graph, least=100).graph
        source = compile_graph(made, [0], Options()).module.source
        lines.append(len(source.splitlines()))
    assert lines[0] == lines[1]


def test_runs_are_long() -> None:
    made = group(trace(random_graph(800), POINT).graph, least=100)
    (runs,) = (table for table in made.tables if table.dtype == np.int64 and table.ndim == 2)
    assert len(runs) < sum(made.programs[0].added) / 6
    assert (runs[1:, 1] == runs[:-1, 2]).all()


def test_few_scalars_and_arrays_stay_as_they_are() -> None:
    graph = trace(random_graph(20), POINT).graph
    assert group(graph, least=1000).graph is graph
    arrays = trace(lambda x: np.sum(np.tanh(x) * x), POINT).graph
    assert group(arrays, least=1).programs == ()


def test_compiled_with_numba_and_explained() -> None:
    function = random_graph(1500, 11)
    compiled = irgrad.compile(function)
    value, gradient = compiled.value_and_grad(POINT)
    np.testing.assert_allclose(value, function(POINT), rtol=1e-13)
    unit = np.cos(np.arange(6.0))
    step = 1e-6
    difference = (function(POINT + step * unit) - function(POINT - step * unit)) / (2 * step)
    np.testing.assert_allclose(gradient @ unit, difference, rtol=1e-6)
    assert "grouped" in compiled.source
    assert "grouped, no regular loop: test_group.py" in compiled.explain()
