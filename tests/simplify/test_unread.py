"""Results of loops that nothing reads are dropped, with the work they alone need."""

from typing import Any

import numpy as np

import irgrad
from irgrad.ir.graph import Graph, Node


def loops_of(graph: Graph) -> list[Node]:
    return [node for node in graph.nodes if node.op.name in ("loop", "while")]


def test_a_carry_that_nothing_reads_is_dropped() -> None:
    def function(x: Any) -> Any:
        def body(i: Any, pair: Any) -> Any:
            return pair[0] * 1.5, np.sin(pair[1]) + pair[0]

        return irgrad.fori_loop(0, 5, body, (x, x))[0]

    compiled = irgrad.compile(function, jit=False, argnums=())
    assert compiled(2.0) == 2.0 * 1.5**5
    (loop,) = loops_of(compiled.graph)
    assert loop.params["carries"] == 1
    assert "sin" not in compiled.source


def test_a_carry_that_another_reads_stays() -> None:
    def function(x: Any) -> Any:
        def body(i: Any, pair: Any) -> Any:
            return pair[0] * 1.5, np.sin(pair[1]) + pair[0]

        return irgrad.fori_loop(0, 5, body, (x, x))[1]

    compiled = irgrad.compile(function, jit=False, argnums=())
    (loop,) = loops_of(compiled.lower(2.0).primal)
    assert loop.params["carries"] == 2


def test_a_carry_that_the_condition_reads_stays() -> None:
    def function(x: Any) -> Any:
        return irgrad.while_loop(
            lambda c: c[0] < 5, lambda c: (c[0] + 1, c[1] * x, c[2] + 1.0), (0, x, x)
        )[1]

    compiled = irgrad.compile(function, jit=False)
    assert compiled(1.5) == 1.5**6
    assert compiled.grad(1.5) == 6 * 1.5**5
    (loop,) = loops_of(compiled.graph)
    assert loop.params["carries"] == 2


def test_a_scan_whose_rows_nothing_reads_writes_none() -> None:
    def function(x: Any) -> Any:
        return irgrad.scan(lambda c, row: (c + row, np.exp(c)), 0.0, x)[0]

    compiled = irgrad.compile(function, jit=False)
    x = np.arange(4.0)
    assert compiled(x) == 6.0
    (loop,) = loops_of(compiled.graph)
    assert loop.params["tapes"] == 0


def test_a_while_in_a_scan_keeps_its_steps_only_where_they_are_read_back() -> None:
    def function(x: Any) -> Any:
        def halve(c: Any, row: Any) -> Any:
            c = irgrad.while_loop(lambda y: y > 1.0, lambda y: y * np.cos(y) * 0.5, c + row)
            return c, c

        return np.sum(irgrad.scan(halve, 0.3, x)[1] ** 2)

    compiled = irgrad.compile(function, jit=False)
    x = np.array([3.0, 0.2, 5.0])
    h = 1e-6
    slopes = [(compiled(x + h * e) - compiled(x - h * e)) / (2 * h) for e in np.eye(3)]
    assert np.allclose(compiled.grad(x), slopes, rtol=1e-8)
    forward = next(node for node in loops_of(compiled.adjoint))
    inner = next(node for node in forward.params["body"].nodes if node.op.name == "while")
    assert isinstance(inner.type, tuple)
    assert len(inner.type) == inner.params["carries"]
