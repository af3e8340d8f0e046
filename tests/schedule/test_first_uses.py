"""Large arrays made where they are first used, once others have ended: which, where, and why."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from typing import Any

import numpy as np

import irgrad
from irgrad.ir import loops
from irgrad.ir.dims import symbol
from irgrad.schedule.first_uses import allocated_at_first_use

FLOAT = np.dtype(np.float64)
N = symbol("n")


def made(name: str, fill: Any = None, size: Any = N) -> loops.Allocate:
    return loops.Allocate(name, (size,), FLOAT, fill)


def filled(target: str, source: str) -> loops.Loop:
    i = symbol("i")
    return loops.Loop("i", N, (loops.Store(target, (i,), loops.Load(source, (i,))),))


def order(statements: Sequence[loops.Statement], *returned: str) -> list[loops.Statement]:
    return allocated_at_first_use(statements, frozenset(returned))


AB = filled("a", "x"), filled("y", "a")
"""What begins ``a`` and ends it."""


def test_an_array_is_made_once_another_has_ended() -> None:
    later = filled("b", "y")
    assert order([made("a"), made("b"), *AB, later]) == [made("a"), *AB, made("b"), later]
    zeros = made("b", 0.0)
    assert order([made("a"), zeros, *AB, later]) == [made("a"), *AB, zeros, later]
    assert order([made("a"), made("b"), *AB, later], "b") == [made("a"), *AB, made("b"), later]


def test_an_array_that_nothing_large_ends_before_stays_at_the_head() -> None:
    overlapping = [made("a"), made("b"), filled("a", "x"), filled("b", "a")]
    assert order(overlapping) == overlapping
    behind_a_result = [made("a"), made("b"), *AB, filled("b", "x")]
    assert order(behind_a_result, "a") == behind_a_result
    behind_a_small_one = [made("a", size=8), made("b"), *AB, filled("b", "x")]
    assert order(behind_a_small_one) == behind_a_small_one
    small = [made("a"), made("b", size=8), *AB, filled("b", "x")]
    assert order(small) == small


def test_an_array_that_a_view_still_looks_at_has_not_ended() -> None:
    view = loops.Rearrange("part", "a", (N, 1))
    body = [made("a"), made("b"), view, *AB, filled("b", "x"), filled("z", "part")]
    assert order(body) == body
    twice = loops.Slice("row", "part", (loops.AxisSlice(0, 1, 0), None))
    body = [made("a"), made("b"), view, twice, *AB, filled("b", "x"), filled("z", "row")]
    assert order(body) == body
    again = loops.Rearrange("c", "a")
    body = [made("a"), made("b"), *AB, again, filled("c", "y"), filled("b", "c"), filled("z", "c")]
    assert order(body) == body


def test_views_follow_the_array_they_look_at() -> None:
    column, rows = loops.Rearrange("column", "b", (N, 1)), loops.Rearrange("rows", "column", (N,))
    body = [made("a"), made("b"), column, rows, *AB, filled("rows", "y"), filled("z", "b")]
    assert order(body, "rows") == [made("a"), *AB, made("b"), column, rows, *body[-2:]]
    taken_later = [made("a"), made("b"), *AB, filled("b", "y"), column, filled("z", "column")]
    assert order(taken_later) == [made("a"), *AB, made("b"), *taken_later[-3:]]


def test_an_array_is_made_before_the_statement_that_uses_it_in_any_way() -> None:
    body: list[loops.Statement] = [
        loops.Loop("i", 3, (filled("b", "y"),)),
        loops.Blocks("m", N, (filled("b", "y"),), size="rows", length=64),
        loops.When("", 1, (filled("b", "y"),), condition="wanted"),
        loops.Share("m", N, (), task="some_rows", parameters=("b",)),
        loops.Call("np.dot", ("y", "y", loops.Part("b", (0,)))),
        loops.Loop("i", 3, (loops.Exchange("b", "y"),)),
        loops.Grow(("b",), "count"),
        loops.Fill("b", 0.0, FLOAT),
        loops.Copy("y", "b"),
    ]
    for use in body:
        begun = order([made("a"), made("b"), *AB, use, filled("z", "b")])
        assert begun == [made("a"), *AB, made("b"), use, filled("z", "b")], use


def loss(W: Any, V: Any, X: Any) -> Any:
    return np.sum((np.maximum(X @ W, 0.0) @ V) ** 2)


def test_weight_gradients_come_when_activations_are_gone() -> None:
    random = np.random.default_rng(3)
    W, V, X = (random.normal(size=size) for size in ((300, 200), (200, 50), (100, 300)))
    compiled = irgrad.compile(loss, argnums=(0, 1))
    _, slopes = compiled.value_and_grad(W, V, X)
    hidden = np.maximum(X @ W, 0.0)
    error = 2.0 * (hidden @ V)
    np.testing.assert_allclose(slopes[1], hidden.T @ error, rtol=1e-10, atol=1e-8)
    np.testing.assert_allclose(slopes[0], X.T @ (error @ V.T * (hidden > 0)), rtol=1e-10, atol=1e-8)
    tracemalloc.start()
    compiled.value_and_grad(W, V, X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # the results and one array of activations, of the two that the function needs before
    assert peak < 1.05 * (W.nbytes + V.nbytes + hidden.nbytes)
