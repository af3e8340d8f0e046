"""Explicit loops and branches: as plain Python, traced, differentiated, and refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.arguments import flatten
from irgrad.control import cond, fori_loop, scan, switch, while_loop
from irgrad.differentiate.reverse import value_and_gradient
from irgrad.errors import ArgumentError, ConcreteValueError, MutationError, ShapeError
from irgrad.ir import dims
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph
from irgrad.ir.types import ArrayType
from irgrad.trace.trace import InputSpec, run_traced


def traced(function: Callable[..., Any], *arguments: Any, sizes: str = "") -> Any:
    hints: dict[str, int] = {}
    specs = []
    for k, argument in enumerate(map(np.asarray, arguments)):
        shape: tuple[dims.Dim, ...] = argument.shape
        if sizes and shape:
            hints[sizes] = argument.shape[0]
            shape = (dims.symbol(sizes), *argument.shape[1:])
        specs.append(InputSpec(f"x{k}", ArrayType(argument.dtype, shape)))
    return run_traced(function, specs, flatten, hints=hints, name="function")


def results(function: Callable[..., Any], *arguments: Any) -> tuple[Any, ...]:
    made = traced(function, *arguments)
    return evaluate(made.graph, *arguments, *made.captured)


def differences(function: Callable[..., Any], arguments: tuple[Any, ...], k: int) -> np.ndarray:
    step = 3e-4
    result = np.zeros(np.shape(arguments[k]))
    for place in np.ndindex(*result.shape):
        for offset, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
            moved = [np.array(a, float) for a in arguments]
            moved[k][place] += offset * step
            result[place] += weight * function(*(m[()] for m in moved)) / (12 * step)
    return result


def cumulative(xs: Any, w: Any) -> Any:
    """A carry of two parts, results of two parts, a value closed over."""

    def step(carry: Any, x: Any) -> Any:
        total, scale = carry
        total = total * w + np.tanh(x * scale)
        return (total, scale * 0.9), {"total": total, "square": total * x}

    (total, _), ys = scan(step, (w * 0.0, w), xs)
    return np.sum(ys["total"] * ys["square"]) + total


def backwards(xs: Any, w: Any) -> Any:
    carry, ys = scan(lambda c, x: (np.sin(c) + x, c * x), w, xs, reverse=True)
    return carry + np.sum(ys * xs)


def in_blocks(xs: Any, w: Any) -> Any:
    carry, ys = scan(lambda c, x: (np.sin(c * w) + x, c * x), w, xs, checkpoint=3)
    return carry + np.sum(ys * xs)


def in_blocks_backwards(xs: Any, w: Any) -> Any:
    carry, ys = scan(
        lambda c, x: (np.sin(c * w) + x, c * x), w, xs, reverse=True, checkpoint="sqrt"
    )
    return carry + np.sum(ys * xs)


def indexed(xs: Any, w: Any) -> Any:
    """A loop whose iterations index an array, forwards and at a distance."""
    return fori_loop(1, 7, lambda i, value: value * w + xs[i] * xs[i - 1] * i, w)


def in_place(xs: Any, w: Any) -> Any:
    def sweep(i: Any, u: Any) -> Any:
        u[i + 1] = w * (u[i] + u[i + 2] * u[i + 1])
        return u

    return np.sum(fori_loop(0, 5, sweep, xs * 1.0) ** 2)


def diffusion(xs: Any, w: Any) -> Any:
    """Whole arrays that are read at shifted places, in place and not."""

    def step(i: Any, u: Any) -> Any:
        u = u + 0.1 * w * (np.roll(u, 1) - 2 * u + np.roll(u, -1))
        u[1:-1] = w * (u[:-2] + u[1:-1] * u[1:-1] + u[2:])
        return u

    return np.sum(fori_loop(0, 4, step, xs) ** 2)


def nested(xs: Any, w: Any) -> Any:
    def row(i: Any, total: Any) -> Any:
        return total + fori_loop(0, 3, lambda j, s: s + xs[i] * xs[i + j] * w, total * 0.1)

    return fori_loop(0, 5, row, w)


def until_small(xs: Any, w: Any) -> Any:
    value, count = while_loop(
        lambda pair: np.abs(pair[0]) > 0.1,
        lambda pair: (pair[0] * w + 0.01 * xs[0] * np.cos(pair[0]), pair[1] + 1),
        (xs[1] + 3.0, 0),
    )
    return value * value + count * w


def chosen(xs: Any, w: Any) -> Any:
    first = cond(xs[0] > 0, lambda a, b: np.sin(a) * b, lambda a, b: a * b * xs[1], xs[2], w)
    second = cond(xs[0] < 0, lambda a, b: np.sin(a) * b, lambda a, b: a * b * xs[1], xs[2], w)
    return first + second * 2.0


def switched(xs: Any, w: Any) -> Any:
    index = np.floor(np.abs(w) * 3.0).astype(np.int64)
    return switch(
        index, [lambda x: np.sum(x), lambda x: np.sum(x * x * w), lambda x: np.max(x)], xs
    )


draws = np.random.default_rng(8)
XS, W = draws.uniform(0.2, 1.0, 7), np.float64(0.55)
CASES = [
    cumulative,
    backwards,
    in_blocks,
    in_blocks_backwards,
    indexed,
    in_place,
    diffusion,
    nested,
    until_small,
    chosen,
    switched,
]
each = pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)


@each
def test_traced_and_plain_agree(function: Callable[..., Any]) -> None:
    np.testing.assert_allclose(results(function, XS, W)[0], function(XS, W), rtol=1e-14)


@each
def test_gradient_agrees_with_differences(function: Callable[..., Any]) -> None:
    made = traced(function, XS, W)
    joint = value_and_gradient(made.graph, (0, 1))
    value, *gradients = evaluate(joint, XS, W, *made.captured)
    np.testing.assert_allclose(value, function(XS, W), rtol=1e-14)
    for k, gradient in enumerate(gradients):
        expected = differences(function, (XS, W), k)
        np.testing.assert_allclose(gradient, expected, rtol=1e-8, atol=1e-9)


def loops_in(graph: Graph) -> int:
    return sum(1 for node in graph.nodes if node.op.name == "loop")


def test_the_body_is_traced_once_whatever_the_trips() -> None:
    calls = []

    def run(x: Any) -> Any:
        def body(i: Any, value: Any) -> Any:
            calls.append(1)
            return value * x

        return fori_loop(0, 1000, body, x)

    graph = traced(run, np.float64(1.001)).graph
    assert len(calls) == 1
    assert loops_in(graph) == 1
    np.testing.assert_allclose(evaluate(graph, np.float64(1.001))[0], 1.001**1001, rtol=1e-11)


def test_trips_may_be_a_size_of_an_argument() -> None:
    def total(xs: Any) -> Any:
        return scan(lambda c, x: (c + x * x, None), 0.0, xs)[0]

    made = traced(total, np.arange(5.0), sizes="n")
    joint = value_and_gradient(made.graph, (0,))
    for count in (0, 1, 12):
        xs = np.arange(float(count))
        value, gradient = evaluate(joint, xs)
        assert value == np.sum(xs * xs)
        np.testing.assert_array_equal(gradient, 2 * xs)


def test_trips_may_be_a_traced_number() -> None:
    def power(x: Any, n: Any) -> Any:
        return fori_loop(0, n, lambda i, value: value * x, 1.0)

    made = traced(power, np.float64(1.5), np.int64(3))
    joint = value_and_gradient(made.graph, (0,))
    for n in (0, 1, 6):
        value, gradient = evaluate(joint, np.float64(1.5), np.int64(n))
        np.testing.assert_allclose((value, gradient), (1.5**n, n * 1.5 ** (n - 1)), rtol=1e-13)


def test_blocks_keep_fewer_carries() -> None:
    def run(checkpoint: Any) -> Graph:
        def total(xs: Any) -> Any:
            return scan(lambda c, x: (np.sin(c * x), None), xs[0], xs, checkpoint=checkpoint)[0]

        return value_and_gradient(traced(total, np.linspace(0.1, 1, 100)).graph, (0,))

    def kept(graph: Graph) -> int:
        return max(
            int(part.size)
            for node in graph.nodes
            if node.op.name == "loop"
            for part in node.type  # type: ignore[union-attr]
        )

    assert kept(run(None)) > 100
    xs = np.linspace(0.1, 1, 100)
    for plain, blocked in zip(evaluate(run(None), xs), evaluate(run("sqrt"), xs), strict=True):
        np.testing.assert_allclose(plain, blocked, rtol=1e-13)


def message(error: type[Exception], function: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(error) as caught:
        traced(function, *arguments)
    return str(caught.value)


def test_a_carry_that_changes_shape_names_its_path_types_and_line() -> None:
    def grows(x: Any) -> Any:
        return scan(lambda c, _: ({"h": np.stack([c["h"], c["h"]])}, None), {"h": x}, length=3)

    text = message(ShapeError, grows, np.float64(1.0))
    assert "'h'" in text
    assert "float64[]" in text
    assert "float64[2]" in text
    assert "np.stack([c" in text


def test_a_carry_that_changes_dtype_is_refused() -> None:
    def narrows(x: Any) -> Any:
        return while_loop(lambda v: v > 1, lambda v: (v * 0.5).astype(np.float32), x)

    text = message(ShapeError, narrows, np.float64(9.0))
    assert "float64" in text
    assert "float32" in text


def test_a_carry_that_changes_structure_is_refused() -> None:
    assert "structure" in message(
        ShapeError, lambda x: fori_loop(0, 3, lambda i, v: (v, v), x), np.float64(1.0)
    )


def test_branches_that_differ_are_refused() -> None:
    text = message(
        ShapeError,
        lambda x: cond(x[0] > 0, lambda v: v, lambda v: v[:1], x),
        np.ones(3),
    )
    assert "float64[3]" in text
    assert "float64[1]" in text


def test_a_body_that_writes_outside_is_refused() -> None:
    def writes(x: Any) -> Any:
        outside = np.zeros_like(x)

        def body(i: Any, value: Any) -> Any:
            outside[i] = value
            return value

        return fori_loop(0, 3, body, x[0]) + outside[0]

    assert "carry" in message(MutationError, writes, np.ones(3))


def test_an_index_that_leaves_the_array_in_some_iterations_is_refused() -> None:
    text = message(ShapeError, lambda x: fori_loop(0, 4, lambda i, v: v + x[i], x[0]), np.ones(3))
    assert "range" in text or "iterations" in text


def test_nothing_to_scan_is_refused() -> None:
    with pytest.raises(ArgumentError):
        traced(lambda x: scan(lambda c, _: (c, None), x), np.float64(1.0))


def test_python_while_on_a_traced_value_points_here() -> None:
    def search(x: Any) -> Any:
        while x > 1:
            x = x * 0.5
        return x

    assert "irgrad.while_loop" in message(ConcreteValueError, search, np.float64(4.0))


def test_captured_arrays_reach_the_body() -> None:
    table = np.array([1.0, 2.0, 4.0])
    found = results(lambda x: fori_loop(0, 3, lambda i, v: v + table[2] * x, x), np.float64(2.0))
    assert found == (26.0,)


def test_a_gradient_that_reads_only_how_often_a_loop_ran() -> None:
    def halved(x: Any) -> Any:
        return irgrad.while_loop(lambda c: c[0] < 5, lambda c: (c[0] + 1, c[1] * 0.5), (0, x))[1]

    gradient = irgrad.compile(irgrad.grad(halved), argnums=(), jit=False)
    assert gradient(3.0) == 0.5**5


def test_a_branch_may_return_another_operand() -> None:
    def chosen(x: Any, y: Any) -> Any:
        return irgrad.scan(
            lambda c, row: (irgrad.cond(row > 0, lambda a, b: b, lambda a, b: a, c, y), None), x, y
        )[0]

    x, y = np.array([3.0, 4.0]), np.array([1.0, -1.0])
    compiled = irgrad.compile(lambda x, y: np.sum(chosen(x, y)), argnums=(0, 1), jit=False)
    assert compiled(x, y) == 0.0
    by_x, by_y = compiled.grad(x, y)
    assert np.array_equal(by_x, [0.0, 0.0])
    assert np.array_equal(by_y, [1.0, 1.0])


def test_carries_that_begin_alike_and_are_read_besides() -> None:
    def function(x: Any) -> Any:
        def step(carry: Any) -> Any:
            i, a, b = carry
            return i + 1, a + b, b * 0.5 + x

        return irgrad.while_loop(lambda c: c[0] < 3, step, (0, x, x))

    x = np.array([1.0, 2.0])
    _, a, b = irgrad.compile(function, argnums=(), jit=False)(x)
    plain = function(x)
    assert np.array_equal(a, plain[1])
    assert np.array_equal(b, plain[2])


def test_arrays_made_like_one_from_outside_belong_to_the_body_that_makes_them() -> None:
    def function(x: Any) -> Any:
        def body(i: Any, c: Any) -> Any:
            made, twos = np.zeros_like(x), np.full_like(x, 2.0)
            made[0], twos[1] = c[0], c[1] * x[0]
            return 0.5 * c + made * twos

        return np.sum(irgrad.fori_loop(0, 4, body, x))

    x = np.array([0.5, -1.5, 2.0])
    compiled = irgrad.compile(function, jit=False)
    assert compiled(x) == pytest.approx(function(x), rel=1e-14)
    step = 1e-6 * np.eye(3)
    slopes = [(function(x + d) - function(x - d)) / 2e-6 for d in step]
    np.testing.assert_allclose(compiled.grad(x), slopes, rtol=1e-7)
