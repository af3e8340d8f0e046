"""Loops over scalars as operations on arrays: the same numbers, and only where none waits."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irgrad
from irgrad.differentiate.reverse import value_and_gradient
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph
from irgrad.ir.verify import verify
from irgrad.reroll import reroll
from irgrad.vectorise import Part, are_apart, vectorised
from tests.reroll.test_random_programs import nest, program
from tests.reroll.test_reroll import CASES, traced

draws = np.random.default_rng(3)
X, Y, A = draws.normal(size=12), draws.normal(size=12), draws.normal(size=(12, 7))


def loops_in(graph: Graph) -> int:
    return sum(node.op.name == "loop" for node in graph.nodes)


def checked(function: Callable[..., Any], *arguments: Any) -> Graph:
    """Return the vectorised graph of a function, its values and gradients compared."""
    graph = traced(function, *arguments)
    rolled = reroll(graph)
    assert loops_in(rolled.graph)
    made = vectorised(rolled.graph)
    verify(made)
    positions = range(len(arguments))
    for old, new in (
        (graph, made),
        (value_and_gradient(graph, positions), value_and_gradient(made, positions)),
    ):
        found = evaluate(new, *arguments, *rolled.tables)
        for got, wanted in zip(found, evaluate(old, *arguments), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-11)
            assert np.asarray(got).dtype == np.asarray(wanted).dtype
    return made


def added(x: Any, y: Any) -> Any:
    total = 0.5
    for i in range(12):
        total = total + np.sin(x[i]) * y[i]
    return total


def subtracted(x: Any, y: Any) -> Any:
    total = x[0] * y[0]
    for i in range(12):
        total = total - x[i] * x[i] + y[i] - 2.0
    return total


def numbered(x: Any, y: Any) -> Any:
    total = 0.0
    for i in range(12):
        total = total + np.sin(x[i] * (3.0 * i + 1.0)) * y[0]
    return total


def matrix_product(a: Any) -> Any:
    made = [[sum(a[i, k] * a[j, k] for k in range(7)) for j in range(12)] for i in range(12)]
    return sum(np.tanh(made[i][j]) for i in range(12) for j in range(12))


def softmax_of_rows(a: Any) -> Any:
    total = 0.0
    for i in range(12):
        weights = [np.exp(a[i, k]) for k in range(7)]
        whole = sum(weights)
        total = total + sum(weight * weight for weight in weights) / whole
    return total


def two_layers(w: Any) -> Any:
    total = 0.0
    for i in range(9):
        hidden = [np.tanh(w[3 * j] * X[i] + w[3 * j + 1] * Y[i] + w[3 * j + 2]) for j in range(5)]
        out = sum((hidden[j] * w[15 + j] for j in range(5)), w[20])
        total = total + np.where(out > 0.0, out, 0.1 * out)
    return total


def layers_apart(w: Any) -> Any:
    """All hidden values are computed before any is read again."""
    hidden = [[np.sin(w[j] * x + w[5 + j]) for j in range(5)] for x in X.tolist()]
    outs = [sum(hidden[i][j] * w[10 + j] for j in range(5)) for i in range(12)]
    return sum(out * out for out in outs) + hidden[3][2]


FITTING: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "added": (added, (X, Y)),
    "subtracted": (subtracted, (X, Y)),
    "numbered": (numbered, (X, Y)),
    "matrix product": (matrix_product, (A,)),
    "softmax of rows": (softmax_of_rows, (A,)),
    "two layers": (two_layers, (draws.normal(size=21),)),
    "layers apart": (layers_apart, (draws.normal(size=15),)),
}


@pytest.mark.parametrize("name", FITTING)
def test_iterations_that_do_not_wait_become_operations_on_arrays(name: str) -> None:
    function, arguments = FITTING[name]
    assert loops_in(checked(function, *arguments)) == 0


def running(x: Any) -> Any:
    total = 0.0
    for i in range(12):
        total = 0.5 * total + np.sin(x[i])
    return total


def prefix(x: Any) -> Any:
    made = [x[0] * 1.0]
    for i in range(1, 12):
        made.append(made[-1] * 0.5 + x[i])
    return sum(value * value for value in made)


def squared_sums(x: Any) -> Any:
    """The sum so far is read besides being added to."""
    total, squares = 0.0, 0.0
    for i in range(12):
        total = total + x[i]
        squares = squares + total * total
    return squares


def largest(x: Any) -> Any:
    """Where several are largest, the order of the maxima tells how they share the derivative."""
    most = x[0] * 0.0
    for i in range(12):
        most = np.maximum(most, x[i] * 0.0)
    return most


@pytest.mark.parametrize("function", [running, prefix, squared_sums, largest])
def test_iterations_that_wait_stay_a_loop(function: Callable[..., Any]) -> None:
    assert loops_in(checked(function, X)) >= 1


@pytest.mark.parametrize("name", CASES)
def test_code_of_any_kind_computes_the_same(name: str) -> None:
    function, arguments, _ = CASES[name]
    checked(function, *arguments)


@pytest.mark.parametrize("seed", range(24))
def test_random_nests_and_programs_compute_the_same(seed: int) -> None:
    own = np.random.default_rng(seed)
    for function, arguments in (
        (nest(seed), (own.normal(size=6), own.normal(size=(6, 6)))),
        (program(seed), (own.normal(size=5),)),
    ):
        graph = traced(function, *arguments)
        rolled = reroll(graph)
        made = vectorised(rolled.graph)
        verify(made)
        positions = range(len(arguments))
        found = evaluate(value_and_gradient(made, positions), *arguments, *rolled.tables)
        wanted = evaluate(value_and_gradient(graph, positions), *arguments)
        for got, expected in zip(found, wanted, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-10)


def test_branches_in_a_body_stay_in_a_loop() -> None:
    def step(total: Any, x: Any) -> Any:
        return total + irgrad.cond(x > 0.0, np.sin, lambda x: x * x, x), None

    compiled = irgrad.compile(lambda x: irgrad.scan(step, 0.0, x)[0], shapes="static", jit=False)
    expected = np.where(X > 0.0, np.cos(X), 2.0 * X)
    np.testing.assert_allclose(compiled.grad(X), expected, rtol=1e-12)


def test_bodies_that_compute_with_arrays_stay_loops() -> None:
    def function(a: Any) -> Any:
        total = 0.0
        for i in range(12):
            total = total + np.sum(np.sin(a[i]) * a[i])
        return total

    assert loops_in(checked(function, A)) == 1


def test_compiled_code_over_scalars_has_the_gradient_of_the_interpreted_engine() -> None:
    def loss(w: Any) -> Any:
        scores = []
        for x, y in zip(X.tolist(), Y.tolist(), strict=True):
            hidden = [(w[j] * x + w[8 + j] * y + w[16 + j]).tanh() for j in range(8)]
            scores.append(sum(w[24 + j] * hidden[j] for j in range(8)) + w[32])
        return sum((1 + -score).relu() for score in scores)

    floats = draws.normal(size=33).tolist()
    compiled = irgrad.compile(loss)
    value, slopes = compiled.value_and_grad(floats)
    values = [irgrad.Value(number) for number in floats]
    whole = loss(values)
    whole.backward()
    np.testing.assert_allclose(value, whole.data, rtol=1e-12)
    np.testing.assert_allclose(slopes, [x.grad for x in values], rtol=1e-10, atol=1e-13)
    assert " loop(" not in str(compiled.graph)


def elements(part: Part) -> set[tuple[int, ...]]:
    return {
        tuple(
            int(offset) + sum(step * i for step, i in zip(row, index, strict=True))
            for offset, row in zip(part.offsets, part.steps, strict=True)
        )
        for index in product(*(range(int(extent)) for extent in part.shape))
    }


PARTS = st.integers(1, 2).flatmap(
    lambda rank: st.builds(
        Part,
        st.tuples(*[st.integers(1, 5)] * rank),
        st.tuples(st.integers(0, 30)),
        st.tuples(st.tuples(*[st.integers(-7, 7)] * rank)),
    )
)


@settings(max_examples=400, deadline=None)
@given(PARTS, PARTS)
def test_parts_said_to_be_apart_have_no_element_in_common(one: Part, other: Part) -> None:
    if are_apart(one, other):
        assert elements(one).isdisjoint(elements(other))


def test_columns_of_rows_side_by_side_are_apart() -> None:
    hidden = Part((100, 16), (0,), ((33, 1),))
    following = Part((100, 16), (16,), ((33, 1),))
    last = Part((100,), (32,), ((33,),))
    assert are_apart(hidden, following)
    assert are_apart(last, following)
    assert not are_apart(hidden, Part((100, 16), (15,), ((33, 1),)))


@settings(max_examples=100, deadline=None)
@given(PARTS, st.integers(1, 4), st.integers(-5, 5))
def test_the_part_of_all_iterations_is_those_of_each(part: Part, trips: int, slope: int) -> None:
    index = irgrad.ir.dims.symbol("t0")
    moving = Part(part.shape, (part.offsets[0] + slope * index,), part.steps)
    whole = moving.over("t0", trips, False)
    expected = set()
    for number in range(trips):
        own = Part(part.shape, (part.offsets[0] + slope * number,), part.steps)
        expected |= elements(own)
    assert elements(whole) == expected
