"""What no iteration changes is computed before the loop, also where the loop writes beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.ir.graph import Graph
from tests.oracles import check

X = np.linspace(0.3, 1.1, 8)


def body_ops(graph: Graph) -> list[str]:
    """Return the ops in the body of the one loop."""
    (loop,) = [node for node in graph.nodes if node.op.name == "loop"]
    return [node.op.name for node in loop.params["body"].nodes]


def beside(x: Any) -> Any:
    def step(i: Any, y: Any) -> Any:
        y[i + 1] = x[i] / np.sin(y[0])
        return y

    return np.sum(irgrad.fori_loop(0, 7, step, x * 1.0) ** 2)


def in_front(x: Any) -> Any:
    def step(i: Any, y: Any) -> Any:
        y[6 - i] = x[i] * np.sin(y[7])
        return y

    return np.sum(irgrad.fori_loop(0, 7, step, x * 1.0) ** 2)


def written_last(x: Any) -> Any:
    def step(i: Any, y: Any) -> Any:
        y[i] = x[i] * np.sin(y[6])
        return y

    return np.sum(irgrad.fori_loop(0, 7, step, x * 1.0) ** 2)


def written_in_another_loop(x: Any) -> Any:
    def step(i: Any, y: Any) -> Any:
        def inner(j: Any, y: Any) -> Any:
            y[j] = x[i] * np.sin(y[3])
            return y

        return irgrad.fori_loop(2, 6, inner, y)

    return np.sum(irgrad.fori_loop(0, 7, step, x * 1.0) ** 2)


def read_behind_a_loop(x: Any) -> Any:
    def step(i: Any, y: Any) -> Any:
        y[i] = np.sin(y[i + 1])
        return y

    y = irgrad.fori_loop(1, 7, step, x * 1.0)
    return y[0] * y[7] * np.sum(y[2])


@pytest.mark.parametrize(
    "function", [beside, in_front, written_last, written_in_another_loop, read_behind_a_loop]
)
def test_gradients_agree_with_differences(function: Callable[..., Any]) -> None:
    check(function, X)


@pytest.mark.parametrize("function", [beside, in_front])
def test_an_element_that_the_loop_leaves_alone_is_read_before_it(
    function: Callable[..., Any],
) -> None:
    compiled = irgrad.compile(function, jit=False, argnums=())
    assert "sin" not in body_ops(compiled.lower(X).primal)


@pytest.mark.parametrize("function", [written_last])
def test_an_element_that_the_loop_writes_is_read_in_it(function: Callable[..., Any]) -> None:
    compiled = irgrad.compile(function, jit=False, argnums=())
    assert "sin" in body_ops(compiled.lower(X).primal)


def test_what_a_loop_left_alone_is_read_from_before_it() -> None:
    def function(x: Any) -> Any:
        def step(i: Any, y: Any) -> Any:
            y[i] = np.sin(y[i + 1])
            return y

        y = irgrad.fori_loop(1, 7, step, x * 1.0)
        return y[0] + y[7]

    compiled = irgrad.compile(function, jit=False, argnums=())
    assert not [node for node in compiled.lower(X).primal.nodes if node.op.name == "loop"]
    assert compiled(X) == X[0] + X[7]
