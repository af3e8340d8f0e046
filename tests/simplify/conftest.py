"""Graphs of small functions, and what to compare of them before and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.differentiate.reverse import extended, value_and_gradient
from irgrad.interpret.evaluate import evaluate
from irgrad.ir import dims
from irgrad.ir.graph import Graph
from irgrad.ir.types import ArrayType
from irgrad.ir.verify import verify
from irgrad.simplify import simplify
from irgrad.trace.trace import InputSpec, finished, run_traced
from irgrad.trace.tracer import Tracer

SIZES = {"n": 6, "d": 4, "m": 9, "k": 3}
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -2.0, 1e-310, -3e307])


class Compared:
    """A function's graph, ``before`` and ``after`` simplification, and random arguments for it."""

    def __init__(self, function: Callable[..., Any], shapes: dict[str, str]) -> None:
        specs = []
        self.shapes = []
        for name, words in shapes.items():
            dtype, _, axes = words.rpartition(":")
            shape = tuple(int(w) if w.isdigit() else dims.symbol(w) for w in axes.split())
            specs.append(InputSpec(name, ArrayType(np.dtype(dtype or "float64"), shape)))
            self.shapes.append(tuple(SIZES.get(w) or int(w) for w in axes.split()))
        self.specs = specs
        self.before = run_traced(
            function, specs, lambda result: ([result], None), hints=SIZES, name="function"
        ).graph
        verify(self.before)
        self.after = checked(self.before)

    def arguments(self, seed: int = 0) -> list[Any]:
        """Return ordinary arguments: normal ones, whole ones, truth values."""
        random = np.random.default_rng(seed)
        made = []
        for spec, shape in zip(self.specs, self.shapes, strict=True):
            if spec.type.dtype.kind == "b":
                made.append(random.random(shape) < 0.5)
            elif spec.type.dtype.kind == "i":
                made.append(random.integers(0, 3, shape).astype(spec.type.dtype))
            else:
                made.append((3 * random.normal(size=shape)).astype(spec.type.dtype)[()])
        return made

    def special_arguments(self) -> list[list[Any]]:
        """Return arguments of NaN, infinities, zeros of both signs, each beside each."""
        made: list[list[Any]] = []
        for shift in range(len(SPECIAL) if len(self.specs) > 1 else 1):
            arguments = []
            for place, (spec, shape) in enumerate(zip(self.specs, self.shapes, strict=True)):
                if spec.type.dtype.kind == "f":
                    with np.errstate(all="ignore"):
                        values = np.roll(SPECIAL, shift * place).astype(spec.type.dtype)
                    arguments.append(np.resize(values, shape)[()])
                else:
                    cycle = np.array([1, 0, 0, 1, 1], spec.type.dtype)
                    arguments.append(np.resize(cycle, shape))
            made.append(arguments)
        return made

    @property
    def ops(self) -> list[str]:
        """The ops of the simplified graph, leaves left out, in order of their names."""
        return sorted(ops_of(self.after).elements())

    def gradients(self) -> tuple[Graph, Graph, Graph]:
        """Return gradient graphs: of the function, simplified, and of the simplified function."""
        wanted = [i for i, spec in enumerate(self.specs) if spec.type.inexact]
        before = value_and_gradient(_weighted(self.before), wanted)
        return before, checked(before), value_and_gradient(_weighted(self.after), wanted)


def _weighted(graph: Graph) -> Graph:
    """Return a graph of one real number: the sum of the elements, each times another weight."""
    trace = extended(graph)
    with dims.assuming(trace.assumptions):
        total = Tracer(trace, graph.outputs[0])
        if total.type.dtype.kind != "f":
            total = total.astype(np.float64)
        for axis in range(total.ndim):
            steps = np.cumsum(np.ones_like(total), axis=axis)
            total = total * (0.5 + steps)
        return finished(trace, (np.sum(total).node,), graph.name)


def ops_of(graph: Graph) -> Counter[str]:
    """Return how often each op occurs, leaves left out."""
    leaves = {"input", "constant", "size"}
    return Counter(node.op.name for node in graph.nodes if node.op.name not in leaves)


def checked(graph: Graph) -> Graph:
    """Simplify, verify the result, and check that its inputs and types are the old ones."""
    after = simplify(graph)
    verify(after)
    assert after.inputs == graph.inputs
    assert [node.type for node in after.outputs] == [node.type for node in graph.outputs]
    return after


@pytest.fixture
def compare() -> Callable[..., Compared]:
    """Return the maker of comparisons: ``compare(function, x="n d", y="float32:n")``."""
    return lambda function, **shapes: Compared(function, shapes)


def assert_same_bits(left: Any, right: Any, *, zeros_signed: bool = True) -> None:
    """Check that two arrays are equal bit by bit, NaNs counted equal."""
    left, right = np.asarray(left), np.asarray(right)
    assert left.dtype == right.dtype
    np.testing.assert_array_equal(left, right)
    if zeros_signed and left.dtype.kind == "f":
        numbers = ~np.isnan(left)
        np.testing.assert_array_equal(np.signbit(left)[numbers], np.signbit(right)[numbers])


@pytest.fixture
def check() -> Callable[[Compared, str], None]:
    """Return the check of a comparison: ``check(compared, kept)``.

    ``kept`` says what is promised: "bits" at special values, "bits but signs of zeros" there,
    "limits" (NaN and infinities as they were there, else close), or "ordinary" values only.
    Gradients are compared at ordinary values.
    """

    def checking(compared: Compared, kept: str) -> None:
        arguments = compared.arguments()
        (before,) = evaluate(compared.before, *arguments)
        (after,) = evaluate(compared.after, *arguments)
        if kept.startswith("bits"):
            assert_same_bits(before, after, zeros_signed=kept == "bits")
        np.testing.assert_allclose(after, before, rtol=1e-13, atol=1e-13)
        if kept != "ordinary":
            for special in compared.special_arguments():
                with np.errstate(all="ignore"):
                    (before,) = evaluate(compared.before, *special)
                    (after,) = evaluate(compared.after, *special)
                if kept.startswith("bits"):
                    assert_same_bits(before, after, zeros_signed=kept == "bits")
                else:
                    np.testing.assert_allclose(after, before, rtol=1e-13, atol=1e-300)
        if not compared.before.outputs[0].array_type.inexact:
            return
        gradients = compared.gradients()
        reference = evaluate(gradients[0], *arguments)
        for gradient in gradients[1:]:
            for value, wanted in zip(evaluate(gradient, *arguments), reference, strict=True):
                np.testing.assert_allclose(value, wanted, rtol=1e-12, atol=1e-12)

    return checking
