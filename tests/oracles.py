"""Independent oracles for a traced function: NumPy's own values, and differences of them.

One trace serves two sizes: every size above 16 is a symbol, and the graph is evaluated where the
symbols have their first numbers and where they have larger ones. So shape rules are proven for
symbols, and a number that a rule should not have asked for shows as a guard that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irgrad.differentiate.reverse import extended, pull_back, value_and_gradient
from irgrad.interpret.evaluate import evaluate
from irgrad.ir import dims
from irgrad.ir.graph import Graph
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import dtype_of, shape_of
from irgrad.ops.create import counting
from irgrad.trace.operands import readied
from irgrad.trace.trace import InputSpec, Traced, finished, run_traced
from irgrad.trace.tracer import Tracer

CONSTANT = 16
"""Sizes up to this one stay numbers while tracing."""

STEP = 4e-4
"""Step of five-point differences: truncation h⁴ and rounding 1e-16/h are near 1e-13."""


def trace(function: Callable[..., Any], *arguments: Any) -> Traced:
    """Trace ``function``, sizes above 16 symbolic and equal ones sharing a symbol."""
    hints: dict[str, int] = {}

    def symbolic(size: int) -> dims.Dim:
        if size <= CONSTANT:
            return size
        hints[f"n{size}"] = size
        return dims.symbol(f"n{size}")

    specs = [
        InputSpec(f"x{i}", ArrayType(np.asarray(x).dtype, tuple(map(symbolic, np.shape(x)))))
        for i, x in enumerate(arguments)
    ]
    # The hints are read when the trace begins, after the sizes have been named.
    return run_traced(function, specs, flatten, hints=hints, name="function")


def flatten(result: Any) -> tuple[list[Any], Any]:
    """Return the arrays in nested tuples and lists, in order."""
    if isinstance(result, tuple | list):
        return [leaf for part in result for leaf in flatten(part)[0]], None
    return [result], None


def values(function: Callable[..., Any], *arguments: Any) -> list[np.ndarray]:
    """Return what the traced function makes of ``arguments``."""
    traced = trace(function, *arguments)
    with np.errstate(all="ignore"):
        return [np.asarray(out) for out in evaluate(traced.graph, *arguments, *traced.captured)]


def gradients(function: Callable[..., Any], *arguments: Any) -> list[np.ndarray]:
    """Return the gradient of a scalar function by each of its arguments."""
    traced = trace(function, *arguments)
    joint = value_and_gradient(traced.graph, range(len(arguments)))
    with np.errstate(all="ignore"):
        return [np.asarray(g) for g in evaluate(joint, *arguments, *traced.captured)[1:]]


def larger(argument: Any, seed: int) -> Any:
    """Return an argument whose sizes above 16 have grown by 3, values drawn from its own."""
    shape = tuple(size + 3 if size > CONSTANT else size for size in np.shape(argument))
    if shape == np.shape(argument):
        return argument
    draws = np.random.default_rng(seed)
    if np.asarray(argument).dtype.kind != "f":
        return draws.choice(np.ravel(argument), shape)
    # Magnitudes evenly spaced, so that no step of the differences changes the order of two.
    sizes = np.linspace(np.min(np.abs(argument)), np.max(np.abs(argument)), int(np.prod(shape)))
    signs = draws.choice(np.sign(np.ravel(argument)), shape)
    return (draws.permutation(sizes).reshape(shape) * signs).astype(argument.dtype)


def score(results: Any) -> Any:
    """Return a number that depends on every element of the results, unevenly and smoothly.

    The inverse hyperbolic sine is curved, so second derivatives show, and tame where results
    are large.
    """
    total: Any = 0.0
    for result in flatten(results)[0]:
        if not isinstance(result, Tracer):
            result = readied(result)  # an object array holds traced numbers
        if dtype_of(result).kind != "f":
            continue
        shape = shape_of(result)
        places = np.reshape(counting(result, dims.product(shape), np.float64), shape)
        total = total + np.sum(np.cos(1.0 + places) * np.arcsinh(result))
    return total


@dataclass(frozen=True)
class Point:
    """Arguments at which a trace is evaluated."""

    arguments: tuple[Any, ...]

    def moved(self, directions: Sequence[Any], step: float) -> tuple[Any, ...]:
        """Return the arguments a step along the directions; None is no direction."""
        return tuple(
            x if d is None else x + step * d
            for x, d in zip(self.arguments, directions, strict=True)
        )


def slope(function: Callable[..., Any], point: Point, directions: Sequence[Any]) -> float:
    """Return the directional derivative by five-point differences."""

    def at(step: float) -> float:
        return float(function(*point.moved(directions, step)))

    return (at(-2 * STEP) - 8 * at(-STEP) + 8 * at(STEP) - at(2 * STEP)) / (12 * STEP)


def check(
    function: Callable[..., Any],
    *arguments: Any,
    argnums: Sequence[int] | None = None,
    order: int = 2,
    fixed: bool = False,
    numpy: Callable[..., Any] | None = None,
    rounding: float = 1e-12,
    narrow: bool = True,
) -> None:
    """Assert that values, dtypes, shapes and derivatives equal NumPy's and differences of them.

    ``argnums`` are the arguments differentiated by (by default all float64 ones), ``order`` the
    highest order of derivative. ``fixed`` says that the function asks for the number of a size,
    so that one trace serves that number only. ``numpy`` is the oracle where it isn't ``function``.
    ``narrow`` checks float32 arguments too.
    """
    arguments = tuple(np.asarray(x)[()] for x in arguments)
    reference = numpy or function
    points = [Point(arguments)]
    grown = Point(tuple(larger(x, seed) for seed, x in enumerate(arguments)))
    pairs = zip(arguments, grown.arguments, strict=True)
    symbolic = any(np.shape(a) != np.shape(b) for a, b in pairs)
    traced = trace(function, *arguments)
    if symbolic and not fixed:
        points.append(grown)
    if fixed:
        assert any(guard.relation == "==" for guard in traced.graph.guards), "no size was fixed"
    with np.errstate(all="ignore"):
        _check(function, reference, traced, points, argnums, order, rounding, narrow)


def _check(
    function: Callable[..., Any],
    reference: Callable[..., Any],
    traced: Traced,
    points: Sequence[Point],
    argnums: Sequence[int] | None,
    order: int,
    rounding: float,
    narrow: bool,
) -> None:
    arguments = points[0].arguments
    for point in points:
        _check_values(reference, traced, point, rounding)
    if argnums is None:
        argnums = [i for i, x in enumerate(arguments) if np.asarray(x).dtype == np.float64]
    differentiated = bool(order and argnums and any(np.size(arguments[i]) for i in argnums))
    if differentiated:
        _check_derivatives(function, reference, points, argnums, order)
    short = Point(tuple(_narrowed(x) for x in arguments))
    if narrow and any(x.dtype == np.float32 for x in short.arguments):
        _check_values(reference, trace(function, *short.arguments), short, 3e-5)
        if differentiated:
            _check_narrow_gradient(function, short, argnums)


def _narrowed(x: Any) -> Any:
    return x.astype(np.float32) if x.dtype == np.float64 else x


def _check_values(
    reference: Callable[..., Any], traced: Traced, point: Point, rounding: float
) -> None:
    kept = [np.array(x) for x in point.arguments]
    expected = flatten(reference(*[np.array(x)[()] for x in point.arguments]))[0]
    found = evaluate(traced.graph, *point.arguments, *traced.captured)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        theirs = np.asarray(theirs)
        assert np.shape(ours) == theirs.shape
        assert np.asarray(ours).dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=rounding, atol=rounding)
    for before, after in zip(kept, point.arguments, strict=True):
        np.testing.assert_array_equal(before, after)


def _check_derivatives(
    function: Callable[..., Any],
    reference: Callable[..., Any],
    points: Sequence[Point],
    argnums: Sequence[int],
    order: int,
) -> None:
    scored = trace(lambda *xs: score(function(*xs)), *points[0].arguments)
    first = value_and_gradient(scored.graph, argnums)
    for point in points:
        found = evaluate(first, *point.arguments, *scored.captured)[1:]
        _agree(found, lambda *xs: score(reference(*xs)), point, argnums, 2e-8)
    if order < 2:
        return
    second = gradient_of_square(first, argnums)

    def half_square(*xs: Any) -> float:
        return float(sum(0.5 * np.sum(g * g) for g in evaluate(first, *xs, *scored.captured)[1:]))

    for point in points:
        found = evaluate(second, *point.arguments, *scored.captured)
        _agree(found, half_square, point, argnums, 2e-7)


def _agree(
    found: Sequence[Any],
    function: Callable[..., Any],
    point: Point,
    argnums: Sequence[int],
    tolerance: float,
) -> None:
    """Assert that gradients agree with differences along each argument, in random directions."""
    draws = np.random.default_rng(3)
    for gradient, number in zip(found, argnums, strict=True):
        argument = np.asarray(point.arguments[number])
        assert np.shape(gradient) == argument.shape
        assert np.asarray(gradient).dtype == argument.dtype
        for _ in range(2):
            direction = draws.uniform(0.5, 1.5, argument.shape) * draws.choice(
                [-1, 1], argument.shape
            )
            directions = [
                direction if i == number else None for i in range(len(point.arguments))
            ]
            expected = slope(function, point, directions)
            ours = float(np.sum(gradient * direction))
            scale = 1 + float(np.sum(np.abs(gradient * direction)))
            assert abs(ours - expected) <= tolerance * scale, (ours, expected)


def _check_narrow_gradient(
    function: Callable[..., Any], narrow: Point, argnums: Sequence[int]
) -> None:
    """Assert that the gradient of a float32 argument is float32."""

    def single(*xs: Any) -> Any:
        parts = [x for x in map(readied, flatten(function(*xs))[0]) if dtype_of(x).kind == "f"]
        return sum((np.sum(x * x) for x in parts[1:]), np.sum(parts[0] * parts[0]))

    traced = trace(single, *narrow.arguments)
    if traced.graph.outputs[0].array_type.dtype.kind != "f":
        return
    joint = value_and_gradient(traced.graph, argnums)
    for node, number in zip(joint.outputs[1:], argnums, strict=True):
        assert node.array_type.dtype == narrow.arguments[number].dtype
    found = evaluate(joint, *narrow.arguments, *traced.captured)
    wide = [x.astype(np.float64) if x.dtype == np.float32 else x for x in narrow.arguments]
    again = trace(single, *wide)
    exact = evaluate(value_and_gradient(again.graph, argnums), *wide, *again.captured)
    for ours, theirs in zip(found[1:], exact[1:], strict=True):
        scale = 1 + np.max(np.abs(theirs), initial=0)
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-4 * scale)


def gradient_of_square(first: Graph, argnums: Sequence[int]) -> Graph:
    """Return the graph of the gradient of half the squared gradient: H g."""
    trace_on = extended(first)
    with dims.assuming(trace_on.assumptions):
        squares = [0.5 * np.sum(np.square(Tracer(trace_on, g))) for g in first.outputs[1:]]
        total = sum(squares[1:], squares[0])
        inputs = [first.inputs[i] for i in argnums]
        seed = Tracer(trace_on, trace_on.scalar(1.0, np.dtype(np.float64)))
        cotangents = pull_back(trace_on, {total.node: seed}, inputs)
        outputs = tuple(
            (np.zeros_like(Tracer(trace_on, node)) if cotangent is None else cotangent).node
            for cotangent, node in zip(cotangents, inputs, strict=True)
        )
    return finished(trace_on, outputs, "second")
