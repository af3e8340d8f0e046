"""Loops against the same loops written out in Python, values and derivatives of two orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.differentiate.reverse import value_and_gradient
from irgrad.ir import dims
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph
from irgrad.ir.types import ArrayType
from irgrad.ops.control import loop
from irgrad.ops.views import strided, strided_add, strided_set
from irgrad.trace.trace import InputSpec, finished, run_traced
from irgrad.trace.tracer import Trace, Tracer

SCALAR = ArrayType(np.dtype(np.float64))
ROW, COLUMN = dims.symbol("t0"), dims.symbol("t1")


def row(*starts: dims.Dim) -> dict[str, Any]:
    """Return the params of ``strided`` for one element."""
    count = len(starts)
    return {
        "starts": starts,
        "sizes": (1,) * count,
        "steps": (1,) * count,
        "dropped": tuple(range(count)),
    }


def body(types: list[ArrayType], make: Callable[..., tuple[Any, ...]]) -> Graph:
    """Return the graph of ``make``."""
    trace = Trace(dims.Assumptions())
    with dims.assuming(trace.assumptions):
        inputs = [trace.input(f"x{k}", type) for k, type in enumerate(types)]
        outputs = tuple(result.node for result in make(*inputs))
    return finished(trace, outputs, "body")


def graph_of(function: Callable[..., Any], *arguments: Any) -> Graph:
    specs = [
        InputSpec(f"x{k}", ArrayType(np.asarray(a).dtype, np.shape(a)))
        for k, a in enumerate(arguments)
    ]
    return run_traced(function, specs, lambda r: ([r], None), hints={}, name="f").graph


def array(*shape: int) -> ArrayType:
    return SCALAR.with_shape(shape)


def recurrence(xs: Any, w: Any) -> Any:
    """A carry kept on a tape, some of whose values later trips read again."""

    def step(h: Any, tape: Any, xs: Any, w: Any) -> Any:
        new = np.sin(w * h) + strided(xs, **row(ROW)) * np.exp(h)
        old = strided(tape, **row(ROW))
        return new, strided_set(tape, new * old, **row(ROW + 1))

    size = 5
    tape = strided_set(np.zeros_like(xs, shape=(size + 1,)), w, **row(0))
    _, tape = loop(
        w,
        tape,
        xs,
        w,
        index="t0",
        trips=size,
        reverse=False,
        carries=1,
        tapes=1,
        body=body([SCALAR, array(size + 1), array(size), SCALAR], step),
    )
    return np.sum(tape * tape)


def plain_recurrence(xs: Any, w: Any) -> Any:
    h, tape = w, [w]
    for i in range(5):
        h = np.sin(w * h) + xs[i] * np.exp(h)
        tape.append(h * tape[-1])
    return np.sum(np.array(tape) ** 2)


def triangular(a: Any, x: Any) -> Any:
    """``y[i] = x[i] - sum(a[i, j] * y[j] for j < i)``: an inner loop with ``i`` trips."""

    def inner(total: Any, a: Any, y: Any) -> Any:
        return (total - strided(a, **row(ROW, COLUMN)) * np.tanh(strided(y, **row(COLUMN))),)

    inside = body([SCALAR, array(4, 4), array(4)], inner)

    def outer(y: Any, a: Any, x: Any) -> Any:
        (total,) = loop(
            strided(x, **row(ROW)), a, y,
            index="t1", trips=ROW, reverse=False, carries=1, tapes=0, body=inside,
        )  # fmt: skip
        return (strided_set(y, total, **row(ROW)),)

    (y,) = loop(
        np.zeros_like(x), a, x,
        index="t0", trips=4, reverse=False, carries=0, tapes=1,
        body=body([array(4), array(4, 4), array(4)], outer),
    )  # fmt: skip
    return np.sum(y * y)


def plain_triangular(a: Any, x: Any) -> Any:
    y = np.zeros(4)
    for i in range(4):
        y[i] = x[i] - sum(a[i, j] * np.tanh(y[j]) for j in range(i))
    return np.sum(y * y)


def relaxation(u: Any, w: Any) -> Any:
    """In place, over an array that is read before and after it is written."""

    def step(u: Any, w: Any) -> Any:
        left = strided(u, **row(ROW))
        right = strided(u, **row(ROW + 2))
        u = strided_set(u, w * (left + right * right), **row(ROW + 1))
        return (strided_add(u, left * w, **row(ROW)),)

    def sweep(u: Any, w: Any) -> Any:
        return loop(u, w, index="t0", trips=4, reverse=False, carries=1, tapes=0, body=inside)

    inside = body([array(6), SCALAR], step)
    (u,) = loop(
        u, w, index="t9", trips=3, reverse=True, carries=1, tapes=0,
        body=body([array(6), SCALAR], sweep),
    )  # fmt: skip
    return np.sum(u * u)


def plain_relaxation(u: Any, w: Any) -> Any:
    u = np.array(u)
    for _ in range(3):
        for i in range(4):
            left, right = u[i], u[i + 2]
            u[i + 1] = w * (left + right * right)
            u[i] += left * w
    return np.sum(u * u)


def swapping(a: Any, b: Any) -> Any:
    """Carries that change places, and one that does not change at all."""

    def step(a: Any, b: Any, c: Any) -> Any:
        return b, np.where(a > b, a * c, a + b), c

    a, b, c = loop(
        a, b, a * b,
        index="t0", trips=4, reverse=False, carries=3, tapes=0,
        body=body([array(3), array(3), array(3)], step),
    )  # fmt: skip
    return np.sum(a * b * c)


def plain_swapping(a: Any, b: Any) -> Any:
    c = a * b
    for _ in range(4):
        a, b = b, np.where(a > b, a * c, a + b)
    return np.sum(a * b * c)


draws = np.random.default_rng(3)
CASES = {
    "recurrence": (recurrence, plain_recurrence, (draws.normal(size=5) * 0.3, np.float64(0.4))),
    "triangular": (triangular, plain_triangular, (draws.normal(size=(4, 4)), draws.normal(size=4))),
    "relaxation": (relaxation, plain_relaxation, (draws.normal(size=6), np.float64(0.4))),
    "swapping": (swapping, plain_swapping, (draws.normal(size=3), draws.normal(size=3))),
}
each = pytest.mark.parametrize("name", CASES)


def differences(function: Callable[..., Any], arguments: tuple[Any, ...], k: int) -> np.ndarray:
    """Return the gradient by argument ``k`` by five-point differences."""
    step = 3e-4
    result = np.zeros(np.shape(arguments[k]))
    for place in np.ndindex(*result.shape):
        for offset, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
            moved = [np.array(a, float) for a in arguments]
            moved[k][place] += offset * step
            result[place] += weight * function(*moved) / (12 * step)
    return result


@each
def test_value_is_that_of_the_loop_written_out(name: str) -> None:
    function, plain, arguments = CASES[name]
    (value,) = evaluate(graph_of(function, *arguments), *arguments)
    np.testing.assert_allclose(value, plain(*arguments), rtol=1e-14)


@each
def test_gradient_agrees_with_differences(name: str) -> None:
    function, plain, arguments = CASES[name]
    joint = value_and_gradient(graph_of(function, *arguments), range(len(arguments)))
    value, *gradients = evaluate(joint, *arguments)
    np.testing.assert_allclose(value, plain(*arguments), rtol=1e-14)
    for k, gradient in enumerate(gradients):
        np.testing.assert_allclose(gradient, differences(plain, arguments, k), rtol=1e-8, atol=1e-9)


@each
def test_second_derivative_agrees_with_differences_of_the_first(name: str) -> None:
    function, _, arguments = CASES[name]
    positions = range(len(arguments))
    joint = value_and_gradient(graph_of(function, *arguments), positions)
    directions = [np.random.default_rng(5).normal(size=np.shape(a)) for a in arguments]

    def slope(*xs: Any) -> Any:
        gradients = evaluate(joint, *xs)[1:]
        return sum(np.sum(d * g) for d, g in zip(directions, gradients, strict=True))

    trace_of_slope = _directional(joint, directions, arguments)
    gradients = evaluate(value_and_gradient(trace_of_slope, positions), *arguments)[1:]
    for k, gradient in enumerate(gradients):
        expected = differences(slope, arguments, k)
        np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-8)


def _directional(joint: Graph, directions: list[Any], arguments: tuple[Any, ...]) -> Graph:
    """Return the graph of the gradient's component along ``directions``."""
    from_nodes = Trace(dims.Assumptions())
    from_nodes.nodes = list(joint.nodes)
    from_nodes.inputs = list(joint.inputs)
    with dims.assuming(from_nodes.assumptions):
        total: Any = 0.0
        for node, direction in zip(joint.outputs[1:], directions, strict=True):
            tracer = Tracer(from_nodes, node)
            for place in np.ndindex(*np.shape(direction)):
                total = total + (tracer[place] if place else tracer) * float(direction[place])
    return finished(from_nodes, (total.node,), "slope")


def test_iterations_keep_no_array_whole_that_they_only_read_a_number_of() -> None:
    """The adjoint of an in-place sweep of n elements keeps O(n) numbers, not n arrays."""
    _, _, arguments = CASES["relaxation"]
    joint = value_and_gradient(graph_of(relaxation, *arguments), (0,))
    for node in joint.nodes:
        if isinstance(node.type, tuple):
            assert all(part.rank <= 2 for part in node.type)


def test_trips_that_are_no_number_are_bound_by_the_sizes_of_the_call() -> None:
    n = dims.symbol("n")

    def total(x: Any) -> Any:
        def step(s: Any, x: Any) -> Any:
            return (s + strided(x, **row(ROW)) ** 2,)

        trace = Trace(x.tape.assumptions)
        inputs = [trace.input("s", SCALAR), trace.input("x", SCALAR.with_shape((n,)))]
        inside = finished(trace, tuple(r.node for r in step(*inputs)), "body")
        zero = np.zeros_like(x, shape=())
        return loop(zero, x, index="t0", trips=n, reverse=False, carries=1, tapes=0, body=inside)[0]

    spec = InputSpec("x", SCALAR.with_shape((n,)))
    graph = run_traced(total, [spec], lambda r: ([r], None), hints={"n": 3}, name="f").graph
    joint = value_and_gradient(graph, (0,))
    for size in (0, 1, 7):
        x = np.arange(1.0, size + 1)
        value, gradient = evaluate(joint, x)
        assert value == np.sum(x * x)
        np.testing.assert_array_equal(gradient, 2 * x)
